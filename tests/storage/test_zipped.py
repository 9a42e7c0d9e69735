"""A zip on the local disk: what is read, and what is refused."""

import struct
import threading
import zipfile
from pathlib import Path

import pytest

from app.errors import Invalid, NotFound
from app.storage import entries, open_source
from tests.storage.refusals import problems, refusal


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "faces.ZIP"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.mkdir("cat")
        made.writestr("cat/1.png", b"one" * 100)
        made.writestr("cat/2.png", b"two", compress_type=zipfile.ZIP_STORED)
        made.writestr("cat/empty.png", b"")
    return path


def patch(path: Path, name: bytes, *, offset: int, value: bytes) -> None:
    """Overwrite a field of an entry in the central directory (offsets as in the zip specification)."""
    content = bytearray(path.read_bytes())
    start = content.rindex(name) - 46
    assert content[start : start + 4] == b"PK\1\2"
    content[start + offset : start + offset + len(value)] = value
    path.write_bytes(content)


def test_a_zip_gives_its_files(archive: Path) -> None:
    source = open_source(str(archive))
    assert [(entry.path, entry.size, entry.problem) for entry in source.walk()] == [
        ("cat/1.png", 300, ""),
        ("cat/2.png", 3, ""),
        ("cat/empty.png", 0, ""),
    ]
    assert (source.read("cat/1.png"), source.read("cat/2.png"), source.read("cat/empty.png")) == (
        b"one" * 100,
        b"two",
        b"",
    )
    with pytest.raises(NotFound):
        source.read("cat/3.png")


def test_a_zip_is_read_by_threads_and_forks_at_once(archive: Path) -> None:
    source = open_source(str(archive))
    wrong: list[bytes] = []

    def read_often() -> None:
        for _ in range(100):
            wrong.extend(content for content in (source.read("cat/1.png"),) if content != b"one" * 100)

    threads = [threading.Thread(target=read_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_names_that_leave_the_zip_are_refused(tmp_path: Path) -> None:
    names = ["/etc/x.png", "C:/x.png", "c:x.png", "\\\\server\\x.png", "D:\\x.png"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        for name in names:
            made.writestr(zipfile.ZipInfo(name), b"x")
    source = open_source(str(tmp_path / "a.zip"))
    assert {problem.split(":")[0] for problem in problems(source).values()} == {"unsafe name"}
    assert all(refusal(source, name.replace("\\", "/")).startswith("unsafe name") for name in names)


def test_links_and_encrypted_entries_and_unusual_methods_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(link, "/etc/passwd")
        made.writestr("cat/lzma.png", b"x" * 100, compress_type=zipfile.ZIP_LZMA)
        made.writestr("cat/locked.png", b"x")
    patch(path, b"cat/locked.png", offset=8, value=struct.pack("<H", 1))
    source = open_source(str(path))
    found = problems(source)
    assert found["cat/link.png"].startswith("a symbolic link")
    assert found["cat/locked.png"].startswith("encrypted")
    assert found["cat/lzma.png"].startswith("compressed in an unusual way")
    assert all(refusal(source, name) == found[name] for name in found)


def test_an_entry_that_unpacks_to_more_than_any_image_is_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("cat/zeros.png", bytes(2_000_000))
    monkeypatch.setattr(entries, "BOMB_BYTES", 1_000_000)
    assert problems(open_source(str(path)))["cat/zeros.png"].startswith("a decompression bomb")
    monkeypatch.setattr(entries, "MAX_FILE_BYTES", 1_500_000)
    assert problems(open_source(str(path)))["cat/zeros.png"].startswith("too large")


def test_an_entry_that_lies_about_its_size_is_damaged_and_never_unpacked_beyond_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("cat/zeros.png", bytes(2_000_000))
    patch(path, b"cat/zeros.png", offset=24, value=struct.pack("<I", 1000))
    assert refusal(open_source(str(path)), "cat/zeros.png") == "damaged inside the zip"


def test_entries_that_share_bytes_are_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("cat/1.png", b"x" * 500)
        made.writestr("cat/2.png", b"x" * 500)
        made.writestr("cat/3.png", b"x" * 500)
    patch(path, b"cat/2.png", offset=42, value=struct.pack("<I", 0))
    found = problems(open_source(str(path)))
    assert found["cat/1.png"].startswith("a decompression bomb")
    assert found["cat/2.png"].startswith("a decompression bomb")
    assert found["cat/3.png"] == ""


def test_a_damaged_entry_is_told_apart_from_a_damaged_zip(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[content.index(b"two")] = ord("T")
    archive.write_bytes(content)
    assert refusal(open_source(str(archive)), "cat/2.png") == "damaged inside the zip"
    assert len(open_source(str(archive)).read("cat/1.png")) == 300
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(Invalid, match="damaged or no zip"):
        list(open_source(str(archive)).walk())


def test_of_two_entries_with_one_name_the_last_is_read_and_the_other_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("cat/1.png", b"old")
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("cat/1.png", b"new")
    source = open_source(str(tmp_path / "a.zip"))
    assert [bool(entry.problem) for entry in source.walk()] == [True, False]
    assert source.read("cat/1.png") == b"new"


def test_a_zip_that_is_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(open_source(str(tmp_path / "gone.zip")).walk())
