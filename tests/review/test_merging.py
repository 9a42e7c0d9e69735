"""Merges of classes beside second opinions, issues and the desk."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.datasets.classes import get_class, last_change
from app.datasets.models import LabelClass
from app.db.engine import Database
from app.deck.bulk import past_actions, undo_many
from app.deck.filters import Filter
from app.deck.queues import Queue
from app.deck.worklist import take
from app.errors import Conflict
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.merging import merge_classes, preview, retire_class, undo_change
from app.review.models import BulkAction, Claim, Decision, OpenIssue, SampleReview
from app.review.standing import set_policy
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import Made, make_run


def merge(database: Database, made: Made, people: People, name: str = "cat", into: str = "dog") -> None:
    with database.write() as session:
        row, other = (get_class(session, dataset_id=made.dataset_id, name=each) for each in (name, into))
        merge_classes(session, row, other, user_id=people.admin.id)


def undo_merge(database: Database, made: Made, people: People) -> None:
    with database.write() as session:
        change = last_change(session, dataset_id=made.dataset_id)
        assert change
        undo_change(session, dataset_id=made.dataset_id, change_id=change.id, user_id=people.admin.id)


def issues(database: Database, run_id: int) -> set[int]:
    with database.read() as session:
        return set(session.scalars(select(OpenIssue.sample_id).where(OpenIssue.run_id == run_id)))


def test_issues_between_the_two_classes_are_closed_and_open_again(
    database: Database, made: Made, people: People
) -> None:
    dog, other = [i for i, path in zip(made.sample_ids, made.paths, strict=True) if "train/dog" in path][:2]
    run_id = make_run(database, made.dataset_id, made.version_id, says={dog: 0, other: 2}, seed=5)
    assert issues(database, run_id) == {dog, other}
    merge(database, made, people)
    assert issues(database, run_id) == {other}
    late = make_run(database, made.dataset_id, made.version_id, says={dog: 0, other: 2}, seed=6)
    assert issues(database, late) == {other}  # a ranking that was begun before
    undo_merge(database, made, people)
    assert issues(database, run_id) == {dog, other}


def test_a_merge_is_undone_on_its_page_only(database: Database, made: Made, people: People) -> None:
    merge(database, made, people)
    with database.write() as session:
        assert past_actions(session, dataset_id=made.dataset_id, user_id=people.admin.id) == []
        action = session.scalars(select(BulkAction)).one()
        with pytest.raises(Conflict):
            undo_many(session, user_id=people.admin.id, action_id=action.id, client_id="x")
        one = session.scalars(select(Decision).limit(1)).one()
        with pytest.raises(Conflict):
            undo(session, user_id=people.admin.id, decision_id=one.id)


def test_images_that_wait_for_a_second_look_wait_on_with_the_class_of_now(
    database: Database, made: Made, people: People
) -> None:
    cat = made.sample_ids[0]
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(2, "all"))
        answer = Answer(sample_id=cat, verdict="relabel", label="owl", client_id="a", blind=True)
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
        owl = get_class(session, dataset_id=made.dataset_id, name="owl")
        assert preview(session, dataset_id=made.dataset_id, row=owl).waiting == 1
    merge(database, made, people)
    with database.read() as session:
        state = session.get_one(SampleReview, cat)
        assert (state.waits, state.label) == ("second", 1)
    undo_merge(database, made, people)
    with database.read() as session:
        state = session.get_one(SampleReview, cat)
        assert (state.waits, state.label) == ("second", 0)
        reviewed = select(func.count()).select_from(SampleReview)
        assert session.scalar(reviewed) == 1


def test_an_undo_of_a_merge_releases_the_cards_that_show_the_class_of_before(
    database: Database, made: Made, people: People
) -> None:
    merge(database, made, people)
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    with database.write() as session:
        take(session, **me, count=24, lease=timedelta(minutes=5), queue=Queue(Filter(state="unreviewed")))

    def held() -> set[int]:
        with database.read() as session:
            return set(session.scalars(select(Claim.sample_id)))

    cats = {i for i, path in zip(made.sample_ids, made.paths, strict=True) if "/cat/" in path}
    before = held()
    assert before & cats
    assert before - cats
    undo_merge(database, made, people)
    assert held() == before - cats


@pytest.mark.parametrize("gone", ["merged", "retired"])
def test_the_return_of_a_class_is_undone_until_it_is_used_again(
    database: Database, made: Made, people: People, gone: str
) -> None:
    from app.datasets.classes import add_class

    first, other = made.sample_ids[:2]

    def answer(sample: int, label: str, name: str) -> None:
        with database.write() as session:
            said = Answer(sample_id=sample, verdict="relabel", label=label, client_id=name)
            decide(session, said, dataset_id=made.dataset_id, user_id=people.annotator.id)

    with database.write() as session:
        emu = add_class(session, dataset_id=made.dataset_id, name="emu", user_id=None)
    answer(first, "emu", "a")
    if gone == "retired":
        answer(first, "dog", "b")
        with database.write() as session:
            row = get_class(session, dataset_id=made.dataset_id, name="emu")
            retire_class(session, row, user_id=people.admin.id)
    else:
        merge(database, made, people, "emu", "dog")
    for label in ("", "emu"):
        with database.write() as session:
            add_class(session, dataset_id=made.dataset_id, name="emu", user_id=people.admin.id)
        if label:
            answer(other, label, "c")
            with pytest.raises(Conflict, match="1 image and 1 answer; merge it"):
                undo_merge(database, made, people)
        else:
            undo_merge(database, made, people)
            with database.read() as session:
                assert session.get_one(LabelClass, (made.dataset_id, emu.position)).retired_at is not None
                assert session.get_one(SampleReview, first).label == 1


def test_a_class_that_only_waiting_answers_name_is_not_retired(
    database: Database, made: Made, people: People
) -> None:
    from app.datasets.classes import add_class

    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(2, "all"))
        emu = add_class(session, dataset_id=made.dataset_id, name="emu", user_id=None)
        answer = Answer(
            sample_id=made.sample_ids[0], verdict="relabel", label="emu", client_id="a", blind=True
        )
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
        with pytest.raises(Conflict, match="wait for another look"):
            retire_class(session, emu, user_id=None)
