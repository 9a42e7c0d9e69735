import threading
import uuid
from concurrent.futures import Future
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.types import now
from app.deck.answer import Deck, look
from app.deck.queues import Queue
from app.deck.worklist import my_cards, take
from app.errors import NotFound
from app.review.checks import Answer
from app.review.claims import next_free, release
from app.review.decisions import decide
from app.review.desk import Claimant
from app.review.fold import Policy
from app.review.gold import draw_gold
from app.review.models import Claim, Decision
from app.review.standing import set_policy
from app.review.undoing import redo_last, undo_last
from app.training.runs import current_ranking
from tests.conftest import People
from tests.factories import Made, make_dataset

LEASE = timedelta(minutes=5)


RANKED, MIXED, RANDOM = Queue(), Queue(order="mixed"), Queue(order="random")


def answer(
    made: Made,
    user_id: int,
    sample: int,
    verdict: str,
    label: str | None,
    session: Session,
    queue: Queue = RANKED,
) -> Deck:
    decide(
        session,
        Answer(
            sample_id=sample,
            verdict=verdict,
            label=label,
            milliseconds=1000 + sample,
            client_id=str(uuid.uuid4()),
            origin=queue.origin,
        ),
        dataset_id=made.dataset_id,
        user_id=user_id,
    )
    take(session, dataset_id=made.dataset_id, user_id=user_id, count=3, lease=LEASE, queue=queue)
    return look(session, dataset_id=made.dataset_id, user_id=user_id, queue=queue)


def free(made: Made, user_id: int, session: Session) -> list[int]:
    ranking = current_ranking(session, dataset_id=made.dataset_id)
    who = Claimant(made.dataset_id, user_id, ranking.run_id if ranking else None, now())
    streams = ("ranked", "by chance", "random")
    return [sample for stream in streams for sample in next_free(session, who, stream, most=20)]


def keep(made: Made, user_id: int, sample: int, session: Session) -> int:
    done, _ = decide(
        session,
        Answer(sample_id=sample, verdict="keep", client_id=str(uuid.uuid4())),
        dataset_id=made.dataset_id,
        user_id=user_id,
    )
    return done.id


ANSWERS = [
    ("relabel", "cat"),
    ("relabel", "owl"),
    ("delete", None),
    ("unsure", None),
]  # the first one is keeping it
ACTION = st.tuples(
    st.sampled_from(["answer", "answer", "answer", "undo", "redo", "release", "policy"]),
    st.integers(0, 2),
    st.integers(0, 15),
    st.sampled_from(ANSWERS),
    st.sampled_from([MIXED, RANDOM, RANKED]),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTION, max_size=14))
def test_what_an_answer_starts_from_is_what_a_fresh_look_finds(
    database: Database, made: Made, people: People, actions: list
) -> None:
    users = [people.annotator.id, people.other.id, people.admin.id]
    me = {"dataset_id": made.dataset_id}
    for what, who, place, (verdict, label), queue in actions:
        user, sample = users[who], made.ranked[place]
        if what == "answer":
            seen = database.write_in_group(
                lambda s, u=user, i=sample, v=verdict, n=label, q=queue: answer(made, u, i, v, n, s, q)
            ).result()
            offered = database.write_in_group(lambda s, u=user: free(made, u, s)).result()
            with database.read() as session:
                assert seen == look(session, **me, user_id=user, queue=queue)
                assert offered == free(made, user, session)
        elif what == "undo":
            database.write_in_group(lambda s, u=user: undo_last(s, **me, user_id=u)).result()
        elif what == "redo":
            database.write_in_group(
                lambda s, u=user: redo_last(s, **me, user_id=u, client_id=str(uuid.uuid4()))
            ).result()
        elif what == "release":  # somebody else's connection
            with database.write() as session:
                release(session, dataset_id=made.dataset_id, user_id=user)
        else:
            with database.write() as session:
                set_policy(session, **me, policy=Policy(annotators=1 + place % 2, which="all"))
    for user in users:
        seen = database.write_in_group(lambda s, u=user: look(s, **me, user_id=u)).result()
        with database.read() as session:
            assert seen == look(session, **me, user_id=user)


