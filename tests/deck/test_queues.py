"""Which samples a queue offers, and a ranking with random samples in between."""

import uuid
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from app.datasets.models import Sample
from app.db.engine import Database
from app.deck.filters import Filter, look
from app.deck.queues import BY_CHANCE, Queue, mixed
from app.deck.worklist import claim
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.models import Decision
from tests.conftest import People
from tests.factories import Made

LEASE = timedelta(minutes=5)
MIXED = Queue(order="mixed")


def ids(start: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(start, start + 10_000), unique=True, max_size=60)


@given(ids(0), ids(20_000))
def test_mixing_loses_nothing_and_keeps_either_order(ranked: list[int], by_chance: list[int]) -> None:
    both = mixed(ranked, by_chance, key=int)
    assert [each for each in both if each < 20_000] == ranked
    assert [each for each in both if each >= 20_000] == by_chance


@given(ids(0), ids(20_000), st.integers(0, 120))
def test_what_follows_is_the_same_after_any_number_of_cards(
    ranked: list[int], by_chance: list[int], cards: int
) -> None:
    both = mixed(ranked, by_chance, key=int)
    gone = set(both[:cards])
    rest = [[each for each in stream if each not in gone] for stream in (ranked, by_chance)]
    assert mixed(*rest, key=int) == both[cards:]


def test_a_fifth_is_random_at_no_fixed_places() -> None:
    both = mixed(range(8000), range(10_000, 18_000), key=int)[:5000]
    drawn = [place for place, each in enumerate(both) if each >= 10_000]
    assert abs(len(drawn) / 5000 - BY_CHANCE) < 0.02
    gaps = {b - a for a, b in pairwise(drawn)}
    assert {1, 2, 3, 4, 5, 6, 7, 8, 9, 10} <= gaps
    by_place = [sum(place % 5 == rest for place in drawn) for rest in range(5)]
    assert min(by_place) > 0.8 * max(by_place)


@pytest.mark.parametrize("in_group", [True, False])
def test_a_mixed_worklist_has_issues_by_rank_and_others_in_random_order_and_ends_with_the_issues(
    database: Database, made: Made, people: People, in_group: bool
) -> None:
    shown: list[int] = []

    def answer(session: Session) -> list[int]:
        held = claim(
            session,
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
            count=6,
            lease=LEASE,
            queue=MIXED,
        )
        ahead = [card.sample_id for card in held.cards]
        assert len(set(ahead)) == len(ahead)
        if ahead:
            decide(
                session,
                Answer(sample_id=ahead[0], verdict="keep", client_id=str(uuid.uuid4()), origin=MIXED.origin),
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
            )
        return ahead[:1]

    while True:
        if in_group:
            found = database.write_in_group(answer).result()
        else:
            with database.write() as session:
                found = answer(session)
        if not found:
            break
        shown += found
    issues = list(made.ranked[:10])
    with database.read() as session:
        lots = list(session.scalars(select(Sample.id).order_by(Sample.random_key, Sample.id)))
    assert [sample for sample in shown if sample in issues] == issues
    others = [sample for sample in shown if sample not in issues]
    assert others == [sample for sample in lots if sample not in issues][: len(others)]
    assert 0 < len(others) < len(lots) - len(issues)
    with database.read() as session:
        origins = {row.sample_id: row.origin for row in session.query(Decision)}
    assert origins == {sample: "deck" if sample in issues else "audit" for sample in shown}


def test_two_annotators_never_hold_the_same_card_of_a_mixed_order(
    database: Database, made: Made, people: People
) -> None:
    hands = []
    for user in (people.annotator.id, people.other.id):
        with database.write() as session:
            held = claim(session, dataset_id=made.dataset_id, user_id=user, count=8, lease=LEASE, queue=MIXED)
        hands.append({card.sample_id for card in held.cards})
    assert len(hands[0] | hands[1]) == 16


def test_a_mixed_order_goes_through_a_selection_too(database: Database, made: Made, people: People) -> None:
    queue = Queue(Filter(given="cat", state="unreviewed"), "mixed")
    with database.write() as session:
        held = claim(
            session,
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
            count=20,
            lease=LEASE,
            queue=queue,
        )
    assert {card.given_label for card in held.cards} == {"cat"}
    assert len(held.cards) == 8


@pytest.mark.parametrize("order", ["rank", "random", "mixed"])
@pytest.mark.parametrize("which", [Filter(), Filter(state="issues"), Filter(state="unreviewed")])
def test_no_query_walks_through_all_issues_in_search_of_one(
    database: Database, made: Made, people: People, order: str, which: Filter
) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL has statistics of its tables from the start")
    asked: list[tuple[str, Any]] = []

    def read(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")) and "open_issue" in statement:
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", read)
    try:
        with database.write() as session:
            queue = Queue(order=order, which=which)
            claim(
                session,
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
                count=6,
                lease=LEASE,
                queue=queue,
            )
            look(session, dataset_id=made.dataset_id, which=which, limit=20)
    finally:
        event.remove(Engine, "before_cursor_execute", read)
    assert asked
    with database.read() as session:
        for statement, parameters in asked:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            reached = {
                0: 0
            }  # by the id of a query: its tables so far; a correlated one is asked for each row
            for step_id, within, _, step in plan:
                reached[step_id] = int(step.startswith("CORRELATED"))
                if step.startswith(("SEARCH", "SCAN")):
                    assert not (reached[within] and "open_issue USING PRIMARY KEY" in step), statement
                    reached[within] += 1
