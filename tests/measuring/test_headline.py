"""The error on the given labels, which no cleaning of labels moves."""

from sqlalchemy import select
from starlette.testclient import TestClient

from app.datasets.models import Sample
from app.db.engine import Database
from app.measuring.evaluations import best_run
from app.measuring.headline import headline
from tests.factories import Made

ANSWERS = "/d/faces/review/decisions"


def test_the_headline_is_of_the_best_run_and_stays_while_labels_get_cleaner(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    with database.read() as session:
        before = headline(session, dataset_id=made.dataset_id)
        best = best_run(session, dataset_id=made.dataset_id)
    assert before
    assert best
    assert (before.name, before.given, before.cleaner) == (best.name, best.error_rate, None)
    with database.read() as session:
        held = session.scalars(select(Sample.id).where(Sample.split == "valid").order_by(Sample.id)).all()
    ada = browser_of["ada"]
    for number, sample in enumerate(held[:2]):
        answer = {"sample": str(sample), "client_id": str(number), "answer": "delete"}
        assert ada.post(ANSWERS, data=answer).status_code == 303
    ada.post("/d/faces/export/versions")
    with database.read() as session:
        after = headline(session, dataset_id=made.dataset_id)
        now = best_run(session, dataset_id=made.dataset_id)
    assert after
    assert now
    assert (after.given, after.is_same_model) == (before.given, True)
    assert after.cleaner == now.newest_error_rate
    assert after.cleaner != before.given
