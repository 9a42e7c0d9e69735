"""One verdict for many samples, and one undo for all of it."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.datasets.models import MissingFile
from app.db.engine import Database
from app.deck.bulk import Done, decide_many, past_actions, undo_many
from app.deck.left_alone import LeftAlone
from app.deck.progress import review_progress
from app.deck.worklist import claim
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.models import Claim, Decision, OpenIssue, SampleReview
from app.review.recent import recent
from app.review.undoing import undo, undo_last
from tests.conftest import People
from tests.factories import Made


def say(
    database: Database,
    made: Made,
    user_id: int,
    samples: tuple[int, ...],
    verdict: str,
    label: str | None = None,
    client_id: str = "",
) -> Done:
    with database.write() as session:
        return decide_many(
            session,
            dataset_id=made.dataset_id,
            user_id=user_id,
            samples=samples,
            verdict=verdict,
            label=label,
            client_id=client_id or str(uuid.uuid4()),
        )


def look_alone(
    database: Database, made: Made, user_id: int, sample: int, verdict: str, label: str | None = None
) -> int:
    with database.write() as session:
        return decide(
            session,
            Answer(sample_id=sample, verdict=verdict, label=label, client_id=str(uuid.uuid4())),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )[0].id


def take_back(database: Database, user_id: int, action_id: int, client_id: str = "") -> Done:
    with database.write() as session:
        return undo_many(
            session, user_id=user_id, action_id=action_id, client_id=client_id or str(uuid.uuid4())
        )


def states(database: Database) -> dict[int, tuple[str, int | None, bool]]:
    with database.read() as session:
        return {
            row.sample_id: (row.verdict, row.label, row.in_bulk)
            for row in session.scalars(select(SampleReview))
        }


def open_issues(database: Database) -> set[int]:
    with database.read() as session:
        return set(session.scalars(select(OpenIssue.sample_id)))


def test_one_verdict_reaches_every_sample(database: Database, made: Made, people: People) -> None:
    done = say(database, made, people.annotator.id, made.sample_ids, "relabel", "owl")
    assert (done.samples, done.left_alone) == (24, 0)
    found = states(database)
    assert set(found) == set(made.sample_ids)
    assert {label for _, label, _ in found.values()} == {2}
    assert {verdict for verdict, *_ in found.values()} == {"relabel", "keep"}  # owls were given as owls
    assert all(in_bulk for *_, in_bulk in found.values())
    assert open_issues(database) == set()


def test_accepting_gives_each_its_own_prediction(database: Database, made: Made, people: People) -> None:
    say(database, made, people.annotator.id, made.ranked[:10], "accept")
    found = states(database)
    with database.read() as session:
        from app.ranking.models import Prediction

        said = {row.sample_id: row.predicted_label for row in session.scalars(select(Prediction))}
    assert {sample: label for sample, (_, label, _) in found.items()} == {
        sample: said[sample] for sample in made.ranked[:10]
    }


def test_one_undo_takes_all_of_it_back(database: Database, made: Made, people: People) -> None:
    look_alone(database, made, people.other.id, made.ranked[0], "unsure")
    say(database, made, people.annotator.id, made.ranked[1:4], "keep")
    before = states(database), open_issues(database)
    done = say(database, made, people.annotator.id, made.ranked, "delete")
    assert take_back(database, people.annotator.id, done.action_id).samples == done.samples == 23
    assert (states(database), open_issues(database)) == before


def test_undoing_twice_is_undoing_once(database: Database, made: Made, people: People) -> None:
    done = say(database, made, people.annotator.id, made.ranked[:5], "delete")
    first = take_back(database, people.annotator.id, done.action_id)
    assert take_back(database, people.annotator.id, done.action_id) == first
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 10


def test_the_same_client_id_is_one_action(database: Database, made: Made, people: People) -> None:
    first = say(database, made, people.annotator.id, made.ranked[:5], "delete", client_id="once")
    assert say(database, made, people.annotator.id, made.ranked[:5], "delete", client_id="once") == first
    with pytest.raises(Conflict, match="client id"):
        say(database, made, people.annotator.id, made.ranked[:5], "keep", client_id="once")


def test_a_relabel_answers_with_the_name_of_the_class_however_it_was_typed(
    database: Database, made: Made, people: People
) -> None:
    for _ in range(2):
        typed = say(
            database, made, people.annotator.id, made.ranked[:5], "relabel", " OWL ", client_id="once"
        )
        assert typed.label == "owl"


def test_images_whose_files_are_lost_are_left_alone_and_can_be_deleted(
    database: Database, made: Made, people: People
) -> None:
    ann, lost = people.annotator.id, made.ranked[0]
    with database.write() as session:
        session.add(MissingFile(sample_id=lost, dataset_id=made.dataset_id, reason="missing"))
    done = say(database, made, ann, made.ranked[:3], "relabel", "owl")
    assert (done.samples, done.left_alone) == (2, 1)
    assert done.why == LeftAlone(lost=1)
    with pytest.raises(Conflict, match="files of these images are missing or have changed"):
        say(database, made, ann, (lost,), "keep")
    assert lost not in states(database)
    assert say(database, made, ann, (lost,), "delete").samples == 1


def test_a_look_at_one_sample_outweighs_a_verdict_for_many(
    database: Database, made: Made, people: People
) -> None:
    seen, after = made.ranked[0], made.ranked[1]
    decision = look_alone(database, made, people.other.id, seen, "relabel", "dog")
    done = say(database, made, people.annotator.id, made.ranked[:5], "delete")
    assert (done.samples, done.left_alone) == (4, 1)
    look_alone(database, made, people.other.id, after, "keep")
    found = states(database)
    assert found[seen][0] == "relabel"
    assert found[after] == ("keep", 0, False)
    with database.write() as session:
        undo(session, user_id=people.other.id, decision_id=decision)
    assert seen not in states(database)
    with pytest.raises(Conflict, match="looked at every one of these alone"):
        say(database, made, people.annotator.id, (after,), "delete")


def test_undoing_the_look_lets_the_verdict_for_many_stand_again(
    database: Database, made: Made, people: People
) -> None:
    sample = made.ranked[0]
    say(database, made, people.annotator.id, (sample,), "delete")
    decision = look_alone(database, made, people.other.id, sample, "keep")
    with database.write() as session:
        undo(session, user_id=people.other.id, decision_id=decision)
    assert states(database)[sample] == ("delete", None, True)


def test_cards_that_others_hold_leave_their_hands(database: Database, made: Made, people: People) -> None:
    with database.write() as session:
        claim(
            session, dataset_id=made.dataset_id, user_id=people.other.id, count=3, lease=timedelta(minutes=5)
        )
    say(database, made, people.annotator.id, made.ranked[:2], "keep")
    with database.read() as session:
        assert set(session.scalars(select(Claim.sample_id))) == {made.ranked[2]}


def test_the_deck_goes_by_what_was_looked_at_alone(database: Database, made: Made, people: People) -> None:
    me = people.annotator.id
    look_alone(database, made, me, made.ranked[0], "keep")
    say(database, made, me, made.ranked[1:9], "delete")
    with database.read() as session:
        progress = review_progress(session, dataset_id=made.dataset_id, user_id=me)
        assert [each.sample_id for each in recent(session, dataset_id=made.dataset_id, user_id=me)] == [
            made.ranked[0]
        ]
    assert (progress.reviewed, progress.in_bulk, progress.found, progress.hit_rate) == (9, 8, 8, 0.0)
    with database.write() as session:
        undone = undo_last(session, dataset_id=made.dataset_id, user_id=me)
        assert undone is not None
        assert undone.sample_id == made.ranked[0]
        assert undo_last(session, dataset_id=made.dataset_id, user_id=me) is None


def test_one_s_own_actions_are_listed_and_nobody_else_undoes_them(
    database: Database, made: Made, people: People
) -> None:
    done = say(database, made, people.annotator.id, made.ranked[:5], "relabel", "dog")
    with database.read() as session:
        [action] = past_actions(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
        assert past_actions(session, dataset_id=made.dataset_id, user_id=people.other.id) == []
    assert (action.verdict, action.label, action.samples, action.undone) == ("relabel", "dog", 5, False)
    with pytest.raises(Forbidden):
        take_back(database, people.other.id, done.action_id)
    undone = take_back(database, people.annotator.id, done.action_id)
    with pytest.raises(Conflict):
        take_back(database, people.annotator.id, undone.action_id)
    with pytest.raises(NotFound):
        take_back(database, people.annotator.id, 10**9)


@pytest.mark.parametrize(
    ("verdict", "label", "error"),
    [
        ("relabel", None, Invalid),
        ("relabel", "cow", Invalid),
        ("keep", "dog", Invalid),
        ("unsure", None, Invalid),
        ("undo", None, Invalid),
    ],
)
def test_nonsense_changes_nothing(
    database: Database, made: Made, people: People, verdict: str, label: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        say(database, made, people.annotator.id, made.ranked[:5], verdict, label)
    with pytest.raises(Invalid):
        say(database, made, people.annotator.id, (), "keep")
    with pytest.raises(NotFound):
        say(database, made, people.annotator.id, (*made.ranked[:5], 10**6), "keep")
    assert states(database) == {}
