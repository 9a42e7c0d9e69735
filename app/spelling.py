"""How names are compared: whatever their Unicode form, their case and their spaces (pure).

Two systems write one name in different bytes: macOS stores “é” as two characters, people type spaces twice or
none. Names are kept as `tidy` gives them and compared as `folded` gives them; paths of files stay as they
are, byte by byte.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeVar

Value = TypeVar("Value")
_INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u200b\u2060\ufeff")
)  # what web pages put into names that are copied


def tidy(name: str) -> str:
    """How a name is kept: composed characters (NFC), single spaces, none at either end.

    A name of spaces only stays.
    """
    return " ".join(unicodedata.normalize("NFC", name.translate(_INVISIBLE)).split()) or name


def folded(name: str) -> str:
    """What two spellings of one name have in common: as `tidy`, and without upper case."""
    return tidy(unicodedata.normalize("NFD", tidy(name)).casefold())


def folded_path(path: str) -> str:
    """A path, or a part of one, with every name in it folded: what a search for text goes by."""
    return "/".join(folded(part) if part else "" for part in path.split("/"))


def search_key(path: str) -> str | None:
    """What to store beside a path to find it by `folded_path`; none where its lower case, which databases know, is that."""
    key = folded_path(path)
    return None if path.isascii() and key == path.lower() else key


def places_of(wanted: str, names: Sequence[str]) -> list[int]:
    """Where in `names` the wanted one is: the very same name, or else all that are it but for form and spaces, or else case."""
    if wanted in names:
        return [names.index(wanted)]
    for key in (tidy, folded):
        if found := [place for place, name in enumerate(names) if key(name) == key(wanted)]:
            return found
    return []


def by_name(values: Iterable[tuple[str, Value]], names: Sequence[str]) -> dict[str, Value]:
    """The values of those `names` that are mentioned, in the order of `names`; other values are left out."""
    found = {place: value for name, value in values for place in places_of(name, names)}
    return {name: found[place] for place, name in enumerate(names) if place in found}
