"""The gold part: drawn at random, looked at blind, in no other worklist; and what is counted on it."""

import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from app.datasets.gold import choose_gold, get_gold_part, gold_digest, gold_ids
from app.datasets.models import GoldMember, GoldPart, Sample
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.deck.adjudication import disagreements
from app.deck.bulk import decide_many, undo_many
from app.deck.duplicates import resolve, torn_groups
from app.deck.evidence import gather_evidence
from app.deck.filters import Filter, matching_ids
from app.deck.progress import review_progress
from app.deck.queues import Queue
from app.deck.worklist import Card, claim, get_card
from app.errors import Conflict, Invalid, ToplossError
from app.measuring.best import choose_best, evaluate_on_gold, gold_rates
from app.ranking.models import Prediction
from app.ranking.rankings import top_losses
from app.review.checks import Answer
from app.review.claims import release
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.gold import (
    FEWEST,
    count_copies,
    draw_gold,
    gold_labels,
    gold_standing,
    half_width,
    hold_out_size,
    precisions,
)
from app.review.models import BulkAction, Claim, Decision, OpenIssue, SampleReview
from app.review.standing import set_policy
from app.review.undoing import redo_last, undo_last
from app.rounds.retraining import freeze_labels, retrain
from app.training.models import Run
from tests.conftest import People
from tests.factories import CLASSES, Made, import_folder, make_dataset, make_run, write_images

GOLD = Queue(order="gold")


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """A data set of 120 images, 30 of them in the hold-out, whose run doubts every label."""
    return make_dataset(database, tmp_path / "images", per_class=30, wrong=120)


def draw(database: Database, made: Made, *, size: int = 20, seed: int = 0, looks: int = 2) -> list[int]:
    with database.write() as session:
        draw_gold(session, dataset_id=made.dataset_id, size=size, seed=seed, looks=looks)
        return [int(sample) for sample in gold_ids(session, dataset_id=made.dataset_id)]


def say(
    database: Database,
    made: Made,
    user_id: int,
    sample: int,
    verdict: str,
    label: str | None = None,
    **how: str,
) -> int:
    with database.write() as session:
        how = {"client_id": str(uuid.uuid4())} | how
        return decide(
            session,
            Answer(sample_id=sample, verdict=verdict, label=label, **how),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )[0].id


def cards(
    database: Database, made: Made, user_id: int, queue: Queue = GOLD, count: int = 100
) -> dict[int, Card]:
    """What somebody is handed out; nothing stays in their hands."""
    with database.write() as session:
        found = claim(
            session,
            dataset_id=made.dataset_id,
            user_id=user_id,
            count=count,
            lease=timedelta(minutes=5),
            queue=queue,
        ).cards
        release(session, dataset_id=made.dataset_id, user_id=user_id)
    return {card.sample_id: card for card in found}


def label_now(database: Database, sample: int) -> tuple[str, int | None, str] | None:
    with database.read() as session:
        review = session.get(SampleReview, sample)
        return (review.verdict, review.label, review.waits) if review else None


def labels(database: Database, made: Made) -> dict[int, int]:
    with database.read() as session:
        found = gold_labels(session, dataset_id=made.dataset_id)
    assert found is not None
    return {int(sample): int(label) for sample, label in zip(found.sample_ids, found.labels, strict=True)}


# ---- how many


def test_half_the_width_of_the_interval_is_what_is_printed_in_books() -> None:
    assert half_width(500) == pytest.approx(0.0423, abs=5e-5)
    assert half_width(1000) == pytest.approx(0.0299, abs=5e-5)


def test_the_sizes_to_choose_from_end_with_the_whole_hold_out() -> None:
    assert [each.size for each in precisions(620)] == [100, 200, 500, 620]
    assert precisions(0) == ()


# ---- the draw


def test_the_draw_is_kept_with_all_that_repeats_it(database: Database, made: Made) -> None:
    members = draw(database, made, seed=7)
    with database.read() as session:
        part = get_gold_part(session, dataset_id=made.dataset_id)
        rows = session.execute(
            select(Sample.id, Sample.path, Sample.sha256).where(Sample.split == "valid")
        ).all()
        assert part is not None
        assert (part.size, part.seed, part.looks, part.after_run_id) == (20, 7, 2, made.run_id)
    assert members == choose_gold([tuple(row) for row in rows], size=20, seed=7)
    assert part.digest == gold_digest((path, sha256) for sample, path, sha256 in rows if sample in members)


