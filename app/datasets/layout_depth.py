"""Nested class folders: which of them may be the class, and which folders contain no classes (pure)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from app.datasets.folders import Folder
from app.datasets.layout_reading import LEFT_OUT, OPEN, ClassFolder, Reading
from app.datasets.split_words import SplitWord, is_no_class, is_thing, letters, settle, split_word

LONGEST_CLASS_NUMBER = 3  # digits
ORDER: tuple[ClassFolder, ...] = ("last", "first", "path")  # in which they are offered


def lacks_classes(part: Folder, others: Iterable[Folder] = ()) -> bool:
    """Whether a part has no class folders: its images are in it, in `images`, or in a second `test` folder.

    A word such as `unknown` is no class if it is the only folder of the part and none of the `others` has it.
    """
    if part.is_flat:
        return True
    inside = list(part.folders.values())
    if any(folder.folders for folder in inside):
        return False
    if any(is_thing(each.name) for each in inside) and all(is_no_class(each.name) for each in inside):
        return True
    if len(inside) != 1:
        return False
    [only] = inside
    mine, its = split_word(part.name), split_word(only.name)
    if mine and its and its.is_plain and its.part == mine.part:
        return not any(only.name in other.folders for other in others if other is not part)
    elsewhere = {name for other in others if other is not part for name in other.folders}
    return is_no_class(only.name) and bool(elsewhere) and only.name not in elsewhere


def class_folders_of(tree: Folder, reading: Reading) -> list[Folder]:
    """The class folders of each part by a reading."""
    roots = (
        [path for path, part in reading.folders.items() if part != LEFT_OUT]
        if reading.where == "above"
        else [reading.root]
    )
    found: list[Folder] = []
    for path in roots:
        here = tree
        for name in filter(None, path.split("/")):
            here = here.folders[name]
        found += here.folders.values()
    return found


def groups_among(class_folders: Sequence[Folder]) -> list[Folder]:
    """The folders that may be groups of classes: they hold no image themselves, but several named folders.

    One is enough: as a single class it would hide the classes in it.
    """
    return [
        each
        for each in class_folders
        if not (inner := holder(each)).direct and _may_be_classes(inner.folders)
    ]


def holder(folder: Folder) -> Folder:
    """The folder, or if it has only one subfolder, the first one inside with several folders or images."""
    here = folder
    while only := here.only:
        here = only
    return here


def _may_be_classes(names: Iterable[str]) -> bool:
    """Whether folders may be classes: `cat` and `dog`, `0` and `1`, but not `patient_1` and `patient_2`."""
    named = [name for name in names if not is_no_class(name) and not plain_word(name)]
    return len({letters(name) or _number(name) for name in named}) > 1


def _number(name: str) -> str:
    """A name without letters as a class: the digits of a short number, else “number”, for years and ids."""
    digits = re.sub(r"\D", "", name)
    return digits if len(digits) <= LONGEST_CLASS_NUMBER else "number"


def plain_word(name: str) -> SplitWord | None:
    """The part in a folder's name if the name contains nothing else; else None."""
    word = split_word(name)
    return word if word is not None and word.is_plain else None


def parts_in(folders: Iterable[Folder]) -> dict[str, str]:
    """The part of each folder name at any depth that is named like a part and has other parts next to it.

    A folder with another name next to two kinds of parts is open.
    """
    found = [inside for folder in folders for inside in _holders(folder)]
    words = {name: word.part for each in found for name in each.folders if (word := plain_word(name))}
    parts = settle(words.values())
    others = {name: OPEN for each in found for name in each.folders}
    return others | {name: parts[part] for name, part in words.items()}


def _holders(folder: Folder) -> Iterator[Folder]:
    """The folders that contain two kinds of parts: this one, or folders in it."""
    if len({word.part for name in folder.folders if (word := plain_word(name))}) > 1:
        yield folder
    for inside in folder.folders.values():
        yield from _holders(inside)


def by_class_folder(reading: Reading, order: Iterable[ClassFolder] = ORDER) -> tuple[Reading, ...]:
    """The reading with each way to choose the class among nested folders."""
    return tuple(replace(reading, classes=classes) for classes in order)
