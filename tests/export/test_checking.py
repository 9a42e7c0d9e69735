"""Exports of images whose files are gone or are others by now."""

import csv
import io
import zipfile
from pathlib import Path

import pytest

from app.datasets.missing import missing_files
from app.db.engine import Database
from app.errors import Conflict
from app.export import checking
from app.export.checking import checked, told
from app.export.exporting import Export, export_version
from tests.factories import Made, make_dataset


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def made(database: Database, images: Path) -> Made:
    return make_dataset(database, images)


def export(database: Database, made: Made, format: str = "imagefolder") -> Export:  # noqa: A002
    with database.read() as session:
        return export_version(session, version_id=made.version_id, format=format)


def lose(images: Path) -> None:
    (images / "train/cat/000.png").unlink()
    path = images / "train/dog/001.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1  # of the same size
    path.write_bytes(content)


def unpacked(made: Export) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(made.chunks)))
    assert archive.testzip() is None
    return archive


def test_nothing_is_sent_when_a_file_is_lost_and_every_path_is_named(
    database: Database, made: Made, images: Path
) -> None:
    lose(images)
    with pytest.raises(Conflict) as refused:
        checked(database, export(database, made), skip_missing=False)
    assert "train/cat/000.png is missing, train/dog/001.png has changed" in str(refused.value)
    with database.read() as session:
        found = missing_files(session, dataset_id=made.dataset_id)
    assert [(path, file.reason) for file, path in found] == [
        ("train/cat/000.png", "missing"),
        ("train/dog/001.png", "changed"),
    ]


def test_what_is_lost_is_left_out_and_listed_on_request(database: Database, made: Made, images: Path) -> None:
    whole = export(database, made)
    names = set(unpacked(whole).namelist())
    lose(images)
    less = checked(database, export(database, made), skip_missing=True)
    assert less.etag != whole.etag
    archive = unpacked(less)
    assert names - set(archive.namelist()) == {"train/cat/000.png", "train/dog/001.png"}
    rows = list(csv.DictReader(io.StringIO(archive.read("missing.csv").decode())))
    assert [(row["path"], row["reason"]) for row in rows] == [
        ("train/cat/000.png", "missing"),
        ("train/dog/001.png", "changed"),
    ]
    manifest = {
        row["path"]: row for row in csv.DictReader(io.StringIO(archive.read("manifest.csv").decode()))
    }
    assert len(manifest) == len(made.paths)
    assert manifest["train/cat/000.png"]["file"] == ""
    assert "train/cat/000.png is missing" in told(less.plan.lost)


def test_a_whole_data_set_is_exported_as_ever(database: Database, made: Made) -> None:
    plain = export(database, made)
    for skip in (False, True):
        same = checked(database, plain, skip_missing=skip)
        assert (same.etag, same.plan.lost) == (plain.etag, ())
    assert "missing.csv" not in unpacked(plain).namelist()


def test_a_table_needs_no_image(database: Database, made: Made, images: Path) -> None:
    lose(images)
    table = export(database, made, "csv")
    assert checked(database, table, skip_missing=False) is table


def test_a_file_that_is_lost_while_it_is_sent_leaves_a_whole_zip_that_names_it(
    database: Database, made: Made, images: Path
) -> None:
    sending = checked(database, export(database, made), skip_missing=False)
    first = next(sending.chunks)
    lose(images)
    archive = zipfile.ZipFile(io.BytesIO(first + b"".join(sending.chunks)))
    assert archive.testzip() is None
    assert "train/dog/001.png,changed" in archive.read("missing.csv").decode()


def test_a_bucket_is_asked_for_its_list_alone(
    database: Database, made: Made, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.storage import RemoteSource

    remote = RemoteSource(f"file://{images}")
    monkeypatch.setattr(remote, "read", pytest.fail)
    monkeypatch.setattr(checking, "open_source", lambda _: remote)
    assert checked(database, export(database, made), skip_missing=False).plan.lost == ()
    lose(images)
    with pytest.raises(Conflict, match=r"train/cat/000\.png is missing"):
        checked(database, export(database, made), skip_missing=False)
