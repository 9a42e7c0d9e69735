"""A reading of a source's folders: which are parts (train, valid, test) and which are classes; kept with the data set (pure)."""

from dataclasses import dataclass, field
from typing import Any, Literal

LEFT_OUT = ""  # the part of a folder whose images are no samples
OPEN = "?"  # the part of a folder that a person has to name

Where = Literal["none", "above", "below"]


@dataclass(frozen=True)
class Found:
    """Where a path stands by a reading: its part, the class folder's name, and that folder's path."""

    part: str | None
    name: str
    folder: str


@dataclass(frozen=True)
class Reading:
    """What the folders mean.

    `root` is the folder that everything lies in. With parts `above` the classes, `folders` gives the part of each folder
    that holds class folders, by its path; with parts `below`, of each folder in a class, by its name. Other folders hold
    no samples above, and images of no part below.
    """

    where: Where = "none"
    root: str = ""
    folders: dict[str, str] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        """The folders whose part nobody has named yet."""
        return sorted(folder for folder, part in self.folders.items() if part == OPEN)

    @property
    def left_out(self) -> list[str]:
        """The folders whose images are no samples."""
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
        """Where a relative POSIX path stands; none when it belongs to no class."""
        start = f"{self.root}/" if self.root else ""
        if not path.startswith(start):
            return None
        names = path[len(start) :].split("/")
        if self.where == "above":
            for depth in range(len(names) - 2, 0, -1):
                part = self.folders.get(start + "/".join(names[:depth]))
                if part is not None:
                    folder = start + "/".join(names[: depth + 1])
                    return None if part == LEFT_OUT else Found(part, names[depth], folder)
            return None
        if len(names) < 2:  # noqa: PLR2004 - a folder and a file
            return None
        part = self.folders.get(names[1]) if self.where == "below" and len(names) > 2 else None  # noqa: PLR2004
        return None if part == LEFT_OUT else Found(part, names[0], start + names[0])

    def as_json(self) -> dict[str, Any]:
        """To store."""
        return {"where": self.where, "root": self.root, "folders": self.folders}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Reading":
        """As it was stored."""
        return cls(stored["where"], stored["root"], dict(stored["folders"]))
