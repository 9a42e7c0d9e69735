"""An answer to a sample, as the tests of rounds need it."""

import uuid

from app.db.engine import Database
from app.review.checks import Answer
from app.review.decisions import decide
from tests.factories import Made


def answer(
    database: Database, made: Made, user_id: int, sample: int, verdict: str, label: str | None = None
) -> None:
    with database.write() as session:
        decide(
            session,
            Answer(sample_id=sample, verdict=verdict, label=label, client_id=str(uuid.uuid4())),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )
