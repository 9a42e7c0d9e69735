"""Exports of a frozen version: complete, streamed, the same bytes every time, and importable again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from app.datasets.models import Dataset
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
from app.export.exporting import write_export
from app.export.formats import FORMATS
from tests.export.pets import content, exported, imported, png, rank, review, table, write

# --- which ranking, and the same bytes for ever ---


@pytest.mark.parametrize("format", list(FORMATS))
def test_two_exports_of_a_version_are_the_same_bytes_whatever_happens_in_between(
    database: Database,
    cleaned: int,
    tmp_path: Path,
    format: str,  # noqa: A002
) -> None:
    before, tag = content(database, cleaned, format), exported(database, cleaned, format).etag
    rank(database, cleaned, finished_ago=-1)
    review(database, {"=cat/0.png": "con", "=cat/2.png": None})
    write(tmp_path / "pets", {"=cat/9.png": png(99), "new/1.png": png(98)})
    imported(database, tmp_path / "pets")
    assert content(database, cleaned, format) == before
    assert exported(database, cleaned, format).etag == tag


def test_the_ranking_is_the_newest_that_had_finished_when_the_version_was_frozen(
    database: Database, given_labels: int
) -> None:
    rank(database, given_labels, finished_ago=30)
    newest = rank(database, given_labels, finished_ago=10)
    rank(database, given_labels, finished_ago=20)
    rank(database, given_labels, finished_ago=0, state="running")
    version = review(database, {"=cat/0.png": "con"})
    rank(database, version, finished_ago=-1)
    assert {row["run"] for row in table(content(database, version, "csv"))} == {str(newest)}


def test_a_version_without_a_ranking_has_empty_cells_unless_a_run_is_named(
    database: Database, given_labels: int
) -> None:
    run = rank(database, given_labels, finished_ago=-1)
    assert {
        (row["run"], row["rank"], row["loss"]) for row in table(content(database, given_labels, "csv"))
    } == {("", "", "")}
    assert {row["run"] for row in table(content(database, given_labels, "csv", run_id=run))} == {str(run)}
    assert (
        exported(database, given_labels, "csv", run_id=run).etag
        != exported(database, given_labels, "csv").etag
    )


def test_a_tag_carries_the_digest_and_is_different_for_different_bytes(
    database: Database, given_labels: int, cleaned: int
) -> None:
    with database.read() as session:
        digest = latest_version(session, dataset_id=1).digest
    tags = [exported(database, version, name).etag for version in (given_labels, cleaned) for name in FORMATS]
    tags.append(exported(database, cleaned, "csv", include_deleted=True).etag)
    assert len(set(tags)) == len(tags)
    assert digest in exported(database, cleaned, "csv").etag
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


# --- what is refused ---


def test_an_unknown_format_version_or_run_is_refused(database: Database, given_labels: int) -> None:
    with pytest.raises(Invalid, match="choose one of parquet, csv, csv-excel, jsonl, fastai, imagefolder"):
        exported(database, given_labels, "xml")
    with pytest.raises(NotFound):
        exported(database, 10**6, "csv")
    with pytest.raises(NotFound, match="no model with the id 77"):
        exported(database, given_labels, "csv", run_id=77)
    running = rank(database, given_labels, finished_ago=0, state="running")
    with pytest.raises(Conflict, match="it is running"):
        exported(database, given_labels, "csv", run_id=running)


def test_a_run_of_another_data_set_is_not_found(
    database: Database, given_labels: int, tmp_path: Path
) -> None:
    other = imported(
        database, write(tmp_path / "other", {"a/1.png": png(1), "b/1.png": png(2)}), name="other"
    )
    run = rank(database, given_labels, finished_ago=1)
    with pytest.raises(NotFound):
        exported(database, other, "csv", run_id=run)


# --- imported again ---


def test_an_exported_image_folder_is_imported_with_the_same_labels_and_splits(
    database: Database, tmp_path: Path
) -> None:
    folders = (
        "=cat",
        "a%2Fb",
        "%2Ehidden",
        "%63on",
        "%__MACOSX".replace("%_", "%5F"),
        "train",
        "dot%2E",
        "100%25",
        "猫",
    )
    files = {
        f"{folder}/deep/er/{i}.png": png(k * 25 + i) for k, folder in enumerate(folders) for i in range(6)
    }
    files |= {"=cat/0.png": png(240), "train/raw": png(241), "train/x.dat": png(242)}
    first = imported(database, write(tmp_path / "pets", files))
    version = review(
        database,
        {
            "=cat/0.png": "a/b",
            "a%2Fb/deep/er/0.png": ".hidden",
            "train/x.dat": "猫",
            "100%25/deep/er/1.png": None,
        },
    )
    (tmp_path / "again.zip").write_bytes(content(database, version, "imagefolder"))
    second = imported(database, tmp_path / "again.zip", name="again")
    one, two = (
        sorted((row["sha256"], row["label"], row["split"]) for row in table(content(database, v, "csv")))
        for v in (version, second)
    )
    assert one == two
    assert len(one) == len(files) - 1
    assert first != version


def test_a_data_set_without_validation_part_is_imported_without_one_again(
    database: Database, tmp_path: Path
) -> None:
    version = imported(
        database, write(tmp_path / "pets", {"a/1.png": png(1), "b/1.png": png(2), "train/1.png": png(3)})
    )
    (tmp_path / "again.zip").write_bytes(content(database, version, "imagefolder"))
    again = imported(database, tmp_path / "again.zip", name="again")
    found = [
        [(row["sha256"], row["label"], row["split"]) for row in table(content(database, v, "csv"))]
        for v in (version, again)
    ]
    assert sorted(found[0]) == sorted(found[1])
    assert {split for *_, split in found[1]} == {"train"}


# --- writing to a file ---


def test_a_file_appears_only_when_it_is_complete(database: Database, cleaned: int, tmp_path: Path) -> None:
    output = tmp_path / "labels.zip"
    output.write_bytes(b"the last one")

    def torn() -> Iterator[bytes]:
        yield b"half"
        raise NotFound("The database is gone.")

    with pytest.raises(NotFound):
        write_export(replace(exported(database, cleaned, "imagefolder"), chunks=torn()), output)
    assert output.read_bytes() == b"the last one"
    write_export(exported(database, cleaned, "csv"), output)
    assert output.read_bytes() == content(database, cleaned, "csv")
    assert sorted(path.name for path in tmp_path.iterdir() if "labels" in path.name) == ["labels.zip"]


def test_a_dash_is_standard_output(
    database: Database, cleaned: int, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_export(exported(database, cleaned, "csv"), Path("-"))
    assert capfdbinary.readouterr().out == content(database, cleaned, "csv")


def test_chunks_hold_no_transaction_open(database: Database, cleaned: int) -> None:
    chunks = exported(database, cleaned, "csv").chunks
    next(chunks)
    with (
        database.write() as session
    ):  # would wait for ever on PostgreSQL's row lock or leave SQLite's log growing
        session.execute(update(Dataset).values(state="ready"))
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_an_export_can_be_looked_at_without_making_it(database: Database, cleaned: int) -> None:
    assert replace(exported(database, cleaned, "imagefolder"), chunks=iter(())).filename == "pets-v1.zip"
