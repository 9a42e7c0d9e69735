"""Audits, what is left by them, and the stopping rule, on real decisions."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.datasets.models import Sample
from app.db.engine import Database
from app.db.types import now
from app.deck.bulk import decide_many
from app.deck.queues import Queue
from app.deck.worklist import my_cards, take
from app.errors import Conflict, Invalid
from app.remaining.audits import start_audit
from app.remaining.estimate import Between, errors_in
from app.review.claims import _FREE_AT_RANDOM
from app.review.models import AuditSample
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import Made
from tests.remaining.audited import answer, seen, start


def test_an_audit_draws_from_what_nobody_has_decided_and_the_random_queue_offers_it_first(
    database: Database, many: Made, people: People
) -> None:
    decided = many.ranked[:30]
    for sample in decided:
        answer(database, many, people.annotator.id, sample)
    drawn = start(database, many, people.annotator.id)
    assert len(set(drawn)) == 20
    assert not set(drawn) & set(decided)
    with database.write() as session:
        take(
            session,
            dataset_id=many.dataset_id,
            user_id=people.other.id,
            count=20,
            lease=timedelta(minutes=1),
            queue=Queue(order="random"),
        )
        held = my_cards(
            session, dataset_id=many.dataset_id, user_id=people.other.id, queue=Queue(order="random")
        ).cards
    assert {card.sample_id for card in held} == set(drawn)


def test_an_audit_begins_with_its_own_images_although_cards_of_the_ranking_are_held(
    database: Database, many: Made, people: People
) -> None:
    me, queue = people.annotator.id, Queue(order="random")
    with database.write() as session:
        take(session, dataset_id=many.dataset_id, user_id=me, count=5, lease=timedelta(minutes=1))
    drawn = set(start(database, many, me))
    with database.write() as session:
        at_once = my_cards(session, dataset_id=many.dataset_id, user_id=me, queue=queue).cards
        take(
            session, dataset_id=many.dataset_id, user_id=me, count=5, lease=timedelta(minutes=1), queue=queue
        )
        then = my_cards(session, dataset_id=many.dataset_id, user_id=me, queue=queue).cards
    assert {card.sample_id for card in at_once} <= drawn
    assert len(then) >= 5
    assert {card.sample_id for card in then} <= drawn


def test_every_draw_is_independent_of_the_order_and_of_earlier_draws(
    database: Database, many: Made, people: People
) -> None:
    times = Counter[int]()
    for _ in range(60):
        with database.write() as session:
            audit = start_audit(session, dataset_id=many.dataset_id, user_id=people.annotator.id, size=20)
            times.update(
                session.scalars(select(AuditSample.sample_id).where(AuditSample.audit_id == audit.id))
            )
            session.rollback()
    assert len(times) == 78  # 15.4 each are to be expected; by chance one is missing in 1 of 600,000 trials
    assert max(times.values()) < 40
    with database.read() as session:
        keys = list(session.scalars(select(Sample.random_key)))
    assert min(keys) >= 0
    assert len(set(keys)) == 78


def test_the_random_order_is_read_from_an_index(database: Database, many: Made) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL reads so few rows whole")
    asked = {"run": many.run_id, "dataset": many.dataset_id, "moment": now(), "most": 6}
    with database.read() as session:
        statement = _FREE_AT_RANDOM._statement
        sql = str(statement.compile(session.get_bind(), compile_kwargs={"literal_binds": False}))
        names = statement.compile(session.get_bind()).positiontup
        given = statement.compile(session.get_bind()).params | asked
        plan = session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {sql}", tuple(str(given[name]) for name in names)
        )
        steps = [row[3] for row in plan]
    assert any("ix_sample_dataset_id_random_key" in step for step in steps)
    assert not any("TEMP B-TREE" in step for step in steps)


def test_an_audit_says_nothing_before_it_is_done_then_its_interval(
    database: Database, many: Made, people: People
) -> None:
    drawn = start(database, many, people.annotator.id)
    for sample in drawn[:19]:
        answer(
            database,
            many,
            people.annotator.id,
            sample,
            "relabel" if sample in drawn[:3] else "keep",
            origin="audit",
        )
    at = seen(database, many)
    assert (at.audits[0].decided, at.audits[0].is_done, at.audits[0].errors, at.left) == (
        19,
        False,
        None,
        None,
    )
    answer(database, many, people.other.id, drawn[19], "delete")  # wherever it is decided
    at = seen(database, many)
    total = errors_in(78, drawn=20, wrong=at.audits[0].wrong, alpha=0.025)
    assert (at.audits[0].population, at.audits[0].decided, at.audits[0].errors) == (78, 20, total)
    assert at.left == Between(total.low - at.found, min(total.high - at.found, 58))


def test_errors_found_later_in_any_way_are_left_no_more(
    database: Database, many: Made, people: People
) -> None:
    before = answer(database, many, people.annotator.id, many.ranked[0], "delete")
    drawn = start(database, many, people.annotator.id)
    for i, sample in enumerate(drawn):
        answer(database, many, people.annotator.id, sample, "delete" if i < 8 else "keep")
    left = seen(database, many).left
    assert left
    others = [sample for sample in many.sample_ids if sample not in {*drawn, many.ranked[0]}]
    answer(database, many, people.annotator.id, others[0], "delete")
    with database.write() as session:
        decide_many(
            session,
            dataset_id=many.dataset_id,
            user_id=people.annotator.id,
            samples=others[1:4],
            expected=None,
            verdict="delete",
            label=None,
            client_id="many",
            selection="",
        )
    at = seen(database, many)
    assert at.audits[0].found == 12
    assert at.left == Between(left.low - 4, left.high - 4)
    with (
        database.write() as session
    ):  # what was decided before the audit is not of its population, even when it is taken back
        undo(session, user_id=people.annotator.id, decision_id=before)
    answer(database, many, people.annotator.id, many.ranked[0], "delete")
    assert seen(database, many).audits[0].found == 12


def test_an_unsure_answer_in_an_audit_is_no_error_below_and_one_above(
    database: Database, many: Made, people: People
) -> None:
    drawn = start(database, many, people.annotator.id)
    for i, sample in enumerate(drawn):
        answer(database, many, people.annotator.id, sample, "unsure" if i < 2 else "keep")
    audit = seen(database, many).audits[0]
    assert (audit.is_done, audit.wrong, audit.unclear) == (True, 0, 2)
    assert audit.errors == errors_in(78, drawn=20, wrong=0, unclear=2, alpha=0.025)


def test_an_undone_answer_opens_the_audit_again(database: Database, many: Made, people: People) -> None:
    drawn = start(database, many, people.annotator.id)
    decisions = [answer(database, many, people.annotator.id, sample) for sample in drawn]
    assert seen(database, many).left
    with database.write() as session:
        undo(session, user_id=people.annotator.id, decision_id=decisions[-1])
    assert seen(database, many).left is None


def test_a_second_audit_waits_for_the_first_and_speaks_for_what_is_left_then(
    database: Database, many: Made, people: People
) -> None:
    drawn = start(database, many, people.annotator.id)
    with database.write() as session, pytest.raises(Conflict, match="20 of its images are left"):
        start_audit(session, dataset_id=many.dataset_id, user_id=people.other.id)
    for sample in drawn:
        answer(database, many, people.annotator.id, sample)
    again = start(database, many, people.annotator.id)
    assert not set(again) & set(drawn)
    for sample in again:
        answer(database, many, people.annotator.id, sample)
    first, second = seen(database, many).audits
    assert (first.number, first.population, second.number, second.population) == (1, 78, 2, 58)
    assert second.errors == errors_in(58, drawn=20, wrong=0, alpha=0.0125)


def test_an_audit_of_all_that_is_left_ends_the_guessing(
    database: Database, many: Made, people: People
) -> None:
    drawn = start(database, many, people.annotator.id, size=500)
    assert sorted(drawn) == list(many.sample_ids)
    for sample in drawn:
        answer(database, many, people.annotator.id, sample, "delete" if sample == drawn[0] else "keep")
    assert seen(database, many).left == Between(0, 0)
    with database.write() as session, pytest.raises(Conflict, match="Every image is decided"):
        start_audit(session, dataset_id=many.dataset_id, user_id=people.annotator.id)


def test_the_size_of_an_audit_is_refused_where_it_makes_no_sense(
    database: Database, made: Made, people: People
) -> None:
    for size in (0, 19, 5001):
        with database.write() as session, pytest.raises(Invalid, match="20 to 5,000"):
            start_audit(session, dataset_id=made.dataset_id, user_id=people.annotator.id, size=size)
