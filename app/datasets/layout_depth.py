"""Folders in folders of classes: which of them may be the class, and folders that hold images but no classes (pure)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from app.datasets.folders import Folder
from app.datasets.layout_reading import LEFT_OUT, OPEN, ClassFolder, Reading
from app.datasets.split_words import SplitWord, is_no_class, is_thing, letters, settle, split_word

ORDER: tuple[ClassFolder, ...] = ("last", "first", "path")  # in which they are offered


def lacks_classes(part: Folder, others: Iterable[Folder] = ()) -> bool:
    """Whether the images of a part lie in no class folders: beside each other, in `images`, or in `test` once more.

    A word such as `unknown` is no class where it is alone in the part and none of the `others` has it.
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
    """The folders that are classes by a reading, in each part."""
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
    """The class folders that may be groups of classes, where most are: no image lies in them, but in several named folders."""
    found = [
        folder
        for folder in class_folders
        if not folder.direct and len({letters(name) for name in folder.folders if _may_be_class(name)}) > 1
    ]
    return found if 2 * len(found) >= len(class_folders) else []


def _may_be_class(name: str) -> bool:
    return bool(letters(name)) and not is_no_class(name) and not plain_word(name)


def plain_word(name: str) -> SplitWord | None:
    """What a folder's name says where it says a part and nothing else."""
    word = split_word(name)
    return word if word is not None and word.is_plain else None


def parts_in(folders: Iterable[Folder]) -> dict[str, str]:
    """The part of each folder name, at any depth below these folders, that is named like one beside others.

    What lies beside two kinds of parts under another name is open.
    """
    found = [inside for folder in folders for inside in _holders(folder)]
    words = {name: word.part for each in found for name in each.folders if (word := plain_word(name))}
    parts = settle(words.values())
    others = {name: OPEN for each in found for name in each.folders}
    return others | {name: parts[part] for name, part in words.items()}


def _holders(folder: Folder) -> Iterator[Folder]:
    """The folders that hold two kinds of parts: this one, or those in it."""
    if len({word.part for name in folder.folders if (word := plain_word(name))}) > 1:
        yield folder
    for inside in folder.folders.values():
        yield from _holders(inside)


def by_class_folder(reading: Reading, order: Iterable[ClassFolder] = ORDER) -> tuple[Reading, ...]:
    """The reading with each way to choose the class among folders in folders."""
    return tuple(replace(reading, classes=classes) for classes in order)
