"""Which answers teach an order, and how an order moves the open issues."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db.engine import Database
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.models import OpenIssue
from app.review.orders import (
    answers_to_learn,
    count_new_answers,
    newest_order,
    publish_order,
)
from app.review.undoing import undo_last
from app.training.runs import current_ranking
from tests.conftest import People
from tests.factories import Made, make_dataset
from tests.review.answers import answer


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Iterator[Made]:
    return make_dataset(database, tmp_path / "images", wrong=10)


def learnt(database: Database, made: Made) -> list[tuple[int, float]]:
    with database.read() as session:
        return sorted(answers_to_learn(session, run_id=made.run_id))


def order(database: Database, made: Made, probabilities: dict[int, float]) -> None:
    with database.write() as session:
        publish_order(
            session,
            run_id=made.run_id,
            probabilities=probabilities,
            decision_id=7,
            answers=2,
            wrong=1.0,
            model={"any": 1},
            facts={"epochs": 1},
        )


def worklist(database: Database, made: Made) -> list[tuple[int, float | None]]:
    with database.read() as session:
        query = select(OpenIssue).where(OpenIssue.run_id == made.run_id).order_by(OpenIssue.rank)
        return [(issue.sample_id, issue.error_probability) for issue in session.scalars(query)]


def test_every_persons_standing_answer_teaches(database: Database, made: Made, people: People) -> None:
    one, two, three, four = made.ranked[:4]
    answer(database, made, people.annotator.id, one, "keep")
    answer(database, made, people.other.id, one, "delete")
    answer(database, made, people.annotator.id, two, "relabel", "owl")
    answer(database, made, people.annotator.id, three, "unsure")
    answer(database, made, people.annotator.id, four, "keep")
    answer(database, made, people.annotator.id, four, "delete")  # changed her mind
    assert learnt(database, made) == sorted([(one, 0.0), (one, 1.0), (two, 1.0), (four, 1.0)])
    with database.read() as session:
        assert count_new_answers(session, run_id=made.run_id) == 6


def test_what_is_undone_leaves_no_trace(database: Database, made: Made, people: People) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "delete")
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert learnt(database, made) == []


@pytest.mark.parametrize("origin", ["audit", "gold"])
def test_audits_measure_and_do_not_teach(database: Database, made: Made, people: People, origin: str) -> None:
    with database.write() as session:
        decide(
            session,
            Answer(sample_id=made.ranked[0], verdict="delete", client_id="1", origin=origin),
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
        )
    assert learnt(database, made) == []


def test_the_last_word_is_the_only_one(database: Database, made: Made, people: People) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "delete")
    with database.write() as session:
        decide(
            session,
            Answer(sample_id=made.ranked[0], verdict="keep", client_id="1", origin="adjudication"),
            dataset_id=made.dataset_id,
            user_id=people.admin.id,
        )
    assert learnt(database, made) == [(made.ranked[0], 0.0)]


def test_an_order_puts_the_most_probable_errors_first_and_has_a_number(
    database: Database, made: Made
) -> None:
    before = [sample for sample, _ in worklist(database, made)]
    wanted = list(reversed(before))
    order(database, made, {sample: 0.9 - place / 100 for place, sample in enumerate(wanted)})
    assert [sample for sample, _ in worklist(database, made)] == wanted
    assert worklist(database, made)[0][1] == pytest.approx(0.9)
    with database.read() as session:
        ranking = current_ranking(session, dataset_id=made.dataset_id)
        found = newest_order(session, run_id=made.run_id)
        assert ranking is not None
        assert found is not None
        assert (ranking.name, found.number, found.model) == (f"{made.run_id}.1.1", 1, {"any": 1})
        assert found.decision_id == 7


def test_issues_that_fall_behind_have_their_rank_again(
    database: Database, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.review.orders.PLACES", 3)
    before = [sample for sample, _ in worklist(database, made)]
    last = before[-3:]
    order(database, made, {sample: float(sample in last) for sample in before})
    assert [sample for sample, _ in worklist(database, made)] == [*sorted(last), *before[:-3]]
    order(database, made, {sample: float(sample in before[4:6]) for sample in before})
    third = min(set(before) - set(before[4:6]))
    rest = [sample for sample in before if sample not in (*before[4:6], third)]
    assert [sample for sample, _ in worklist(database, made)] == [*sorted(before[4:6]), third, *rest]


def test_a_decided_issue_that_is_open_again_has_its_rank(
    database: Database, made: Made, people: People
) -> None:
    before = [sample for sample, _ in worklist(database, made)]
    order(database, made, dict.fromkeys(before, 0.5))
    answer(database, made, people.annotator.id, before[0], "delete")
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert [sample for sample, _ in worklist(database, made)] == [*sorted(before[1:]), before[0]]
