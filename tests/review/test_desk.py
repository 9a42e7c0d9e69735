"""What the desk remembers after any sequence of changes is what a fresh look at the database finds."""

import uuid
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.models import GoldMember, Sample
from app.db.engine import Database
from app.db.types import now
from app.deck.bulk import decide_many, undo_many
from app.deck.filters import Filter
from app.deck.queues import Queue
from app.deck.worklist import take
from app.errors import Conflict
from app.review import claims, counters, desk
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.desk import Change, Claimant, Counts, Desk, Place, Taken, desk_of
from app.review.fold import Policy
from app.review.gold import draw_gold
from app.review.models import Claim, SampleReview
from app.review.recent import recent
from app.review.standing import set_policy
from app.review.undoing import redo_last, undo_last
from app.training.runs import current_ranking
from tests.conftest import People
from tests.factories import Made, make_dataset

LEASE = timedelta(hours=2)  # none ends while the test runs
STREAMS: tuple[desk.Stream, ...] = ("ranked", "by chance", "random")
QUEUES = (
    Queue(),
    Queue(order="mixed"),
    Queue(order="random"),
    Queue(order="gold"),
    Queue(which=Filter(given="cat")),
    Queue(which=Filter(state="unreviewed"), order="mixed"),
)
ANSWERS = (("keep", None), ("relabel", "cat"), ("relabel", "owl"), ("delete", None), ("unsure", None))


def claimant(session: Session, dataset_id: int, user_id: int) -> Claimant:
    ranking = current_ranking(session, dataset_id=dataset_id)
    return Claimant(dataset_id, user_id, ranking.run_id if ranking else None, now())


def ask_everything(session: Session, dataset_id: int, users: list[int]) -> None:
    """Have the desk remember all that it can."""
    ranking = current_ranking(session, dataset_id=dataset_id)
    assert ranking is not None
    counters.counts(session, dataset_id=dataset_id)
    counters.last_looks(session, dataset_id=dataset_id)
    counters.open_issues(session, run_id=ranking.run_id)
    for user in users:
        recent(session, dataset_id=dataset_id, user_id=user)
        claims.held_cards(session, claimant(session, dataset_id, user))
    for stream in STREAMS:
        claims.next_free(session, claimant(session, dataset_id, users[0]), stream, most=3)


def check(remembered: Desk, fresh: Session, dataset_id: int) -> None:
    """Every entry of a desk against the database."""
    for _ in remembered.counts:
        assert remembered.counts[dataset_id] == counters.counts(fresh, dataset_id=dataset_id)
    for _ in remembered.looks:
        assert remembered.looks[dataset_id] == counters.last_looks(fresh, dataset_id=dataset_id)
    for run_id, issues in remembered.open_issues.items():
        assert issues == counters.open_issues(fresh, run_id=run_id)
    for (_, user), decisions in remembered.recent.items():
        assert tuple(decisions) == recent(fresh, dataset_id=dataset_id, user_id=user)
    for user in remembered.held:
        who = claimant(fresh, dataset_id, user)
        assert set(desk.held_by(remembered, who) or ()) == set(claims.held_cards(fresh, who))
    someone = claimant(fresh, dataset_id, 0)
    next_end = fresh.scalar(select(func.min(Claim.lease_until)).where(Claim.dataset_id == dataset_id))
    for (stream, _), free in remembered.free.items():
        found = claims.next_free(fresh, someone, stream, most=10_000)
        assert list(free.places.items()) == list(found.items())[: len(free.places)]
        assert not free.is_all or len(free.places) == len(found)
        assert next_end is None or (free.until is not None and free.until <= next_end)


def answer(
    session: Session, me: dict[str, int], sample: int, verdict: str, label: str | None, queue: Queue
) -> None:
    decide(
        session,
        Answer(
            sample_id=sample,
            verdict=verdict,
            label=label,
            milliseconds=700 + sample,
            client_id=str(uuid.uuid4()),
            origin=queue.origin,
        ),
        **me,
    )


