"""A reading of a source's folders: which are parts and which are classes; stored with the data set (pure)."""

from dataclasses import dataclass, field
from typing import Any, Literal

from app.datasets.label_reading import LabelFiles
from app.datasets.split_words import is_thing

LEFT_OUT = ""  # the part of a folder whose images are left out
OPEN = "?"  # the part of a folder that a person has to name

Where = Literal["none", "above", "below", "labels"]
ClassFolder = Literal[
    "first", "last", "path"
]  # of nested folders, the upper one, the lower one, or `upper/lower` is the class
CLASS_FOLDERS: tuple[ClassFolder, ...] = ("first", "last", "path")


@dataclass(frozen=True)
class Found:
    """The place of a path by a reading: its part, the class folder's name, and that folder's path."""

    part: str | None
    name: str
    folder: str


@dataclass(frozen=True)
class Reading:
    """What the folders mean.

    `root` is the folder that contains everything. With parts `above` the classes, `folders` maps the path of
    each folder that contains class folders to its part; with parts `below`, it maps the name of each folder
    in a class. Images in other folders are left out above, and belong to no part below. `classes` states
    which of nested class folders is the class. `where` is `labels` where not the folders but the files
    `labels` have the classes.
    """

    where: Where = "none"
    root: str = ""
    folders: dict[str, str] = field(default_factory=dict)
    classes: ClassFolder = "first"
    labels: LabelFiles | None = None

    @property
    def files(self) -> LabelFiles:
        """The files with the labels of this reading, which must have some."""
        if self.labels is None:
            raise LookupError("This reading goes by folders.")
        return self.labels

    @property
    def open(self) -> list[str]:
        """The folders whose part a person still has to name."""
        return sorted(folder for folder, part in self.folders.items() if part == OPEN)

    @property
    def left_out(self) -> list[str]:
        """The folders whose images are left out."""
        return sorted(folder for folder, part in self.folders.items() if part == LEFT_OUT)

    @property
    def parts(self) -> dict[str, list[str]]:
        """The folders of each part, by part in their usual order."""
        return {
            part: sorted(folder for folder, its in self.folders.items() if its == part)
            for part in ("train", "valid", "test", OPEN)
            if part in self.folders.values()
        }

    def place(self, path: str) -> Found | None:
        """The place of a relative POSIX path; None if it belongs to no class."""
        start = f"{self.root}/" if self.root else ""
        if not path.startswith(start):
            return None
        names = path[len(start) :].split("/")[:-1]
        if self.where == "above":
            for depth in range(len(names) - 1, 0, -1):
                part = self.folders.get(start + "/".join(names[:depth]))
                if part is not None:
                    return self._found(part, start, names, depth)
            return None
        if not names:
            return None
        known = (depth for depth in range(1, len(names)) if names[depth] in self.folders)
        depth = next(known, 0) if self.where == "below" else 0
        part = self.folders[names[depth]] if depth else None
        if depth and self.classes != "first":
            inside = names[:depth] + names[depth + 1 :]
            found = self._found(part, "", inside, 0)
            return found and Found(part, found.name, start + "/".join(names))
        return self._found(part, start, names, 0)

    def _found(self, part: str | None, start: str, names: list[str], depth: int) -> Found | None:
        """The class among `names`, the folders of a file, from `depth` on."""
        if part == LEFT_OUT:
            return None
        if self.classes == "first":
            return Found(part, names[depth], start + "/".join(names[: depth + 1]))
        end = len(names)
        while end > depth + 1 and is_thing(names[end - 1]):  # `cat/images`
            end -= 1
        name = names[end - 1] if self.classes == "last" else "/".join(names[depth:end])
        return Found(part, name, start + "/".join(names))

    def as_json(self) -> dict[str, Any]:
        """The form in which it is stored."""
        stored = {"where": self.where, "root": self.root, "folders": self.folders}
        if self.labels is not None:
            return stored | {"labels": self.labels.as_json()}
        return stored if self.classes == "first" else stored | {"classes": self.classes}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Reading":
        """Read the stored form."""
        labels = LabelFiles.from_json(stored["labels"]) if stored.get("labels") else None
        return cls(
            stored["where"], stored["root"], dict(stored["folders"]), stored.get("classes", "first"), labels
        )
