"""A reviewed hold-out and a comparison, as the tests of measuring need them."""

import uuid

from app.db.engine import Database
from app.measuring.comparison import Comparison, compare
from app.review.checks import Answer
from app.review.decisions import decide
from app.rounds.retraining import freeze_labels
from tests.conftest import People
from tests.factories import Made


def review(
    database: Database, made: Made, people: People, sample: int, label: str | None, *, origin: str = "deck"
) -> int:
    """Relabel, or without a label delete; the answer is the decision's id."""
    with database.write() as session:
        decision, _ = decide(
            session,
            Answer(
                sample_id=sample,
                verdict="relabel" if label else "delete",
                label=label,
                client_id=str(uuid.uuid4()),
                origin=origin,
            ),
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
        )
        return decision.id


def frozen(database: Database, made: Made) -> int:
    with database.write() as session:
        return freeze_labels(session, dataset_id=made.dataset_id)[0].id


def hold_out(made: Made) -> list[int]:
    """Two cats, two dogs, two owls."""
    return [
        sample for sample, path in zip(made.sample_ids, made.paths, strict=True) if path.startswith("valid/")
    ]


def compared(database: Database, made: Made, old: int, new: int, **options: object) -> Comparison:
    with database.read() as session:
        return compare(session, dataset_id=made.dataset_id, old_id=old, new_id=new, **options)  # type: ignore[arg-type]
