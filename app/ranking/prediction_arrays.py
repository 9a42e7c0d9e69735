"""Predictions in arrays of numpy: one `.npy`, or a `.npz` or zip with ids and classes beside them.

Nothing here ever loads a pickle. Arrays in a zip are unpacked to a temporary file of a size that is known
before, and arrays are read a part at a time.
"""

import csv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from app.errors import Invalid, about
from app.files import temporary_file
from app.ranking.prediction_parts import (
    ID_NAMES,
    PATH_NAMES,
    ROWS,
    SAMPLE_NAMES,
    Part,
    Predictions,
    columns_of,
    listed,
)

MAGIC = b"\x93NUMPY"
ZIP = b"PK"
ARRAYS = ("pred_probs", "probabilities", "probs", "predictions", "arr_0")  # the first of them counts
CLASSES = ("classes", "class_names")
_LONGEST = 4096  # characters of an id
_OBJECTS = (
    "{what} is stored as Python objects, that is as a pickle, which may contain a program, so Toploss never "
    "loads it. Save it as a plain array: {how}."
)
_PLAIN = "np.asarray(pred_probs, dtype=np.float32)"
_TEXT = "np.array(ids, dtype=str)"


@contextmanager
def open_arrays(
    path: Path,
    *,
    names: Sequence[str],
    most: int,
    folder: Path,
    ids: Path | None,
    classes: Path | None,
) -> Iterator[Predictions]:
    """The predictions of an array file; `ids` and `classes` are files of their own, of one line each.

    `most` is the number of samples, and so of rows; unpacked arrays are put into `folder` for as long as the
    block lasts. Raises Invalid.
    """
    with ExitStack() as stack:
        members = _Members(stack, path, folder, rows=most)
        array = _probabilities(members, most=most, classes=len(names))
        notes: tuple[str, ...] = ()
        order = list(range(len(names)))
        with about("file" if classes is None else "classes"):
            if written := _class_names(members, classes):
                if len(written) != array.shape[1]:
                    columns = f"{array.shape[1]:,} columns"
                    raise Invalid(f"There are {len(written):,} class names for {columns}; give one each.")
                order = columns_of(written, names, what="class name")
            else:
                notes = (f"Its columns were read in the order of the data set’s classes: {listed(names)}.",)
        of_ids = "file" if ids is None and members.zip is not None else "ids"
        with about(of_ids):
            known, by_sample = _ids(stack, members, ids, rows=len(array))
        rounding = 0.02 if array.dtype == np.float16 else 0.01
        yield Predictions(
            lambda: _parts(array, _watched(known, of_ids), order, of_ids), by_sample, rounding, notes
        )


def _watched(ids: Iterator[str], field: str) -> Iterator[str]:
    with about(field):
        yield from ids


def _parts(array: NDArray[Any], ids: Iterator[str], order: list[int], of_ids: str) -> Iterator[Part]:
    for first in range(0, len(array), ROWS):
        rows = np.asarray(array[first : first + ROWS])[:, order]
        values = rows if np.issubdtype(rows.dtype, np.floating) else rows.astype(np.float64)
        written = _next(ids, len(rows))
        with about(of_ids):
            if len(written) < len(rows):
                many = f"{first + len(written):,} ids for {len(array):,} rows"
                raise Invalid(f"There are {many}; give one id for each row.")
        yield Part(written, values)
    with about(of_ids):
        if _next(ids, 1):
            raise Invalid(f"There are more ids than the {len(array):,} rows; give one id for each row.")


def _next(ids: Iterator[str], count: int) -> list[str]:
    try:
        return list(islice(ids, count))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid("The file of ids is no text in UTF-8; save it so, one id a line.") from error


def _copy(file: IO[bytes], out: IO[bytes], *, most: int) -> None:
    """Copy at most so many bytes: an array that goes on has another size than it says."""
    while most > 0 and (block := file.read(min(most, 1024**2))):
        out.write(block)
        most -= len(block)


