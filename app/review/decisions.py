"""Recording decisions and undoing them. Rows are only added; the sample's state is folded anew each time."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Insert, Select, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from app.datasets.catalog import class_names, class_position, get_sample
from app.datasets.models import Sample
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ranking.rankings import prediction_of
from app.review.consensus import UNDO, VERDICTS, Entry, fold
from app.review.models import Claim, Decision, SampleReview
from app.schema import now
from app.training.runs import get_run, newest_ranked

MAX_CLIENT_ID = 64
MAX_MILLISECONDS = 24 * 3600 * 1000


@dataclass(frozen=True)
class RecentDecision:
    """A decision as the strip of the last ones shows it."""

    decision_id: int
    sample_id: int
    path: str
    verdict: str
    label: str | None
    given_label: str


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
) -> tuple[Decision, bool]:
    """Append a decision; the flag tells whether it is new. The same client id again is the same decision.

    Raises NotFound for a sample elsewhere, Invalid for a verdict or label that makes no sense, Conflict when the client
    id was used for something else.
    """
    sample = _lock_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    verdict, position = _checked(session, sample, verdict=verdict, label=label)
    if not 0 < len(client_id) <= MAX_CLIENT_ID:
        raise Invalid(f"A client id has 1 to {MAX_CLIENT_ID} characters; a random UUID is a good one.")
    if run_id is not None:
        get_run(session, run_id=run_id, dataset_id=dataset_id)
    shown_by = run_id if run_id is not None else _current_run_id(session, dataset_id)
    prediction = prediction_of(session, run_id=shown_by, sample_id=sample_id) if shown_by else None
    inserted = session.scalar(
        _insert(session)
        .values(
            dataset_id=dataset_id,
            sample_id=sample_id,
            user_id=user_id,
            verdict=verdict,
            label=position,
            client_id=client_id,
            run_id=shown_by if prediction else None,
            rank=prediction.rank if prediction else None,
            milliseconds=None if milliseconds is None else max(0, min(milliseconds, MAX_MILLISECONDS)),
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=["user_id", "client_id"])
        .returning(Decision.id)
    )
    if inserted is None:
        return _repeated(session, user_id, client_id, sample_id=sample_id, verdict=verdict, label=position), False
    session.execute(delete(Claim).where(Claim.sample_id == sample_id, Claim.user_id == user_id))
    _refold(session, sample)
    return _get(session, inserted), True


def undo(session: Session, *, user_id: int, decision_id: int) -> Decision:
    """Append the undoing of one's own decision; undoing it twice is undoing it once. The answer is the undone decision.

    Raises NotFound, Forbidden for somebody else's decision, Conflict for an undo.
    """
    decision = session.get(Decision, decision_id)
    if decision is None:
        raise NotFound(f"There is no decision {decision_id}.")
    if decision.user_id != user_id:
        raise Forbidden("Only the annotator who decided can undo it; decide anew instead, the last decision counts.")
    if decision.verdict == UNDO:
        raise Conflict("This is an undo itself; decide anew instead.")
    sample = _lock_sample(session, sample_id=decision.sample_id, dataset_id=decision.dataset_id)
    session.execute(
        _insert(session)
        .values(
            dataset_id=decision.dataset_id,
            sample_id=decision.sample_id,
            user_id=user_id,
            verdict=UNDO,
            undoes_id=decision_id,
            client_id=str(uuid.uuid4()),
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=["undoes_id"])
    )
    _refold(session, sample)
    return decision


def undo_last(session: Session, *, dataset_id: int, user_id: int) -> Decision | None:
    """Undo one's own last decision that stands; none when there is none left."""
    last = session.scalar(
        _standing().where(Decision.dataset_id == dataset_id, Decision.user_id == user_id).order_by(Decision.id.desc()).limit(1)
    )
    return undo(session, user_id=user_id, decision_id=last.id) if last else None


