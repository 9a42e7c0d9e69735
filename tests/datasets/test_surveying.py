"""How an import reads the folders of its source, the first time and every time after."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.datasets.creating import create_dataset
from app.datasets.importing import ImportReport, import_images
from app.datasets.layout_choice import StatedLayout
from app.datasets.layout_reading import Reading
from app.datasets.models import Dataset, LabelClass, Sample
from app.datasets.surveying import Survey, store_reading, survey
from app.db.engine import Database
from app.errors import AmbiguousLayout, Cancelled, Conflict, Invalid
from app.storage import open_source
from tests.factories import photo


def write(root: Path, *folders: str, images: int = 3) -> Path:
    """Small images of a colour each, in these folders."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(images):
            colour = (hash_of(folder), 20 * i, len(folder))
            (root / folder / f"{i}.png").write_bytes(photo(colour, size=(6, 6)))
    return root


def hash_of(text: str) -> int:
    return sum(map(ord, text)) % 256


def imported(
    database: Database,
    source: Path,
    *,
    choose: Callable[[Survey, Reading | None], Reading] | None = None,
    stop_after: int | None = None,
) -> ImportReport:
    with database.write() as session:
        dataset_id = create_dataset(session, name="pets", source=str(source)).id
    asked = iter(range(1_000_000))
    return import_images(
        database,
        dataset_id=dataset_id,
        max_pixels=1000,
        on_progress=lambda *_: None,
        should_stop=lambda: stop_after is not None and next(asked) >= stop_after,
        choose=choose,
    )


def labels(database: Database) -> dict[str, tuple[str, str]]:
    with database.read() as session:
        query = select(Sample.path, Sample.split, LabelClass.name).join(
            LabelClass,
            (LabelClass.dataset_id == Sample.dataset_id) & (LabelClass.position == Sample.given_label),
        )
        return {path: (split, name) for path, split, name in session.execute(query)}


def state(database: Database) -> tuple[str, dict | None]:
    with database.read() as session:
        return tuple(session.execute(select(Dataset.state, Dataset.layout)).one())


def chosen(text: dict[str, str]) -> Callable[[Survey, Reading | None], Reading]:
    return lambda found, _stored: found.reading_of(StatedLayout(text))


@pytest.mark.parametrize(
    ("parts", "splits"),
    [
        (("training_set", "test_set"), {"train", "valid", "test"}),  # a validation part is drawn
        (("Training", "Testing"), {"train", "valid", "test"}),
        (("train", "dev", "test"), {"train", "valid", "test"}),
        (("train", "eval"), {"train", "valid"}),
    ],
)
def test_usual_names_of_parts_lose_no_image_and_make_no_class(
    database: Database, tmp_path: Path, parts: tuple[str, ...], splits: set[str]
) -> None:
    root = write(tmp_path / "pets", *(f"{part}/{name}" for part in parts for name in ("cat", "dog")))
    report = imported(database, root)
    found = labels(database)
    assert (report.samples, len(found)) == (6 * len(parts), 6 * len(parts))
    assert {name for _, name in found.values()} == {"cat", "dog"}
    assert {split for split, _ in found.values()} == splits
    last = {split for path, (split, _) in found.items() if path.startswith(parts[-1])}
    assert last == {"test" if parts[-1] != "eval" else "valid"}