def test_a_gold_part_is_drawn_once(database: Database, made: Made) -> None:
    draw(database, made)
    with pytest.raises(Conflict, match="drawn already, 20 images"):
        draw(database, made, size=25)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"size": 31}, "20 to 30"),
        ({"size": 19}, "20 to 30"),
        ({"looks": 4}, "1 to 3"),
        ({"looks": 0}, "1 to 3"),
    ],
)
def test_a_draw_that_makes_no_sense_is_refused(
    database: Database, made: Made, asked: dict[str, int], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        draw(database, made, **asked)


def test_a_hold_out_that_is_missing_or_small_is_refused_in_words(database: Database, tmp_path: Path) -> None:
    small = import_folder(database, write_images(tmp_path / "small"), name="small")
    with database.write() as session:
        assert hold_out_size(session, dataset_id=small) == 6 < FEWEST
        with pytest.raises(Invalid, match="has 6 images; a checked test set needs at least 20"):
            draw_gold(session, dataset_id=small, size=6)
        session.execute(update(Sample).where(Sample.dataset_id == small).values(split="train"))
        with pytest.raises(Invalid, match="no hold-out"):
            draw_gold(session, dataset_id=small, size=20)


# ---- in no other worklist


def test_no_other_worklist_has_an_image_of_the_gold_part(
    database: Database, made: Made, people: People
) -> None:
    say(database, made, people.annotator.id, made.ranked[-1], "unsure")
    members = draw(database, made)
    with database.read() as session:
        assert (
            session.scalar(
                select(func.count()).select_from(OpenIssue).where(OpenIssue.sample_id.in_(members))
            )
            == 0
        )
        assert session.get_one(Run, made.run_id).label_issues == 100
        assert not set(members) & {
            each.sample_id for each in top_losses(session, run_id=made.run_id, limit=1000)
        }
        assert not set(members) & set(matching_ids(session, dataset_id=made.dataset_id, which=Filter()))
    say(database, made, people.annotator.id, members[0], "relabel", "owl")  # waits for a second look now
    for queue in (Queue(), Queue(order="random"), Queue(Filter(state="unreviewed")), Queue(order="loss")):
        assert not set(members) & set(cards(database, made, people.other.id, queue))
    with database.read() as session:
        assert review_progress(session, dataset_id=made.dataset_id, user_id=people.other.id).second_looks <= 1


def test_a_later_ranking_opens_no_issue_of_the_gold_part(database: Database, made: Made) -> None:
    members = draw(database, made)
    run_id = make_run(database, made.dataset_id, made.version_id, wrong=120, seed=1)
    with database.read() as session:
        found = set(session.scalars(select(OpenIssue.sample_id).where(OpenIssue.run_id == run_id)))
        assert session.get_one(Run, run_id).label_issues == len(found) == 100
    assert not found & set(members)


def test_a_verdict_for_many_leaves_the_gold_part_alone(
    database: Database, made: Made, people: People
) -> None:
    members = draw(database, made)
    with database.write() as session:
        done = decide_many(
            session,
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
            samples=made.sample_ids,
            verdict="delete",
            client_id="all",
        )
        assert (done.samples, done.left_alone) == (100, 20)
        with pytest.raises(Conflict, match="checked test set"):
            decide_many(
                session,
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
                samples=members,
                verdict="keep",
                client_id="these",
            )
    assert all(label_now(database, member) is None for member in members)


def test_duplicates_and_evidence_leave_the_gold_part_out(
    database: Database, made: Made, people: People, tmp_path: Path
) -> None:
    members = draw(database, made)
    training = made.sample_ids[0]
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id.in_([training, *members])).values(lookalikes=training))
    with database.read() as session:
        assert torn_groups(session, dataset_id=made.dataset_id) == []
        evidence = gather_evidence(session, dataset_id=made.dataset_id, sample_id=training, runs_dir=tmp_path)
        assert evidence.copies == ()
        assert count_copies(session, dataset_id=made.dataset_id) == 20
    for member in members[:2]:
        for user in (people.annotator, people.other):
            say(database, made, user.id, member, "relabel", "owl")
    with database.write() as session, pytest.raises(Conflict, match="one by one"):
        resolve(
            session,
            dataset_id=made.dataset_id,
            user_id=people.admin.id,
            sample_ids=members[:2],
            verdict="keep",
            label=None,
            client_id="c",
        )