GOLD = Queue(order="gold")
GOLD_ANSWER = st.tuples(
    st.integers(0, 2),
    st.sampled_from([*ANSWERS, ("relabel", "cat")]),
    st.sampled_from([GOLD, GOLD, RANKED, RANDOM]),
    st.booleans(),
)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(GOLD_ANSWER, max_size=14), at=st.integers(0, 5))
def test_so_it_is_with_a_gold_part_that_is_drawn_meanwhile(
    database: Database, tmp_path_factory: pytest.TempPathFactory, people: People, answers: list, at: int
) -> None:
    made = make_dataset(
        database, tmp_path_factory.mktemp("images"), name=uuid.uuid4().hex, per_class=21, wrong=84
    )
    me = {"dataset_id": made.dataset_id}

    def answer_next(
        session: Session, user: int, verdict: str, label: str | None, queue: Queue, back: bool
    ) -> Deck:
        take(session, **me, user_id=user, count=3, lease=LEASE, queue=queue)
        if held := my_cards(session, **me, user_id=user, queue=queue).cards:
            done, _ = decide(
                session,
                Answer(
                    sample_id=held[0].sample_id,
                    verdict=verdict,
                    label=label,
                    milliseconds=900,
                    client_id=str(uuid.uuid4()),
                ),
                **me,
                user_id=user,
            )
            assert done.blind == held[0].blind
        if back:
            undo_last(session, **me, user_id=user)
        take(session, **me, user_id=user, count=3, lease=LEASE, queue=queue)
        return look(session, **me, user_id=user, queue=queue)

    for number, (who, (verdict, label), queue, back) in enumerate(answers):
        user = [people.annotator.id, people.other.id, people.admin.id][who]
        if number == at:
            with database.write() as session:
                draw_gold(session, **me, size=20)
        seen = database.write_in_group(
            lambda s, u=user, v=verdict, n=label, q=queue, b=back: answer_next(s, u, v, n, q, b)
        ).result()
        with database.read() as session:
            assert seen == look(session, **me, user_id=user, queue=queue)


def test_answers_that_wait_at_the_same_time_share_a_commit(
    database: Database, made: Made, people: People
) -> None:
    if not database.is_sqlite:
        pytest.skip("elsewhere each has a transaction of its own")
    user = people.annotator.id
    said: list[str] = []
    database.write_in_group(
        lambda s: s.connection().connection.driver_connection.set_trace_callback(said.append)
    ).result()
    said.clear()
    with database.write():  # the lock is taken: everybody waits
        waiting = [
            database.write_in_group(lambda s, i=sample: keep(made, user, i, s)) for sample in made.ranked[:5]
        ]
        assert not any(each.done() for each in waiting)
    assert len({each.result() for each in waiting}) == 5
    assert said.count("COMMIT") <= 2  # the first one may have begun before the others came


def test_a_turn_that_is_refused_changes_nothing_and_the_others_are_kept(
    database: Database, made: Made, people: People
) -> None:
    def refused(session: Session) -> None:
        keep(made, people.annotator.id, made.ranked[1], session)
        keep(made, people.annotator.id, 999_999, session)

    with database.read():  # so that PostgreSQL has something else to do too
        waiting: list[Future] = [
            database.write_in_group(lambda s: keep(made, people.annotator.id, made.ranked[0], s)),
            database.write_in_group(refused),
            database.write_in_group(lambda s: keep(made, people.annotator.id, made.ranked[2], s)),
        ]
        with pytest.raises(NotFound):
            waiting[1].result()
        waiting[0].result()
        waiting[2].result()
    with database.read() as session:
        assert set(session.scalars(select(Decision.sample_id))) == {made.ranked[0], made.ranked[2]}


def test_an_answer_is_there_only_when_it_is_committed(database: Database, made: Made, people: People) -> None:
    for sample in made.ranked[:3]:
        made_id = database.write_in_group(lambda s, i=sample: keep(made, people.annotator.id, i, s)).result()
        with database.read() as session:
            assert session.get(Decision, made_id) is not None


def test_many_annotators_at_once_never_hold_the_same_card(
    database: Database, made: Made, people: People
) -> None:
    errors: list[BaseException] = []

    def work(user_id: int) -> None:
        try:
            seen = database.write_in_group(
                lambda s: (
                    take(s, dataset_id=made.dataset_id, user_id=user_id, count=2, lease=LEASE),
                    look(s, dataset_id=made.dataset_id, user_id=user_id),
                )[1]
            ).result()
            while seen.cards:
                sample = seen.cards[0].sample_id
                seen = database.write_in_group(
                    lambda s, i=sample: answer(made, user_id, i, "delete", None, s)
                ).result()
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [
        threading.Thread(target=work, args=(user,))
        for user in (people.annotator.id, people.other.id, people.admin.id)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 10  # every issue once
        assert session.scalar(select(func.count()).select_from(Claim)) == 0


def test_cards_with_most_of_their_lease_left_are_not_written_down_again(
    database: Database, made: Made, people: People
) -> None:
    def ends() -> dict[int, object]:
        with database.read() as session:
            return dict(session.execute(select(Claim.sample_id, Claim.lease_until)).all())

    def claim(lease: timedelta) -> None:
        with database.write() as session:
            take(session, dataset_id=made.dataset_id, user_id=people.annotator.id, count=2, lease=lease)

    claim(LEASE)
    first = ends()
    claim(LEASE)
    assert ends() == first
    claim(2 * LEASE)
    assert all(ends()[sample] > first[sample] for sample in first)
