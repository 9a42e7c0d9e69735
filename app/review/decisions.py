"""Recording decisions and undoing them. Rows are only added; the sample's state is folded anew each time."""

import uuid
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Integer, and_, bindparam, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, class_position
from app.datasets.gold import get_gold_part, is_gold
from app.datasets.missing import SAID, lost_for
from app.datasets.models import Sample
from app.db.compiled import Prepared
from app.db.types import now
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ranking.models import IS_ISSUE, Prediction
from app.review import counters, desk
from app.review.desk import Change
from app.review.fold import UNDO, VERDICTS, Entry, redoable
from app.review.log import Logged, RecentDecision, not_undone
from app.review.models import Claim, Decision, SampleReview
from app.review.policy import SETTLED, seen_blind, was_in_view
from app.review.standing import refold, refold_after
from app.training.runs import current_ranking, get_run

MAX_CLIENT_ID = 64
MAX_MILLISECONDS = 24 * 3600 * 1000
_USED = "This client id was used for another decision; make a new one for every decision."
LAST = 10  # of one's own decisions that are shown


_DIALECTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _record(dialect: str) -> Executable:
    insert = _DIALECTS[dialect]
    names = [column.name for column in Decision.__table__.columns if column.name not in ("id", "undoes_id")]
    values = insert(Decision.__table__).values({name: bindparam(name) for name in names})
    recorded: Executable = values.on_conflict_do_nothing(index_elements=["user_id", "client_id"]).returning(
        Decision.id
    )
    return recorded


# Every decision asks these, so they are built once: building takes longer than asking.
_BY_ME = and_(  # one by one: what was said of many at once is taken back at once, on the grid
    Decision.dataset_id == bindparam("dataset"),
    Decision.user_id == bindparam("user"),
    Decision.bulk_id.is_(None),
)
_STANDING = select(Decision).where(not_undone())
_RECENT = Prepared(
    _STANDING.with_only_columns(
        Decision.id,
        Sample.id,
        Sample.path,
        Decision.verdict,
        Decision.label,
        Sample.given_label,
        Decision.blind,
        is_gold(Sample.id).label("gold"),
    )
    .join(Sample, Sample.id == Decision.sample_id)
    .where(_BY_ME)
    .order_by(Decision.id.desc())
    .limit(bindparam("most"))
)
_MINE = Prepared(  # the last ones; who undoes more than these at a stretch starts anew
    select(Decision.id, Decision.verdict, Decision.label, Decision.undoes_id, Decision.sample_id)
    .where(_BY_ME)
    .order_by(Decision.id.desc())
    .limit(10_000)
)
_LOCK = Prepared(  # and what the run says of the sample
    select(
        Sample.id,
        Sample.dataset_id,
        Sample.path,
        Sample.given_label,
        Sample.sha256,
        Prediction.rank,
        IS_ISSUE.label("is_issue"),
        lost_for(Sample.id).label("lost"),
    )
    .outerjoin(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == bindparam("run")))
    .where(Sample.id == bindparam("sample"))
    .with_for_update(key_share=True, of=Sample)
)
_SECOND_LOOK = Prepared(  # shown blind, as the server gave it out
    select(SampleReview.sample_id).where(
        SampleReview.sample_id == bindparam("sample"),
        seen_blind(SampleReview.sample_id),
        or_(
            exists().where(
                Claim.sample_id == SampleReview.sample_id,
                Claim.user_id == bindparam("user"),
                Claim.lease_until > bindparam("moment"),
            ),
            exists().where(
                Decision.sample_id == SampleReview.sample_id,
                Decision.user_id == bindparam("user"),
                Decision.blind,
            ),
        ),
    )
)
_OF_GOLD = (
    Prepared(  # of an image of the gold part: what stands in the way of a blind look, or of the last word
        select(
            exists().where(SampleReview.sample_id == bindparam("sample"), SETTLED).label("settled"),
            exists()
            .where(SampleReview.sample_id == bindparam("sample"), SampleReview.waits == "adjudication")
            .label("drawn"),
            was_in_view(bindparam("sample", type_=Integer)).label("in_view"),
        ).where(is_gold(bindparam("sample", type_=Integer)))
    )
)
_RECORD = Prepared(_record)


