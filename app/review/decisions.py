"""Recording decisions. Rows are only added; the sample's state is folded anew each time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.db.compiled import Prepared
from app.db.types import now
from app.errors import Conflict
from app.review import desk
from app.review.checks import USED, Answer, check_answer, how_given, lock_sample
from app.review.desk import Change
from app.review.log import Logged
from app.review.models import Decision
from app.review.recent import as_recent
from app.review.standing import refold_after
from app.training.runs import current_ranking, get_run

MAX_MILLISECONDS = 24 * 3600 * 1000
DIALECTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _record(dialect: str) -> Executable:
    insert = DIALECTS[dialect]
    names = [column.name for column in Decision.__table__.columns if column.name not in ("id", "undoes_id")]
    values = insert(Decision.__table__).values({name: bindparam(name) for name in names})
    recorded: Executable = values.on_conflict_do_nothing(index_elements=["user_id", "client_id"]).returning(
        Decision.id
    )
    return recorded


_RECORD = Prepared(_record)  # built once: building takes longer than asking


@dataclass(frozen=True)
class RecordedDecision:
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
    session: Session, answer: Answer, *, dataset_id: int, user_id: int
) -> tuple[RecordedDecision, bool]:
    """Append a decision; the flag is whether it is new. Sending the same client id again changes nothing.

    Raises NotFound for a sample elsewhere, Invalid for a verdict or label that makes no sense, Conflict when
    the client id was used for something else, the sample is of the gold part and no look at it would be
    blind, or its file is missing or changed and it is to be kept or relabelled.
    """
    run_id = answer.run_id
    if run_id is None:
        ranking = current_ranking(session, dataset_id=dataset_id)
        run_id = ranking.run_id if ranking else None
    sample = lock_sample(session, sample_id=answer.sample_id, dataset_id=dataset_id, run_id=run_id)
    verdict, position = check_answer(session, answer, sample=sample, user_id=user_id)
    moment = now()
    given = how_given(session, answer, sample=sample, verdict=verdict, user_id=user_id, moment=moment)
    if sample.rank is None and run_id is not None and not given.gold:
        get_run(session, run_id=run_id, dataset_id=dataset_id)
    took = None if answer.milliseconds is None else max(0, min(answer.milliseconds, MAX_MILLISECONDS))
    row = {
        "dataset_id": dataset_id,
        "sample_id": sample.id,
        "user_id": user_id,
        "verdict": verdict,
        "label": position,
        "client_id": answer.client_id,
        "run_id": run_id if given.shown else None,
        "rank": sample.rank if given.shown else None,
        "milliseconds": took,
        "created_at": moment,
        "origin": given.origin,
        "blind": given.blind,
        "bulk_id": None,
        "moved_from": None,
    }
    inserted = _RECORD.scalar(session, **row)
    if inserted is None:
        return _repeated(session, answer, user_id=user_id, verdict=verdict, position=position), False
    logged = Logged(
        id=inserted,
        sample_id=sample.id,
        verdict=verdict,
        label=position,
        undoes_id=None,
        user_id=user_id,
        created_at=moment,
        bulk_id=None,
        origin=given.origin,
        blind=given.blind,
        milliseconds=took,
        dataset_id=dataset_id,
        given_label=sample.given_label,
        sha256=sample.sha256,
        gold=given.gold,
    )
    names = class_names(session, dataset_id=dataset_id)
    shown_as = as_recent(
        names,
        inserted,
        sample.id,
        sample.path,
        verdict,
        position,
        sample.given_now,
        given.blind,
        given.gold,
    )
    change = refold_after(session, logged, is_merged=sample.given_now != sample.given_label)
    desk.apply(session, change + Change(decided=(logged, shown_as)))
    return (
        RecordedDecision(
            inserted, dataset_id, sample.id, verdict, position, answer.client_id, moment, given.blind
        ),
        True,
    )


def _repeated(
    session: Session, answer: Answer, *, user_id: int, verdict: str, position: int | None
) -> RecordedDecision:
    first = session.scalars(
        select(Decision).where(Decision.user_id == user_id, Decision.client_id == answer.client_id)
    ).one()
    if (first.sample_id, first.verdict, first.label) != (answer.sample_id, verdict, position):
        raise Conflict(USED)
    return recorded(first)


def recorded(row: Decision) -> RecordedDecision:
    """A row of the log as a value."""
    return RecordedDecision(
        row.id,
        row.dataset_id,
        row.sample_id,
        row.verdict,
        row.label,
        row.client_id,
        row.created_at,
        row.blind,
    )
