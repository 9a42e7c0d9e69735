"""Claims: which cards are in whose hands, until a lease ends, and which ones are free.

Where the transaction remembers (`Database.together`) both are asked for once and go on from there, claim by claim: stepping over
the cards in a hundred hands takes longer than everything else in a turn.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

from sqlalchemy import Executable, and_, bindparam, case, delete, exists, null, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.gold import is_gold
from app.datasets.missing import is_lost
from app.datasets.models import Sample
from app.db.compiled import Prepared, PreparedOf
from app.db.memory import forget, is_remembering, remembered
from app.db.types import UtcDateTime
from app.ranking.models import Prediction
from app.review.models import Claim, OpenIssue, SampleReview

AHEAD = 200  # free cards that are looked for at once
Stream = Literal["ranked", "by chance", "random"]

# Asked with every decision, so they are built once: building takes longer than asking.
MINE = and_(Claim.user_id == bindparam("user"), Claim.lease_until > bindparam("moment"))
_UNDECIDED = and_(
    ~exists().where(SampleReview.sample_id == Sample.id), ~is_gold(Sample.id), ~is_lost(Sample.id)
)
# The sum keeps the planner from walking through all issues by rank in search of a few claims.
_IN_MY_HANDS = Prepared(  # rows as `Held`
    select(
        Claim.sample_id,
        Claim.lease_until,
        OpenIssue.rank,
        case((and_(Sample.dataset_id == bindparam("dataset"), _UNDECIDED), Sample.random_key)).label(
            "random_key"
        ),
    )
    .join(Sample, Sample.id == Claim.sample_id)
    .outerjoin(
        OpenIssue,
        and_(
            OpenIssue.sample_id == Claim.sample_id,
            OpenIssue.run_id == bindparam("run"),
            Claim.dataset_id == bindparam("dataset"),
        ),
    )
    .where(MINE)
    .order_by(OpenIssue.rank + 0)
)
_TAKEN = exists().where(Claim.sample_id == OpenIssue.sample_id, Claim.lease_until > bindparam("moment"))
_FREE = Prepared(
    select(OpenIssue.sample_id, OpenIssue.rank, Sample.random_key)
    .join(Sample, Sample.id == OpenIssue.sample_id)
    .where(OpenIssue.run_id == bindparam("run"), ~_TAKEN, ~is_lost(OpenIssue.sample_id))
    .order_by(OpenIssue.rank)
    .limit(bindparam("most"))
)
_IN_HANDS = exists().where(Claim.sample_id == Sample.id, Claim.lease_until > bindparam("moment"))
_FREE_BY_CHANCE = Prepared(  # undecided, and no label issue: those are offered anyway
    select(Sample.id, null().label("rank"), Sample.random_key)
    .outerjoin(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == bindparam("run")))
    .where(
        Sample.dataset_id == bindparam("dataset"),
        _UNDECIDED,
        or_(Prediction.sample_id.is_(None), Prediction.predicted_label == Prediction.label),
        ~_IN_HANDS,
    )
    .order_by(Sample.random_key, Sample.id)
    .limit(bindparam("most"))
)
_FREE_AT_RANDOM = Prepared(
    select(Sample.id, OpenIssue.rank, Sample.random_key)
    .outerjoin(OpenIssue, and_(OpenIssue.sample_id == Sample.id, OpenIssue.run_id == bindparam("run")))
    .where(Sample.dataset_id == bindparam("dataset"), _UNDECIDED, ~_IN_HANDS)
    .order_by(Sample.random_key, Sample.id)
    .limit(bindparam("most"))
)
_NEXT_OF: dict[Stream, Prepared] = {
    "ranked": _FREE,
    "by chance": _FREE_BY_CHANCE,
    "random": _FREE_AT_RANDOM,
}
_NEXT_LEASE_END = Prepared(
    select(Claim.lease_until)
    .where(Claim.dataset_id == bindparam("dataset"), Claim.lease_until > bindparam("moment"))
    .order_by(Claim.lease_until)
    .limit(1)
)
_GIVE_BACK = Prepared(
    delete(Claim).where(Claim.sample_id == bindparam("sample"), Claim.user_id == bindparam("user"))
)
_LET_GO = PreparedOf(Claim.sample_id, lambda these: delete(Claim).where(these))


def _hold_statement(dialect: str) -> Executable:
    columns = ("sample_id", "dataset_id", "user_id", "lease_until")
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    statement = insert(Claim.__table__).values({name: bindparam(name) for name in columns})
    held: Executable = statement.on_conflict_do_update(
        index_elements=["sample_id"],
        set_={"user_id": statement.excluded.user_id, "lease_until": statement.excluded.lease_until},
        # never out of somebody's hands
        where=or_(
            Claim.user_id == statement.excluded.user_id,
            Claim.lease_until <= bindparam("moment", type_=UtcDateTime()),
        ),
    )
    return held


_HOLD = Prepared(_hold_statement)


class Place(NamedTuple):
    """Where a sample comes in the orders of a worklist."""

    rank: int | None  # of an issue that is still to be asked, in the current ranking
    random_key: int | None  # of an undecided sample


class Held(NamedTuple):
    """A card in somebody's hands."""

    sample_id: int
    lease_until: datetime
    rank: int | None  # as in its `Place`
    random_key: int | None

    @property
    def place(self) -> Place:
        """Where it comes."""
        return Place(self.rank, self.random_key)

    @property
    def is_by_chance(self) -> bool:
        """Whether a mixed order draws it: it is undecided and no label issue."""
        return self.rank is None and self.random_key is not None


