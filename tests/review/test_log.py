from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from app.datasets.catalog import lock_dataset, lock_out_decisions
from app.db.engine import Database
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.log import not_undone
from app.review.models import Decision
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import Made


@pytest.fixture
def log(database: Database, made: Made, people: People) -> tuple[int, int, int]:
    """The ids of a decision that is undone, of one that is not, and of the undo, in this order in the log."""
    with database.write() as session:
        first, second = (
            decide(
                session,
                Answer(sample_id=sample, verdict="delete", client_id=f"decision {sample}"),
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
            )[0]
            for sample in made.ranked[:2]
        )
        undo(session, user_id=people.annotator.id, decision_id=first.id, client_id="undo")
        row = session.scalars(select(Decision).where(Decision.client_id == "undo")).one()
        for day, decision_id in enumerate((first.id, second.id, row.id), start=1):
            session.get_one(Decision, decision_id).created_at = datetime(2026, 1, day, tzinfo=UTC)
        return first.id, second.id, row.id


def ids(
    database: Database, *, at: datetime | None = None, after_decision: int | None = None
) -> tuple[int, ...]:
    with database.read() as session:
        rule = not_undone(at=at, after_decision=after_decision)
        return tuple(session.scalars(select(Decision.id).where(rule).order_by(Decision.id)))


def test_neither_an_undone_decision_nor_its_undo_is_left(
    database: Database, log: tuple[int, int, int]
) -> None:
    assert ids(database) == (log[1],)


def test_an_undo_counts_from_its_own_moment_on(database: Database, log: tuple[int, int, int]) -> None:
    assert ids(database, at=datetime(2026, 1, 2, tzinfo=UTC)) == log[:2]
    assert ids(database, at=datetime(2026, 1, 3, tzinfo=UTC)) == (log[1],)


def test_an_undo_counts_from_its_own_place_in_the_log_on(
    database: Database, log: tuple[int, int, int]
) -> None:
    assert ids(database, after_decision=log[1]) == log[:2]
    assert ids(database, after_decision=log[2]) == (log[1],)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_decision_waits_while_decisions_are_locked_out(
    database: Database, made: Made, people: People
) -> None:
    def answer(client_id: str) -> None:
        with database.write() as session:
            session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            decide(
                session,
                Answer(sample_id=made.ranked[0], verdict="delete", client_id=client_id),
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
            )

    with database.write() as session:
        lock_dataset(session, dataset_id=made.dataset_id)
        answer("requests follow one another, decisions go on")
    with database.write() as session:
        lock_out_decisions(session, dataset_id=made.dataset_id)
        with pytest.raises(OperationalError, match="lock timeout"):
            answer("locked out")
    answer("afterwards")
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 2