STEP = st.tuples(
    st.sampled_from(
        ["answer"] * 5 + ["take"] * 3 + ["undo", "redo", "bulk", "undo bulk", "policy", "gold", "let go"]
    ),
    st.integers(0, 2),
    st.integers(0, 30),
    st.sampled_from(ANSWERS),
    st.sampled_from(QUEUES),
)


def make_a_step(session: Session, made: Made, users: list[int], step: tuple, actions: list[int]) -> None:
    """Change the review; `actions` are the bulk actions so far."""
    what, who, place, (verdict, label), queue = step
    me = {"dataset_id": made.dataset_id, "user_id": users[who]}
    if what == "bulk":
        some = made.ranked[place : place + 4]
        done = decide_many(session, **me, samples=some, verdict="delete", client_id=str(uuid.uuid4()))
        actions.append(done.action_id)
        return
    policy = Policy(annotators=1 + place % 2, which="all")
    steps: dict[str, Callable[[], object]] = {
        "answer": lambda: answer(session, me, made.ranked[place], verdict, label, queue),
        "take": lambda: take(session, **me, count=1 + place % 3, lease=LEASE, queue=queue),
        "undo": lambda: undo_last(session, **me),
        "redo": lambda: redo_last(session, **me, client_id=str(uuid.uuid4())),
        "undo bulk": lambda: (
            actions
            and undo_many(session, user_id=users[who], action_id=actions.pop(), client_id=str(uuid.uuid4()))
        ),
        "policy": lambda: set_policy(session, dataset_id=made.dataset_id, policy=policy),
        "gold": lambda: draw_gold(session, dataset_id=made.dataset_id, size=20),
        "let go": lambda: claims.release_cards(session, made.ranked[place : place + 2]),
    }
    steps[what]()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=3, max_size=12))
def test_a_desk_that_follows_changes_is_what_a_fresh_one_finds(
    database: Database, tmp_path_factory: pytest.TempPathFactory, people: People, steps: list
) -> None:
    folder = tmp_path_factory.mktemp("images")
    made = make_dataset(database, folder, name=uuid.uuid4().hex, per_class=21, wrong=30)
    give_fixed_random_keys(database, made)
    users, actions = [people.annotator.id, people.other.id, people.admin.id], []
    for step in steps:
        database.write_in_group(lambda s: ask_everything(s, made.dataset_id, users)).result()
        refused = database.write_in_group(
            lambda s, step=step: make_a_step(s, made, users, step, actions)
        ).exception()
        if refused and not is_usual(refused):
            raise refused
        remembered = database.write_in_group(lambda s: deepcopy(desk_of(s))).result()
        with database.read() as fresh:
            check(remembered, fresh, made.dataset_id)


def give_fixed_random_keys(database: Database, made: Made) -> None:
    """The random order of the samples, the same in every run of a test."""
    keys = Random(0)  # noqa: S311 - an order, no secret
    with database.write() as session:
        for sample_id in made.sample_ids:
            session.get_one(Sample, sample_id).random_key = keys.getrandbits(62)


def is_usual(refusal: BaseException) -> bool:
    """Whether some order of steps refuses such a step: a second gold part, an answer that is not blind."""
    return isinstance(refusal, Conflict) or type(refusal).__name__ in ("Forbidden", "Invalid", "NotFound")


def remember(database: Database, made: Made, people: People, *changes: Callable[[Session], object]) -> Desk:
    users = [people.annotator.id, people.other.id]
    database.write_in_group(lambda s: ask_everything(s, made.dataset_id, users)).result()
    for change in changes:
        database.write_in_group(change).result()
    remembered: Desk = database.write_in_group(lambda s: deepcopy(desk_of(s))).result()
    with database.read() as fresh:
        check(remembered, fresh, made.dataset_id)
    return remembered