def test_unclear_folders_are_refused_with_their_choices_and_nothing_is_imported(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", "A/cat", "A/dog", "B/cat", "B/dog")
    with pytest.raises(AmbiguousLayout, match="A and B hold the same folders") as refusal:
        imported(database, root)
    assert [choice["split_folders"] for choice in refusal.value.choices] == [
        "?=A,?=B",
        "none",
        "?=*/cat,?=*/dog",
    ]
    assert refusal.value.choices[1]["classes"] == {"A": {"train": 6}, "B": {"train": 6}}
    assert labels(database) == {}
    assert state(database) == ("waiting", None)


def test_a_choice_is_kept_and_later_imports_add_only_what_is_new_by_it(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", "A/cat", "A/dog", "B/cat", "B/dog")
    imported(database, root, choose=chosen({"a": "train", "B": "valid"}))
    first = labels(database)
    assert first["B/dog/0.png"] == ("valid", "dog")
    write(root, "B/owl", "C/cat", images=2)
    report = imported(database, root)
    assert (report.added, report.known) == (2, 12)
    assert labels(database) == first | {"B/owl/0.png": ("valid", "owl"), "B/owl/1.png": ("valid", "owl")}


def test_a_part_that_comes_later_joins_those_that_were_understood(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", "train/cat", "train/dog", "valid/cat", "valid/dog")
    imported(database, root)
    write(root, "Testing/cat", "Testing/dog")
    assert imported(database, root).added == 6
    assert labels(database)["Testing/cat/0.png"] == ("test", "cat")


def test_an_import_that_was_stopped_goes_on_by_the_same_choice(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", "A/cat", "A/dog", "B/cat", "B/dog")
    choice = {"A": "train", "B": "test"}
    with pytest.raises(Cancelled):
        imported(database, root, choose=chosen(choice), stop_after=14)
    assert state(database)[1] == {"where": "above", "root": "", "folders": choice, "chosen": True}
    report = imported(database, root)
    assert report.samples == 12
    assert {name for _, name in labels(database).values()} == {"cat", "dog"}


def test_a_guess_by_which_nothing_was_imported_does_not_last(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", "cat", "dog")
    for path in root.rglob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(Invalid, match="no file in it is an image"):
        imported(database, root)
    shutil.rmtree(root)
    write(root, "train/cat", "train/dog", "valid/cat", "valid/dog")
    imported(database, root)
    assert {name for _, name in labels(database).values()} == {"cat", "dog"}


def test_samples_never_become_another_class_by_another_choice(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", "A/cat", "A/dog", "B/cat", "B/dog")
    imported(database, root, choose=chosen({"A": "train", "B": "valid"}))
    before = labels(database)
    with pytest.raises(Conflict, match="was imported as “cat” and would be “A”"):
        imported(database, root, choose=chosen({}))
    assert labels(database) == before
    with database.read() as session:
        assert list(session.scalars(select(LabelClass.name))) == ["cat", "dog"]


def test_a_data_set_from_before_readings_were_kept_goes_on_as_it_was(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", "training_set/cat", "training_set/dog", "test_set/cat", "test_set/dog")
    imported(database, root, choose=chosen({}))  # as it was read then
    with database.write() as session:
        session.execute(update(Dataset).values(layout=None))
    write(root, "test_set/owl", images=1)
    assert imported(database, root).added == 1
    assert labels(database)["test_set/owl/0.png"][1] == "test_set"


def test_a_part_nobody_has_named_cannot_be_stored(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", "A/cat", "A/dog", "B/cat", "B/dog")
    likely = survey(open_source(str(root))).guess().readings[0]
    with database.write() as session:
        dataset_id = create_dataset(session, name="pets", source=str(root)).id
        with pytest.raises(Invalid, match="Choose a part for A and B"):
            store_reading(session, dataset_id=dataset_id, reading=likely)


def test_a_source_without_classes_says_why_its_table_is_not_read_as_labels(
    database: Database, tmp_path: Path
) -> None:
    source = write(tmp_path / "source", "beasts")
    (source / "table.csv").write_text("path,animal,colour\n0.png,cat,x\n1.png,dog,x\n2.png,cat,y\n")
    why = "table.csv does not show which column is the class: its columns are “path”, “animal”, “colour”"
    with pytest.raises(Invalid, match=why):
        imported(database, source)
    with pytest.raises(Invalid, match=why):
        survey(open_source(str(source))).check(where=str(source))
    both = write(tmp_path / "parts", "train/images", "test/images")
    (both / "table.csv").write_text("")
    with pytest.raises(Invalid, match=r"may be in table\.csv\. .* table\.csv is empty"):
        survey(open_source(str(both))).refuse()
