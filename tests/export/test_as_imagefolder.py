"""A zip of class folders and its manifest; file names are changed only where they collide."""

import io
import json
import stat
import unicodedata
import zipfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select

from app.datasets.models import Sample
from app.db.engine import Database
from app.export.as_imagefolder import one_folder_words
from app.export.pictures import unique_names
from tests.export.pets import COLUMNS, content, table

A, B = "a" * 64, "b" * 64


def test_names_that_do_not_collide_stay() -> None:
    assert unique_names([("train/cat", "1.png", A), ("train/dog", "1.png", A)]) == [
        "train/cat/1.png",
        "train/dog/1.png",
    ]


def test_names_that_collide_get_a_piece_of_their_hash() -> None:
    files = [("train/cat", "1.png", A), ("train/cat", "1.png", B), ("train/cat", "2.png", B)]
    assert unique_names(files) == [
        "train/cat/1__aaaaaaaa.png",
        "train/cat/1__bbbbbbbb.png",
        "train/cat/2.png",
    ]


def test_copies_under_one_name_are_numbered() -> None:
    assert unique_names([("c", "1.png", A)] * 3) == [
        "c/1__aaaaaaaa.png",
        "c/1__aaaaaaaa_2.png",
        "c/1__aaaaaaaa_3.png",
    ]


def test_names_that_differ_in_case_or_accents_only_collide() -> None:
    assert unique_names([("c", "X.png", A), ("c", "x.PNG", B)]) == ["c/X__aaaaaaaa.png", "c/x__bbbbbbbb.PNG"]
    assert (
        unique_names([("c", "é.png", A), ("c", unicodedata.normalize("NFD", "é.png"), B)])[0]
        == "c/é__aaaaaaaa.png"
    )


def test_folders_that_are_one_on_some_systems_are_named() -> None:
    composed, decomposed = unicodedata.normalize("NFC", "Bär"), unicodedata.normalize("NFD", "Bär")
    words = one_folder_words(["cat", "Cat", composed, "owl", decomposed, "cat"])
    assert "“Cat” and “cat”" in words
    assert f"“{decomposed}” and “{composed}”" in words
    assert "owl" not in words
    assert one_folder_words(["cat", "cats", "cat"]) == ""


def test_a_file_without_suffix_gets_none() -> None:
    assert unique_names([("c.d", "x", A), ("c.d", "x", B)]) == ["c.d/x__aaaaaaaa", "c.d/x__bbbbbbbb"]


def test_a_dot_in_front_of_a_name_begins_no_suffix() -> None:
    assert unique_names([("c", ".png", A), ("c", ".png", B)]) == ["c/.png__aaaaaaaa", "c/.png__bbbbbbbb"]
    assert unique_names([("c", ".x.png", A), ("c", ".x.png", B)])[0] == "c/.x__aaaaaaaa.png"


names = st.sampled_from(
    ["1.png", "1.PNG", "1__aaaaaaaa.png", "1__aaaaaaaa_2.png", "1__bbbbbbbb.png", "2", "ß.png", "SS.png"]
)


@given(st.lists(st.tuples(st.sampled_from(["c", "C", "d"]), names, st.sampled_from([A, B]))))
@example([("c", "1.png", A), ("c", "1.png", A), ("c", "1__aaaaaaaa.png", B)])
def test_names_are_unique_on_every_disk_and_keep_folder_and_suffix(files: list[tuple[str, str, str]]) -> None:
    found = unique_names(files)
    assert len({name.casefold() for name in found}) == len(files)
    for name, (folder, wanted, _) in zip(found, files, strict=True):
        assert name.startswith(folder + "/")
        assert name.endswith(wanted.rpartition(".")[2]) or "." not in wanted


def test_an_image_folder_holds_the_cleaned_labels_and_a_manifest_beside_them(
    database: Database, cleaned: int, tmp_path: Path
) -> None:
    archive = zipfile.ZipFile(io.BytesIO(content(database, cleaned, "imagefolder")))
    assert archive.testzip() is None
    everything = archive.namelist()
    assert everything[:3] == ["manifest.csv", "classes.txt", "classes.json"]
    assert json.loads(archive.read("classes.json")) == {"%63on": "con", "=cat": "=cat", "a%2Fb": "a/b"}
    assert archive.read("classes.txt").decode().splitlines() == ["%63on", "=cat", "a%2Fb"]
    folders = [f"{split}/{name}/" for split in ("train", "valid") for name in ("%63on", "=cat", "a%2Fb")]
    assert [name for name in everything if name.endswith("/")] == folders
    rows, names = table(archive.read("manifest.csv")), [name for name in everything if name not in folders]
    names = [name for name in names if name not in ("classes.txt", "classes.json", "notes.txt")]
    assert [row["file"] for row in rows] == names[1:]
    assert list(rows[0])[1:] == COLUMNS
    assert {name.split("/")[1] for name in names[1:]} == {"=cat", "a%2Fb", "%63on"}
    assert len(names) == 12
    for row in rows:
        path = row["path"].removeprefix("'")
        assert archive.read(row["file"]) == (tmp_path / "pets" / path).read_bytes()
    assert {
        (info.date_time, stat.S_IMODE(info.external_attr >> 16))
        for info in archive.infolist()
        if not info.is_dir()
    } == {((1980, 1, 1, 0, 0, 0), 0o644)}


def test_names_are_changed_only_where_they_collide(database: Database, cleaned: int) -> None:
    names = zipfile.ZipFile(io.BytesIO(content(database, cleaned, "imagefolder"))).namelist()
    changed = [name for name in names if "__" in name]
    with database.read() as session:
        splits = dict(session.execute(select(Sample.path, Sample.split)).all())
    collide = splits["=cat/0.png"] == splits["a%2Fb/0.png"]
    assert len(changed) == (2 if collide else 0)


def test_deleted_samples_are_never_in_the_folders_but_in_the_manifest_when_asked_for(
    database: Database, cleaned: int
) -> None:
    archive = zipfile.ZipFile(io.BytesIO(content(database, cleaned, "imagefolder", include_deleted=True)))
    rows = table(archive.read("manifest.csv"))
    assert len([name for name in archive.namelist() if name.endswith((".png", ".jpg"))]) == len(rows) - 1
    assert [row["path"] for row in rows if not row["file"]] == ["=cat/1.png"]
