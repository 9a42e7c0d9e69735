"""Guesses what the folders of a source mean, and what to ask a person if this is unclear (pure).

Parts are recognised by their names and neighbours: `train` next to `test` is a part, `train` next to `car`
and `plane` is a class. Folders with the same subfolders may be parts whatever their names. A person is asked
about unclear cases.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.datasets.folders import Folder, same_name
from app.datasets.layout_depth import (
    by_class_folder,
    class_folders_of,
    groups_among,
    holder,
    lacks_classes,
    parts_in,
    plain_word,
)
from app.datasets.layout_reading import LEFT_OUT, OPEN, Reading
from app.datasets.split_words import holds_no_labels, is_no_class, is_thing, letters, settle, split_word

MOST_PARTS = 20  # more folders with the same subfolders are classes


@dataclass(frozen=True)
class Guess:
    """Readings of the folders, the most likely first; `doubt` is the open question, empty if it is clear.

    `refusal` explains why no reading is possible: there are no class folders.
    """

    readings: tuple[Reading, ...]
    doubt: str = ""
    refusal: str = ""


def guess(tree: Folder) -> Guess:
    """The guess, with a doubt if classes contain folders that may be classes or parts themselves."""
    found = _likely(tree)
    return found if found.doubt or found.refusal else _with_hidden(tree, found)


def _with_hidden(tree: Folder, found: Guess) -> Guess:
    """The guess, with a doubt and other readings if the most likely reading would hide classes or parts."""
    reading = found.readings[0]
    class_folders = class_folders_of(tree, reading)
    if class_folders and all(is_no_class(each.name) for each in class_folders):
        words = _shown(sorted({each.name for each in class_folders}))
        doubt = f"The class folders are only named {words}, which does not look like classes."
        return Guess(found.readings, doubt)
    if reading.where == "none" and (parts := parts_in(class_folders)):
        holders = [each for each in class_folders if parts_in([each])]
        inside = [one for each in holders for one in each.folders.values() if parts_in([one])] or holders
        below = Reading("below", reading.root, parts)
        if not below.open and all(
            (only := each.only) and only in inside and is_thing(only.name) for each in class_folders
        ):
            return Guess((below,))  # `cat/images/train`
        doubt = (
            f"{_listed(holders)} may be classes, but {_listed(inside)} in them have folders named like parts."
        )
        return Guess((*by_class_folder(below), reading), doubt)
    if reading.where != "below" and (groups := groups_among(class_folders)):
        names = sorted({each.name for each in groups})
        within = sorted({name for each in groups for name in holder(each).folders})
        upper, lower = _shown(names), _shown(within)
        doubt = f"The classes may be the upper folders ({upper}) or the folders in them ({lower})."
        return Guess(by_class_folder(reading), doubt)
    return found


def _likely(tree: Folder) -> Guess:
    here = unwrapped(tree)
    tops = list(here.folders.values())
    parts = _parts_among(tops)
    if len(tops) == 1 and not lacks_classes(tops[0]) and split_word(tops[0].name):
        return Guess((above(here, {tops[0].path: "train"}),))  # the only possible training part
    if parts:
        within = _parts_below(here, tops) if len(parts) < len(tops) else None  # a class named like a part
        return within if within and not within.doubt else _beside_parts(here, tops, parts)
    return _parts_below(here, tops) or _same_folders(here, tops) or Guess((Reading("none", here.path),))


def unwrapped(tree: Folder, names: Iterable[str] = ()) -> Folder:
    """The innermost folder that contains everything: single on its level, not a part, with subfolders."""
    here, named = tree, set(names)
    while len(here.folders) == 1:
        (child,) = here.folders.values()
        holds_parts = all(plain_word(name) for name in child.folders)
        if not child.folders or child.name in named or (split_word(child.name) and not holds_parts):
            break
        here = child
    return here


def core(top: Folder) -> Folder:
    """The folder in a part that contains the class folders: `seg_train/seg_train/cat`, `train/images/cat`."""
    here = top
    while (only := here.only) and only.folders and not only.is_flat:
        if not (is_thing(only.name) or same_name(only, top) or split_word(only.name)):
            break
        here = only
    return here


def above(here: Folder, parts: Mapping[str, str], *, left_out: Iterable[Folder] = ()) -> Reading:
    """The reading in which these folders in `here`, by path, are parts."""
    tops = [folder for folder in here.folders.values() if folder.path in parts]
    cores = [core(top) for top in tops]
    while all((only := each.only) and only.folders and not only.is_flat for each in cores):
        cores = [next(iter(each.folders.values())) for each in cores]
    folders = {each.path: parts[top.path] for top, each in zip(tops, cores, strict=True)}
    return Reading("above", here.path, folders | {folder.path: LEFT_OUT for folder in left_out})


def _classes_in(part: Folder) -> set[str]:
    return {name.casefold() for name in core(part).folders}


def _alike(one: Folder, other: Folder) -> bool:
    """Whether two folders have mostly the same subfolders."""
    mine, theirs = _classes_in(one), _classes_in(other)
    common = len(mine & theirs)
    return common > 1 and 2 * common >= min(len(mine), len(theirs))


def _parts_among(tops: Sequence[Folder]) -> dict[str, str]:
    """Folders named like parts, by path, with their part; `animals_train` only next to `animals_test`."""
    words = {top.path: word for top in tops if (word := split_word(top.name))}
    named = [top for top in tops if top.path in words]

    def has_company(top: Folder) -> bool:
        mine = words[top.path]
        return any(
            words[other.path].part != mine.part
            and (words[other.path].rest == mine.rest or _alike(top, other))
            for other in named
        )

    chosen = [top.path for top in named if words[top.path].is_plain or has_company(top)]
    parts = settle(words[path].part for path in chosen)
    return {path: parts[words[path].part] for path in chosen}


def _beside_parts(here: Folder, tops: Sequence[Folder], parts: dict[str, str]) -> Guess:
    """The guess if some folders are named like parts: they are parts, or classes like the rest."""
    none = Reading("none", here.path)
    named = [top for top in tops if top.path in parts]
    deep = [top for top in named if not lacks_classes(top, named)]
    flat = [top for top in named if top not in deep]
    others = [top for top in tops if top.path not in parts]
    several = len(set(parts.values())) > 1
    if not deep:
        return _without_classes(none, flat, asks=several or not others)
    if all(plain_word(name) for top in deep for name in core(top).folders) and not others:
        return Guess(
            (above(here, {top.path: parts[top.path] for top in deep}), _below(here, tops)),
            "Both the upper and the lower folders are named like parts.",
        )
    aside = [
        top
        for top in others
        if (several and top.is_flat)
        or _is_copy(top, [*deep, *flat])
        or (holds_no_labels(top.name) and not any(_alike(top, part) for part in deep))
    ]
    rest = [top for top in others if top not in aside]
    known = {top.path: parts[top.path] for top in deep}
    left_out = [*flat, *aside]
    same = [top for top in rest if not top.is_flat and any(_alike(top, part) for part in deep)]
    if same:
        folders = known | {top.path: OPEN for top in same}
        reading = above(here, folders, left_out=[*left_out, *(top for top in rest if top not in same)])
        return Guess(
            (reading, none), f"{_listed(same)} may be parts: the same folders lie in {_listed(deep)}."
        )
    reading = above(here, known, left_out=[*left_out, *rest])
    if rest:
        if len(deep) == 1 and (len(_classes_in(deep[0])) == 1 or _all_deep(rest)):
            return Guess((none,))
        return Guess((reading, none), f"{_listed(deep)} may be parts, or classes like {_listed(rest)}.")
    without_train = "train" not in known.values()
    return (
        Guess((reading, none), f"{_listed(deep)} are no training part.")
        if without_train
        else Guess((reading,))
    )


def _without_classes(none: Reading, parts: Sequence[Folder], *, asks: bool) -> Guess:
    """The guess for folders named like parts without class folders; `asks` is whether there is a doubt."""
    words = sorted({name for part in parts for name in part.folders if not part.is_flat})
    if not asks:
        return Guess((none,))
    if words:
        refusal = (
            f"The folders in {_listed(parts)} are only named {_shown(words)}, which are no class folders."
        )
        return Guess((none,), refusal=refusal)
    return Guess((none,), f"{_listed(parts)} are named like parts, but have no class folders in them.")


def _all_deep(rest: Sequence[Folder]) -> bool:
    return len(rest) > 1 and not any(top.is_flat for top in rest)


def _is_copy(top: Folder, parts: Sequence[Folder]) -> bool:
    """Whether a folder contains the folders next to it a second time, as in a zip that contains itself."""
    beside = {part.name: part.images for part in parts}
    return bool(top.folders) and all(
        beside.get(name) == folder.images for name, folder in top.folders.items()
    )


def _parts_below(here: Folder, tops: Sequence[Folder]) -> Guess | None:
    """The guess for parts in classes, `cat/train`, or in groups, `a/train/cat`; None without such parts."""
    worded = [top for top in tops if _holds_parts(top)]
    kinds = {word.part for top in worded for name in top.folders if (word := split_word(name))}
    if not worded or (len(worded) < len(tops) and (2 * len(worded) < len(tops) or len(kinds) == 1)):
        return None
    below, none = _below(here, worded), Reading("none", here.path)
    inside = [folder for top in worded for folder in top.folders.values() if _is_part_in(top, folder)]
    deep = [folder for folder in inside if not lacks_classes(folder)]
    names = {letters(name) for folder in deep for name in core(folder).folders}
    if len(names) > 1:
        doubt = f"{_listed(tops)} may be classes, or groups of images that have parts."
        if any(_alike(deep[0], folder) for folder in deep[1:]):
            parts = settle(word.part for folder in deep if (word := split_word(folder.name)))
            folders = {core(each).path: parts[word.part] for each in deep if (word := split_word(each.name))}
            return Guess((Reading("above", here.path, folders), below, none), doubt)
        return Guess((*by_class_folder(below), none), doubt)
    doubt = _doubt_below(below, tops, worded)
    return Guess((below, none) if doubt else (below,), doubt)


def _doubt_below(below: Reading, tops: Sequence[Folder], worded: Sequence[Folder]) -> str:
    """The question about parts inside the classes."""
    if below.open:
        known = _shown(sorted(name for name, part in below.folders.items() if part != OPEN))
        return f"The folders in the classes named {known} are parts; say what {_shown(below.open)} is."
    if len(worded) < len(tops) or any(top.direct for top in tops):
        loose = [top for top in tops if top.direct or top not in worded]
        return f"Folders in the classes are named like parts, but {_listed(loose)} has other images."
    if "train" not in below.folders.values():
        return f"{', '.join(sorted(below.folders))} are no training part."
    return ""


def _holds_parts(top: Folder) -> bool:
    """Whether its subfolders are parts: all have such names, or two kinds of parts are among them."""
    parts = [each for each in top.folders.values() if _is_part_in(top, each)]
    kinds = {word.part for each in parts if (word := split_word(each.name))}
    return bool(parts) and (len(parts) == len(top.folders) or len(kinds) > 1)


def _is_part_in(top: Folder, folder: Folder) -> bool:
    word = split_word(folder.name)
    return word is not None and (word.is_plain or word.rest in top.name.casefold())


def _below(here: Folder, tops: Sequence[Folder]) -> Reading:
    """The reading in which subfolders of the classes are parts, by their names; other names are open."""
    words = {
        folder.name: word.part
        for top in tops
        for folder in top.folders.values()
        if (word := split_word(folder.name)) and _is_part_in(top, folder)
    }
    parts = settle(words.values())
    named = {name: parts[word] for name, word in words.items()}
    return Reading("below", here.path, {name: OPEN for top in tops for name in top.folders} | named)


def _same_folders(here: Folder, tops: Sequence[Folder]) -> Guess | None:
    """The guess for folders with the same subfolders and without names of parts."""
    deep = [top for top in tops if not top.is_flat]
    if not 1 < len(deep) <= MOST_PARTS:
        return None
    inside = [_classes_in(top) for top in deep]
    common, every = set.intersection(*inside), set.union(*inside)
    if all(plain_word(name) for name in core(deep[0]).folders):
        return None  # they are parts below the classes
    if len(common) < 2 or 2 * len(common) < len(every):  # noqa: PLR2004 - classes
        return None
    flat = [top for top in tops if top.is_flat]
    readings = (
        above(here, {top.path: OPEN for top in deep}, left_out=flat),
        Reading("none", here.path),
        _below(here, deep),
    )
    return Guess(readings, f"{_listed(deep)} hold the same folders: they may be parts, or classes.")


def _listed(folders: Sequence[Folder]) -> str:
    return _shown(sorted(folder.name for folder in folders))


def _shown(names: Sequence[str]) -> str:
    shown = names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"]  # noqa: PLR2004
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
