"""Which path is which split and class: the folders of a source, understood from its paths alone (pure)."""

from collections.abc import Collection
from dataclasses import dataclass

from app.datasets.naming import class_name

FEWEST_CLASSES = 2

SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "test": "test",
}
IMAGE_SUFFIXES = (
    ".png",
    ".apng",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".mpo",
    ".gif",
    ".bmp",
    ".dib",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".jp2",
    ".j2k",
    ".jpx",
    ".avif",
)
NOT_IN_A_CLASS = "not inside a class folder"
EXPECTED = (
    "Toploss expects a folder or zip of at least two class folders with images in them, such as cat/1.png and dog/2.png, "
    "with or without train, valid and test folders above them"
)


@dataclass(frozen=True)
class Place:
    """Where a path stands: `split` is train, valid or test, none where the source has no splits; `label` is the class's name."""

    split: str | None
    label: str


@dataclass(frozen=True)
class Layout:
    """Every path with its place; `misplaced` are those that belong to no class."""

    places: dict[str, Place]
    misplaced: list[str]

    @property
    def classes(self) -> list[str]:
        """The classes' names, sorted."""
        return sorted({place.label for place in self.places.values()})

    @property
    def has_valid(self) -> bool:
        """Whether the source has a validation part of its own."""
        return any(place.split == "valid" for place in self.places.values())


def arrange(paths: Collection[str]) -> Layout:
    """The layout of relative POSIX paths.

    Only files that look like images by their suffix (or all, if none does) decide what the folders mean, so a README or a
    folder of documents makes no class. Folders that wrap everything are looked through. Folders named like splits are
    splits if that is what all folders beside them are, or if class folders lie below them: `train` may be a class of vehicles.
    """
    parts = {path: path.split("/") for path in paths}
    images = [path for path in parts.values() if _looks_like_image(path[-1])] or list(parts.values())
    level = _wrapping(images)
    split_level = _has_splits(images, level)
    class_level = level + split_level
    folders = {tuple(path[: class_level + 1]) for path in images if len(path) > class_level + 1}
    places: dict[str, Place] = {}
    misplaced = []
    for path, names in parts.items():
        split = SPLITS.get(names[level].casefold()) if split_level and len(names) > level else None
        if (
            tuple(names[: class_level + 1]) in folders
            and len(names) > class_level + 1
            and (split or not split_level)
        ):
            places[path] = Place(split, class_name(names[class_level]))
        else:
            misplaced.append(path)
    return Layout(places, misplaced)


def _looks_like_image(name: str) -> bool:
    return "." not in name or name.casefold().endswith(IMAGE_SUFFIXES)


def _wrapping(images: list[list[str]]) -> int:
    """How many folders wrap everything: they are alone on their level, no split, and have folders in them."""
    level = 0
    while True:
        tops = {path[level] for path in images if len(path) > level + 1}
        below = [path for path in images if len(path) > level + 2]
        if len(tops) != 1 or not below or tops.pop().casefold() in SPLITS:
            return level
        level += 1


def _has_splits(images: list[list[str]], level: int) -> bool:
    inside = [path for path in images if len(path) > level + 1]
    tops = {path[level] for path in inside}
    splits = {top for top in tops if top.casefold() in SPLITS}
    if not splits or splits == tops:
        return bool(splits)
    direct = any(path[level] in splits and len(path) == level + 2 for path in inside)
    classes = {path[level + 1] for path in inside if path[level] in splits and len(path) > level + 2}
    return not direct and len(classes) >= FEWEST_CLASSES
