"""What a person says of a source's folders: from `train=training_set,valid=dev` to a reading, and back (pure)."""

import re
import unicodedata
from collections.abc import Collection, Mapping

from app.datasets.folders import Folder
from app.datasets.layout_guess import above, core, unwrapped
from app.datasets.layout_reading import LEFT_OUT, OPEN, Reading
from app.datasets.split_words import PARTS, settle, split_word
from app.errors import Invalid

NONE = "none"  # there are no split folders
SKIP = "skip"  # the word for folders whose images are left out
BELOW = "*/"  # before the name of a folder that lies in the classes; without it the upper folders are looked at first
_PIECE = re.compile(r"(?:^|,)\s*(\w+)\s*=")
HOW = "Say which folder is which part, as in train=training_set,valid=dev,skip=masks, or “none” if every folder is a class"


def parse(texts: Collection[str]) -> dict[str, str] | None:
    """The part of each folder that is named: `train=a,valid=b`; nothing named is no split folders (`none`), or no say (none).

    Raises Invalid for what cannot be understood, for one folder that is named twice, and without a folder for `train`.
    """
    text = ",".join(texts).strip()
    if not text:
        return None
    if text.casefold() == NONE:
        return {}
    pieces = list(_PIECE.finditer(text))
    if not pieces or pieces[0].start() != 0:
        raise Invalid(f"“{text}” does not say which folder is which part. {HOW}.")
    folders: dict[str, str] = {}
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        folder = text[piece.end() : following.start() if following else len(text)].strip().strip("/")
        part = _part(piece[1])
        if not folder or folders.get(folder, part) != part:
            raise Invalid(f"“{text}” names {'no folder' if not folder else 'a folder twice'}. {HOW}.")
        folders[folder] = part
    check_parts(folders)
    return folders


def as_text(reading: Reading) -> str:
    """What a person would say to get this reading; an open part is `?`."""
    if reading.where == "none":
        return NONE
    names = {LEFT_OUT: SKIP, OPEN: OPEN}
    start = f"{reading.root}/" if reading.root else ""
    before = BELOW if reading.where == "below" else ""
    order = [*PARTS, OPEN, LEFT_OUT]
    pairs = sorted(reading.folders.items(), key=lambda pair: (order.index(pair[1]), pair[0]))
    return ",".join(f"{names.get(part, part)}={before}{folder.removeprefix(start)}" for folder, part in pairs)


def check_parts(folders: Mapping[str, str]) -> None:
    """Raises Invalid where a part is open, or nothing is to train on."""
    if open_ := sorted(folder for folder, part in folders.items() if part == OPEN):
        raise Invalid(f"Say which part {', '.join(open_)} is. {HOW}.")
    if folders and "train" not in folders.values():
        raise Invalid(f"No folder is the training part. {HOW}.")


def reading_of(tree: Folder, folders: Mapping[str, str]) -> Reading:
    """The reading in which these folders, by name or path, are parts, above or below the classes; none are: no parts.

    Raises Invalid for a folder that is not there.
    """
    said = {_key(name.removeprefix(BELOW)): part for name, part in folders.items()}
    is_below = bool(folders) and all(name.startswith(BELOW) for name in folders)
    every = [folder.name for folder in _few_levels(tree) if _match(folder, said, "")]
    here = unwrapped(tree, [] if is_below else every)
    tops = list(here.folders.values())
    inside = [folder for top in tops for folder in top.folders.values()]
    if not said:
        return Reading("none", here.path)
    for level in (inside,) if is_below else (tops, inside):
        keys = {folder.path: key for folder in level if (key := _match(folder, said, here.path))}
        parts = {path: said[key] for path, key in keys.items()}
        if set(keys.values()) < set(said):
            continue
        if level is tops:
            kept = {path: part for path, part in parts.items() if part != LEFT_OUT}
            return above(here, kept, left_out=[top for top in tops if parts.get(top.path) == LEFT_OUT])
        chosen = [folder for folder in inside if folder.path in parts]
        if is_below or 2 * sum(folder.is_flat for folder in chosen) > len(chosen):
            return Reading("below", here.path, {folder.name: parts[folder.path] for folder in chosen})
        return Reading("above", here.path, {core(folder).path: parts[folder.path] for folder in chosen})
    raise Invalid(_not_there(folders, [*tops, *inside], here.path))


def _not_there(folders: Mapping[str, str], found: list[Folder], root: str) -> str:
    names = sorted({folder.name for folder in found})
    listed = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")  # noqa: PLR2004
    keys = {name: {_key(name.removeprefix(BELOW)): ""} for name in folders}
    missing = [name for name, key in keys.items() if not any(_match(folder, key, root) for folder in found)]
    if missing:
        return f"There is no folder {', '.join(missing)} here; the folders are {listed}."
    return "These folders do not lie on one level; name those above the classes, or those in them."


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
    """The key by which a folder is named: its name, its path, or that of a folder which is alone in it."""
    start = f"{root}/" if root else ""
    names = [folder.name]
    here: Folder | None = folder
    while here is not None:
        names += [here.path.removeprefix(start), here.path]
        here = here.only
    return next((key for name in names if (key := _key(name)) in said), None)


def _few_levels(tree: Folder) -> list[Folder]:
    """The folders on the topmost levels, as far as each is alone on its own, and those below the last of them."""
    found, here = [], tree
    while len(here.folders) == 1:
        here = next(iter(here.folders.values()))
        found.append(here)
    return [*found, *here.folders.values()]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().strip("/").casefold()