# ---- blind looks


def test_two_people_who_say_the_same_settle_an_image(database: Database, made: Made, people: People) -> None:
    members = draw(database, made)
    assert set(cards(database, made, people.annotator.id)) == set(members)
    assert all(card.blind and card.gold for card in cards(database, made, people.annotator.id).values())
    say(database, made, people.annotator.id, members[0], "relabel", "owl")
    assert label_now(database, members[0]) == ("unsure", given_label(database, members[0]), "second")
    assert members[0] not in cards(database, made, people.annotator.id)
    assert members[0] in cards(database, made, people.other.id)
    say(database, made, people.other.id, members[0], "relabel", "owl")
    assert labels(database, made) == {members[0]: 2}
    assert members[0] not in cards(database, made, people.admin.id)


def given_label(database: Database, sample: int) -> int:
    with database.read() as session:
        return session.get_one(Sample, sample).given_label


def test_where_two_differ_a_third_person_decides_or_it_is_ambiguous(
    database: Database, made: Made, people: People
) -> None:
    first, second, *_ = draw(database, made)
    for sample in (first, second):
        say(database, made, people.annotator.id, sample, "relabel", "cat")
        say(database, made, people.other.id, sample, "delete")
        assert sample in cards(database, made, people.admin.id)
    say(database, made, people.admin.id, first, "delete")
    say(database, made, people.admin.id, second, "relabel", "owl")
    assert labels(database, made) == {first: -1}
    with database.read() as session:
        standing = gold_standing(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
        assert standing is not None
        assert (
            standing.settled,
            standing.deleted,
            standing.ambiguous,
            standing.waiting,
            standing.for_me,
        ) == (1, 1, 1, 18, 18)
        (waits,) = disagreements(session, dataset_id=made.dataset_id, limit=10)
    assert (waits.sample_id, waits.gold, waits.given_label, waits.predicted_label, waits.path) == (
        second,
        True,
        "",
        None,
        "",
    )
    say(database, made, people.admin.id, second, "relabel", "cat", origin="adjudication")
    assert labels(database, made)[second] == 0


def test_with_one_look_each_the_first_answer_settles(database: Database, made: Made, people: People) -> None:
    members = draw(database, made, looks=1)
    say(database, made, people.annotator.id, members[0], "relabel", "dog")
    say(database, made, people.annotator.id, members[1], "unsure")
    assert labels(database, made) == {members[0]: 1}
    assert members[1] in cards(database, made, people.other.id)


def test_the_last_word_is_for_those_who_disagree(database: Database, made: Made, people: People) -> None:
    members = draw(database, made)
    with pytest.raises(Conflict, match="Nobody disagrees"):
        say(database, made, people.admin.id, members[0], "relabel", "owl", origin="adjudication")


def test_what_was_said_before_the_draw_does_not_count(database: Database, made: Made, people: People) -> None:
    held = [
        sample for sample, path in zip(made.sample_ids, made.paths, strict=True) if path.startswith("valid/")
    ]
    for sample in held:
        say(database, made, people.annotator.id, sample, "relabel", "owl")
        say(database, made, people.admin.id, sample, "relabel", "cat", origin="adjudication")
    members = draw(database, made)
    assert all(label_now(database, member) is None for member in members)
    assert cards(database, made, people.annotator.id) == {}  # the label was in view
    with pytest.raises(Conflict, match="with its label in view"):
        say(database, made, people.annotator.id, members[0], "relabel", "dog")
    say(database, made, people.other.id, members[0], "relabel", "dog")
    assert label_now(database, members[0]) == ("unsure", given_label(database, members[0]), "second")


def test_keep_has_to_be_named_and_what_is_settled_is_not_answered_again(
    database: Database, made: Made, people: People
) -> None:
    members = draw(database, made)
    with pytest.raises(Invalid, match="Name the class"):
        say(database, made, people.annotator.id, members[0], "keep")
    given = CLASSES[given_label(database, members[0])]
    say(database, made, people.annotator.id, members[0], "relabel", given)
    last = say(database, made, people.other.id, members[0], "relabel", given, client_id="lost answer")
    assert label_now(database, members[0]) == ("keep", CLASSES.index(given), "")
    assert say(database, made, people.other.id, members[0], "relabel", given, client_id="lost answer") == last
    with pytest.raises(Conflict, match="settled"):
        say(database, made, people.admin.id, members[0], "delete")


def test_an_answer_taken_back_is_asked_again_blind_and_can_be_given_again(
    database: Database, made: Made, people: People
) -> None:
    members = draw(database, made)
    for user in (people.annotator, people.other):
        say(database, made, user.id, members[0], "delete")
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=people.other.id)
    assert labels(database, made) == {}
    assert cards(database, made, people.other.id)[members[0]].blind
    with database.write() as session:
        again = redo_last(session, dataset_id=made.dataset_id, user_id=people.other.id, client_id="again")
        assert again is not None
        assert again.blind
    assert labels(database, made) == {members[0]: -1}


