"""A file that only seems to be a backup is refused in a sentence, and the data folder stays as it is."""

import hashlib
import io
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.backup.archive import LONGEST_WORD, unpack
from app.backup.restoring import restore
from app.db.migrating import all_revisions
from app.errors import Invalid
from tests.backup.conftest import settings_of

Members = dict[str, bytes]


def about(**other: Any) -> dict[str, Any]:
    said = {
        "toploss": "1.0",
        "made_at": "2026-01-01T00:00:00+00:00",
        "revision": all_revisions()[0],
        "database": "sqlite",
        "key_in_environment": False,
        "sources": {},
        "format": 1,
    }
    return said | other


def backup(path: Path, said: bytes, *, more: Members | None = None, sums: bytes | None = None) -> Path:
    """A tar as `toploss backup` writes it, with this `backup.json`."""
    members = {"backup.json": said, "toploss.db": sound_database(path.with_suffix(".db"))} | (more or {})
    right = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in members.items())
    with tarfile.open(path, "w") as tar:
        for name, content in (members | {"SHA256SUMS": right.encode() if sums is None else sums}).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def sound_database(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.commit()
    return path.read_bytes()


def refusal(file: Path) -> str:
    """Why it is not restored; nothing of it stays."""
    folder = file.parent / "to"
    folder.mkdir()
    with pytest.raises(Invalid) as error:
        restore(settings_of(folder / "there"), file)
    assert list(folder.iterdir()) == []
    return str(error.value)


@pytest.mark.parametrize(
    "said",
    [
        *([1], 3, None, "x", {}, {"format": 1}),
        about(extra=1),
        about(revision=["0001"]),
        about(revision={}),
        about(revision="x" * 500_000),
        about(revision="\x1b[31m"),
        about(toploss=1),
        about(database=["sqlite"]),
        about(database=5),
        about(database="mysql"),
        about(key_in_environment="no"),
        about(sources=["/somewhere"]),
        about(sources={"/somewhere": 5}),
        about(sources={"/somewhere": "../../elsewhere"}),
        about(sources={"/somewhere": "/etc"}),
        about(sources={"/somewhere": "a\0b"}),
        about(sources={"/somewhere": "\ud800"}),
        about(sources={"\ud800": "demo"}),
        about(format=[1]),
        about(format="1" * 500_000),
        about(format=True),
        about(format=1.0),
        about(format=10**4000),
    ],
    ids=lambda said: json.dumps(said)[-60:],
)
def test_what_a_backup_says_of_itself_must_have_the_right_types(tmp_path: Path, said: Any) -> None:
    words = refusal(backup(tmp_path / "made.tar", json.dumps(said).encode()))
    assert words == "This is no backup of Toploss; name a file that `toploss backup` has written."


@pytest.mark.parametrize(
    "said",
    [b"[" * 100_000, b'{"a":' * 100_000, b'{"format": ' + b"9" * 5000 + b"}", b"\xff\xfe", b" " * 3_000_000],
    ids=["deep list", "deep object", "long number", "no text", "long"],
)
def test_what_no_json_reader_takes_is_no_backup(tmp_path: Path, said: bytes) -> None:
    assert refusal(backup(tmp_path / "made.tar", said)).startswith("This is no backup of Toploss;")


def test_a_list_of_checksums_without_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.dumps(about()).encode()
    made = backup(tmp_path / "made.tar", said, sums=b"x" * 50_000_000)
    assert "is not what was saved" in refusal(made)
    with made.open("rb") as file:
        reads: list[int] = []
        original = tarfile.ExFileObject.read

        def read(self: tarfile.ExFileObject, size: int | None = -1) -> bytes:
            content = original(self, size)
            reads.append(len(content))
            return content

        (tmp_path / "unpacked").mkdir()
        monkeypatch.setattr(tarfile.ExFileObject, "read", read)
        with pytest.raises(Invalid):
            unpack(file, tmp_path / "unpacked")
    assert 0 < max(reads) < 2_000_000


@pytest.mark.parametrize(
    "name", [f"data/demo/{'x' * 300}", f"data/demo/{'a/' * 3000}x"], ids=["long", "deep"]
)
def test_a_name_that_is_too_long_for_the_disk_is_refused_in_a_short_sentence(
    tmp_path: Path, name: str
) -> None:
    words = refusal(backup(tmp_path / "made.tar", json.dumps(about()).encode(), more={name: b"x"}))
    assert "too long for this disk" in words
    assert len(words) < LONGEST_WORD + 150


def test_a_name_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    words = refusal(backup(tmp_path / "made.tar", json.dumps(about()).encode(), more={"\x1b[31mred": b"x"}))
    assert "not its own: \\x1b[31mred." in words


@pytest.mark.parametrize(
    "name",
    [
        *("data/.restoring", "data/.restoring/x", "data/.Restoring/x", "data/secret.key/x", "data/uploads"),
        *("data/jobs.db/x", "data/jobs.db", "data/toploss.db-wal", "data/toploss.db/x", "data/cache"),
        *("data/worker-embedded.lock/x", "data/demo-logins.txt/x", "data/notes.txt"),
    ],
)
@pytest.mark.parametrize("sources", [{}, {"/images": ".restoring"}, {"/a": "jobs.db", "/b": "secret.key"}])
def test_what_no_backup_has_and_what_would_prevent_a_start_is_refused(
    tmp_path: Path, name: str, sources: dict[str, str]
) -> None:
    said = json.dumps(about(sources=sources)).encode()
    words = refusal(backup(tmp_path / "made.tar", said, more={name: b"x"}))
    assert words.startswith("The backup names a place that is not its own: data/")


@pytest.mark.parametrize("content", [b"", b" \n", bytes(64), b"cut off", b"x" * 31])
def test_a_backup_with_a_key_that_is_not_whole_is_refused(tmp_path: Path, content: bytes) -> None:
    said = json.dumps(about()).encode()
    words = refusal(backup(tmp_path / "made.tar", said, more={"data/secret.key": content}))
    assert "secret key is empty or not whole" in words
