"""A person's choice for the folders of a source, `train=training_set,valid=dev`, as a reading (pure)."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from app.datasets.folders import Folder
from app.datasets.label_reading import StatedLabels
from app.datasets.layout_guess import above, core, unwrapped
from app.datasets.layout_reading import CLASS_FOLDERS, LEFT_OUT, OPEN, ClassFolder, Reading
from app.datasets.split_words import PARTS, settle, split_word
from app.errors import Invalid

NONE = "none"  # there are no split folders
SKIP = "skip"  # the word for folders whose images are left out
BELOW = "*/"  # before the name of a folder inside the classes; without it upper folders are searched first
LABELS = "labels="  # before the path of a label file in the source: the folders are no classes
CLASS = "class"  # which of nested folders is the class: `class=last`
_PIECE = re.compile(r"(?:^|,)\s*(\w+)\s*=")
HOW = (
    "Say which folder is which part, as in train=training_set,valid=dev,skip=masks, or “none” if every "
    "folder is a class"
)


@dataclass(frozen=True)
class StatedLayout:
    """The part of each named folder (empty: there are none), which folder is the class, or a label file."""

    folders: Mapping[str, str] = field(default_factory=dict)
    classes: ClassFolder = "first"
    labels: StatedLabels | None = None


def parse(texts: Collection[str]) -> StatedLayout | None:
    """Parse `train=a,valid=b`, or `none` for no split folders, each with an optional `class=last`.

    Returns None for empty texts. Raises Invalid for anything else, for a folder that is named twice, and
    without a folder for `train`.
    """
    text = ",".join(texts).strip()
    if not text:
        return None
    if text.startswith(LABELS):
        return StatedLayout(labels=StatedLabels(text.removeprefix(LABELS).strip()))
    pieces = list(_PIECE.finditer(text))
    start = text[: pieces[0].start()].strip() if pieces else text
    if start and start.casefold() != NONE:
        raise Invalid(f"“{text}” does not say which folder is which part. {HOW}.")
    folders: dict[str, str] = {}
    classes: ClassFolder = "first"
    for piece, following in zip(pieces, [*pieces[1:], None], strict=False):
        folder = text[piece.end() : following.start() if following else len(text)].strip().strip("/")
        if piece[1].casefold() == CLASS:
            classes = _class_folder(folder)
            continue
        part = _part(piece[1])
        if start:
            raise Invalid(f"“{text}” says both that there are no parts and which they are. {HOW}.")
        if not folder or folders.get(folder, part) != part:
            raise Invalid(f"“{text}” names {'no folder' if not folder else 'a folder twice'}. {HOW}.")
        folders[folder] = part
    if not folders and not start and pieces and classes == "first":
        raise Invalid(f"“{text}” does not say which folder is which part. {HOW}.")
    check_parts(folders, how=f" {HOW}.")
    return StatedLayout(folders, classes)


def _class_folder(word: str) -> ClassFolder:
    for known in CLASS_FOLDERS:
        if word.casefold() == known:
            return known
    raise Invalid(
        f"“class={word}” is none of class=first (the upper folder is the class), class=last (the lower) "
        "and class=path (both)."
    )


def as_text(reading: Reading) -> str:
    """The text by which a person chooses this reading; an open part is `?`."""
    if reading.labels is not None:
        return f"{LABELS}{reading.labels.files[0]}"
    more = [f"{CLASS}={reading.classes}"] if reading.classes != "first" else []
    if reading.where == "none":
        return ",".join([NONE, *more])
    names = {LEFT_OUT: SKIP, OPEN: OPEN}
    start = f"{reading.root}/" if reading.root else ""
    before = BELOW if reading.where == "below" else ""
    order = [*PARTS, OPEN, LEFT_OUT]
    pairs = sorted(reading.folders.items(), key=lambda pair: (order.index(pair[1]), pair[0]))
    said = [f"{names.get(part, part)}={before}{folder.removeprefix(start)}" for folder, part in pairs]
    return ",".join(said + more)


def check_parts(folders: Mapping[str, str], *, how: str = "") -> None:
    """Raises Invalid if a part is open or there is no training part; `how` is appended to the message."""
    if open_ := sorted(folder for folder, part in folders.items() if part == OPEN):
        raise Invalid(
            f"Choose a part for {' and '.join(filter(None, [', '.join(open_[:-1]), open_[-1]]))}.{how}"
        )
    if folders and "train" not in folders.values():
        raise Invalid(f"No folder is the training part; choose one that is.{how}")


def reading_of(tree: Folder, said: StatedLayout) -> Reading:
    """The reading in which these folders, by name or path, are parts above or below the classes.

    Raises Invalid for a folder that does not exist.
    """
    return replace(_reading_of(tree, said.folders), classes=said.classes)


def _reading_of(tree: Folder, folders: Mapping[str, str]) -> Reading:
    said = {_key(name.removeprefix(BELOW)): part for name, part in folders.items()}
    is_below = bool(folders) and all(name.startswith(BELOW) for name in folders)
    every = [folder.name for folder in _few_levels(tree) if _match(folder, said, "")]
    if not said:
        return Reading("none", unwrapped(tree).path)
    for here in (
        unwrapped(tree, [] if is_below else every),
        unwrapped(tree),
    ):  # an outer folder may have the same name
        if found := _reading_in(here, said, is_below=is_below):
            return found
    here = unwrapped(tree, [] if is_below else every)
    raise Invalid(_not_there(folders, _levels(here, is_below=is_below), here.path))


def _reading_in(here: Folder, said: Mapping[str, str], *, is_below: bool) -> Reading | None:
    """The reading in which folders of one level in `here` are the given parts; None without such a level."""
    for level in _levels(here, is_below=is_below):
        keys = {folder.path: key for folder in level if (key := _match(folder, said, here.path))}
        parts = {path: said[key] for path, key in keys.items()}
        if set(keys.values()) < set(said):
            continue
        chosen = [folder for folder in level if folder.path in parts]
        if level and level[0].path in {top.path for top in here.folders.values()}:
            kept = {path: part for path, part in parts.items() if part != LEFT_OUT}
            return above(here, kept, left_out=[each for each in chosen if parts[each.path] == LEFT_OUT])
        if is_below or 2 * sum(folder.is_flat for folder in chosen) > len(chosen):
            return Reading("below", here.path, {folder.name: parts[folder.path] for folder in chosen})
        return Reading("above", here.path, {core(folder).path: parts[folder.path] for folder in chosen})
    return None


def _levels(here: Folder, *, is_below: bool) -> list[list[Folder]]:
    """The levels to search for named folders: `here` and the next one, or at any depth below."""
    tops = list(here.folders.values())
    inside = [folder for top in tops for folder in top.folders.values()]
    return [inside, [folder for top in tops for folder in _all_below(top)]] if is_below else [tops, inside]


def _not_there(folders: Mapping[str, str], levels: list[list[Folder]], root: str) -> str:
    found = [folder for level in levels for folder in level]
    names = sorted({folder.name for folder in found})
    listed = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")  # noqa: PLR2004
    keys = {name: {_key(name.removeprefix(BELOW)): ""} for name in folders}
    missing = [name for name, key in keys.items() if not any(_match(folder, key, root) for folder in found)]
    if missing:
        return f"There is no folder {', '.join(missing)} here; the folders are {listed}."
    return "These folders do not lie on one level; name those above the classes, or those in them."


def _all_below(folder: Folder) -> Iterator[Folder]:
    """Every folder inside it, at any depth."""
    for inside in folder.folders.values():
        yield inside
        yield from _all_below(inside)


def _part(word: str) -> str:
    if word.casefold() == SKIP:
        return LEFT_OUT
    if word == OPEN:
        return OPEN
    found = split_word(word)
    if found is None or not found.is_plain:
        raise Invalid(f"“{word}” is none of train, valid, test and skip. {HOW}.")
    return settle([found.part])[found.part]


def _match(folder: Folder, said: Mapping[str, str], root: str) -> str | None:
    """The key that names a folder: its name, its path, or those of its only subfolder."""
    start = f"{root}/" if root else ""
    names = [folder.name]
    here: Folder | None = folder
    while here is not None:
        names += [here.path.removeprefix(start), here.path]
        here = here.only
    return next((key for name in names if (key := _key(name)) in said), None)


def _few_levels(tree: Folder) -> list[Folder]:
    """The topmost folders, as long as each level has only one, and the folders of the next level."""
    found, here = [], tree
    while len(here.folders) == 1:
        here = next(iter(here.folders.values()))
        found.append(here)
    return [*found, *here.folders.values()]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().strip("/").casefold()
