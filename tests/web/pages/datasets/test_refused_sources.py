"""A source of which nothing can be imported is refused at once, in the browser and by REST."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.settings import Settings
from tests.factories import photo
from tests.web.html import flat
from tests.web.pages.datasets.test_new_dataset import problems, send

NAMES = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")


def packed(content: bytes | None = None, *, method: int = zipfile.ZIP_STORED, suffix: str = ".png") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for place, name in enumerate(NAMES):
            made.writestr(name.replace(".png", suffix), content or photo((place, 60 * place, 9)))
    return file.getvalue()


def encrypted() -> bytes:
    """The directory says of every file that it has a password."""
    content = bytearray(packed())
    place = content.find(b"PK\1\2")
    while place >= 0:
        content[place + 8] |= 1
        place = content.find(b"PK\1\2", place + 1)
    return bytes(content)


def one_class_encrypted() -> bytes:
    content = bytearray(encrypted())
    for name in NAMES[:2]:
        content[content.rfind(name.encode()) - 46 + 8] &= 0xFE
    return bytes(content)


def damaged() -> bytes:
    """Its end is that of a zip, and its directory is not."""
    return packed().replace(b"PK\1\2", b"PK\1\3")


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "encrypted": (encrypted, "All 4 files are refused: encrypted; zip it without a password (cat/1.png)."),
    "LZMA": (
        lambda: packed(method=zipfile.ZIP_LZMA),
        "All 4 files are refused: compressed in an unusual way, LZMA; zip it with the standard method",
    ),
    "bzip2": (lambda: packed(method=zipfile.ZIP_BZIP2), "compressed in an unusual way, bzip2"),
    "bombs": (
        lambda: packed(bytes(17 * 1024**2), method=zipfile.ZIP_DEFLATED),
        "All 4 files are refused: a decompression bomb",
    ),
    "JPEG XL": (
        lambda: packed(b"\0\0\0\x0cJXL \r\n\x87\n", suffix=".jxl"),
        "All 4 files are refused: JPEG XL, which Toploss cannot read; convert it to JPEG or PNG (cat/1.jxl).",
    ),
    "text": (lambda: packed(b"hello", suffix=".txt"), "All 4 files are refused: not an image (cat/1.txt)."),
    "one class": (one_class_encrypted, "has only one class, cat. 2 of 4 files are refused: encrypted"),
    "damaged": (damaged, "is damaged or no zip"),
    "empty": (lambda: b"PK\5\6" + bytes(18), "There is no image in a class folder in my pets.zip."),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_zip_of_which_nothing_can_be_imported_is_refused_at_once_with_the_reason_and_its_count(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], kind: str
) -> None:
    make, words = REFUSED[kind]
    files = {"file": ("my pets.zip", make())}
    answer = api["ada"].post("/api/v1/datasets", data={"name": "pets"}, files=files)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert words in answer.json()["message"]
    status, page = send(browser_of["ada"], make(), name="pets", zip_encoding="cp932")
    assert status == 422
    assert words.split(" (")[0] in problems(page)["file"]
    assert 'name="name" value="pets"' in flat(page)
    assert "my pets.zip is not imported: choose another zip, or change the other fields" in page
    assert "It is removed after a day if no data set uses it." in page
    assert api["ada"].get("/api/v1/datasets/pets").status_code == 404  # nothing was made


def test_a_folder_of_which_nothing_can_be_imported_is_refused_at_its_field(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], settings: Settings, tmp_path: Path
) -> None:
    settings.import_roots = str(tmp_path)
    for name in NAMES:
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).symlink_to("/etc/hostname")
    said = {"name": "pets", "path": str(tmp_path / "pets")}
    status, page = send(browser_of["ada"], None, **said)
    assert (status, list(problems(page))) == (422, ["path"])
    assert "All 4 files are refused: a link that leaves the folder" in problems(page)["path"]
    assert api["ada"].post("/api/v1/datasets", data=said).status_code == 422
    more = said | {"split_folders": "none"}
    assert "All 4 files" in api["ada"].post("/api/v1/datasets", data=more).json()["message"]


def test_an_image_with_the_suffix_of_another_kind_is_imported(api: dict[str, TestClient]) -> None:
    files = {"file": ("pets.zip", packed(suffix=".heic"))}
    assert api["ada"].post("/api/v1/datasets", data={"name": "pets"}, files=files).status_code == 202


def test_files_that_are_refused_before_they_are_read_are_counted_in_the_answer(
    api: dict[str, TestClient], browser_of: dict[str, TestClient]
) -> None:
    file = io.BytesIO(packed())
    with zipfile.ZipFile(file, "a", zipfile.ZIP_LZMA) as made:
        made.writestr("cat/3.png", photo((1, 2, 3)))
    answer = api["ada"].post(
        "/api/v1/datasets", data={"name": "pets"}, files={"file": ("pets.zip", file.getvalue())}
    )
    words = "1 of 5 files is refused: compressed in an unusual way, LZMA"
    assert any(note.startswith(words) for note in answer.json()["layout"]["notes"])
    assert send(browser_of["ada"], file.getvalue(), name="others")[0] == 303
    assert words in flat(browser_of["ada"].get("/d/others").text)  # before it is confirmed
    [(reason, count)] = answer.json()["layout"]["refused"].items()
    assert (answer.status_code, count) == (202, 1)
    assert reason.startswith("compressed in an unusual way, LZMA")
