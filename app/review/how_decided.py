"""How the verdicts of samples came about: by several people who agree, or by an admin's final decision."""

from collections import defaultdict

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.datasets.gold import is_visible
from app.review.log import not_undone
from app.review.models import Decision, SampleReview


def how_decided(session: Session, *, dataset_id: int) -> dict[int, str]:
    """Sample id → agreed or adjudicated; samples that wait, or whose verdict one person gave, are left out.

    Agreed: more than half of at least two people gave the answer that counts, each for this image alone.
    """
    counted = or_(Decision.blind, Decision.origin == "adjudication", is_visible(Decision.sample_id))
    settled = (SampleReview.dataset_id == dataset_id, SampleReview.waits == "")
    query = (
        select(Decision.sample_id, Decision.id, Decision.user_id, Decision.verdict, Decision.label)
        .add_columns(Decision.origin, SampleReview.decision_id)
        .join(SampleReview, SampleReview.sample_id == Decision.sample_id)
        .where(*settled, counted, not_undone(), Decision.bulk_id.is_(None))
        .order_by(Decision.id)
    )
    answers: dict[int, dict[int, tuple[str, int | None]]] = defaultdict(dict)
    counts: dict[int, tuple[str, int | None]] = {}
    found: dict[int, str] = {}
    for sample_id, decision_id, user_id, verdict, label, origin, counting in session.execute(query):
        answers[sample_id][user_id] = verdict, label  # the last answer of each person
        if decision_id == counting:
            counts[sample_id] = verdict, label
            if origin == "adjudication":
                found[sample_id] = "adjudicated"
    for sample_id, answer in counts.items():
        given = list(answers[sample_id].values())
        if sample_id not in found and 1 < len(given) < 2 * given.count(answer):
            found[sample_id] = "agreed"
    return found