class _Members:
    """The arrays and texts of a file by name, each opened when it is asked for."""

    def __init__(self, stack: ExitStack, path: Path, folder: Path, rows: int) -> None:
        self._stack, self._path, self._folder, self._rows = stack, path, folder, rows
        self.zip: zipfile.ZipFile | None = None
        self.by_name: dict[str, str] = {"pred_probs": ""}
        with path.open("rb") as file:
            is_zip = file.read(2) == ZIP
        if is_zip:
            try:
                self.zip = stack.enter_context(zipfile.ZipFile(path))
            except zipfile.BadZipFile as error:
                raise Invalid("The file is a damaged .npz or zip; save it again.") from error
            files = [name for name in self.zip.namelist() if not name.endswith("/")]
            self.by_name = {name.rpartition("/")[2]: name for name in files}

    def array(self, name: str, *, words: str, how: str) -> NDArray[Any] | None:
        """The array of this name, read from a file a part at a time; None if there is none."""
        if self.zip is None:
            return _mapped(self._path, words, how) if name in self.by_name else None
        member = self.by_name.get(f"{name}.npy")
        if member is None:
            return None
        with self._opened(member) as file:
            shape, dtype = _header(file, words, how)
        cells = int(np.prod(shape, dtype=np.int64)) if shape else 1
        if len(shape) and shape[0] > self._rows:
            _too_many(shape[0], self._rows)
        if dtype.itemsize * cells > max(1, self._rows) * _LONGEST * 16:
            raise Invalid(f"{words} is far larger than the data set; save the right array.")
        unpacked = self._stack.enter_context(temporary_file(self._folder))
        with self._opened(member) as file, unpacked.open("wb") as out:
            try:
                _copy(file, out, most=dtype.itemsize * cells + 1024**2)
            except (zipfile.BadZipFile, OSError, EOFError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise
                raise Invalid("The file is a damaged .npz or zip; save it again.") from error
        return _mapped(unpacked, words, how)

    def text(self, name: str) -> IO[str] | None:
        """The text of this name; None if there is none."""
        if self.zip is None or name not in self.by_name:
            return None
        opened = self._stack.enter_context(self._opened(self.by_name[name]))
        return TextIOWrapper(opened, encoding="utf-8-sig", newline="")

    def _opened(self, member: str) -> IO[bytes]:
        assert self.zip is not None  # noqa: S101 - only zips have members
        try:
            return self.zip.open(member)
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise Invalid(
                f"“{member}” in the file cannot be unpacked ({error}); save it without a password."
            ) from error


def _header(file: IO[bytes], words: str, how: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an array file. Raises Invalid."""
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, EOFError) as error:
        raise Invalid(f"{words} is no array of numpy, or it is damaged; save it with np.save.") from error
    if dtype.hasobject:
        raise Invalid(_OBJECTS.format(what=words, how=how))
    return shape, dtype


def _mapped(path: Path, words: str, how: str) -> NDArray[Any]:
    with path.open("rb") as file:
        shape, _ = _header(file, words, how)
    if not shape or not all(shape):
        raise Invalid(f"{words} is empty or a single value; save one row of probabilities for each image.")
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise Invalid(f"{words} is cut off: the file is shorter than its array; save it again.") from error
    return found


def _probabilities(members: _Members, *, most: int, classes: int) -> NDArray[Any]:
    for name in ARRAYS:
        words = "The array" if members.zip is None else f"The array “{name}”"
        array = members.array(name, words=words, how=_PLAIN)
        if array is not None:
            break
    else:
        there = listed(sorted(members.by_name)) if members.by_name else "nothing"
        raise Invalid(
            f"The file has no array “pred_probs” of probabilities; it has {there}. Save them with "
            "np.savez(file, pred_probs=pred_probs, ids=ids, classes=classes)."
        )
    shape = " x ".join(map(str, array.shape))
    if array.ndim == 1 and np.issubdtype(array.dtype, np.number):
        raise Invalid(
            f"The array has the shape {shape}: one value for each image. Give the probability of each of the "
            f"{classes} classes, in an array of images x classes (predict_proba, not predict)."
        )
    if array.ndim != 2 or array.shape[1] != classes:  # noqa: PLR2004
        turned = array.ndim == 2 and array.shape[0] == classes  # noqa: PLR2004
        raise Invalid(
            f"The array has the shape {shape}, but the data set has {classes} classes: save an array of "
            f"images x {classes}.{' It looks turned over: save its transpose, array.T.' if turned else ''}"
        )
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
        raise Invalid(f"The array has values of the type {array.dtype}, not numbers; save {_PLAIN}.")
    if len(array) > most:
        _too_many(len(array), most)
    return array


def _too_many(rows: int, most: int) -> None:
    raise Invalid(
        f"The file has {rows:,} rows, but the data set has {most:,} images; give one row for each image."
    )


def _class_names(members: _Members, file: Path | None) -> list[str]:
    if file is not None:
        return _lines(file)
    for name in CLASSES:
        if members.zip is None:
            return []
        array = members.array(name, words=f"The array “{name}”", how="np.array(classes, dtype=str)")
        if array is not None:
            return [str(each) for each in array.ravel()]
        text = members.text(f"{name}.txt")
        if text is not None:
            return _stripped(text)
    return []


def _lines(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig") as text:
        return _stripped(text)


def _stripped(text: IO[str]) -> list[str]:
    try:
        return [line.rstrip("\r\n") for line in text if line.strip()]
    except UnicodeDecodeError as error:
        raise Invalid("The file of class names is no text in UTF-8; save it so, one name a line.") from error


def _ids(stack: ExitStack, members: _Members, file: Path | None, *, rows: int) -> tuple[Iterator[str], bool]:
    """The ids in the order of the rows, and whether they are sample ids."""
    if file is not None:
        with file.open("rb") as opened:
            head = opened.read(len(MAGIC))
        if head == MAGIC:
            return _of_array(_mapped(file, "The array of ids", _TEXT))
        return _of_text(stack.enter_context(file.open(encoding="utf-8-sig", newline="")))
    for name in ID_NAMES:
        if members.zip is None:
            break
        array = members.array(name, words=f"The array “{name}”", how=_TEXT)
        if array is not None:
            known, by_sample = _of_array(array)
            return known, by_sample or name in SAMPLE_NAMES
        text = members.text(f"{name}.csv") or members.text(f"{name}.txt")
        if text is not None:
            return _of_text(text)
    raise Invalid(
        f"The file does not say which of its {rows:,} rows is which image. Give the paths or image ids in "
        "the order of the rows: as an array “ids” in a .npz, or as a second file (--ids ids.csv), such as "
        "the ids.csv of the export cleanlab."
    )


def _of_array(array: NDArray[Any]) -> tuple[Iterator[str], bool]:
    if array.ndim != 1 or array.dtype.kind not in "iuUS":
        raise Invalid(
            f"The ids have the shape {' x '.join(map(str, array.shape))} and the type {array.dtype}; save "
            f"one path or whole number for each row: {_TEXT}."
        )
    if array.dtype.kind == "S":
        return (str(each.decode(errors="replace")) for each in array), False
    return (str(each) for each in array), array.dtype.kind in "iu"


def _of_text(text: IO[str]) -> tuple[Iterator[str], bool]:
    """One id a line, or the column of a CSV with a header: the path, or else the sample id."""
    reader = csv.reader(text)
    try:
        head = next(reader, [])
        column = next((head.index(name) for name in ID_NAMES if name in head), None)
        return _column(reader, column, first=None if column is not None else head), (
            column is not None and head[column] not in PATH_NAMES and head[column] in SAMPLE_NAMES
        )
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid("The file of ids is no text in UTF-8; save it so, one id a line.") from error


def _column(reader: Any, column: int | None, *, first: list[str] | None) -> Iterator[str]:
    if first:
        yield first[0]
    for number, row in enumerate(reader, start=1 if first is None else 2):
        if row:
            if len(row) <= (column or 0):
                raise Invalid(f"Line {number} of the ids is too short; give one id for each row.")
            yield row[column or 0]
