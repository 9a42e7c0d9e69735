"""One class for folders that spell its name differently: in Unicode form, spaces or case (pure)."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from app.datasets.layout import PathMeaning
from app.spelling import folded, places_of, tidy


@dataclass(frozen=True)
class Unified:
    """The class of each folder's label, and notes for people."""

    classes: dict[str, str]
    notes: list[str]


def unify(places: Mapping[str, PathMeaning], known: Sequence[str]) -> Unified:
    """Which labels are one class; `known` are the existing classes of the data set, whose names stay.

    Unicode form and spaces never distinguish classes. Case, the width of letters, the dot of an i and joiners
    do only if one split has both spellings, such as the letters `A` and `a`; otherwise `train/Cat` and
    `valid/cat` are one class, with the name that most files have.
    """
    files: Counter[str] = Counter()
    splits: dict[str, set[str | None]] = defaultdict(set)
    labels: dict[str, set[str]] = defaultdict(set)  # spellings of the folders by their folded name
    for place in places.values():
        spelling = tidy(place.label)
        files[spelling] += 1
        splits[spelling].add(place.split)
        labels[folded(place.label)].add(place.label)
    classes: dict[str, str] = {}
    notes: list[str] = []
    for key in sorted(labels):
        spellings = sorted({tidy(label) for label in labels[key]}, key=lambda each: (-files[each], each))
        apart = any(splits[one] & splits[other] for one, other in combinations(spellings, 2))
        names = {each: _name(each, known, otherwise="" if apart else spellings[0]) for each in spellings}
        classes |= {label: names[tidy(label)] for label in labels[key]}
        notes += _notes(names, labels[key])
    return Unified(classes, notes)


def _name(spelling: str, known: Sequence[str], *, otherwise: str) -> str:
    """The class of a spelling: a known class, else `otherwise`, else the spelling itself."""
    found = places_of(spelling, known)
    if found and (otherwise or tidy(known[found[0]]) == spelling):
        return known[found[0]]
    return otherwise or spelling


def _notes(names: Mapping[str, str], labels: Collection[str]) -> list[str]:
    """Notes about the spellings of one name and their classes; `labels` are the folder names."""
    spellings, classes = _listed(names), set(names.values())
    if len(classes) > 1:
        sentence = (
            f"The folders {spellings} differ only in {_what_differs(names)}; they stay separate classes, "
            f"{_listed(classes)}. If they mean the same, give them one name and import them as a new data "
            "set."
        )
        return [sentence]
    [name] = classes
    if {tidy(name)} == names.keys():
        if len(labels) == 1:
            return []
        sentence = (
            f"{len(labels)} folders are named “{name}” and differ only in spaces or in how their letters are "
            f"stored (Unicode form): one class, “{name}”."
        )
        return [sentence]
    several = len(names) > 1
    said = f"folders {spellings} differ" if several else f"folder {spellings} differs from the class “{name}”"
    return [f"The {said} only in {_what_differs([*names, name])}: one class, “{name}”."]


def _what_differs(spellings: Iterable[str]) -> str:
    cases = {unicodedata.normalize("NFC", tidy(each).casefold()) for each in spellings}
    return "upper and lower case" if len(cases) == 1 else "the form of letters or in signs that are not shown"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"“{name}”" for name in sorted(names))