def test_a_card_is_blind_for_everybody_until_it_is_settled(
    database: Database, made: Made, people: People
) -> None:
    member = draw(database, made)[0]
    for user in (people.annotator, people.other):
        with database.read() as session:
            card = get_card(session, dataset_id=made.dataset_id, sample_id=member)
            assert (card.blind, card.gold) == (True, True)
        say(database, made, user.id, member, "relabel", "dog")
    with database.read() as session:
        card = get_card(session, dataset_id=made.dataset_id, sample_id=member)
        assert (card.blind, card.label) == (False, "dog")


def test_the_gold_part_can_be_looked_at_before_any_run(
    database: Database, people: People, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images", per_class=30))
    new = Made("faces", dataset_id, 0, 0, (), (), ())
    members = draw(database, new)
    assert set(cards(database, new, people.annotator.id)) == set(members)
    with database.read() as session:
        part = get_gold_part(session, dataset_id=dataset_id)
        assert part is not None
        assert part.after_run_id is None


def test_blind_labels_are_in_the_next_version_with_those_who_gave_them(
    database: Database, made: Made, people: People
) -> None:
    members = draw(database, made)
    for user in (people.annotator, people.other):
        say(database, made, user.id, members[0], "delete")
    with database.write() as session:
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
        assert version.deleted == 1


# ---- whatever people do


@pytest.fixture
def clean(database: Database) -> Callable[[], None]:
    """Forgets everything that was decided, so that every example begins anew."""

    def forget() -> None:
        with database.write() as session:
            for table in (SampleReview, Claim, Decision, BulkAction, GoldMember, GoldPart):
                session.execute(delete(table))

    return forget


ACTIONS = [
    *2 * ("cat", "delete"),
    "dog",
    "unsure",
    "keep",
    "undo",
    "redo",
    "last word",
    "many",
    "many undone",
    "policy",
    "twins",
    "draw",
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["admin", "annotator", "other"]), st.integers(0, 1), st.sampled_from(ACTIONS)
        ),
        max_size=25,
    ),
    st.integers(1, 3),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_people_do_the_gold_labels_follow_from_blind_looks_alone(
    database: Database, made: Made, people: People, clean: Callable[[], None], steps: list, looks: int
) -> None:
    clean()
    with database.read() as session:
        held = session.execute(
            select(Sample.id, Sample.path, Sample.sha256).where(Sample.split == "valid")
        ).all()
    targets = choose_gold([tuple(row) for row in held], size=20, seed=0)[:2]
    for name, place, action in [*steps[:5], ("admin", 0, "draw"), *steps[5:]]:
        user, sample = getattr(people, name).id, targets[place]
        with suppress(ToplossError):  # what is refused is as good
            _do(database, made, user, sample, action, looks)
    with database.read() as session:
        drawn_at = session.scalars(select(GoldPart.drawn_at)).one()
        expected = {}
        for sample in targets:
            log = list(
                session.scalars(select(Decision).where(Decision.sample_id == sample).order_by(Decision.id))
            )
            label = _by_blind_looks(log, session.get_one(Sample, sample).given_label, looks, drawn_at)
            if label is not None:
                expected[sample] = label
    assert labels(database, made) == expected


