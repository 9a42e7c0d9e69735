import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import exists, func, select

from app.datasets.models import Sample
from app.db.engine import Database
from app.errors import Conflict
from app.ranking.models import Prediction
from app.review.fold import Policy, fold, is_drawn
from app.review.models import Decision, OpenIssue, SampleReview
from app.review.policy import get_policy
from app.review.standing import entry_of, set_policy
from app.review.undoing import undo, undo_last
from tests.conftest import People
from tests.factories import Made
from tests.review.answers import answer, history, state


def test_a_relabel_moves_the_sample_and_keeps_the_given_label(
    database: Database, made: Made, people: People
) -> None:
    sample = made.ranked[0]
    answer(database, made, people.annotator.id, sample, "relabel", "owl")
    assert state(database, sample) == ("relabel", 2)
    with database.read() as session:
        assert session.get_one(Sample, sample).given_label == 0


def test_a_deletion_has_no_label_and_an_undo_brings_the_given_one_back(
    database: Database, made: Made, people: People
) -> None:
    sample = made.ranked[0]
    decision = answer(database, made, people.annotator.id, sample, "delete")
    assert state(database, sample) == ("delete", None)
    with database.write() as session:
        undo(session, user_id=people.annotator.id, decision_id=decision)
    assert state(database, sample) is None


def test_the_same_client_id_is_recorded_once(database: Database, made: Made, people: People) -> None:
    first = answer(database, made, people.annotator.id, made.ranked[0], "keep", client_id="one")
    second = answer(database, made, people.annotator.id, made.ranked[0], "keep", client_id="one")
    assert first == second
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


def test_a_client_id_used_for_something_else_is_refused(
    database: Database, made: Made, people: People
) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "keep", client_id="one")
    with pytest.raises(Conflict, match="client id"):
        answer(database, made, people.annotator.id, made.ranked[0], "delete", client_id="one")


@pytest.mark.parametrize(("place", "verdict", "label"), [(0, "relabel", "dog"), (1, "relabel", "owl")])
def test_a_client_id_stands_for_its_sample_and_its_label_too(
    database: Database, made: Made, people: People, place: int, verdict: str, label: str
) -> None:
    ann, sample = people.annotator.id, made.ranked[0]
    first = answer(database, made, ann, sample, "relabel", "owl", client_id="one")
    assert answer(database, made, ann, sample, "relabel", "owl", client_id="one") == first
    with pytest.raises(Conflict, match="client id"):
        answer(database, made, ann, made.ranked[place], verdict, label, client_id="one")


def test_two_people_may_use_the_same_client_id(database: Database, made: Made, people: People) -> None:
    first = answer(database, made, people.annotator.id, made.ranked[0], "keep", client_id="one")
    assert answer(database, made, people.other.id, made.ranked[0], "delete", client_id="one") != first


def test_a_decision_remembers_the_ranking_that_showed_the_sample(
    database: Database, made: Made, people: People
) -> None:
    answer(database, made, people.annotator.id, made.ranked[2], "keep")
    with database.read() as session:
        decision = history(session, sample_id=made.ranked[2])[0]
        assert (decision.run_id, decision.rank) == (made.run_id, 3)


def test_eight_people_at_once_lose_no_decision_and_the_state_is_the_fold(
    database: Database, made: Made, people: People
) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(5):
                user = people.annotator.id if number % 2 else people.other.id
                answer(database, made, user, made.ranked[i], ("keep", "delete", "unsure")[(number + i) % 3])
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 40
        for sample in made.ranked[:5]:
            assert len(history(session, sample_id=sample)) == 8
    assert_column_is_fold(database, made)


def assert_column_is_fold(database: Database, made: Made) -> None:
    with database.read() as session:
        for sample in session.scalars(select(Sample).where(Sample.dataset_id == made.dataset_id)):
            policy = get_policy(session, dataset_id=made.dataset_id)
            log = [entry_of(decision) for decision in history(session, sample_id=sample.id)]
            drawn = is_drawn(sample.sha256, share=policy.share)
            expected = fold(log, given_label=sample.given_label, policy=policy, drawn=drawn)
            column = session.get(SampleReview, sample.id)
            names = ("verdict", "label", "reviews", "waits", "in_bulk")
            found = (
                None if column is None else (column.decision_id, *(getattr(column, name) for name in names))
            )
            assert found == (
                None
                if expected is None
                else (expected.decision, *(getattr(expected, name) for name in names))
            )
        waits = exists().where(SampleReview.sample_id == Prediction.sample_id)
        issues = select(Prediction.run_id, Prediction.rank, Prediction.sample_id).where(
            Prediction.predicted_label != Prediction.label, ~waits
        )
        assert set(session.execute(select(OpenIssue.run_id, OpenIssue.rank, OpenIssue.sample_id))) == set(
            session.execute(issues)
        )


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.booleans(),
        st.sampled_from(["keep", "delete", "unsure", "cat", "dog", "owl", "undo"]),
    ),
    max_size=15,
)


policies = st.builds(
    Policy,
    st.integers(1, 3),
    st.sampled_from(["unsure", "changes", "share", "all"]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.just("anyone"),
)


@given(steps, policies)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_people_do_the_column_is_the_fold_and_what_is_open_is_the_rest(
    database: Database, made: Made, people: People, steps: list, policy: Policy
) -> None:
    for number, (index, first, action) in enumerate(steps):
        if number == len(steps) // 2:  # what came before is looked at anew
            with database.write() as session:
                set_policy(session, dataset_id=made.dataset_id, policy=policy)
        user = people.annotator.id if first else people.other.id
        if action == "undo":
            with database.write() as session:
                undo_last(session, dataset_id=made.dataset_id, user_id=user)
        elif action in ("cat", "dog", "owl"):
            answer(database, made, user, made.ranked[index], "relabel", action)
        else:
            answer(database, made, user, made.ranked[index], action)
    assert_column_is_fold(database, made)
