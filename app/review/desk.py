"""The desk: what the thread that writes decisions remembers, and the only code that keeps it correct.

Counting reviewed, open and free samples reads thousands of rows. The thread that commits decisions on SQLite
(`db.group_commit`) keeps its connection, which reports whether another connection has changed the database.
If none has, what the desk remembers is still true. Code that changes the review describes the change as a
`Change` and passes it to `apply`. Everywhere else a desk lives as long as its transaction, or is empty, and
every answer comes from the database.
"""

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy.orm import Session

from app.db.memory import forget, remembered
from app.review.fold import CHANGES, State
from app.review.log import Logged, RecentDecision

Stream = Literal["ranked", "by chance", "random"]


class Place(NamedTuple):
    """The position of a sample in the orders of a worklist."""

    rank: int | None  # of an open issue, in the current ranking
    random_key: int | None  # of an undecided sample


class Held(NamedTuple):
    """A card that an annotator has claimed."""

    sample_id: int
    lease_until: datetime
    rank: int | None  # as in its `Place`
    random_key: int | None

    @property
    def place(self) -> Place:
        """Its position in the orders."""
        return Place(self.rank, self.random_key)

    @property
    def is_by_chance(self) -> bool:
        """Whether a mixed order draws it: it is undecided and has no label issue."""
        return self.rank is None and self.random_key is not None


class Claimant(NamedTuple):
    """An annotator, and the ranking that their cards belong to."""

    dataset: int
    user: int
    run: int | None
    moment: datetime


@dataclass
class Counts:
    """Samples with a decision that counts."""

    reviewed: int = 0
    found: int = 0  # relabelled or deleted
    unsure: int = 0
    in_bulk: int = 0  # by one verdict for many at once only
    by_user: Counter[int] = field(default_factory=Counter)  # whose decision counts

    def add(self, verdict: str, user_id: int, in_bulk: bool, n: int) -> None:
        """Add `n` decisions; a negative `n` removes them."""
        self.reviewed += n
        self.found += n * (verdict in CHANGES)
        self.unsure += n * (verdict == "unsure")
        self.in_bulk += n * in_bulk
        self.by_user[user_id] += n


class TimedDecision(NamedTuple):
    """A decision that counts for the hit rate and the pace."""

    decision_id: int
    verdict: str
    milliseconds: int | None


@dataclass
class Free:
    """The next free samples of a stream."""

    places: dict[int, Place]  # by sample, in the order of the stream
    is_all: bool  # whether these are all free samples
    until: datetime | None  # when the next lease ends, so that another sample becomes free; None: never


@dataclass
class Desk:
    """What is remembered; an absent key has not been queried yet."""

    counts: dict[int, Counts] = field(default_factory=dict)  # by data set
    looks: dict[int, deque[TimedDecision]] = field(default_factory=dict)  # by data set, the newest first
    open_issues: dict[int, int] = field(default_factory=dict)  # how many, by run
    # by data set and user, the newest first
    recent: dict[tuple[int, int], deque[RecentDecision]] = field(default_factory=dict)
    # by user: data set and run, and the cards by sample
    held: dict[int, tuple[tuple[int, int | None], dict[int, Held]]] = field(default_factory=dict)
    free: dict[tuple[Stream, int], Free] = field(default_factory=dict)  # by stream and run


@dataclass(frozen=True)
class Taken:
    """Cards that an annotator takes."""

    by: Claimant
    cards: Mapping[int, Place | None]  # by sample; None: the place is not known
    until: datetime
    is_placed: bool  # whether every place is known


@dataclass(frozen=True)
class Change:
    """What a transaction has changed in the review. What it does not name is unchanged."""

    before: tuple[Any, ...] = ()  # the rows of `SampleReview` that were replaced
    after: tuple[tuple[State, Any], ...] = ()  # the states now, each with its `Logged` decision
    closed: tuple[int, ...] = ()  # the run of every issue that was closed
    opened: tuple[int, ...] = ()  # samples that have lost their last counting decision
    released: tuple[int, ...] = ()  # samples whose claims were released
    given_back: tuple[tuple[int, int], ...] = ()  # (user, sample): the user has released it
    taken: Taken | None = None
    decided: tuple[Logged, RecentDecision] | None = None  # a new decision of one person
    undone: bool = False  # whether somebody's decision was undone

    def __add__(self, other: "Change") -> "Change":
        """Both changes, of different samples; only one may have `taken` or `decided`."""
        return Change(
            before=self.before + other.before,
            after=self.after + other.after,
            closed=self.closed + other.closed,
            opened=self.opened + other.opened,
            released=self.released + other.released,
            given_back=self.given_back + other.given_back,
            taken=self.taken or other.taken,
            decided=self.decided or other.decided,
            undone=self.undone or other.undone,
        )