def recent(session: Session, *, dataset_id: int, user_id: int, limit: int = 10) -> list[RecentDecision]:
    """One's own last decisions that stand, newest first."""
    names = class_names(session, dataset_id=dataset_id)
    query = _standing().add_columns(Sample).join(Sample, Sample.id == Decision.sample_id)
    query = query.where(Decision.dataset_id == dataset_id, Decision.user_id == user_id).order_by(Decision.id.desc()).limit(limit)
    return [
        RecentDecision(
            decision.id,
            sample.id,
            sample.path,
            decision.verdict,
            None if decision.label is None else names[decision.label],
            names[sample.given_label],
        )
        for decision, sample in session.execute(query)
    ]


def history(session: Session, *, sample_id: int) -> list[Decision]:
    """Every decision on a sample and every undo, in the order they were made."""
    return list(session.scalars(select(Decision).where(Decision.sample_id == sample_id).order_by(Decision.id)))


def standing_decisions(session: Session, *, sample_id: int) -> list[Decision]:
    """The decisions on a sample that were not undone."""
    return list(session.scalars(_standing().where(Decision.sample_id == sample_id).order_by(Decision.id)))


def _standing() -> Select[Decision]:
    undoing = aliased(Decision)
    return select(Decision).where(Decision.verdict != UNDO, ~exists().where(undoing.undoes_id == Decision.id))


def _lock_sample(session: Session, *, sample_id: int, dataset_id: int) -> Sample:
    # Two decisions on one sample are folded one after the other (SQLite has one writer anyway).
    session.execute(select(Sample.id).where(Sample.id == sample_id).with_for_update(key_share=True))
    return get_sample(session, sample_id=sample_id, dataset_id=dataset_id)


def _checked(session: Session, sample: Sample, *, verdict: str, label: str | None) -> tuple[str, int | None]:
    if verdict not in VERDICTS:
        raise Invalid(f"“{verdict}” is no verdict; choose keep, relabel, delete or unsure.")
    if verdict != "relabel":
        if label:
            raise Invalid(
                f"Only a relabel has a label; leave it out to {verdict}." if verdict != "unsure" else "Only a relabel has a label."
            )
        return verdict, None
    if not label:
        raise Invalid("A relabel needs the label that the sample should have.")
    position = class_position(session, dataset_id=sample.dataset_id, name=label)
    return ("keep", None) if position == sample.given_label else ("relabel", position)


def _repeated(session: Session, user_id: int, client_id: str, *, sample_id: int, verdict: str, label: int | None) -> Decision:
    first = session.scalars(select(Decision).where(Decision.user_id == user_id, Decision.client_id == client_id)).one()
    if (first.sample_id, first.verdict, first.label) != (sample_id, verdict, label):
        raise Conflict("This client id was used for another decision; make a new one for every decision.")
    return first


def _refold(session: Session, sample: Sample) -> None:
    log = session.execute(select(Decision.id, Decision.verdict, Decision.label, Decision.undoes_id).where(Decision.sample_id == sample.id))
    state = fold((Entry(*row) for row in log), given_label=sample.given_label)
    if state is None:
        session.execute(delete(SampleReview).where(SampleReview.sample_id == sample.id))
        return
    decision = _get(session, state.decision)
    session.merge(
        SampleReview(
            sample_id=sample.id,
            dataset_id=sample.dataset_id,
            verdict=state.verdict,
            label=state.label,
            decision_id=state.decision,
            user_id=decision.user_id,
            reviews=state.reviews,
            decided_at=decision.created_at,
        )
    )
    session.flush()


def _insert(session: Session) -> "postgresql.Insert | sqlite.Insert":
    dialect = session.get_bind().dialect.name
    statement: Insert = postgresql.insert(Decision) if dialect == "postgresql" else sqlite.insert(Decision)
    return statement  # type: ignore[return-value]


def _get(session: Session, decision_id: int) -> Decision:
    return session.scalars(select(Decision).where(Decision.id == decision_id)).one()


def _current_run_id(session: Session, dataset_id: int) -> int | None:
    run = newest_ranked(session, dataset_id=dataset_id)
    return run.id if run else None
