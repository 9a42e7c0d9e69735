"""Data sets from zips: names of any system, and the same names for everybody who reads the zip later."""

import io
import zipfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.datasets.creating import create_dataset
from app.datasets.models import Dataset
from app.datasets.sources import resolve_source
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.errors import Conflict, Invalid
from app.export.exporting import export_version
from app.storage import Origin, open_source
from tests.datasets.test_importing import classes, imported, pets, png, rejected, samples, state
from tests.zips import stored


def zip_of(path: Path, files: Mapping[str, bytes], *, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def of_windows(path: Path, names: tuple[str, str], *, encoding: str) -> Path:
    """A zip of two classes with names in a code page; its files are images."""
    stand_ins = ("XXXXXX", "YYYYYY")
    files = {f"{folder}/{i}.png": png(100 * k + i) for k, folder in enumerate(stand_ins) for i in range(5)}
    content = zip_of(path, files).read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        raw = name.encode(encoding)
        assert len(raw) <= 6
        content = content.replace(stand_in.encode(), raw.ljust(6, b" "))
    path.write_bytes(content)
    return path


def test_names_in_a_code_page_become_classes_and_a_person_is_told_how_they_were_read(
    database: Database, tmp_path: Path
) -> None:
    report = imported(database, of_windows(tmp_path / "p.zip", ("猫图", "狗图"), encoding="gbk"))
    assert classes(database) == ["狗图", "猫图"]
    assert any("gb18030 (GBK, simplified Chinese): 猫图" in note for note in report.notes)
    with database.read() as session:
        assert session.scalars(select(Dataset.zip_encoding)).one() == "gb18030"


def test_a_code_page_that_is_said_is_kept_for_everybody_who_reads_the_zip(
    database: Database, tmp_path: Path
) -> None:
    path = of_windows(tmp_path / "p.zip", ("肺炎", "正常"), encoding="gbk")
    origin = resolve_source(str(path), uploads_dir=tmp_path / "uploads", zip_encoding="GBK")
    imported(database, origin)
    assert classes(database) == ["正常", "肺炎"]
    assert imported(database, Origin(origin.source)).known == 10  # it need not be said again
    with database.read() as session:
        dataset = session.scalars(select(Dataset)).one()
        with closing(open_source(dataset.origin)) as source:
            assert {path for path in samples(database) if source.read(path)} == set(samples(database))
        made = export_version(
            session, version_id=latest_version(session, dataset_id=dataset.id).id, format="imagefolder"
        )
        names = zipfile.ZipFile(io.BytesIO(b"".join(made.chunks))).namelist()
    assert {name.split("/")[1] for name in names if "/" in name} == {"正常", "肺炎"}
    with database.write() as session, pytest.raises(Conflict, match="were read as gbk"):
        create_dataset(session, name="pets", source=Origin(origin.source, zip_encoding="cp949"))


def test_a_zip_of_a_mac_has_its_names_in_utf_8_without_a_word_of_it(
    database: Database, tmp_path: Path
) -> None:
    report = imported(database, of_windows(tmp_path / "p.zip", ("猫", "öö"), encoding="utf-8"))
    assert classes(database) == ["öö", "猫"]
    assert report.notes == ()


def test_names_with_backslashes_are_folders(database: Database, tmp_path: Path) -> None:
    path = stored(tmp_path / "p.zip", [f"photos\\{path}".replace("/", "\\").encode() for path in pets()])
    with pytest.raises(Invalid, match="no file in it is an image"):  # the folders are understood
        imported(database, path)
    assert classes(database) == ["cat", "dog"]


def test_a_zip_that_is_refused_says_what_most_files_have_in_common_and_its_own_name(
    database: Database, tmp_path: Path
) -> None:
    path = zip_of(tmp_path / "photos.zip", pets(6), method=zipfile.ZIP_LZMA)
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("notes.txt", b"x")
    origin = resolve_source(str(path), uploads_dir=tmp_path / "uploads")
    with pytest.raises(Invalid) as refusal:
        imported(database, origin)
    message = str(refusal.value)
    assert "in photos.zip" in message
    assert str(tmp_path) not in message
    assert "12 of 13 files are refused: compressed in an unusual way, LZMA; zip it with" in message
    assert "Others: 1 not inside a class folder" in message
    assert len(rejected(database)) == 13
    assert state(database) == "failed"


def test_a_folder_of_links_that_is_refused_says_so(database: Database, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "cache" / name).mkdir(parents=True)
        (tmp_path / "pets" / name).mkdir(parents=True)
        (tmp_path / "cache" / name / "1.png").write_bytes(png(1))
        (tmp_path / "pets" / name / "1.png").symlink_to(tmp_path / "cache" / name / "1.png")
    with pytest.raises(Invalid, match="All 2 files are refused: a link that leaves the folder"):
        imported(database, tmp_path / "pets")


def test_images_that_cannot_be_read_are_counted_in_the_refusal(database: Database, tmp_path: Path) -> None:
    files = {f"{name}/{i}.png": png(9, size=90)[: 60 + i] for name in ("cat", "dog") for i in range(4)}
    with pytest.raises(Invalid, match="All 8 files are refused: truncated or damaged"):
        imported(database, zip_of(tmp_path / "p.zip", files))


def test_a_name_that_is_taken_is_told_without_the_place_on_the_server(
    database: Database, tmp_path: Path
) -> None:
    one, other = (zip_of(tmp_path / f"{name}.zip", pets(first=i)) for i, name in enumerate(("one", "two")))
    imported(database, resolve_source(str(one), uploads_dir=tmp_path / "uploads"))
    with database.write() as session, pytest.raises(Conflict, match=r"taken by the data set from one\.zip;"):
        create_dataset(
            session, name="pets", source=resolve_source(str(other), uploads_dir=tmp_path / "uploads")
        )


def test_an_upload_is_called_as_its_file_and_read_in_the_code_page_that_is_said(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    content = of_windows(tmp_path / "p.zip", ("肺炎", "正常"), encoding="gbk").read_bytes()
    file = {"file": ("C:\\Users\\ada\\肺.zip", content, "application/zip")}
    sent = api["ada"].post("/api/v1/datasets", data={"name": "one", "zip_encoding": "gbk"}, files=file)
    assert sent.status_code == 202, sent.text
    page = browser_of["ada"].post("/datasets/new", data={"name": "two", "zip_encoding": "cp949"}, files=file)
    assert page.status_code == 303, page.text
    with database.read() as session:
        found = session.execute(select(Dataset.source_name, Dataset.zip_encoding).order_by(Dataset.name))
        assert found.all() == [("肺.zip", "gbk"), ("肺.zip", "cp949")]
    refused = api["ada"].post("/api/v1/datasets", data={"name": "x", "zip_encoding": "klingon"}, files=file)
    assert (refused.status_code, "is no code page" in refused.json()["message"]) == (422, True)
    assert "GBK, simplified Chinese (gb18030)" in browser_of["ada"].get("/datasets/new").text
