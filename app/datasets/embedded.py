"""Parquet files with images in them, as the library `datasets` writes them: unpacked once to a zip.

A row of a Parquet file cannot be read alone. So the images become a zip in the data folder, named by its
content, with a file of their labels and parts; the same files give the same zip.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.datasets.kinds import HEAD, image_kind
from app.datasets.label_reading import StatedColumns, StatedLabels, stem_of
from app.datasets.labels.columns import LABELS, PARTS, parts_of
from app.datasets.labels.tables import class_names_of, text_of, text_of_class, undamaged
from app.datasets.layout import IMAGE_SUFFIXES
from app.datasets.naming import name_problem
from app.datasets.split_words import letters, settle, split_word
from app.datasets.uploads import keep_zip
from app.errors import Invalid, NotFound
from app.files import temporary_file
from app.storage import FolderSource, ImageSource, Origin, Unreadable, open_source

LABEL_FILE = "labels.jsonl"
ROWS = 64  # images in memory at once
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the date of every entry, so that the same images are the same zip
_SUFFIXES = {"PNG": "png", "JPEG": "jpg", "WebP": "webp", "TIFF": "tif", "GIF": "gif", "AVIF": "avif"}

Open = Callable[[str], Any]  # a Parquet file by its path


def holds_images(file: Path) -> bool:
    """Whether a file on the disk is Parquet with images in it."""
    try:
        return bool(_image_column(_opened(file)))
    except (Invalid, OSError):
        return False


def unpack_file(
    file: Path, *, name: str, uploads_dir: Path, label_column: str = ""
) -> tuple[Origin, StatedLabels]:
    """The origin of the images in one Parquet file, and the file of their labels. Raises Invalid."""
    return _unpack([name], lambda _: _opened(file), name, uploads_dir, label_column)


def unpack(
    origin: Origin, *, uploads_dir: Path, label_column: str = ""
) -> tuple[Origin, StatedLabels] | None:
    """The same for a folder or zip of such files; None if there are none, or if there are image files too."""
    if origin.parts or Path(origin.source).suffix == ".urls":
        return None
    with closing(open_source(origin)) as source:
        try:
            paths = [entry.path for entry in source.walk() if not entry.problem]
        except (Invalid, NotFound, OSError):
            return None  # the import says why
        tables = sorted(path for path in paths if path.casefold().endswith(".parquet"))
        if not tables or any(path.casefold().endswith(IMAGE_SUFFIXES) for path in paths):
            return None
        open_ = _opener(source, origin)
        try:
            tables = [path for path in tables if _image_column(open_(path))]
        except (Unreadable, NotFound):
            return None
        return _unpack(tables, open_, str(origin), uploads_dir, label_column) if tables else None


def _opener(source: ImageSource, origin: Origin) -> Open:
    def open_(path: str) -> Any:
        if isinstance(source, FolderSource) and "://" not in origin.source:
            source.size(path)  # refused where a link leaves the folder
            return _opened(Path(origin.source) / path)
        return _opened(source.read(path))

    return open_


def _opened(file: Path | bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with undamaged(file.name if isinstance(file, Path) else "A file in it"):
        return pq.ParquetFile(file if isinstance(file, Path) else pa.BufferReader(file))


def _image_column(file: Any) -> str:
    """The column of images: a struct with their bytes; empty if there is none."""
    import pyarrow as pa

    for field in file.schema_arrow:
        inside = {each.name for each in field.type} if pa.types.is_struct(field.type) else set()
        if "bytes" in inside:
            return str(field.name)
    return ""


def _check_bytes(file: Any, image: str, table: str) -> None:
    """Raises Invalid if the images of a column are not stored as bytes."""
    import pyarrow as pa

    kind = file.schema_arrow.field(image).type.field("bytes").type
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_null)
    if not any(fits(kind) for fits in binary):
        raise Invalid(
            f"The images in column “{image}” of {table} are stored as {kind}, not as bytes; write the file "
            "again with the content of each image file as binary."
        )


def _unpack(
    tables: list[str], open_: Open, name: str, uploads_dir: Path, label_column: str
) -> tuple[Origin, StatedLabels]:
    parts = _parts(tables)
    uploads_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with temporary_file(uploads_dir) as temporary:
        lines: list[str] = []
        taken: set[str] = set()
        with temporary.open("wb") as out, zipfile.ZipFile(out, "w") as archive:
            for table in tables:
                for row in _rows(open_(table), table, label_column):
                    path = _free(row, table, parts[table], len(lines), taken)
                    _write(archive, path, row["content"])
                    said = {"path": path, "label": row["label"], "split": row["split"] or parts[table] or ""}
                    lines.append(json.dumps(said, ensure_ascii=False))
            _write(archive, LABEL_FILE, "".join(f"{line}\n" for line in lines).encode())
        stored = keep_zip(uploads_dir, temporary)
    labels = StatedLabels(LABEL_FILE, columns=StatedColumns("path", "label", "split"))
    return Origin(str(stored.resolve()), name), labels


def _rows(file: Any, table: str, label_column: str) -> Iterator[dict[str, Any]]:
    """The rows with an image: path, content, label and split (empty: unknown)."""
    image = _image_column(file)
    _check_bytes(file, image, table)
    names = class_names_of(file.schema_arrow.metadata)
    columns = [str(field.name) for field in file.schema_arrow if field.name != image]
    label = _label_column(columns, names, table, label_column)
    split = next((column for column in columns if letters(column) in PARTS), "")
    wanted = [image, label, *([split] if split and split != label else [])]
    batches = file.iter_batches(batch_size=ROWS, columns=wanted)
    while True:
        with undamaged(table):
            batch = next(batches, None)
            records = [] if batch is None else batch.to_pylist()
        if batch is None:
            return
        for record in records:
            picture = record[image] or {}
            value, classes = record[label], names.get(label)
            part = text_of(record.get(split)) if split else ""
            known = parts_of([part], column=split) if part else None
            yield {
                "path": picture.get("path") or "",
                "content": picture.get("bytes") or b"",
                "label": text_of(value) if classes is None else text_of_class(value, classes),
                "split": (known or {}).get(part) or "",
            }


def _label_column(columns: list[str], names: dict[str, tuple[str, ...]], table: str, said: str) -> str:
    if said:
        if said in columns:
            return said
        raise Invalid(f"{table} has no column “{said}”; its columns are {', '.join(columns)}.")
    known = [column for column in columns if letters(column) in LABELS]
    known.sort(key=lambda column: (column not in names, LABELS.index(letters(column))))
    found = [*known, *names]
    if not found:
        raise Invalid(
            f"{table} does not show which column is the class: its columns are {', '.join(columns)}. Name it "
            "(--label-column in the shell, label_column by REST)."
        )
    return found[0]


def _parts(tables: list[str]) -> dict[str, str | None]:
    """The part of each file, by its name (`train-00000-of-00002`) or that of a folder above it."""
    words: dict[str, str | None] = {}
    for table in tables:
        *folders, _ = table.split("/")
        names = [stem_of(table).partition("-")[0], *reversed(folders)]
        found = (split_word(name) for name in names)
        words[table] = next((word.part for word in found if word is not None and word.is_plain), None)
    settled = settle(word for word in words.values() if word)
    return {table: settled[word] if word else None for table, word in words.items()}


def _free(row: dict[str, Any], table: str, part: str | None, number: int, taken: set[str]) -> str:
    """A path for an image: its own, if no other image has it."""
    own = str(row["path"]).replace("\\", "/").lstrip("/")
    suffix = _SUFFIXES.get(image_kind(row["content"][:HEAD]), "img")
    made = f"{part or stem_of(table)}/{number:07}.{suffix}"
    choices = [own, f"{part or stem_of(table)}/{own}", made] if own and not name_problem(own) else [made]
    path = next((choice for choice in choices if choice not in taken and choice != LABEL_FILE), made)
    taken.add(path)
    return path


def _write(archive: zipfile.ZipFile, path: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(path, EARLIEST), content)
