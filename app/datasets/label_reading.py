"""Which files hold the labels of a source, and how they are read; stored as a part of its reading (pure)."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

NONE = "none"  # in place of the column of parts: there is none
Kind = Literal["table", "label-studio", "fiftyone"]
KINDS: dict[Kind, str] = {
    "table": "a table",
    "label-studio": "an export of Label Studio",
    "fiftyone": "a file of FiftyOne",
}


@dataclass(frozen=True)
class Columns:
    """The columns by name; `one_hot` are columns of 0 and 1 that are classes, in place of `label`."""

    path: str
    label: str = ""
    split: str = ""
    one_hot: tuple[str, ...] = ()


@dataclass(frozen=True)
class StatedColumns:
    """Columns that a person named; empty: found out. `split` may be NONE."""

    path: str = ""
    label: str = ""
    split: str = ""


@dataclass(frozen=True)
class StatedLabels:
    """A label file that a person named: in the source, or one that is stored elsewhere."""

    file: str  # its path in the source, or its name for people
    stored: str = ""  # where it is stored, if not in the source
    columns: StatedColumns = StatedColumns()


@dataclass(frozen=True)
class LabelFiles:
    """Files with the labels of a source. `stored` is the place of a file that does not lie in the source."""

    files: tuple[str, ...]
    kind: Kind = "table"
    columns: Columns | None = None  # of a table
    stored: str = ""
    known: tuple[str, ...] = ()  # the names of all columns of a table

    @property
    def name(self) -> str:
        """The files for people."""
        first = self.files[0]
        return first if len(self.files) == 1 else f"{first} and {len(self.files) - 1:,} more like it"

    def words(self) -> list[str]:
        """What is read from them, in sentences."""
        said = [f"The labels come from {self.name}, {KINDS[self.kind]}."]
        if (columns := self.columns) is None:
            return said
        classes = f"column “{columns.label}” has the class"
        if columns.one_hot:
            shown = ", ".join(f"“{name}”" for name in columns.one_hot[:8])
            more = " …" if len(columns.one_hot) > 8 else ""  # noqa: PLR2004
            classes = f"the columns {shown}{more} are classes, marked with 1"
        part = f"column “{columns.split}” the part" if columns.split else "no column says the part"
        return [*said, f"Column “{columns.path}” names the image, {classes}, {part}."]

    def as_json(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "LabelFiles":
        """Read the stored form."""
        columns = stored["columns"]
        return cls(
            tuple(stored["files"]),
            stored["kind"],
            Columns(**columns | {"one_hot": tuple(columns["one_hot"])}) if columns else None,
            stored["stored"],
            tuple(stored["known"]),
        )


def folder_of(path: str) -> str:
    """The folder of a file of the source; empty for one in its root."""
    return path.rpartition("/")[0]


def stem_of(path: str) -> str:
    """The name of a file without folder and suffix."""
    return Path(path).stem
