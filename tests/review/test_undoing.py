"""Undoing decisions and redoing them."""

import pytest

from app.db.engine import Database
from app.errors import Conflict, Forbidden
from app.review.undoing import redo_last, undo, undo_last
from tests.conftest import People
from tests.factories import Made
from tests.review.answers import answer, history, state


def test_an_undo_or_redo_with_a_client_id_of_something_else_is_refused_and_not_lost(
    database: Database, made: Made, people: People
) -> None:
    ann, (first, second) = people.annotator.id, made.ranked[:2]
    decision = answer(database, made, ann, first, "delete", client_id="one")
    answer(database, made, ann, second, "delete", client_id="two")
    mine = {"dataset_id": made.dataset_id, "user_id": ann}
    with pytest.raises(Conflict, match="used for another"), database.write() as session:
        undo(session, user_id=ann, decision_id=decision, client_id="two")
    with pytest.raises(Conflict, match="used for another"), database.write() as session:
        undo_last(session, **mine, client_id="one")
    assert (state(database, first), state(database, second)) == (("delete", None), ("delete", None))
    with database.write() as session:
        undo_last(session, **mine, client_id="back")
    with pytest.raises(Conflict, match="used for another"), database.write() as session:
        redo_last(session, **mine, client_id="back")
    assert (state(database, first), state(database, second)) == (("delete", None), None)


def test_nobody_undoes_somebody_elses_decision(database: Database, made: Made, people: People) -> None:
    decision = answer(database, made, people.annotator.id, made.ranked[0], "keep")
    with database.write() as session, pytest.raises(Forbidden):
        undo(session, user_id=people.other.id, decision_id=decision)


def test_undoing_twice_is_undoing_once(database: Database, made: Made, people: People) -> None:
    decision = answer(database, made, people.annotator.id, made.ranked[0], "keep")
    for _ in range(2):
        with database.write() as session:
            undo(session, user_id=people.annotator.id, decision_id=decision)
    with database.read() as session:
        assert [row.verdict for row in history(session, sample_id=made.ranked[0])] == ["keep", "undo"]


def test_redo_gives_undone_answers_again_until_there_are_none(
    database: Database, made: Made, people: People
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    answer(database, made, people.annotator.id, made.ranked[0], "relabel", "owl")
    answer(database, made, people.annotator.id, made.ranked[1], "delete")
    answer(database, made, people.other.id, made.ranked[2], "keep")
    for _ in range(2):
        with database.write() as session:
            undo_last(session, **me)
    assert state(database, made.ranked[0]) is None
    redone = []
    for attempt in range(3):
        with database.write() as session:
            decision = redo_last(session, **me, client_id=f"redo {attempt}")
            redone.append(decision and (decision.sample_id, decision.verdict, decision.label))
    assert redone == [(made.ranked[0], "relabel", 2), (made.ranked[1], "delete", None), None]
    assert state(database, made.ranked[0]) == ("relabel", 2)


def test_an_undo_sent_twice_is_one_undo(database: Database, made: Made, people: People) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    for sample in made.ranked[:2]:
        answer(database, made, people.annotator.id, sample, "keep")
    for _ in range(2):
        with database.write() as session:
            assert undo_last(session, **me, client_id="once").sample_id == made.ranked[1]
    assert (state(database, made.ranked[0]), state(database, made.ranked[1])) == (("keep", 0), None)


def test_a_redo_sent_twice_is_one_redo(database: Database, made: Made, people: People) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    for sample in made.ranked[:2]:
        answer(database, made, people.annotator.id, sample, "keep")
    for _ in range(2):
        with database.write() as session:
            undo_last(session, **me)
    for _ in range(2):
        with database.write() as session:
            redo_last(session, **me, client_id="once")
    assert (state(database, made.ranked[0]), state(database, made.ranked[1])) == (("keep", 0), None)


def test_undo_goes_back_as_far_as_ones_own_work_goes(database: Database, made: Made, people: People) -> None:
    samples = made.ranked[:3]
    for sample in samples:
        answer(database, made, people.annotator.id, sample, "keep")
    answer(database, made, people.other.id, made.ranked[5], "keep")
    undone = []
    for _ in range(4):
        with database.write() as session:
            decision = undo_last(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
            undone.append(decision.sample_id if decision else None)
    assert undone == [samples[2], samples[1], samples[0], None]
    assert state(database, made.ranked[5]) == ("keep", 0)