class Who(NamedTuple):
    """Whose hands, and by which ranking their cards are told."""

    dataset: int
    user: int
    run: int | None
    moment: datetime


@dataclass
class _Known:
    """What the transactions before this one have found."""

    hands: dict[int, tuple[tuple[int, int | None], dict[int, Held]]] = field(
        default_factory=dict
    )  # by user: data set and run; by sample
    free: dict[tuple[Stream, int], dict[int, Place]] = field(
        default_factory=dict
    )  # the next ones by stream and run; places by sample
    complete: set[tuple[Stream, int]] = field(default_factory=set)  # of which these are all
    until: dict[tuple[Stream, int], datetime | None] = field(
        default_factory=dict
    )  # when a card comes back that those leave out


def in_my_hands(session: Session, who: Who) -> list[Held]:
    """The cards that an annotator holds, those of this data set's open issues by rank, others in random order."""
    known, place = _known(session).hands, (who.dataset, who.run)
    told, mine = known.get(who.user, (None, {}))
    if told != place:
        rows = _IN_MY_HANDS.rows(session, dataset=who.dataset, user=who.user, run=who.run, moment=who.moment)
        mine = {row.sample_id: Held(*row) for row in rows}
        known[who.user] = place, mine
    held = [card for card in mine.values() if card.lease_until > who.moment]
    return sorted(held, key=lambda card: (card.rank or 0, card.random_key or 0, card.sample_id))


def next_free(session: Session, who: Who, stream: Stream, *, most: int) -> dict[int, Place]:
    """The first samples of a stream that are in nobody's hands: their places by sample.

    `ranked`: open issues by rank; `by chance`: undecided samples that are none, in random order; `random`: all undecided.
    """
    if most < 1 or who.run is None:
        return {}
    known, key = _known(session), (stream, who.run)
    until = known.until.get(key)
    is_short = len(known.free.get(key, ())) < most and key not in known.complete
    if is_short or (until and until <= who.moment):
        ahead = AHEAD if is_remembering(session) else 0
        asked = {"run": who.run, "dataset": who.dataset, "moment": who.moment, "most": most + ahead}
        rows = _NEXT_OF[stream].rows(session, **asked)
        known.free[key] = {sample_id: Place(rank, random_key) for sample_id, rank, random_key in rows}
        (known.complete.discard if len(rows) == most + ahead else known.complete.add)(key)
        known.until[key] = (
            _NEXT_LEASE_END.scalar(session, dataset=who.dataset, moment=who.moment) if ahead else None
        )
    return dict(islice(known.free[key].items(), most))


def hold(
    session: Session,
    who: Who,
    *,
    cards: Mapping[int, Place | None],
    until: datetime,
    all_told: bool = True,
) -> None:
    """Take these samples into an annotator's hands, unless they are in somebody else's.

    With each comes its place in the orders, None where it is not known; `all_told` says that all are.
    """
    if not cards:
        return
    values = {"dataset_id": who.dataset, "user_id": who.user, "lease_until": until, "moment": who.moment}
    _HOLD.many(session, [{"sample_id": sample_id} | values for sample_id in cards])
    known = _known(session)
    for key, free in known.free.items():
        for sample_id in cards:
            free.pop(sample_id, None)
        known.until[key] = min(known.until[key] or until, until)
    place, mine = known.hands.get(who.user, (None, {}))
    if all_told and place == (who.dataset, who.run):
        for sample_id, place_of in cards.items():
            mine[sample_id] = Held(sample_id, until, *(place_of or Place(None, None)))
    else:
        known.hands.pop(who.user, None)


def give_back(session: Session, *, sample_id: int, user_id: int) -> None:
    """Let go of one's own card."""
    _GIVE_BACK.rows(session, sample=sample_id, user=user_id)
    _, mine = _known(session).hands.get(user_id, (None, {}))
    mine.pop(sample_id, None)


def let_go(session: Session, sample_ids: Sequence[int]) -> None:
    """Nobody holds these any more."""
    _LET_GO.rows(session, sample_ids)
    for _, mine in _known(session).hands.values():
        for sample_id in sample_ids:
            mine.pop(sample_id, None)


def release(session: Session, *, dataset_id: int | None, user_id: int) -> None:
    """Give all of an annotator's cards back, of one data set or of all."""
    query = delete(Claim).where(Claim.user_id == user_id)
    session.execute(query if dataset_id is None else query.where(Claim.dataset_id == dataset_id))
    forget(session)


def decided(session: Session, sample_ids: Collection[int]) -> None:
    """These are decided: nobody is to be offered them."""
    for free in _known(session).free.values():
        for sample_id in sample_ids:
            free.pop(sample_id, None)


def _known(session: Session) -> _Known:
    known: _Known = remembered(session).setdefault(_Known, _Known())
    return known