def _do(database: Database, made: Made, user: int, sample: int, action: str, looks: int) -> None:
    """One thing that somebody tries; what is refused raises."""
    client_id, where = str(uuid.uuid4()), {"dataset_id": made.dataset_id, "user_id": user}
    if action == "draw":
        draw(database, made, looks=looks)
        return
    with database.write() as session:
        match action:
            case "undo":
                undo_last(session, **where)
            case "redo":
                redo_last(session, **where, client_id=client_id)
            case "policy":
                set_policy(session, dataset_id=made.dataset_id, policy=Policy(2, "all"))
            case "twins":
                resolve(
                    session, **where, sample_ids=[sample], verdict="delete", label=None, client_id=client_id
                )
            case "many":
                decide_many(session, **where, samples=[sample], verdict="delete", client_id=client_id)
            case "many undone":
                past = session.scalar(
                    select(BulkAction.id)
                    .where(BulkAction.user_id == user, BulkAction.verdict != "undo")
                    .limit(1)
                )
                undo_many(session, user_id=user, action_id=past or 0, client_id=client_id)
            case "last word":
                decide(
                    session,
                    Answer(
                        sample_id=sample,
                        verdict="relabel",
                        label="cat",
                        client_id=client_id,
                        origin="adjudication",
                    ),
                    **where,
                )
            case _:
                verdict, label = ("relabel", action) if action in CLASSES else (action, None)
                decide(
                    session,
                    Answer(sample_id=sample, verdict=verdict, label=label, client_id=client_id),
                    **where,
                )


def _by_blind_looks(log: list[Decision], given: int, looks: int, drawn_at: object) -> int | None:
    """The label of an image by the rules as the page tells them; -1: deleted, none: not settled."""
    undone = {decision.undoes_id for decision in log}
    standing = [decision for decision in log if decision.verdict != "undo" and decision.id not in undone]
    say = {"keep": given, "delete": -1, "unsure": None}
    last_words = [each for each in standing if each.origin == "adjudication" and each.created_at >= drawn_at]  # type: ignore[operator]
    if last_words:
        return say.get(last_words[-1].verdict, last_words[-1].label)
    blind = [each for each in standing if each.blind]
    if looks == 1:
        return say.get(blind[-1].verdict, blind[-1].label) if blind else None
    answers = list({each.user_id: say.get(each.verdict, each.label) for each in blind}.values())
    label, count = Counter(answers).most_common(1)[0] if answers else (None, 0)
    return label if len(answers) >= looks and 2 * count > len(answers) else None


# ---- what is counted on it


def settle(database: Database, made: Made, people: People, answers: dict[int, str]) -> None:
    for sample, answer in answers.items():
        for user in (people.annotator, people.other):
            if answer == "delete":
                say(database, made, user.id, sample, "delete")
            else:
                say(database, made, user.id, sample, "relabel", answer)


def predicted(database: Database, made: Made, sample: int) -> str:
    with database.read() as session:
        return CLASSES[session.get_one(Prediction, (made.run_id, sample)).predicted_label]


def test_a_run_is_measured_on_what_is_settled_and_deleted_images_stay_in_the_report(
    database: Database, made: Made, people: People
) -> None:
    members = draw(database, made)
    with database.read() as session:
        assert evaluate_on_gold(session, run_id=made.run_id) is None
    right = {sample: predicted(database, made, sample) for sample in members[:6]}
    wrong = {sample: CLASSES[given_label(database, sample)] for sample in members[6:8]}
    settle(database, made, people, right | wrong | {members[8]: "delete", members[9]: "delete"})
    with database.read() as session:
        found = evaluate_on_gold(session, run_id=made.run_id)
        labelled = gold_labels(session, dataset_id=made.dataset_id)
    assert found is not None
    assert labelled is not None
    assert (found.settled, found.deleted, found.unpredicted, found.knew) == (10, 2, 0, False)
    rates = [each for each in (found.error_rate, found.with_deleted, found.given) if each]
    assert [(each.wrong, each.n, each.open) for each in rates] == [(2, 8, 10), (4, 10, 10), (8, 8, 10)]
    assert (labelled.size, labelled.settled, labelled.waiting) == (20, 10, 10)
    np.testing.assert_array_equal(
        labelled.given, [given_label(database, int(sample)) for sample in labelled.sample_ids]
    )