@dataclass(frozen=True)
class Recorded:
    """A decision that is in the log."""

    id: int
    dataset_id: int
    sample_id: int
    verdict: str
    label: int | None  # the class a relabel moves to
    client_id: str
    created_at: datetime
    blind: bool


def decide(
    session: Session,
    *,
    dataset_id: int,
    user_id: int,
    sample_id: int,
    verdict: str,
    label: str | None = None,
    client_id: str,
    run_id: int | None = None,
    milliseconds: int | None = None,
    origin: str = "deck",
    blind: bool | None = None,
) -> tuple[Recorded, bool]:
    """Append a decision; the flag is whether it is new. Sending the same client id again changes nothing.

    Whether it was given blind is found out, if it is not said: it was where the annotator holds the card of a
    sample that waits for a second opinion, has never answered it with everything in view, and names no
    ranking that showed it. Every look at the gold part is blind. The origin `mixed` becomes deck or audit.

    Raises NotFound for a sample elsewhere, Invalid for a verdict or label that makes no sense, Conflict when
    the client id was used for something else, the sample is of the gold part and no look at it would be
    blind, or its file is missing or changed and it is to be kept or relabelled.
    """
    in_view = (
        run_id is not None and blind is None
    )  # who names the ranking that showed the card has seen what it says
    if run_id is None:
        ranking = current_ranking(session, dataset_id=dataset_id)
        run_id = ranking.run_id if ranking else None
    sample = _lock_sample(session, sample_id=sample_id, dataset_id=dataset_id, run_id=run_id)
    said_by_name = verdict == "relabel"
    verdict, position = _checked(session, sample, verdict=verdict, label=label)
    if not 0 < len(client_id) <= MAX_CLIENT_ID:
        raise Invalid(f"A client id has 1 to {MAX_CLIENT_ID} characters; a random UUID is a good one.")
    _check_file(session, sample, user_id, client_id, verdict=verdict)
    unsaid = blind is None
    if (
        gold := _gold_look(session, user_id, client_id, sample=sample, origin=origin, in_view=in_view)
    ) is not None:
        origin, blind = gold
    moment = now()
    if blind is None:
        blind = (
            not in_view
            and counters.any_waits(session, dataset_id=dataset_id)
            and _SECOND_LOOK.one(session, sample=sample_id, user=user_id, moment=moment) is not None
        )
    if unsaid and blind and verdict == "keep" and not said_by_name:
        raise Invalid(
            "Name the class that you see; the given label, which “keep” would mean, is not shown in a blind look."
        )
    if sample.rank is None and run_id is not None and not gold:
        get_run(session, run_id=run_id, dataset_id=dataset_id)
    shown = sample.rank is not None and not gold  # no ranking shows the gold part
    if origin == "mixed":  # what is no label issue was drawn by chance
        origin = "deck" if shown and sample.is_issue else "audit"
    took = None if milliseconds is None else max(0, min(milliseconds, MAX_MILLISECONDS))
    row = {
        "dataset_id": dataset_id,
        "sample_id": sample_id,
        "user_id": user_id,
        "verdict": verdict,
        "label": position,
        "client_id": client_id,
        "run_id": run_id if shown else None,
        "rank": sample.rank if shown else None,
        "milliseconds": took,
        "created_at": moment,
        "origin": origin,
        "blind": blind,
        "bulk_id": None,
    }
    inserted = _RECORD.scalar(session, **row)
    if inserted is None:
        return _repeated(
            session, user_id, client_id, sample_id=sample_id, verdict=verdict, label=position
        ), False
    logged = Logged(
        id=inserted,
        sample_id=sample_id,
        verdict=verdict,
        label=position,
        undoes_id=None,
        user_id=user_id,
        created_at=moment,
        bulk_id=None,
        origin=origin,
        blind=blind,
        milliseconds=took,
        dataset_id=dataset_id,
        given_label=sample.given_label,
        sha256=sample.sha256,
        gold=gold is not None,
    )
    names = class_names(session, dataset_id=dataset_id)
    shown_as = _as_recent(
        names, inserted, sample_id, sample.path, verdict, position, sample.given_label, blind, logged.gold
    )
    desk.apply(session, refold_after(session, logged) + Change(decided=(logged, shown_as)))
    return Recorded(inserted, dataset_id, sample_id, verdict, position, client_id, moment, blind), True


