"""How far annotators agree."""

import uuid
from itertools import combinations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.versions import DELETED
from app.db.engine import Database
from app.measuring.agreement import Agreement, agreement_of, alpha, by_class, pair
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.standing import set_policy
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import CLASSES, Made

ANSWERS = st.dictionaries(
    st.integers(1, 12), st.dictionaries(st.integers(1, 4), st.integers(DELETED, 3), min_size=1), min_size=1
)


def say(
    database: Database, made: Made, user_id: int, sample: int, verdict: str, label: str | None = None
) -> int:
    with database.write() as session:
        return decide(
            session,
            Answer(
                sample_id=sample,
                verdict=verdict,
                label=label,
                client_id=str(uuid.uuid4()),
                milliseconds=2_000,
            ),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )[0].id


def asked(database: Database, made: Made) -> Agreement:
    with database.read() as session:
        return agreement_of(session, dataset_id=made.dataset_id)


@given(ANSWERS)
def test_alpha_is_that_of_the_reference_implementation(answers: dict[int, dict[int, int]]) -> None:
    shared = [said for said in answers.values() if len(said) > 1]
    if len({label for said in shared for label in said.values()}) < 2:
        assert alpha(answers) is None
        return
    table = np.array([[said.get(user, np.nan) for said in answers.values()] for user in range(1, 5)])
    assert alpha(answers) == pytest.approx(
        krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
    )


def test_kappa_is_none_where_one_answer_is_all_there_is() -> None:
    assert pair({1: {1: 0, 2: 0}, 2: {1: 0, 2: 0}}, (1, "ann"), (2, "bob")).kappa is None
    found = pair({1: {1: 0, 2: 0}, 2: {1: 1, 2: 1}, 3: {1: 0, 2: 1}, 4: {1: 1}}, (1, "ann"), (2, "bob"))
    assert (found.samples, found.agreed, found.kappa) == (3, pytest.approx(2 / 3), pytest.approx(0.4))


def test_a_class_that_only_one_of_two_names_is_not_agreed_upon() -> None:
    found = {
        each.name: (each.samples, each.agreed)
        for each in by_class({1: {1: 0, 2: 0}, 2: {1: 0, 2: DELETED}}, ["cat", "dog"])
    }
    assert found == {"cat": (2, 0.5), "deleted": (1, 0.0)}


def test_a_class_is_agreed_upon_by_as_many_pairs_as_named_it_both() -> None:
    three_cats, one_dog = {user: {1: 0, 2: 0} for user in range(3)}, {3: {1: 0, 2: 1}}
    found = by_class(three_cats | one_dog, ["cat", "dog"])
    assert [(each.name, each.samples, each.agreed) for each in found] == [("cat", 4, 0.75), ("dog", 1, 0.0)]


@given(ANSWERS)
def test_the_agreement_on_a_class_is_a_count_of_the_pairs_of_answers(
    answers: dict[int, dict[int, int]],
) -> None:
    pairs = [pair for said in answers.values() for pair in combinations(said.values(), 2)]
    for each in by_class(answers, ["0", "1", "2", "3"]):
        label = DELETED if each.name == "deleted" else int(each.name)
        named = [pair for pair in pairs if label in pair]
        assert each.samples == len(named)
        assert each.agreed == sum(pair == (label, label) for pair in named) / len(named)


def test_of_each_annotator_the_last_answer_that_stands_counts(
    database: Database, made: Made, people: People
) -> None:
    first, second = made.ranked[:2]
    say(database, made, people.annotator.id, first, "delete")
    say(database, made, people.annotator.id, first, "relabel", "owl")
    say(database, made, people.other.id, first, "relabel", "owl")
    undone = say(database, made, people.other.id, second, "keep")
    say(database, made, people.annotator.id, second, "keep")
    with database.write() as session:
        undo(session, user_id=people.other.id, decision_id=undone)
    found = asked(database, made)
    assert (found.shared, found.alpha) == (1, None)
    assert [(each.first, each.second, each.samples, each.agreed) for each in found.pairs] == [
        ("ann", "bob", 1, 1.0)
    ]
    told = {
        person.name: (person.decisions, person.seconds, person.compared, person.agreed)
        for person in found.people
    }
    assert told == {"ann": (3, 2.0, 1, 1.0), "bob": (1, 2.0, 1, 1.0)}


def test_crowdlab_trusts_the_annotator_more_who_agrees_with_the_model(
    database: Database, made: Made, people: People
) -> None:
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(annotators=2, which="all"))
    for place, sample in enumerate(
        reversed(made.ranked)
    ):  # the network agrees with the last ones in its ranking
        say(database, made, people.annotator.id, sample, "keep")
        if place % 2:
            say(database, made, people.other.id, sample, "keep")
        else:
            say(database, made, people.other.id, sample, "relabel", CLASSES[place % 3])
    found = asked(database, made)
    quality = {person.name: person.quality for person in found.people}
    assert quality["ann"] > quality["bob"] > 0
    assert found.doubtful
    assert [each.quality for each in found.doubtful] == sorted(each.quality for each in found.doubtful)


def test_few_shared_samples_are_not_weighed(database: Database, made: Made, people: People) -> None:
    for sample in made.ranked[:5]:
        for user in (people.annotator, people.other):
            say(database, made, user.id, sample, "keep")
    found = asked(database, made)
    assert found.shared == 5
    assert found.doubtful == ()
    assert {person.quality for person in found.people} == {None}
