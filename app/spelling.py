"""Compares names without regard to Unicode form, case and spaces. Pure functions.

The same name can have different bytes: macOS stores “é” as two characters, and people type two spaces or
none. Names are stored in the form of `tidy` and compared in the form of `folded`. Paths of files are never
changed.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeVar

Value = TypeVar("Value")
_INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u200b\u2060\ufeff")
)  # characters in names that were copied from web pages


def tidy(name: str) -> str:
    """The form in which a name is stored: composed characters (NFC), single spaces, none at either end.

    A name that consists of spaces is not changed.
    """
    return " ".join(unicodedata.normalize("NFC", name.translate(_INVISIBLE)).split()) or name


def folded(name: str) -> str:
    """The form for comparing names: `tidy`, in lower case."""
    return tidy(unicodedata.normalize("NFD", tidy(name)).casefold())


def folded_path(path: str) -> str:
    """A path, or a part of one, with every name folded, for text search."""
    return "/".join(folded(part) if part else "" for part in path.split("/"))


def search_key(path: str) -> str | None:
    """The search key to store with a path: its `folded_path`; None if SQL's lower() gives the same."""
    key = folded_path(path)
    return None if path.isascii() and key == path.lower() else key


def places_of(wanted: str, names: Sequence[str]) -> list[int]:
    """Positions of a name in `names`: equal strings, else equal `tidy` forms, else equal `folded` forms."""
    if wanted in names:
        return [names.index(wanted)]
    for key in (tidy, folded):
        if found := [place for place, name in enumerate(names) if key(name) == key(wanted)]:
            return found
    return []


def by_name(values: Iterable[tuple[str, Value]], names: Sequence[str]) -> dict[str, Value]:
    """The values whose name is in `names`, in the order of `names`; the rest is left out."""
    found = {place: value for name, value in values for place in places_of(name, names)}
    return {name: found[place] for place, name in enumerate(names) if place in found}
