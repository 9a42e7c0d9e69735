"""Undoing decisions and redoing them. An undo is a row of the log too."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.db.compiled import Prepared
from app.db.types import now
from app.errors import Conflict, Forbidden, NotFound
from app.review import desk
from app.review.checks import USED, Answer, lock_sample, sent_before
from app.review.decisions import DIALECTS, RecordedDecision, decide, recorded
from app.review.desk import Change
from app.review.fold import UNDO, LogEntry, redoable
from app.review.log import not_undone, one_by_one
from app.review.models import Decision
from app.review.standing import refold

_LAST = select(Decision).where(not_undone(), one_by_one()).order_by(Decision.id.desc()).limit(1)
_MINE = Prepared(  # the last ones; who undoes more than these at a stretch starts anew
    select(Decision.id, Decision.verdict, Decision.label, Decision.undoes_id, Decision.sample_id)
    .where(one_by_one())
    .order_by(Decision.id.desc())
    .limit(10_000)
)


def undo(
    session: Session, *, user_id: int, decision_id: int, dataset_id: int | None = None, client_id: str = ""
) -> Decision:
    """Append an undo of the annotator's own decision and return that decision. A second undo changes nothing.

    `dataset_id`: the decision must be of this data set. Raises NotFound, Forbidden for somebody else's
    decision, Conflict for an undo and for a client id that was used for something else.
    """
    decision = session.get(Decision, decision_id)
    if decision is None or dataset_id not in (None, decision.dataset_id):
        raise NotFound(f"There is no decision {decision_id}; the log of decisions lists them.")
    if decision.user_id != user_id:
        raise Forbidden(
            "Only the annotator who decided can undo it; decide anew instead, the last decision counts."
        )
    if decision.verdict == UNDO:
        raise Conflict("This is an undo itself; decide anew instead.")
    if decision.moved_from is not None:
        raise Conflict("This merged two classes; undo it on the page of the classes.")
    sample = lock_sample(session, sample_id=decision.sample_id, dataset_id=decision.dataset_id)
    session.execute(
        DIALECTS[session.get_bind().dialect.name](Decision)
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
    before = sent_before(session, user_id=user_id, client_id=client_id)
    if before is not None and before.undoes_id != decision_id:
        raise Conflict(USED)
    desk.apply(session, refold(session, [sample.id]) + Change(undone=True))
    return decision


def undo_last(session: Session, *, dataset_id: int, user_id: int, client_id: str = "") -> Decision | None:
    """Undo the annotator's last decision and return it; None without one.

    The same client id again changes nothing.

    Raises Conflict when the client id was used for something else.
    """
    before = sent_before(session, user_id=user_id, client_id=client_id)
    if before is not None:
        if before.undoes_id is None or before.dataset_id != dataset_id:
            raise Conflict(USED)
        return session.get(Decision, before.undoes_id)
    last = session.scalar(
        _LAST,
        {"dataset": dataset_id, "user": user_id},
    )
    return undo(session, user_id=user_id, decision_id=last.id, client_id=client_id) if last else None


def redo_last(session: Session, *, dataset_id: int, user_id: int, client_id: str) -> RecordedDecision | None:
    """Redo the annotator's last undone decision; None without one, or after a newer decision.

    The same client id again is the same decision. Raises Conflict when the client id was used for an undo or
    elsewhere.
    """
    before = sent_before(session, user_id=user_id, client_id=client_id)
    if before is not None:
        if before.undoes_id is not None or before.dataset_id != dataset_id:
            raise Conflict(USED)
        return recorded(before)
    rows = _MINE.rows(session, dataset=dataset_id, user=user_id)
    pile = redoable(LogEntry(row.id, row.verdict, row.label, row.undoes_id, row.sample_id) for row in rows)
    if not pile:
        return None
    undone = session.get_one(Decision, pile[-1].id)
    label = None if undone.label is None else class_names(session, dataset_id=dataset_id)[undone.label]
    again = Answer(
        sample_id=undone.sample_id,
        verdict=undone.verdict,
        label=label,
        client_id=client_id,
        run_id=undone.run_id,
        origin=undone.origin,
        blind=undone.blind,
    )
    decision, _ = decide(session, again, dataset_id=dataset_id, user_id=user_id)
    return decision
