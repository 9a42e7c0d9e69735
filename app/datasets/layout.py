"""Assigns each path of a source to a part and a class, from the paths alone (pure)."""

from collections.abc import Collection
from dataclasses import dataclass, field

from app.datasets.folders import tree_of
from app.datasets.layout_guess import Guess, guess
from app.datasets.layout_reading import Reading
from app.datasets.naming import class_name, is_clutter, name_problem
from app.datasets.split_words import is_thing, split_word
from app.spelling import folded

FEWEST_CLASSES = 2

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
    ".heic",
    ".heif",
    ".heics",
    ".heifs",
    ".hif",
)
NOT_IN_A_CLASS = "not inside a class folder"
EXPECTED = (
    "Toploss expects a folder or zip of at least two class folders with images in them, such as cat/1.png "
    "and dog/2.png, with or without train, valid and test folders above or below them"
)


@dataclass(frozen=True)
class PathMeaning:
    """The place of a path: `split` is train, valid, test or None; `label` is the class name."""

    split: str | None
    label: str


@dataclass(frozen=True)
class Layout:
    """The place of every path by one reading of the source; `misplaced` paths belong to no class."""

    places: dict[str, PathMeaning]
    misplaced: list[str]
    reading: Reading
    # by labels in a file: why other files are no samples
    reasons: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # about labels without images, and the reverse
    empty: tuple[str, ...] = ()  # classes whose folders are empty
    unlabelled: tuple[str, ...] = ()  # by labels in a file: images whose rows have no label

    @property
    def classes(self) -> list[str]:
        """The class names, sorted."""
        return sorted({place.label for place in self.places.values()})

    @property
    def has_valid(self) -> bool:
        """Whether the source has a validation part."""
        return any(place.split == "valid" for place in self.places.values())


def understand(paths: Collection[str]) -> Guess:
    """What the folders of these paths may mean, the most likely reading first.

    Only files with the suffix of an image count (or all files, if there are none), so a README or a folder of
    documents becomes no class.
    """
    return guess(tree_of(images_of(paths)))


def images_of(paths: Collection[str]) -> list[str]:
    """The paths with the suffix of an image; all paths if there are none."""
    return [path for path in paths if _looks_like_image(path.rsplit("/", 1)[-1])] or list(paths)


def arrange(paths: Collection[str], reading: Reading | None = None, empty: Collection[str] = ()) -> Layout:
    """The layout of relative POSIX paths by a reading of their folders, or by the most likely one.

    A class is a folder with an image in it, or one of the `empty` folders beside others; a folder of
    documents alone is no class.
    """
    if reading is None:
        reading = understand(paths).readings[0]
    found = {path: reading.place(path) for path in paths}
    folders = {
        place.folder
        for path in images_of([path for path, place in found.items() if place is not None])
        if (place := found[path]) is not None
    }
    places = {
        path: PathMeaning(place.part, class_name(place.name))
        for path, place in found.items()
        if place is not None and place.folder in folders
    }
    misplaced = [path for path in paths if path not in places]
    return Layout(places, misplaced, reading, empty=_empty_classes(empty, places, reading))


def _empty_classes(
    empty: Collection[str], places: dict[str, PathMeaning], reading: Reading
) -> tuple[str, ...]:
    """The names of classes whose folders are empty, wherever one of the names has no images."""
    if not places:
        return ()
    known = {folded(place.label) for place in places.values()}
    names = {}
    for folder in empty:
        found = reading.place(f"{folder}/x.png")
        if found is None or found.folder != folder:
            continue
        name = class_name(found.name)
        is_other = is_thing(name) or split_word(name) or is_clutter(folder) or name_problem(f"{folder}/x.png")
        if not is_other and folded(name) not in known:
            names[folded(name)] = name
    return tuple(sorted(names.values()))


def _looks_like_image(name: str) -> bool:
    return "." not in name or name.casefold().endswith(IMAGE_SUFFIXES)