def undo(session: Session, *, user_id: int, decision_id: int, client_id: str = "") -> Decision:
    """Append an undo of the annotator's own decision and return that decision. A second undo changes nothing.

    Raises NotFound, Forbidden for somebody else's decision, Conflict for an undo and for a client id that was
    used for something else.
    """
    decision = session.get(Decision, decision_id)
    if decision is None:
        raise NotFound(f"There is no decision {decision_id}.")
    if decision.user_id != user_id:
        raise Forbidden(
            "Only the annotator who decided can undo it; decide anew instead, the last decision counts."
        )
    if decision.verdict == UNDO:
        raise Conflict("This is an undo itself; decide anew instead.")
    sample = _lock_sample(session, sample_id=decision.sample_id, dataset_id=decision.dataset_id)
    session.execute(
        _DIALECTS[session.get_bind().dialect.name](Decision)
        .values(
            dataset_id=decision.dataset_id,
            sample_id=decision.sample_id,
            user_id=user_id,
            verdict=UNDO,
            undoes_id=decision_id,
            client_id=client_id or str(uuid.uuid4()),
            created_at=now(),
        )
        .on_conflict_do_nothing()
    )
    before = _sent_before(session, user_id, client_id)
    if before is not None and before.undoes_id != decision_id:
        raise Conflict(_USED)
    desk.apply(session, refold(session, [sample.id]) + Change(undone=True))
    return decision


def undo_last(session: Session, *, dataset_id: int, user_id: int, client_id: str = "") -> Decision | None:
    """Undo the annotator's last decision and return it; None without one.

    The same client id again changes nothing.

    Raises Conflict when the client id was used for something else.
    """
    before = _sent_before(session, user_id, client_id)
    if before is not None:
        if before.undoes_id is None or before.dataset_id != dataset_id:
            raise Conflict(_USED)
        return session.get(Decision, before.undoes_id)
    last = session.scalar(
        _STANDING.where(_BY_ME).order_by(Decision.id.desc()).limit(1),
        {"dataset": dataset_id, "user": user_id},
    )
    return undo(session, user_id=user_id, decision_id=last.id, client_id=client_id) if last else None


def redo_last(session: Session, *, dataset_id: int, user_id: int, client_id: str) -> Recorded | None:
    """Redo the annotator's last undone decision; None without one, or after a newer decision.

    The same client id again is the same decision. Raises Conflict when the client id was used for an undo or
    elsewhere.
    """
    before = _sent_before(session, user_id, client_id)
    if before is not None:
        if before.undoes_id is not None or before.dataset_id != dataset_id:
            raise Conflict(_USED)
        return _recorded(before)
    rows = _MINE.rows(session, dataset=dataset_id, user=user_id)
    pile = redoable(Entry(row.id, row.verdict, row.label, row.undoes_id, row.sample_id) for row in rows)
    if not pile:
        return None
    undone = session.get_one(Decision, pile[-1].id)
    label = None if undone.label is None else class_names(session, dataset_id=dataset_id)[undone.label]
    decision, _ = decide(
        session,
        dataset_id=dataset_id,
        user_id=user_id,
        sample_id=undone.sample_id,
        verdict=undone.verdict,
        label=label,
        client_id=client_id,
        run_id=undone.run_id,
        origin=undone.origin,
        blind=undone.blind,
    )
    return decision


def recent(session: Session, *, dataset_id: int, user_id: int) -> tuple[RecentDecision, ...]:
    """The annotator's last ten decisions that were not undone, newest first."""
    known, key = desk.desk_of(session).recent, (dataset_id, user_id)
    if key not in known:
        names = class_names(session, dataset_id=dataset_id)
        rows = _RECENT.rows(session, dataset=dataset_id, user=user_id, most=LAST)
        known[key] = deque((_as_recent(names, *row) for row in rows), maxlen=LAST)
    return tuple(known[key])


def _as_recent(
    names: list[str],
    decision_id: int,
    sample_id: int,
    path: str,
    verdict: str,
    label: int | None,
    given: int,
    blind: bool,
    gold: bool,
) -> RecentDecision:
    return RecentDecision(
        decision_id,
        sample_id,
        path,
        verdict,
        None if label is None else names[label],
        names[given],
        bool(blind),
        bool(gold),
    )


