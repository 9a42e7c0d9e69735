"""From a sample's decisions to its state. Pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass

VERDICTS = ("keep", "relabel", "delete", "unsure")
UNDO = "undo"


@dataclass(frozen=True)
class Entry:
    """A row of the decision log, as far as the state depends on it; `label` is a class position."""

    id: int
    verdict: str
    label: int | None = None
    undoes: int | None = None
    sample: int | None = None
    in_bulk: bool = False  # one of many given at once

    @property
    def answer(self) -> tuple[int | None, str, int | None]:
        """What was said of which sample."""
        return self.sample, self.verdict, self.label


@dataclass(frozen=True)
class Standing:
    """The state of a sample with at least one decision that stands."""

    decision: int  # the id of the one that counts
    verdict: str
    label: int | None  # the cleaned label; none: deleted
    reviews: int  # how many decisions stand
    in_bulk: bool = False  # nobody looked at it alone


def redoable(entries: Iterable[Entry]) -> list[Entry]:
    """The undone decisions of one annotator that can be made again, the next one last; `entries` are all of theirs.

    An undo puts its decision on the pile. Making the topmost one again takes it off; any other decision clears the pile,
    as in every editor.
    """
    log = sorted(entries, key=lambda entry: entry.id)
    by_id = {entry.id: entry for entry in log}
    pile: list[Entry] = []
    for entry in log:
        if entry.verdict == UNDO:
            if entry.undoes in by_id:
                pile.append(by_id[entry.undoes])
        elif pile and pile[-1].answer == entry.answer:
            pile.pop()
        else:
            pile.clear()
    return pile


def fold(entries: Iterable[Entry], *, given_label: int) -> Standing | None:
    """The last decision that was not undone; none when there is no such decision, so that the given label holds.

    A look at this one sample outweighs every verdict that was given for many at once.
    """
    log = sorted(entries, key=lambda entry: entry.id)
    undone = {entry.undoes for entry in log if entry.verdict == UNDO}
    standing = [entry for entry in log if entry.verdict != UNDO and entry.id not in undone]
    if not standing:
        return None
    last = ([entry for entry in standing if not entry.in_bulk] or standing)[-1]
    label = {"relabel": last.label, "delete": None}.get(last.verdict, given_label)
    return Standing(last.id, last.verdict, label, len(standing), last.in_bulk)
