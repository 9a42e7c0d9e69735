"""A repeated import finds files that are gone or have changed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from app.datasets.missing import Lost, missing_files
from app.datasets.rechecking import in_words, recheck
from app.db.engine import Database
from app.storage import open_source
from tests.factories import import_folder, write_images


@pytest.mark.parametrize(
    ("n", "start"), [(1, "1 image is left out of training"), (2, "2 images are left out of training")]
)
def test_lost_files_are_one_sentence(n: int, start: str) -> None:
    [sentence] = in_words([Lost(i, f"{i}.png", "missing") for i in range(n)])
    assert sentence.startswith(start)
    assert in_words([]) == []


def test_every_file_of_a_folder_is_read_again_and_the_list_says_what_is_lost_now(
    database: Database, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "images", per_class=2)
    dataset = import_folder(database, folder)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    gone, other = folder / paths[0], folder / paths[1]
    contents = {path: path.read_bytes() for path in (gone, other)}
    sizes = {path: (folder / path).stat().st_size for path in paths}

    def listed(sizes: Mapping[str, int]) -> dict[str, str]:
        recheck(
            database,
            dataset_id=dataset,
            source=open_source(str(folder)),
            sizes=sizes,
            on_progress=lambda *_: None,
            stop_if_asked=lambda: None,
        )
        with database.read() as session:
            return {path: each.reason for each, path in missing_files(session, dataset_id=dataset)}

    assert listed(sizes) == {}
    gone.unlink()
    other.write_bytes(b"x" * len(contents[other]))
    now = {path: size for path, size in sizes.items() if path != paths[0]}
    assert listed(now) == {paths[0]: "missing", paths[1]: "changed"}
    for path, content in contents.items():
        path.write_bytes(content)
    assert listed(sizes) == {}
