"""Finds the label files in a source: tables whose rows name its images, exports of other programs."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from app.datasets.label_reading import LabelFiles, StatedColumns, StatedLabels, folder_of, stem_of
from app.datasets.labels.columns import guess_columns
from app.datasets.labels.matching import TRIED, Files
from app.datasets.labels.placing import by_labels
from app.datasets.labels.rows import kind_of
from app.datasets.labels.tables import (
    LARGEST,
    Table,
    is_spreadsheet,
    no_label_file,
    read_table,
    suffix_of,
)
from app.datasets.layout_reading import Reading
from app.datasets.refusals import check_labels
from app.datasets.split_words import split_word
from app.errors import Invalid, NotFound

MOST_TABLES = 20  # of more files the ones with known names are read: each may describe one image
MOST_TOLD = 3
KNOWN = ("metadata", "labels", "annotations", "train", "valid", "val", "test", "manifest")
NO_LABELS = ("submission", "readme", "license", "package", "requirements", "classes")

Read = Callable[[LabelFiles, str], bytes]


def find_label_files(sizes: Mapping[str, int], read: Read) -> list[LabelFiles]:
    """Every set of files in a source that gives two or more classes to its images."""
    tables = _tables(sizes)
    if not tables:
        return []
    files, groups = Files(sizes), defaultdict[object, list[LabelFiles]](list)
    for path in tables:
        try:
            found = _understood(
                path, read(LabelFiles((path,)), path), files, StatedColumns(), base=folder_of(path)
            )
        except (Invalid, NotFound):
            continue
        groups[_group(path, found)].append(found)
    joined = [replace(group[0], files=tuple(each.files[0] for each in group)) for group in groups.values()]
    return [each for each in joined if _is_use(sizes, each, read)]


def unused_tables(sizes: Mapping[str, int], read: Read) -> list[str]:
    """Why files that a person may take for label files are none, in sentences."""
    said = [str(no_label_file(path)) for path in sorted(sizes) if is_spreadsheet(path)]
    files = Files(sizes)
    for path in _tables(sizes):
        try:
            content = read(LabelFiles((path,)), path)
            if suffix_of(path) == ".json" and kind_of(content, name=path)[0] == "table":
                continue  # of anything
            found = _understood(path, content, files, StatedColumns(), base=folder_of(path))
            check_labels(by_labels(sizes, Reading("labels", labels=found), read), where="this source")
        except (Invalid, NotFound) as error:
            said.append(str(error))
    return said[:MOST_TOLD]


def _tables(sizes: Mapping[str, int]) -> list[str]:
    """The files that may have labels, by their names; none if there are too many to look at."""
    tables = [path for path, size in sizes.items() if suffix_of(path) and size <= LARGEST]
    tables = [path for path in tables if not any(word in stem_of(path).casefold() for word in NO_LABELS)]
    if len(tables) > MOST_TABLES:
        tables = [path for path in tables if stem_of(path).casefold() in KNOWN]
    return sorted(tables) if len(tables) <= MOST_TABLES else []


def stated(sizes: Mapping[str, int], said: StatedLabels, read: Read) -> LabelFiles:
    """The label file that a person named, and others of its kind beside it. Raises Invalid, NotFound."""
    if not said.stored:
        same = [path for path in sizes if path == said.file or path.endswith(f"/{said.file}")]
        if len(same) != 1 and said.file not in sizes:
            listed = ", ".join([path for path in sorted(sizes) if suffix_of(path)][:10]) or "none"
            raise NotFound(
                f"There is no one file {said.file} in this source; the files that may have labels are: "
                f"{listed}."
            )
        path = said.file if said.file in sizes else same[0]
        if said.columns == StatedColumns():
            for found in find_label_files(sizes, read):
                if path in found.files:
                    return found
        content = read(LabelFiles((path,)), path)
        return _understood(path, content, Files(sizes), said.columns, base=folder_of(path))
    content = read(LabelFiles((said.file,), stored=said.stored), said.file)
    found = _understood(said.file, content, Files(sizes), said.columns, base="")
    return replace(found, stored=said.stored)


def _understood(path: str, content: bytes, files: Files, said: StatedColumns, *, base: str) -> LabelFiles:
    if not suffix_of(path):
        raise no_label_file(path)
    kind, _ = kind_of(content, name=path)
    if kind != "table":
        return LabelFiles((path,), kind)
    table = read_table(content, name=path)
    shares = _shares(table, files, base=base)
    columns = guess_columns(table, names_files=shares, said=said)
    return LabelFiles((path,), "table", columns, known=table.columns)


def _shares(table: Table, files: Files, *, base: str) -> list[float]:
    """The share of values that name a file of the source, by column."""
    rows = list(table.whole(TRIED))
    shares = []
    for place in range(len(table.columns)):
        values = [row[place] for row in rows]
        way = files.way(values, base=base)
        named = {found for value in values if (found := files.find(value, way).file)}
        shares.append(len(named) / max(1, len(rows)))
    return shares


def _group(path: str, found: LabelFiles) -> object:
    """What files have in common that are read as one: the kind and columns, and names that tell parts."""
    word = split_word(stem_of(path))
    if word is not None and word.is_plain:
        return found.kind, found.columns, folder_of(path)
    if stem_of(path).casefold() in ("metadata", "labels"):
        return found.kind, found.columns, stem_of(path).casefold()
    return path


def _is_use(sizes: Collection[str], labels: LabelFiles, read: Read) -> bool:
    try:
        return len(by_labels(sizes, Reading("labels", labels=labels), read).classes) > 1
    except (Invalid, NotFound):
        return False
