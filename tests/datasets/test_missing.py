"""The list of image files that are gone or are not as they were imported."""

from pathlib import Path

import pytest

from app.datasets.missing import (
    Changed,
    Lost,
    Reason,
    count_missing,
    files_of,
    in_a_sentence,
    left_out_words,
    look,
    look_again,
    mark,
    missing_files,
    read_unchanged,
)
from app.db.engine import Database
from app.storage import open_source
from tests.factories import import_folder, write_images


def lost(n: int) -> list[Lost]:
    return [Lost(i, f"{i}.png", "missing") for i in range(n)]


def test_five_paths_are_named_and_the_others_counted() -> None:
    assert in_a_sentence([Lost(1, "a.png", "missing"), Lost(2, "b.png", "changed")]) == (
        "a.png is missing, b.png has changed since it was imported"
    )
    assert in_a_sentence(lost(5)).count("is missing") == 5
    assert in_a_sentence(lost(1007)).endswith("4.png is missing and 1,002 more")


@pytest.mark.parametrize(
    ("n", "start"), [(0, ""), (1, "1 image was left out: "), (2, "2 images were left out: ")]
)
def test_what_was_left_out_is_a_sentence_that_says_what_to_do(n: int, start: str) -> None:
    words = left_out_words(lost(n))
    assert words.startswith(start)
    assert words.endswith("Put the files back, so that the next training uses them.") is (n > 0)


def test_a_file_is_looked_at_by_its_size_or_by_its_content(database: Database, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", per_class=2)
    dataset = import_folder(database, folder)
    with database.read() as session:
        same, gone, longer, other, *_ = files_of(session, dataset_id=dataset)
    (folder / gone.path).unlink()
    (folder / longer.path).write_bytes((folder / longer.path).read_bytes() + b"x")
    (folder / other.path).write_bytes(b"x" * other.bytes)
    source = open_source(str(folder))

    def seen(*, content: bool) -> list[Reason | None]:
        found = [look(source, file, content=content) for file in (same, gone, longer, other)]
        return [each.reason if each else None for each in found]

    assert seen(content=False) == [None, "missing", "changed", None]
    assert seen(content=True) == [None, "missing", "changed", "changed"]
    assert len(read_unchanged(source, same)) == same.bytes
    with pytest.raises(Changed, match="put the old one back"):
        read_unchanged(source, other)


def test_the_list_keeps_the_newest_reason_and_loses_what_was_found(
    database: Database, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "images", per_class=2)
    dataset = import_folder(database, folder)
    with database.write() as session:
        first, second, third, *_ = files_of(session, dataset_id=dataset)
        reasons = [Lost(file.sample_id, file.path, "missing") for file in (first, second, third)]
        assert mark(session, dataset_id=dataset, lost=reasons) == [each.sample_id for each in reasons]
        changed = Lost(first.sample_id, first.path, "changed")
        assert mark(session, dataset_id=dataset, lost=[changed], found=[second.sample_id]) == []
        listed = [(path, each.reason) for each, path in missing_files(session, dataset_id=dataset)]
        assert listed == [(first.path, "changed"), (third.path, "missing")]
    (folder / third.path).unlink()
    assert look_again(database, dataset_id=dataset, source=open_source(str(folder))) == (1, 1)
    with database.read() as session:
        assert count_missing(session, dataset_id=dataset) == 1
