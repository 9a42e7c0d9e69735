"""Which columns of a label file name the image, its class and its part: by their names and values (pure)."""

from collections.abc import Iterable, Sequence

from app.datasets.label_reading import NONE, Columns, StatedColumns
from app.datasets.labels.tables import LOOKED_AT, Row, Table
from app.datasets.layout import IMAGE_SUFFIXES
from app.datasets.split_words import letters, settle, split_word
from app.errors import Invalid

PATHS = (  # without digits and signs, the more certain first
    *("path", "file path", "filepath", "file name", "filename", "file", "image path", "img path"),
    *("image name", "img name", "image file", "image filename", "image", "img", "fname", "picture", "photo"),
    *("image id", "imageid", "img id", "id code", "image index", "url", "image url", "name", "id"),
)
LABELS = (
    *("label", "labels", "class", "class name", "classname", "category", "target", "choice", "cleaned label"),
    *("given label", "label name", "class label", "class id", "category name", "breed", "species", "emotion"),
    *("diagnosis", "dx", "tag", "tags", "level", "y"),
)
PARTS = ("split", "set", "subset", "part", "partition", "usage", "phase", "fold", "data set", "dataset")
FLAGS = {
    "is valid": "valid",
    "is val": "valid",
    "is validation": "valid",
    "is test": "test",
    "valid": "valid",
}
_YES, _NO = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no", "")
_PUBLIC = {"publictest": "valid", "privatetest": "test"}  # FER2013


def guess_columns(table: Table, *, names_files: Sequence[float], said: StatedColumns) -> Columns:
    """The columns of a table. `names_files` is the share of values that name a file, by column.

    Raises Invalid, naming the columns, if a person has to name one.
    """
    for name in (said.path, said.label, said.split):
        if name not in ("", NONE):
            table.column(name)
    sample = list(table.whole(LOOKED_AT))
    path = said.path or _path(table, sample, names_files)
    split = said.split or _split(table, sample, without=(path, said.label))
    rest = [name for name in table.columns if name not in (path, split)]
    if path in (said.label, said.split) or (said.label and said.label == said.split):
        twice = path if path in (said.label, said.split) else said.label
        raise Invalid(f"The column “{twice}” of {table.name} is named twice; name another for one of them.")
    label = said.label or next((name for name in _by_name(rest, LABELS)), "")
    one_hot = () if label else _one_hot(table, sample, rest)
    if not label and not one_hot:
        named = [name for name in rest if letters(name) not in ("id", "index", "unnamed") and name]
        if len(named) != 1 or not _repeats(table, sample, named[0]):
            listed = ", ".join(f"“{name}”" for name in table.columns[:20])
            raise Invalid(
                f"{table.name} does not show which column is the class: its columns are {listed}. Name the "
                "column of the class (--label-column in the shell, label_column by REST)."
            )
        label = named[0]
    for name in (path, label, split):
        if name in table.doubled and name not in (said.path, said.label, said.split):
            listed = ", ".join(f"“{each}”" for each in table.columns[:20])
            raise Invalid(
                f"{table.name} has several columns “{name}”; the later ones are called by their number: "
                f"{listed}. Name the right one (--path-column, --label-column or --split-column in the "
                "shell; path_column, label_column or split_column by REST)."
            )
    return Columns(path, label, "" if split == NONE else split, one_hot)


def parts_of(values: Iterable[str], *, column: str) -> dict[str, str | None] | None:
    """The part for each value of a column; None if some value means no part."""
    found = {value.strip() for value in values}
    if flag := FLAGS.get(_spaced(column)):
        if {value.casefold() for value in found} <= {*_YES, *_NO}:
            return {value: flag if value.casefold() in _YES else "train" for value in found}
        return None
    words = {value: split_word(value) for value in found if value}
    parts = {value: word.part for value, word in words.items() if word is not None}
    if {"publictest", "privatetest"} <= {each.casefold() for each in found}:
        parts = {value: _PUBLIC.get(value.casefold(), part) for value, part in parts.items()}
    if len(parts) < len(words):
        return None
    settled = settle(parts.values())
    return {value: settled[part] for value, part in parts.items()} | ({"": None} if "" in found else {})


def _path(table: Table, sample: list[Row], names_files: Sequence[float]) -> str:
    """The column that names most files; of equals the one whose name says so."""
    order = [*_by_name(table.columns, PATHS), *table.columns]
    likely = {name: names_files[place] for place, name in enumerate(table.columns)}
    best = max(likely.values(), default=0.0)
    if best > 0:
        return next(name for name in order if likely[name] == best)
    for name in order:
        place = table.columns.index(name)
        if any(row[place].casefold().endswith(IMAGE_SUFFIXES) for row in sample):
            return name
    if named := _by_name(table.columns, PATHS):
        return named[0]
    listed = ", ".join(f"“{name}”" for name in table.columns[:20])
    raise Invalid(
        f"{table.name} does not show which column names the images: its columns are {listed}. Name it "
        "(--path-column in the shell, path_column by REST)."
    )


def _split(table: Table, sample: list[Row], *, without: Sequence[str]) -> str:
    for name in _by_name(table.columns, (*PARTS, *FLAGS)):
        if name in without:
            continue
        place = table.columns.index(name)
        parts = parts_of((row[place] for row in sample), column=name)
        if parts and any(parts.values()):
            return name
    return ""


def _one_hot(table: Table, sample: list[Row], rest: Sequence[str]) -> tuple[str, ...]:
    """Two or more columns of 0 and 1; other columns may stand beside them."""
    binary = tuple(
        name
        for name in rest
        if (values := {row[table.columns.index(name)].strip().casefold() for row in sample})
        and values <= {*_YES, *_NO}
        and values & {*_YES}
    )
    return binary if len(binary) > 1 else ()


def is_yes(value: str) -> bool:
    """Whether a cell of a one-hot column says that this is the class."""
    return value.strip().casefold() in _YES


def _repeats(table: Table, sample: list[Row], name: str) -> bool:
    """Whether a column has fewer values than rows, as classes do."""
    values = [row[table.columns.index(name)] for row in sample]
    return len(set(values)) < max(2, len(values))


def _by_name(columns: Iterable[str], known: Sequence[str]) -> list[str]:
    """The columns with a known name, the most certain first."""
    places = {name: known.index(spaced) for name in columns if (spaced := _spaced(name)) in known}
    return sorted(places, key=places.__getitem__)


def _spaced(name: str) -> str:
    """A column's name in words: `is_valid`, `isValid` and `Is Valid` are the same."""
    return letters(name)
