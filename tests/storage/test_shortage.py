"""What the machine lacks is never an image's fault: no file handle, no memory, a disk that fails."""

import errno
import io
import os
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from app.datasets import uploads
from app.datasets.inspection import Facts, Rejected, inspect
from app.datasets.missing import RecordedFile, look
from app.datasets.reading import inspect_all
from app.db.trouble import as_trouble
from app.decoding import budget
from app.decoding.opening import memory_to_decode, open_image
from app.errors import Busy, ToplossError
from app.ml.images import prepare_images
from app.storage import DiskFails, FolderSource, ImageSource, ZipSource
from app.web.errors import status_of

NAME = "cat/a.png"


def png(side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(side * side, dtype=np.uint8).reshape(side, side)).save(out, "PNG")
    return out.getvalue()


@contextmanager
def no_handle_free() -> Iterator[None]:
    """Nothing can be opened during the block."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.open("/dev/null", os.O_RDONLY)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(params=["folder", "zip"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> ImageSource:
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(NAME, png())
        return ZipSource(tmp_path / "a.zip")
    (tmp_path / "cat").mkdir()
    (tmp_path / NAME).write_bytes(png())
    return FolderSource(tmp_path)


def test_without_a_free_handle_nothing_is_said_of_the_files(source: ImageSource) -> None:
    calls: list[Callable[[], object]] = [lambda: source.read(NAME), lambda: list(source.walk())]
    if isinstance(source, FolderSource):
        calls += [lambda: source.size(NAME), source.is_there]
    for call in calls:
        with no_handle_free(), pytest.raises(Busy, match="Too many files are open") as error:
            call()
        assert status_of(error.value) == 503
    assert source.read(NAME) == png()


def test_an_import_and_a_check_stop_and_reject_or_mark_nothing(source: ImageSource) -> None:
    sizes = {entry.path: entry.size for entry in source.walk()}
    pool = inspect_all(source, sizes, max_pixels=1000)
    with no_handle_free(), pytest.raises(Busy):
        list(pool)
    if isinstance(source, FolderSource):
        with no_handle_free(), pytest.raises(Busy):
            look(source, RecordedFile(1, NAME, len(png()), "x"), content=True)
    assert isinstance(dict(inspect_all(source, sizes, max_pixels=1000))[NAME], Facts)


def test_a_training_leaves_no_image_out_because_handles_were_short(tmp_path: Path) -> None:
    def read(_row: int) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    problems: dict[int, Exception] = {}
    with pytest.raises(Busy):
        prepare_images(read, 2, tmp_path / "out.npy", size=8, problems=problems)
    assert problems == {}


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_an_image_is_not_called_damaged_for_what_the_machine_lacks(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("app.datasets.inspection.as_seen", fail)
    with pytest.raises(Busy):
        inspect(png(), max_pixels=1000)
    trouble = as_trouble(OSError(number, "x"))
    assert trouble is not None
    assert status_of(trouble) == 503


def test_a_small_image_is_not_called_too_large_where_memory_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("app.datasets.inspection.as_seen", fail)
    with pytest.raises(Busy, match="no memory left"):
        inspect(png(), max_pixels=1000)
    monkeypatch.setattr(budget, "pixels", budget.Budget(10))
    with pytest.raises(Rejected, match="too large to be decoded in this machine's memory"):
        inspect(png(), max_pixels=1000)
    with pytest.raises(budget.TooLarge), open_image(png()) as image, memory_to_decode(image):
        raise MemoryError


def test_a_disk_that_fails_is_named_and_answered_as_a_failure_of_the_server(
    source: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    list(source.walk())
    monkeypatch.setattr("app.storage.folder._open_regular", fail)
    monkeypatch.setattr("app.storage.zipped._unpack", fail)
    with pytest.raises(DiskFails, match="Input/output error") as error:
        source.read(NAME)
    assert status_of(error.value) == 503
    result = dict(inspect_all(source, {NAME: 8}, max_pixels=1000))
    assert result == {NAME: "Input/output error"}, "one bad place of a disk does not stop an import"


def test_other_errors_of_reading_stay_as_they_are(tmp_path: Path) -> None:
    assert as_trouble(FileNotFoundError(errno.ENOENT, "x")) is None
    assert not isinstance(as_trouble(OSError(errno.ENOSPC, "x")), Busy)
    (tmp_path / "b.zip").write_bytes(b"no zip")
    with pytest.raises(ToplossError, match="damaged or no zip"):
        list(ZipSource(tmp_path / "b.zip").walk())


def test_an_upload_is_not_called_no_zip_because_handles_were_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = resource.getrlimit(resource.RLIMIT_NOFILE), uploads._copy

    def copy(file: BinaryIO, copy: BinaryIO, *, max_bytes: int) -> str:
        resource.setrlimit(resource.RLIMIT_NOFILE, (copy.fileno(), before[1]))
        return real(file, copy, max_bytes=max_bytes)

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(NAME, png())
    content.seek(0)
    monkeypatch.setattr(uploads, "_copy", copy)
    try:
        with pytest.raises(OSError, match="Too many open files") as error:
            uploads.store_zip(tmp_path, content, max_bytes=10**6)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert isinstance(as_trouble(error.value), Busy)
    assert list(tmp_path.iterdir()) == []
