"""Second opinions: what waits, for whom, and when it is settled."""

import uuid
from datetime import timedelta

import pytest

from app.db.engine import Database
from app.deck.adjudication import count_disagreements, disagreements
from app.deck.bulk import decide_many
from app.deck.progress import review_progress
from app.deck.worklist import claim, hold
from app.errors import Invalid
from app.remaining.report import report
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.fold import LogEntry, Policy, fold
from app.review.models import Claim, SampleReview
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import Made
from tests.review.second_looks import ask, offered, say


def standing(database: Database, sample: int) -> tuple[str, int | None, str]:
    with database.read() as session:
        review = session.get_one(SampleReview, sample)
        return review.verdict, review.label, review.waits


def test_a_change_waits_and_the_given_label_holds_until_somebody_says_the_same(
    database: Database, made: Made, people: People
) -> None:
    ask(database, made)
    sample = made.ranked[0]
    say(database, made, people.annotator.id, sample, "relabel", "owl")
    assert standing(database, sample) == ("unsure", 0, "second")
    say(database, made, people.other.id, sample, "relabel", "owl")
    assert standing(database, sample) == ("relabel", 2, "")


def test_a_correction_that_waits_is_a_hit_in_every_hit_rate(
    database: Database, made: Made, people: People
) -> None:
    say(database, made, people.annotator.id, made.ranked[0], "relabel", "owl")
    say(database, made, people.annotator.id, made.ranked[1], "keep")
    ask(database, made)
    with database.read() as session:
        progress = review_progress(session, dataset_id=made.dataset_id)
        [(window, rate), *_] = report(session, dataset_id=made.dataset_id).hit_rates
    assert rate is not None
    assert (window, progress.hit_rate, rate.value, progress.found) == (50, 0.5, 0.5, 0)


def test_a_keep_does_not_wait_where_only_changes_are_looked_at_again(
    database: Database, made: Made, people: People
) -> None:
    ask(database, made)
    say(database, made, people.annotator.id, made.ranked[0], "keep")
    assert standing(database, made.ranked[0]) == ("keep", 0, "")


def test_two_that_differ_wait_for_a_third_or_for_the_last_word(
    database: Database, made: Made, people: People
) -> None:
    ask(database, made)
    first, second = made.ranked[:2]
    for sample in (first, second):
        say(database, made, people.annotator.id, sample, "relabel", "owl")
        say(database, made, people.other.id, sample, "delete")
        assert standing(database, sample) == ("unsure", 0, "adjudication")
    with database.read() as session:
        assert count_disagreements(session, dataset_id=made.dataset_id) == 2
        [found, _] = disagreements(session, dataset_id=made.dataset_id, limit=5)
    assert [(each.who, each.verdict, each.label) for each in found.opinions] == [
        ("ann", "relabel", "owl"),
        ("bob", "delete", None),
    ]
    say(database, made, people.admin.id, first, "delete")  # a third opinion
    assert standing(database, first) == ("delete", None, "")
    say(database, made, people.admin.id, second, "relabel", "dog", origin="adjudication")
    assert standing(database, second) == ("relabel", 1, "")


def test_neither_second_looks_nor_new_cards_are_left_for_the_end(
    database: Database, made: Made, people: People
) -> None:
    ask(database, made)
    for sample in made.ranked[:5]:
        say(database, made, people.annotator.id, sample, "delete")
    found = offered(database, made, people.other.id, 4)
    assert sorted(found.values()) == [False, False, True, True]
    assert sum(offered(database, made, people.other.id, 20).values()) == 5  # where there is room, all of them


def test_a_held_second_look_is_recorded_as_blind_and_keep_has_to_be_named(
    database: Database, made: Made, people: People
) -> None:
    ask(database, made)
    sample = made.ranked[0]
    say(database, made, people.annotator.id, sample, "relabel", "owl")
    with database.write() as session:
        claim(
            session, dataset_id=made.dataset_id, user_id=people.other.id, count=1, lease=timedelta(minutes=5)
        )
    with pytest.raises(Invalid, match="Name the class"):
        say(database, made, people.other.id, sample, "keep")
    decision = say(database, made, people.other.id, sample, "relabel", "cat")
    with database.read() as session:
        from app.review.models import Decision

        assert session.get_one(Decision, decision).blind
    with database.write() as session:
        undo(session, user_id=people.other.id, decision_id=decision)
    assert offered(database, made, people.other.id)[sample] is True  # still nothing was shown


