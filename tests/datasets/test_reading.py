"""Many files are looked at in parallel, and reported in their order."""

from pathlib import Path

from app.datasets.inspection import Facts
from app.datasets.reading import CHUNK, THREADS, inspect_all
from app.storage import open_source
from tests.factories import photo


def test_facts_and_reasons_come_in_the_order_of_the_files_however_many_there_are(tmp_path: Path) -> None:
    n = 3 * CHUNK * THREADS + 1
    names = [f"{i:03}.png" for i in reversed(range(n))]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(b"words" if number == 3 else photo((number % 255, 9, 9), size=(2, 2)))
    (tmp_path / names[5]).unlink()
    found = list(inspect_all(open_source(str(tmp_path)), dict.fromkeys(names, 100), max_pixels=100))
    assert [path for path, _ in found] == names
    assert [number for number, (_, each) in enumerate(found) if not isinstance(each, Facts)] == [3, 5]
    assert found[5][1] == "gone while it was imported"


def test_nothing_to_read_is_nothing(tmp_path: Path) -> None:
    assert list(inspect_all(open_source(str(tmp_path)), {}, max_pixels=100)) == []
