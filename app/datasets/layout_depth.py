"""Nested class folders: which of them may be the class, and which folders contain no classes (pure)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from app.datasets.folders import Folder
from app.datasets.layout_reading import LEFT_OUT, OPEN, ClassFolder, Reading
from app.datasets.split_words import SplitWord, is_no_class, is_thing, letters, settle, split_word

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
    """Class folders that may be groups of classes, if most are: images only in several named subfolders."""
    found = [
        folder
        for folder in class_folders
        if not folder.direct and len({letters(name) for name in folder.folders if _may_be_class(name)}) > 1
    ]
    return found if 2 * len(found) >= len(class_folders) else []


def _may_be_class(name: str) -> bool:
    return bool(letters(name)) and not is_no_class(name) and not plain_word(name)


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
