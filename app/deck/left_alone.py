"""Which samples a verdict for many leaves alone, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.errors import Conflict

_GOLD = (
    "These images belong to the checked test set, which people look at one by one and blind; "
    "nothing was changed."
)
_LOOKED_AT = (
    "Somebody looked at every one of these alone, which counts more than a verdict for many; "
    "open one to decide it anew."
)
_LOST = (
    "The files of these images are missing or have changed, so nobody can see what the labels are held "
    "against; put the files back, or delete the images from the labels. Nothing was changed."
)
_UNPREDICTED = "No ranking has these images yet, so there is no prediction to accept."


@dataclass(frozen=True)
class LeftAlone:
    """Counts of samples; each is counted for the first reason that holds."""

    looked_at: int = 0  # by somebody, one by one
    gold: int = 0  # of the gold part
    lost: int = 0  # files that are missing or changed: they can only be deleted
    unpredicted: int = 0  # nothing to accept

    @property
    def words(self) -> str:
        """The reasons, several with their numbers, as the end of a sentence; empty where there is none."""
        reasons = (
            (self.looked_at, "somebody looked at {} alone", "somebody looked at {} of them one by one"),
            (self.gold, "{} belongs to the checked test set", "{} belong to the checked test set"),
            (self.lost, "the file of {} is missing or changed", "the files of {} are missing or changed"),
            (self.unpredicted, "{} has no prediction to accept", "{} have no prediction to accept"),
        )
        found = [each for each in reasons if each[0]]
        if len(found) == 1:  # for all of them, and how many they are was said before
            [(n, one, _more)] = found
            return one.format("it" if n == 1 else "each")
        said = [one.format(n) if n == 1 else more.format(f"{n:,}") for n, one, more in found]
        return " and ".join([part for part in (", ".join(said[:-1]), *said[-1:]) if part])


def reason(row: Any, *, accept: bool, delete: bool) -> str:
    """Why a sample gets no verdict, as a name of `LeftAlone`; empty: it gets one."""
    if row.looked_at:
        return "looked_at"
    if row.gold:
        return "gold"
    if row.lost and not delete:
        return "lost"
    return "unpredicted" if accept and row.predicted is None else ""


def count_left(reasons: Iterable[str]) -> LeftAlone:
    """Count the reasons; empty ones are not counted."""
    return LeftAlone(**Counter(each for each in reasons if each))


def nothing_left(reasons: Iterable[str], *, any_gold: bool) -> Conflict:
    """The message when no sample gets a verdict."""
    why = set(reasons)
    if any_gold:
        return Conflict(_GOLD)
    return Conflict(_LOOKED_AT if "looked_at" in why else _LOST if "lost" in why else _UNPREDICTED)
