"""The table for fastai: two parts, and what is left out is said."""

from pathlib import Path

from app.db.engine import Database
from tests.export.pets import content, exported, imported, png, review, table, write


def test_images_of_the_test_part_and_deleted_ones_are_left_out_and_the_test_part_is_said(
    database: Database, tmp_path: Path
) -> None:
    places = [
        f"{part}/{name}/{i}.png" for part in ("train", "valid", "test") for name in "ab" for i in (1, 2)
    ]
    files = {place: png(i) for i, place in enumerate(places)}
    imported(database, write(tmp_path / "pets", files))
    version = review(database, {"train/a/1.png": "b", "valid/b/2.png": None})
    made = exported(database, version, "fastai", include_deleted=True)
    rows = table(b"".join(made.chunks))
    assert {(row["name"], row["label"], row["is_valid"]) for row in rows} == {
        ("train/a/1.png", "b", "False"),
        ("train/a/2.png", "a", "False"),
        ("train/b/1.png", "b", "False"),
        ("train/b/2.png", "b", "False"),
        ("valid/a/1.png", "a", "True"),
        ("valid/a/2.png", "a", "True"),
        ("valid/b/1.png", "b", "True"),
    }
    assert made.entry.notes(made.plan) == [
        "4 images of the test part are left out: fastai has two parts in a table."
    ]


def test_without_a_test_part_nothing_is_said(database: Database, given_labels: int) -> None:
    made = exported(database, given_labels, "fastai")
    assert made.entry.notes(made.plan) == []
    assert content(database, given_labels, "fastai").startswith(b"name,label,is_valid\n")
