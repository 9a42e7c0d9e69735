"""Rounds of review and retraining, on real decisions and rankings."""

import uuid

from app.db.engine import Database
from app.deck.bulk import decide_many
from app.remaining.audits import start_audit
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.undoing import undo
from app.rounds.retraining import freeze_labels
from app.rounds.rounds import Round, list_rounds
from tests.conftest import People
from tests.factories import Made, make_run


def answer(database: Database, made: Made, user: int, sample: int, verdict: str, origin: str = "deck") -> int:
    with database.write() as session:
        return decide(
            session,
            Answer(
                sample_id=sample,
                verdict=verdict,
                label="owl" if verdict == "relabel" else None,
                origin=origin,
                client_id=str(uuid.uuid4()),
            ),
            dataset_id=made.dataset_id,
            user_id=user,
        )[0].id


def retrained(database: Database, made: Made) -> int:
    with database.write() as session:
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
    return make_run(database, made.dataset_id, version.id, wrong=4, parent_id=made.run_id)


def rounds(database: Database, made: Made) -> list[Round]:
    with database.read() as session:
        return list_rounds(session, dataset_id=made.dataset_id)


def test_a_round_has_the_decisions_between_its_run_and_the_next_one(
    database: Database, made: Made, people: People
) -> None:
    me = people.annotator.id
    answer(database, made, me, made.ranked[0], "relabel")
    answer(database, made, me, made.ranked[1], "keep")
    taken_back = answer(database, made, me, made.ranked[2], "delete")
    with database.write() as session:
        undo(session, user_id=me, decision_id=taken_back)
        decide_many(
            session,
            dataset_id=made.dataset_id,
            user_id=me,
            samples=made.ranked[4:7],
            expected=None,
            verdict="delete",
            label=None,
            client_id="many",
            selection="",
        )
    second_run = retrained(database, made)
    answer(database, made, me, made.ranked[8], "delete")
    answer(database, made, me, made.ranked[-1], "keep", origin="audit")
    first, second = rounds(database, made)
    assert (first.number, first.run_id, first.parent_name, first.version) == (1, made.run_id, "", 0)
    assert (first.single, first.in_bulk, first.relabelled, first.deleted) == (2, 3, 1, 3)
    assert (second.number, second.run_id, second.parent_name, second.version) == (2, second_run, "Model 1", 1)
    assert (second.single, second.audited, second.in_bulk, second.relabelled, second.deleted) == (
        1,
        1,
        0,
        0,
        1,
    )
    assert (first.ended, second.ended) == (second.begun, None)


def test_a_round_says_how_its_run_does_against_the_given_and_the_newest_labels(
    database: Database, made: Made, people: People
) -> None:
    hold_out = [
        sample
        for sample, path in zip(made.sample_ids, made.paths, strict=True)
        if path.startswith("valid/cat/")
    ]
    answer(database, made, people.annotator.id, hold_out[0], "relabel")
    second_run = retrained(database, made)
    first, second = rounds(database, made)
    assert [each.against for each in first.measures] == [
        "given labels",
        "same model, labels of version 1, the newest version",
    ]
    assert {each.run_id for each in (first, second)} == {made.run_id, second_run}
    given, newest = (each.error_rate for each in first.measures)
    assert given
    assert newest
    assert (given.n, newest.n) == (6, 6)
    assert newest.wrong == given.wrong + 1  # the run says cat, the reviewer owl


def test_a_round_shows_the_audit_that_began_in_it_once_it_is_done(
    database: Database, made: Made, people: People
) -> None:
    retrained(database, made)
    with database.write() as session:
        start_audit(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert [each.audit for each in rounds(database, made)] == [None, None]
    for sample in made.sample_ids:
        answer(database, made, people.annotator.id, sample, "keep")
    first, second = rounds(database, made)
    assert first.audit is None
    assert second.audit
    assert (second.audit.number, second.audit.population) == (1, 24)


def test_without_a_finished_run_there_is_no_round(database: Database, made: Made) -> None:
    with database.read() as session:
        assert list_rounds(session, dataset_id=made.dataset_id + 1) == []
