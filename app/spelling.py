"""Compares names without regard to Unicode form, case and spaces. Pure functions.

The same name can have different bytes: macOS stores “é” as two characters, and people type two spaces or
none. Names are stored in the form of `tidy` and compared in the form of `folded`. Paths of files are never
changed.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeVar

Value = TypeVar("Value")
# Characters without a width in names that were copied from web pages or windows: breaks, writing direction.
_BREAKS, _DIRECTIONS = "\u00ad\u200b\u2060\ufeff", "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = re.compile(f"[{_BREAKS}{_DIRECTIONS}]")
# Joiners and variation selectors change how letters look, not which letters they are.
_JOINERS = re.compile("[\u034f\u180b-\u180f\u200c\u200d\ufe00-\ufe0f]")
_WIDE = re.compile("[\uff01-\uffef]+")  # Latin letters with the width of Chinese ones, kana with half of it
_DOTS = re.compile("i\u0307+|\u0131")  # Turkish has İ with i and I with ı; other languages have I with i


def tidy(name: str) -> str:
    """The form in which a name is stored: composed characters (NFC), single spaces, none at either end.

    A name that consists of spaces is not changed.
    """
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", name)).split()) or name


def folded(name: str) -> str:
    """The form for comparing names: `tidy`, in lower case, without joiners, width and the dot of an i."""
    plain = _JOINERS.sub("", tidy(name)) or name
    narrow = _WIDE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), plain)
    small = unicodedata.normalize("NFD", unicodedata.normalize("NFD", tidy(narrow)).casefold())
    return tidy(_DOTS.sub("i", small))


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