def test_an_answer_is_followed_and_after_an_undo_everything_is_asked_anew(
    database: Database, made: Made, people: People
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    followed = remember(
        database, made, people, lambda s: answer(s, me, made.ranked[0], "delete", None, Queue())
    )
    if database.is_sqlite:
        assert followed.counts[made.dataset_id].found == 1
        assert followed.open_issues[made.run_id] == 9
        assert [look.verdict for look in followed.looks[made.dataset_id]] == ["delete"]
    assert remember(database, made, people, lambda s: undo_last(s, **me)) == Desk()


def test_cards_of_a_filtered_queue_are_looked_up_again(
    database: Database, made: Made, people: People
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    queue = Queue(which=Filter(given="cat"))
    kept = remember(database, made, people, lambda s: take(s, **me, count=2, lease=LEASE, queue=queue))
    assert people.annotator.id not in kept.held  # their places are not known


@pytest.mark.parametrize("order", ["rank", "mixed", "random"])
def test_a_card_that_is_released_without_a_decision_is_offered_again(
    database: Database, made: Made, people: People, order: str
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id, "queue": Queue(order=order)}

    def take_two() -> set[int]:
        database.write_in_group(lambda s: take(s, **me, count=2, lease=LEASE)).result()
        with database.read() as session:
            mine = claimant(session, made.dataset_id, people.annotator.id)
            return {card.sample_id for card in claims.held_cards(session, mine)}

    held = take_two()
    remember(database, made, people)
    database.write_in_group(lambda s: claims.release_cards(s, [max(held)])).result()
    assert take_two() == held


def test_a_policy_that_the_deciding_thread_changes_holds_at_once(
    database: Database, made: Made, people: People
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}

    def waits() -> bool:
        with database.read() as session:
            return bool(session.get_one(SampleReview, made.ranked[0]).waits)

    def ask_twice(session: Session) -> None:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(annotators=2, which="all"))

    database.write_in_group(lambda s: answer(s, me, made.ranked[0], "delete", None, Queue())).result()
    assert not waits()
    database.write_in_group(ask_twice).result()
    assert waits()


def test_a_gold_part_that_the_deciding_thread_draws_holds_at_once(
    database: Database, tmp_path: Path, people: People
) -> None:
    made = make_dataset(database, tmp_path, per_class=21, wrong=84)
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}

    def decided() -> set[int]:
        with database.read() as session:
            return set(session.scalars(select(SampleReview.sample_id)))

    for sample in made.ranked:
        database.write_in_group(lambda s, i=sample: answer(s, me, i, "delete", None, Queue())).result()
    assert decided() == set(made.ranked)
    database.write_in_group(lambda s: draw_gold(s, dataset_id=made.dataset_id, size=20)).result()
    with database.read() as session:
        drawn = set(session.scalars(select(GoldMember.sample_id)))
    assert decided() == set(made.ranked) - drawn  # its labels come from blind looks only


def test_a_change_of_an_empty_desk_leaves_it_empty() -> None:
    class Nothing:
        info: dict = {}  # noqa: RUF012 - as a session's

    taken = Taken(Claimant(1, 2, 3, now()), {5: Place(1, 2)}, now(), is_placed=True)
    with_nothing: Session = Nothing()  # type: ignore[assignment]
    desk.apply(with_nothing, Change(closed=(3,), released=(5,), given_back=((2, 5),), taken=taken))
    assert desk_of(with_nothing) == Desk()


def test_counts_go_up_and_down_again() -> None:
    counts = Counts()
    counts.add("relabel", 1, False, 2)
    counts.add("unsure", 1, True, 1)
    assert (counts.reviewed, counts.found, counts.unsure, counts.in_bulk) == (3, 2, 1, 1)
    counts.add("relabel", 1, False, -2)
    counts.add("unsure", 1, True, -1)
    assert counts == Counts()