def desk_of(session: Session) -> Desk:
    """The desk of this transaction; a new, unshared one if the session remembers nothing."""
    desk: Desk = remembered(session).setdefault(Desk, Desk())
    return desk


def clear(session: Session) -> None:
    """Forget everything, after a change that no `Change` describes."""
    forget(session)


def apply(session: Session, change: Change) -> None:
    """Update what is remembered by this change.

    1. An issue that is open again, or an earlier decision that counts again, may be at any place in an order:
       everything is forgotten.
    2. Counts and recent decisions are updated from the states before and after.
    3. Decided and claimed samples are no longer offered. A card that is released without a decision may be
       offered again, anywhere in an order: the next cards are forgotten.
    4. Cards are released and claimed.
    """
    if change.opened or change.undone:
        clear(session)
    else:
        desk = desk_of(session)
        _update_counts(desk, change)
        _update_free(desk, change)
        _update_held(desk, change)


def _update_counts(desk: Desk, change: Change) -> None:
    for run_id in change.closed:
        if run_id in desk.open_issues:
            desk.open_issues[run_id] -= 1
    for row in change.before:
        if row.dataset_id in desk.counts:
            desk.counts[row.dataset_id].add(row.verdict, row.user_id, row.in_bulk, -1)
        desk.looks.pop(row.dataset_id, None)
    for state, decision in change.after:
        if decision.dataset_id in desk.counts:
            desk.counts[decision.dataset_id].add(state.verdict, decision.user_id, state.in_bulk, 1)
        _update_looks(desk, state, decision)
    if change.decided:
        logged, recent = change.decided
        if (mine := desk.recent.get((logged.dataset_id, logged.user_id))) is not None:
            mine.appendleft(recent)


def _update_looks(desk: Desk, state: State, decision: Any) -> None:
    looks = desk.looks.get(decision.dataset_id)
    # Random samples and bulk verdicts do not measure the worklist.
    is_excluded = state.in_bulk or decision.gold or decision.origin == "audit"
    if looks is not None and not is_excluded:
        looks.appendleft(TimedDecision(decision.id, decision.verdict, decision.milliseconds))


def _update_free(desk: Desk, change: Change) -> None:
    taken = change.taken
    decided = {decision.sample_id for _, decision in change.after}
    if not decided.issuperset(change.released) or not all(card in decided for _, card in change.given_back):
        desk.free.clear()  # somebody held a card that is free now
    gone = [*decided, *(taken.cards if taken else ())]
    for free in desk.free.values():
        for sample_id in gone:
            free.places.pop(sample_id, None)
        if taken:
            free.until = min(free.until or taken.until, taken.until)


def _update_held(desk: Desk, change: Change) -> None:
    for _, cards in desk.held.values():
        for sample_id in change.released:
            cards.pop(sample_id, None)
    for user_id, sample_id in change.given_back:
        if user_id in desk.held:
            desk.held[user_id][1].pop(sample_id, None)
    if taken := change.taken:
        where, cards = desk.held.get(taken.by.user, (None, {}))
        if taken.is_placed and where == (taken.by.dataset, taken.by.run):
            for sample_id, place in taken.cards.items():
                cards[sample_id] = Held(sample_id, taken.until, *(place or Place(None, None)))
        else:
            desk.held.pop(taken.by.user, None)


def held_by(desk: Desk, who: Claimant) -> Collection[Held] | None:
    """The cards that an annotator holds, expired ones too; None if not queried for this ranking yet."""
    where, cards = desk.held.get(who.user, (None, {}))
    return cards.values() if where == (who.dataset, who.run) else None