def test_an_image_that_a_version_has_not_got_is_counted_apart(
    database: Database, made: Made, people: People
) -> None:
    members = draw(database, made)
    settle(database, made, people, {members[0]: "delete", members[1]: "cat"})
    with database.write() as session:
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
        version_id = version.id
    run_id = make_run(database, made.dataset_id, version_id, wrong=0)
    with database.write() as session:
        session.execute(
            delete(Prediction).where(Prediction.run_id == run_id, Prediction.sample_id == members[1])
        )
    settle(database, made, people, {members[2]: predicted_by(database, run_id, members[2])})
    with database.read() as session:
        found = evaluate_on_gold(session, run_id=run_id)
    assert found is not None
    assert (found.settled, found.deleted, found.unpredicted, found.knew) == (3, 1, 1, True)
    assert [(each.wrong, each.n) for each in (found.error_rate, found.with_deleted) if each] == [
        (0, 1),
        (1, 2),
    ]


def predicted_by(database: Database, run_id: int, sample: int) -> str:
    with database.read() as session:
        return CLASSES[session.get_one(Prediction, (run_id, sample)).predicted_label]


def test_a_run_knows_the_gold_part_that_there_was_when_it_was_asked_for(
    database: Database, made: Made
) -> None:
    draw(database, made)
    with database.write() as session:
        run = retrain(session, dataset_id=made.dataset_id, user_id=None, weights="none").run
        part = get_gold_part(session, dataset_id=made.dataset_id)
        assert part is not None
        assert run.facts["gold"] == part.digest
        assert "gold" not in session.get_one(Run, made.run_id).facts


def test_the_gold_part_chooses_the_best_run_once_all_of_it_is_settled(
    database: Database, made: Made, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.read() as session:
        version_id = latest_version(session, dataset_id=made.dataset_id).id
    as_given = make_run(database, made.dataset_id, version_id, wrong=0)  # always says the given label
    members = draw(database, made)
    settle(
        database, made, people, {sample: predicted(database, made, sample) for sample in members[:5]}
    )  # which is wrong, blind looks say
    with database.read() as session:
        best = choose_best(session, dataset_id=made.dataset_id)
        assert best is not None
        assert (best.run.id, best.by) == (as_given, "hold-out")
        assert best.words == (
            "Best by the hold-out: 0.0 % wrong of 30 images by the labels of version 0, the newest version; "
            "chosen among 2 models on the same images that the figure is counted on. The checked test "
            "set has 20 images; from 100 on it decides."
        )
    monkeypatch.setattr("app.measuring.best.ENOUGH", 5)
    with database.read() as session:
        best = choose_best(session, dataset_id=made.dataset_id)
        rates = gold_rates(session, made.dataset_id)
        assert best is not None
        assert (best.run.id, best.by) == (as_given, "hold-out")  # those that are open are the hard ones
        assert best.words.endswith(
            "By the checked test set once all its images are agreed: 15 of 20 are not."
        )
        assert [
            (each.wrong, each.n, each.open) for each in (rates[made.run_id], rates[as_given]) if each
        ] == [(0, 5, 15), (5, 5, 15)]
    settle(database, made, people, {sample: predicted(database, made, sample) for sample in members[5:]})
    with database.read() as session:
        best = choose_best(session, dataset_id=made.dataset_id)
        assert best is not None
        assert (best.run.id, best.by) == (made.run_id, "gold")
        assert best.words.startswith("Best by the checked test set: 0.0 % wrong of 20 agreed images")
    with database.write() as session:
        assert (
            retrain(session, dataset_id=made.dataset_id, user_id=None, weights="none").parent_id
            == made.run_id
        )


def test_an_image_that_is_drawn_while_its_label_is_in_view_is_left_to_somebody_else(
    database: Database, made: Made, people: People
) -> None:
    sample = draw(database, made)[0]
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    open_look = Answer(sample_id=sample, verdict="delete", client_id="open", run_id=made.run_id)
    with database.write() as session, pytest.raises(Conflict, match="another person has to label it blind"):
        decide(session, open_look, **me)
    with database.write() as session:
        assert decide(session, Answer(sample_id=sample, verdict="delete", client_id="blind"), **me)[0].blind