def history(session: Session, *, sample_id: int) -> list[Decision]:
    """Every decision on a sample and every undo, in the order they were made."""
    return list(
        session.scalars(select(Decision).where(Decision.sample_id == sample_id).order_by(Decision.id))
    )


def _lock_sample(session: Session, *, sample_id: int, dataset_id: int, run_id: int | None = None) -> Any:
    """What is known of it, and what the run says of it. Raises NotFound."""
    # Two decisions on one sample are folded one after the other (SQLite has one writer anyway).
    sample = _LOCK.one(session, sample=sample_id, run=run_id)
    if sample is None or sample.dataset_id != dataset_id:
        raise NotFound(f"There is no sample {sample_id} here.")
    return sample


def _gold_look(
    session: Session, user_id: int, client_id: str, *, sample: Any, origin: str, in_view: bool
) -> tuple[str, bool] | None:
    """Where and how an answer to an image of the gold part is given; none for other images.

    Raises Conflict.
    """
    if get_gold_part(session, dataset_id=sample.dataset_id) is None:  # as mostly
        return None
    found = _OF_GOLD.one(session, sample=sample.id, user=user_id)
    if found is None:
        return None
    answer = (
        ("adjudication", False)
        if origin == "adjudication"
        else ("gold" if origin in ("deck", "audit", "mixed") else origin, True)
    )
    if (
        _sent_before(session, user_id, client_id) is not None
    ):  # it was the one that settled the image, perhaps
        return answer
    if origin == "duplicates":
        raise Conflict(
            "An image of this group belongs to the gold part, which people look at one by one and blind; nothing was changed."
        )
    if origin == "adjudication":
        if not found.drawn:
            raise Conflict(
                "Nobody disagrees about this image of the gold part; only blind looks say what it is."
            )
    elif found.settled:
        raise Conflict(
            "This image of the gold part is settled: blind looks said what it is. Undo your own answer to give another."
        )
    elif in_view:
        raise Conflict(
            "This image became part of the gold part after its label was shown to you; somebody else looks at it blind. Skip it."
        )
    elif found.in_view:
        raise Conflict(
            "You have answered about this image of the gold part with its label in view; somebody else has to look at it blind."
        )
    return answer


def _checked(session: Session, sample: Any, *, verdict: str, label: str | None) -> tuple[str, int | None]:
    if verdict not in VERDICTS:
        raise Invalid(f"“{verdict}” is no verdict; choose keep, relabel, delete or unsure.")
    if verdict != "relabel":
        if label:
            raise Invalid(
                f"Only a relabel has a label; leave it out to {verdict}."
                if verdict != "unsure"
                else "Only a relabel has a label."
            )
        return verdict, None
    if not label:
        raise Invalid("A relabel needs the label that the sample should have.")
    position = class_position(session, dataset_id=sample.dataset_id, name=label)
    return ("keep", None) if position == sample.given_label else ("relabel", position)


def _check_file(session: Session, sample: Any, user_id: int, client_id: str, *, verdict: str) -> None:
    """Raises Conflict for a label of an image that nobody can see; what was recorded before is recorded."""
    if sample.lost and verdict in ("keep", "relabel") and not _sent_before(session, user_id, client_id):
        raise Conflict(
            f"The file {sample.path} {SAID[sample.lost]}, so nobody can see whether its label is right; nothing was "
            "changed. Put the file back, then decide, or delete the image from the labels."
        )


def _sent_before(session: Session, user_id: int, client_id: str) -> Decision | None:
    """What this client id stands for already."""
    if not client_id:
        return None
    return session.scalar(
        select(Decision).where(Decision.user_id == user_id, Decision.client_id == client_id)
    )


def _repeated(
    session: Session, user_id: int, client_id: str, *, sample_id: int, verdict: str, label: int | None
) -> Recorded:
    first = session.scalars(
        select(Decision).where(Decision.user_id == user_id, Decision.client_id == client_id)
    ).one()
    if (first.sample_id, first.verdict, first.label) != (sample_id, verdict, label):
        raise Conflict(_USED)
    return _recorded(first)


def _recorded(row: Decision) -> Recorded:
    return Recorded(
        row.id,
        row.dataset_id,
        row.sample_id,
        row.verdict,
        row.label,
        row.client_id,
        row.created_at,
        row.blind,
    )