def test_an_answer_to_an_open_card_is_no_blind_look_although_the_sample_waits_now(
    database: Database, made: Made, people: People
) -> None:
    ask(database, made)
    sample = made.ranked[0]
    say(
        database, made, people.other.id, sample, "delete"
    )  # while the annotator has the open card in the page
    with database.write() as session:
        claim(
            session,
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
            count=1,
            lease=timedelta(minutes=5),
        )
        kept, _ = decide(
            session,
            Answer(sample_id=sample, verdict="keep", client_id=str(uuid.uuid4()), run_id=made.run_id),
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
        )
    assert not kept.blind


def test_undoing_an_answer_to_what_somebody_else_settles_takes_no_card(
    database: Database, made: Made, people: People
) -> None:
    sample = made.ranked[0]
    say(database, made, people.other.id, sample, "delete")
    mine = say(database, made, people.annotator.id, sample, "keep")
    with database.write() as session:
        undo(session, user_id=people.annotator.id, decision_id=mine)
        hold(
            session,
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
            sample_id=sample,
            lease=timedelta(minutes=5),
        )
        assert session.get(Claim, sample) is None


def test_a_verdict_for_many_is_no_second_opinion(database: Database, made: Made, people: People) -> None:
    ask(database, made, Policy(annotators=2, which="all"))
    sample = made.ranked[0]
    with database.write() as session:
        decide_many(
            session,
            dataset_id=made.dataset_id,
            user_id=people.other.id,
            samples=[sample],
            verdict="relabel",
            label="owl",
            client_id="many",
        )
    say(database, made, people.annotator.id, sample, "relabel", "owl")
    assert standing(database, sample)[2] == "second"


def test_another_policy_looks_at_all_answers_anew(database: Database, made: Made, people: People) -> None:
    say(database, made, people.annotator.id, made.ranked[0], "delete")
    say(database, made, people.annotator.id, made.ranked[1], "keep")
    ask(database, made)
    assert [standing(database, sample)[2] for sample in made.ranked[:2]] == ["second", ""]
    ask(database, made, Policy(annotators=3, which="all"))
    assert [standing(database, sample)[2] for sample in made.ranked[:2]] == ["second", "second"]
    ask(database, made, Policy())
    assert standing(database, made.ranked[0]) == ("delete", None, "")


@pytest.mark.parametrize(
    "policy", [Policy(0), Policy(6), Policy(2, "some"), Policy(2, "share", 1.5), Policy(2, who="bob")]
)
def test_a_policy_that_makes_no_sense_is_refused(database: Database, made: Made, policy: Policy) -> None:
    with pytest.raises(Invalid):
        ask(database, made, policy)


def test_of_three_annotators_two_settle_it_once_all_have_answered() -> None:
    policy = Policy(3, "all")
    log = [LogEntry(1, "relabel", 1, user=1), LogEntry(2, "relabel", 1, user=2)]
    assert fold(log, given_label=0, policy=policy).waits == "second"  # type: ignore[union-attr]
    state = fold([*log, LogEntry(3, "delete", user=3)], given_label=0, policy=policy)
    assert state is not None
    assert (state.verdict, state.label, state.waits) == ("relabel", 1, "")


def test_of_each_annotator_the_last_answer_counts() -> None:
    log = [
        LogEntry(1, "delete", user=1),
        LogEntry(2, "relabel", 1, user=1),
        LogEntry(3, "relabel", 1, user=2),
    ]
    state = fold(log, given_label=0, policy=Policy(2, "all"))
    assert state is not None
    assert (state.label, state.waits) == (1, "")
