"""The state that decisions add up to, kept up to date: `SampleReview` and what is still open."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.models import Sample
from app.review.consensus import Entry, fold
from app.review.issues import refresh
from app.review.models import Decision, SampleReview

_MOST = 5_000  # samples a statement

# Asked with every decision, so they are built once: building takes longer than asking.
_SAMPLES: BindParameter[int] = bindparam("samples", expanding=True)
_LOG = (
    select(
        Decision.id, Decision.sample_id, Decision.verdict, Decision.label, Decision.undoes_id, Decision.user_id, Decision.created_at,
        Decision.bulk_id, Sample.dataset_id, Sample.given_label,
    )
    .join(Sample, Sample.id == Decision.sample_id)
    .where(Decision.sample_id.in_(_SAMPLES))
)  # fmt: skip
_FORGET = delete(SampleReview).where(SampleReview.sample_id.in_(_SAMPLES))


def _keep(insert: Any) -> Any:
    names = [column.name for column in SampleReview.__table__.columns]
    values = insert(SampleReview.__table__).values({name: bindparam(name) for name in names})
    return values.on_conflict_do_update(index_elements=["sample_id"], set_={name: values.excluded[name] for name in names[1:]})


_KEEP = {"sqlite": _keep(sqlite.insert), "postgresql": _keep(postgresql.insert)}


def refold(session: Session, sample_ids: Sequence[int]) -> None:
    """Fold the decisions on these samples anew; the caller holds whatever keeps others from deciding on them meanwhile."""
    for start in range(0, len(sample_ids), _MOST):
        _refold(session, sample_ids[start : start + _MOST])


def _refold(session: Session, sample_ids: Sequence[int]) -> None:
    logs: defaultdict[int, dict[int, Any]] = defaultdict(dict)
    for row in session.connection().execute(_LOG, {"samples": sample_ids}):
        logs[row.sample_id][row.id] = row
    kept = []
    for sample_id, log in logs.items():
        given_label = next(iter(log.values())).given_label
        entries = [Entry(row.id, row.verdict, row.label, row.undoes_id, in_bulk=row.bulk_id is not None) for row in log.values()]
        state = fold(entries, given_label=given_label)
        if state is not None:
            decision = log[state.decision]
            kept.append({
                "sample_id": sample_id, "dataset_id": decision.dataset_id, "verdict": state.verdict, "label": state.label,
                "decision_id": decision.id, "user_id": decision.user_id, "reviews": state.reviews, "decided_at": decision.created_at,
                "waits": "", "in_bulk": state.in_bulk,
            })  # fmt: skip
    verdicts = {row["sample_id"]: row["verdict"] for row in kept}
    if kept:
        session.connection().execute(_KEEP[session.get_bind().dialect.name], kept)
    if forgotten := [sample_id for sample_id in sample_ids if sample_id not in verdicts]:
        session.execute(_FORGET, {"samples": forgotten})
    refresh(session, verdicts={sample_id: verdicts.get(sample_id) for sample_id in sample_ids})
