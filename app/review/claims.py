"""Claims: which cards an annotator holds until a lease ends, and which cards are free.

The desk remembers both and is updated with every claim: skipping the cards that a hundred annotators hold
would take longer than the rest of an answer.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Executable, and_, bindparam, case, delete, exists, null, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.gold import is_visible
from app.datasets.missing import is_lost
from app.datasets.models import Sample
from app.db.compiled import Prepared, PreparedOf
from app.db.memory import is_remembering
from app.db.types import UtcDateTime
from app.review import desk
from app.review.desk import Change, Claimant, Free, Held, Place, Stream, Taken
from app.review.models import Claim, OpenIssue, SampleReview

AHEAD = 200  # free cards per query

# Every decision runs these, so they are compiled once: compiling takes longer than running.
MINE = and_(Claim.user_id == bindparam("user"), Claim.lease_until > bindparam("moment"))
_UNDECIDED = and_(
    ~exists().where(SampleReview.sample_id == Sample.id), is_visible(Sample.id), ~is_lost(Sample.id)
)
# The sum keeps the planner from walking through all issues by rank in search of a few claims.
_HELD_CARDS = Prepared(  # rows as `Held`
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
        and_(OpenIssue.of(Claim.sample_id, bindparam("run")), Claim.dataset_id == bindparam("dataset")),
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
_IS_HELD = exists().where(Claim.sample_id == Sample.id, Claim.lease_until > bindparam("moment"))
_FREE_BY_CHANCE = Prepared(  # undecided and no open issue: issues are offered by rank
    select(Sample.id, null().label("rank"), Sample.random_key)
    .outerjoin(OpenIssue, OpenIssue.of(Sample.id, bindparam("run")))
    .where(
        Sample.dataset_id == bindparam("dataset"),
        _UNDECIDED,
        OpenIssue.sample_id.is_(None),
        ~_IS_HELD,
    )
    .order_by(Sample.random_key, Sample.id)
    .limit(bindparam("most"))
)
_FREE_AT_RANDOM = Prepared(
    select(Sample.id, OpenIssue.rank, Sample.random_key)
    .outerjoin(OpenIssue, OpenIssue.of(Sample.id, bindparam("run")))
    .where(Sample.dataset_id == bindparam("dataset"), _UNDECIDED, ~_IS_HELD)
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
_RELEASE = PreparedOf(Claim.sample_id, lambda these: delete(Claim).where(these))


def _hold_statement(dialect: str) -> Executable:
    columns = ("sample_id", "dataset_id", "user_id", "lease_until")
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    statement = insert(Claim.__table__).values({name: bindparam(name) for name in columns})
    held: Executable = statement.on_conflict_do_update(
        index_elements=["sample_id"],
        set_={"user_id": statement.excluded.user_id, "lease_until": statement.excluded.lease_until},
        # never take a card that another annotator holds
        where=or_(
            Claim.user_id == statement.excluded.user_id,
            Claim.lease_until <= bindparam("moment", type_=UtcDateTime()),
        ),
    )
    return held


_HOLD = Prepared(_hold_statement)


def held_cards(session: Session, who: Claimant) -> list[Held]:
    """The cards that an annotator holds: open issues by rank, then the rest in random order."""
    known = desk.desk_of(session)
    if (mine := desk.held_by(known, who)) is None:
        rows = _HELD_CARDS.rows(session, dataset=who.dataset, user=who.user, run=who.run, moment=who.moment)
        cards = {row.sample_id: Held(*row) for row in rows}
        known.held[who.user] = (who.dataset, who.run), cards
        mine = cards.values()
    held = [card for card in mine if card.lease_until > who.moment]
    return sorted(held, key=lambda card: (card.rank or 0, card.random_key or 0, card.sample_id))


def next_free(session: Session, who: Claimant, stream: Stream, *, most: int) -> dict[int, Place]:
    """The first free samples of a stream: their places by sample id.

    `ranked`: open issues by rank; `by chance`: undecided samples without an issue, in random order; `random`:
    all undecided.
    """
    if most < 1 or who.run is None:
        return {}
    known, key = desk.desk_of(session).free, (stream, who.run)
    free = known.get(key)
    if (
        free is None
        or (len(free.places) < most and not free.is_all)
        or (free.until and free.until <= who.moment)
    ):
        free = known[key] = _look_ahead(session, who, stream, most=most)
    return dict(islice(free.places.items(), most))


def _look_ahead(session: Session, who: Claimant, stream: Stream, *, most: int) -> Free:
    """The next samples of a stream; more than needed where the desk remembers them."""
    ahead = AHEAD if is_remembering(session) else 0
    asked = {"run": who.run, "dataset": who.dataset, "moment": who.moment, "most": most + ahead}
    rows = _NEXT_OF[stream].rows(session, **asked)
    until = _NEXT_LEASE_END.scalar(session, dataset=who.dataset, moment=who.moment) if ahead else None
    places = {sample_id: Place(rank, random_key) for sample_id, rank, random_key in rows}
    return Free(places, is_all=len(rows) < most + ahead, until=until)


def hold(
    session: Session,
    who: Claimant,
    *,
    cards: Mapping[int, Place | None],
    until: datetime,
    is_placed: bool = True,
) -> None:
    """Claim these samples for an annotator, except those that another annotator holds.

    `cards` maps sample ids to places, None if unknown; `is_placed` is whether all places are known.
    """
    if not cards:
        return
    values = {"dataset_id": who.dataset, "user_id": who.user, "lease_until": until, "moment": who.moment}
    _HOLD.many(session, [{"sample_id": sample_id} | values for sample_id in cards])
    desk.apply(session, Change(taken=Taken(who, cards, until, is_placed)))


def give_back(session: Session, *, sample_id: int, user_id: int) -> Change:
    """Release the annotator's own card; the caller applies the change."""
    _GIVE_BACK.rows(session, sample=sample_id, user=user_id)
    return Change(given_back=((user_id, sample_id),))


def release_cards(session: Session, sample_ids: Sequence[int]) -> None:
    """Release these cards, whoever holds them, and apply the change."""
    desk.apply(session, delete_claims(session, sample_ids))


def delete_claims(session: Session, sample_ids: Sequence[int]) -> Change:
    """Release these cards, whoever holds them; the caller applies the change."""
    if sample_ids:
        _RELEASE.rows(session, sample_ids)
    return Change(released=tuple(sample_ids))


def release(session: Session, *, dataset_id: int | None, user_id: int, but_for: Collection[int] = ()) -> None:
    """Release all of an annotator's cards, of one data set or of all, but for these samples."""
    query = delete(Claim).where(Claim.user_id == user_id, Claim.sample_id.not_in(but_for))
    session.execute(query if dataset_id is None else query.where(Claim.dataset_id == dataset_id))
    desk.clear(session)
