"""Second opinions: which samples wait, and for which annotator."""

from app.accounts.users import change_user
from app.db.engine import Database
from app.deck.progress import review_progress
from app.review.fold import ONE_LOOK, Policy
from app.review.policy import count_waiting, get_policy, may_look_again
from tests.conftest import People
from tests.factories import Made
from tests.review.second_looks import ask, offered, say


def test_a_second_look_is_blind_and_goes_to_those_who_have_not_answered(
    database: Database, made: Made, people: People
) -> None:
    ask(database, made)
    sample = made.ranked[0]
    say(database, made, people.annotator.id, sample, "relabel", "owl")
    assert sample not in offered(database, made, people.annotator.id, 20)
    assert offered(database, made, people.other.id)[sample] is True
    with database.read() as session:
        mine, theirs = (
            review_progress(session, dataset_id=made.dataset_id, user_id=user)
            for user in (people.annotator.id, people.other.id)
        )
    assert (mine.second_looks, theirs.second_looks) == (0, 1)
    assert (mine.remaining, theirs.remaining) == (9, 10)


def test_second_opinions_may_be_the_admins_alone(database: Database, made: Made, people: People) -> None:
    ask(database, made, Policy(annotators=2, which="all", who="admins"))
    say(database, made, people.annotator.id, made.ranked[0], "keep")
    assert made.ranked[0] not in offered(database, made, people.other.id, 20)
    assert made.ranked[0] in offered(database, made, people.admin.id, 20)


def test_by_default_one_annotator_looks_at_a_sample_and_nothing_waits(
    database: Database, made: Made, people: People
) -> None:
    say(database, made, people.annotator.id, made.ranked[0], "relabel", "owl")
    with database.read() as session:
        assert get_policy(session, dataset_id=made.dataset_id) == ONE_LOOK
        assert count_waiting(session, dataset_id=made.dataset_id) == 0


def test_what_waits_is_counted_and_admins_may_be_the_only_ones_to_look_again(
    database: Database, made: Made, people: People
) -> None:
    ask(database, made, Policy(annotators=2, which="all", who="admins"))
    for sample in made.ranked[:3]:
        say(database, made, people.annotator.id, sample, "keep")
    say(database, made, people.admin.id, made.ranked[0], "relabel", "owl")
    say(database, made, people.admin.id, made.ranked[1], "keep")
    with database.read() as session:
        policy = get_policy(session, dataset_id=made.dataset_id)
        assert count_waiting(session, dataset_id=made.dataset_id) == 2  # one disagreement, one second look
        assert count_waiting(session, dataset_id=made.dataset_id + 1) == 0
        assert may_look_again(session, policy, user_id=people.admin.id)
        assert not may_look_again(session, policy, user_id=people.other.id)
        assert may_look_again(session, Policy(annotators=2), user_id=people.other.id)
    with database.write() as session:
        change_user(session, name="bob", role="reviewer")
        assert may_look_again(session, policy, user_id=people.other.id)
