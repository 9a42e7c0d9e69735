"""Claims: which cards are in whose hands, until a lease ends, and which ones are free.

Where the transaction remembers (`Database.together`) both are asked for once and go on from there, claim by claim: stepping over
the cards in a hundred hands takes longer than everything else in a turn.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Executable, and_, bindparam, delete, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db import forget, is_remembering, remembered
from app.prepared import Prepared, PreparedOf
from app.review.models import Claim, OpenIssue
from app.schema import UtcDateTime

AHEAD = 200  # free issues that are looked for at once

# Asked with every decision, so they are built once: building takes longer than asking.
MINE = and_(Claim.user_id == bindparam("user"), Claim.lease_until > bindparam("moment"))
# The sum keeps the planner from walking through all issues by rank in search of a few claims.
_IN_MY_HANDS = Prepared(
    select(Claim.sample_id, Claim.lease_until, OpenIssue.rank)
    .outerjoin(
        OpenIssue,
        and_(
            OpenIssue.sample_id == Claim.sample_id, OpenIssue.run_id == bindparam("run"), Claim.dataset_id == bindparam("dataset")
        ),
    )
    .where(MINE)
    .order_by(OpenIssue.rank + 0)
)  # fmt: skip
_TAKEN = exists().where(Claim.sample_id == OpenIssue.sample_id, Claim.lease_until > bindparam("moment"))
_FREE = Prepared(
    select(OpenIssue.sample_id, OpenIssue.rank)
    .where(OpenIssue.run_id == bindparam("run"), ~_TAKEN)
    .order_by(OpenIssue.rank)
    .limit(bindparam("most"))
)
_NEXT_LEASE_END = Prepared(
    select(Claim.lease_until)
    .where(Claim.dataset_id == bindparam("dataset"), Claim.lease_until > bindparam("moment"))
    .order_by(Claim.lease_until)
    .limit(1)
)
_GIVE_BACK = Prepared(delete(Claim).where(Claim.sample_id == bindparam("sample"), Claim.user_id == bindparam("user")))
_LET_GO = PreparedOf(Claim.sample_id, lambda these: delete(Claim).where(these))


def _hold_statement(dialect: str) -> Executable:
    columns = ("sample_id", "dataset_id", "user_id", "lease_until")
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    statement = insert(Claim.__table__).values({name: bindparam(name) for name in columns})
    held: Executable = statement.on_conflict_do_update(
        index_elements=["sample_id"],
        set_={"user_id": statement.excluded.user_id, "lease_until": statement.excluded.lease_until},
        # never out of somebody's hands
        where=or_(Claim.user_id == statement.excluded.user_id, Claim.lease_until <= bindparam("moment", type_=UtcDateTime())),
    )
    return held


_HOLD = Prepared(_hold_statement)


class Held(NamedTuple):
    """A card in somebody's hands."""

    sample_id: int
    lease_until: datetime
    rank: int | None  # of an issue that is still to be asked, in the current ranking


class Who(NamedTuple):
    """Whose hands, and by which ranking their cards are told."""

    dataset: int
    user: int
    run: int | None
    moment: datetime


@dataclass
class _Known:
    """What the transactions before this one have found."""

    hands: dict[int, tuple[tuple[int, int | None], dict[int, Held]]] = field(default_factory=dict)  # by user: data set and run; by sample
    free: dict[int, dict[int, int]] = field(default_factory=dict)  # the next free issues of a run, sample: rank
    until: dict[int, datetime | None] = field(default_factory=dict)  # when a card comes back that those leave out


def in_my_hands(session: Session, who: Who) -> list[Held]:
    """The cards that an annotator holds, those of this data set's open issues by rank."""
    known, place = _known(session).hands, (who.dataset, who.run)
    told, mine = known.get(who.user, (None, {}))
    if told != place:
        rows = _IN_MY_HANDS.rows(session, dataset=who.dataset, user=who.user, run=who.run, moment=who.moment)
        mine = {row.sample_id: Held(*row) for row in rows}
        known[who.user] = place, mine
    return sorted((card for card in mine.values() if card.lease_until > who.moment), key=lambda card: card.rank or 0)


def next_free(session: Session, who: Who, *, most: int) -> dict[int, int]:
    """The most suspicious open issues in nobody's hands: their ranks by sample."""
    if most < 1 or who.run is None:
        return {}
    if not is_remembering(session):
        return dict(map(tuple, _FREE.rows(session, run=who.run, moment=who.moment, most=most)))
    known = _known(session)
    until = known.until.get(who.run)
    if len(known.free.get(who.run, ())) < most or (until and until <= who.moment):
        known.free[who.run] = dict(map(tuple, _FREE.rows(session, run=who.run, moment=who.moment, most=most + AHEAD)))
        known.until[who.run] = _NEXT_LEASE_END.scalar(session, dataset=who.dataset, moment=who.moment)
    return dict(islice(known.free[who.run].items(), most))


def hold(session: Session, who: Who, *, cards: Mapping[int, int | None], until: datetime, ranks_known: bool = True) -> None:
    """Take these samples, with their ranks where they are open issues, into an annotator's hands, unless they are in somebody else's."""
    if not cards:
        return
    values = {"dataset_id": who.dataset, "user_id": who.user, "lease_until": until, "moment": who.moment}
    _HOLD.many(session, [{"sample_id": sample_id} | values for sample_id in cards])
    known = _known(session)
    for run_id, free in known.free.items():
        for sample_id in cards:
            free.pop(sample_id, None)
        known.until[run_id] = min(known.until.get(run_id) or until, until)
    place, mine = known.hands.get(who.user, (None, {}))
    if ranks_known and place == (who.dataset, who.run):
        mine.update({sample_id: Held(sample_id, until, rank) for sample_id, rank in cards.items()})
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


def closed(session: Session, sample_ids: Collection[int]) -> None:
    """These are no open issues any more."""
    for free in _known(session).free.values():
        for sample_id in sample_ids:
            free.pop(sample_id, None)


def _known(session: Session) -> _Known:
    known: _Known = remembered(session).setdefault(_Known, _Known())
    return known
