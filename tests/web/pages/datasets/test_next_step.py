"""The one next step of the overview."""

from dataclasses import replace

from app.deck.progress import PendingChanges, ReviewProgress
from app.review.orders import ExpectedErrors
from app.web.pages.datasets.next_step import STAGES, Action, Situation, next_step

PROGRESS = ReviewProgress(
    label_issues=1480,
    remaining=1400,
    reviewed=80,
    in_bulk=0,
    second_looks=0,
    found=36,
    hit_rate=0.45,
    seconds_per_decision=3.6,
    mine=80,
)
PENDING = PendingChanges(relabelled=0, deleted=0, since_version=0, version=0, flows=())
AT = Situation(
    dataset="faces",
    state="ready",
    samples=10_000,
    importing=False,
    has_run=True,
    running=False,
    progress=PROGRESS,
    pending=PENDING,
    is_admin=True,
    early_epochs=None,
)


def test_a_review_says_what_it_costs_and_what_it_finds() -> None:
    step = next_step(AT)
    assert step.title == "Review the next 200 suspicious labels"
    assert step.words == "About 12\u00a0min."  # no number of errors before the answers let expect one
    assert step.actions[0].url == "/d/faces/review"


def test_without_a_pace_nothing_is_promised() -> None:
    step = next_step(
        replace(AT, progress=replace(PROGRESS, reviewed=0, hit_rate=None, seconds_per_decision=None))
    )
    assert step.title == "Review the first 200 suspicious labels"
    assert step.words == "About 13\u00a0min."


def test_a_viewer_is_told_who_reviews_and_gets_no_button_for_it() -> None:
    for at in (AT, replace(AT, has_run=False), replace(AT, to_learn=200), replace(AT, audit_left=5)):
        step = next_step(replace(at, is_admin=False, may_decide=False))
        assert "Annotators review; an admin can make you one." in step.words
        assert [action.url for action in step.actions] == ["/d/faces/images", "/d/faces/export"]


def test_many_changed_labels_call_for_a_retrain_that_only_an_admin_can_start() -> None:
    changed = replace(AT, to_learn=200)
    assert [(action.url, action.posts) for action in next_step(changed).actions] == [
        ("/d/faces/models/retrain", False),
        ("/d/faces/review", False),
    ]
    assert [action.url for action in next_step(replace(changed, is_admin=False)).actions] == [
        "/d/faces/review"
    ]


def test_few_changed_labels_do_not() -> None:
    assert next_step(replace(AT, to_learn=199)).title.startswith("Review")


def test_a_finished_worklist_leads_to_the_retrain_then_to_the_export() -> None:
    done = replace(AT, progress=replace(PROGRESS, remaining=0))
    assert next_step(replace(done, to_learn=1)).title == "Retrain on the cleaned labels"
    assert [action.url for action in next_step(done).actions] == [
        "/d/faces/export",
        "/d/faces/results/errors-left",
    ]


def test_labels_that_no_network_learns_call_for_no_retrain() -> None:
    of_gold = replace(AT, pending=replace(PENDING, since_version=500))
    assert next_step(of_gold).title.startswith("Review")
    assert (
        next_step(replace(of_gold, progress=replace(PROGRESS, remaining=0))).title
        == "No suspicious label is left"
    )
    assert (
        next_step(replace(of_gold, rule_reached="Stop after 80 cards: reached.")).actions[0].url
        == "/d/faces/export"
    )


def test_an_audit_that_is_begun_is_finished_first_and_the_gold_part_after_the_worklist() -> None:
    assert next_step(replace(AT, audit_left=12)).actions[0].url == "/d/faces/review?order=random"
    assert next_step(replace(AT, gold_for_me=9)).title.startswith("Review")
    done = replace(AT, gold_for_me=9, progress=replace(PROGRESS, remaining=0))
    assert next_step(done).actions[0].url == "/d/faces/review?order=gold"


def test_a_worklist_that_yields_nothing_is_not_pressed_on() -> None:
    step = next_step(replace(AT, progress=replace(PROGRESS, hit_rate=0.02)))
    assert step.title == "The last labels had few errors"


def test_while_a_retrain_runs_the_review_goes_on() -> None:
    step = next_step(replace(AT, running=True, to_learn=500))
    assert step.actions[0].url == "/d/faces/review"


def test_before_the_first_run_the_step_is_to_train_or_to_wait() -> None:
    assert next_step(replace(AT, has_run=False)).actions[0].url == "/d/faces/models/train"
    assert next_step(replace(AT, has_run=False, running=True)).actions == ()
    assert next_step(replace(AT, has_run=False, running=True)).title == "A first training"
    assert next_step(replace(AT, has_run=False, is_admin=False)).actions == ()


def test_an_import_is_waited_for_or_repeated() -> None:
    assert next_step(replace(AT, importing=True)).actions == ()
    assert next_step(replace(AT, state="failed")).actions[0].url == "/d/faces/import/repeat"


def test_an_early_ranking_can_be_reviewed_and_is_called_early() -> None:
    early = replace(AT, has_run=False, running=True, early_epochs=2)
    step = next_step(early)
    assert step.actions[0].url == "/d/faces/review"
    assert step.words.endswith("This ranking is of 2 epochs; it gets better meanwhile.")
    assert "its training did not finish" in next_step(replace(early, running=False)).words
    assert next_step(replace(early, progress=replace(PROGRESS, remaining=0))).actions == ()


def test_a_reached_stopping_rule_comes_before_more_cards_and_leaves_the_choice() -> None:
    reached = replace(AT, rule_reached="Stop after 80 cards: 80 so far.")
    step = next_step(reached)
    assert (step.title, "80 so far" in step.words) == ("The stopping rule is reached", True)
    assert [action.url for action in step.actions] == [
        "/d/faces/export",
        "/d/faces/results/errors-left",
        "/d/faces/review",
    ]
    changed = replace(reached, to_learn=5)
    assert (next_step(changed).actions[0].url, next_step(changed).actions[0].posts) == (
        "/d/faces/models/retrain",
        False,
    )
    assert next_step(replace(changed, is_admin=False)).actions[0].url == "/d/faces/export"
    assert "Retrain" not in next_step(replace(changed, running=True)).title
    assert next_step(replace(changed, running=True)).title != "The stopping rule is reached"


def test_a_failed_import_says_why_and_offers_another_zip() -> None:
    step = next_step(replace(AT, state="failed", import_failed="There is no image in a class folder."))
    assert step.title == "The import failed"
    assert step.words == "There is no image in a class folder."
    assert [action.words for action in step.actions] == ["Upload another zip", "Import again"]
    assert step.actions[0].url == "/datasets/new?name=faces"


def test_a_first_look_leads_to_the_review_and_offers_a_training() -> None:
    looked = replace(AT, has_run=False, has_look=True)
    step = next_step(looked)
    assert step.title == "Review the next 200 suspicious labels"
    assert step.words.endswith("A first look ranked the labels; after a training both rank them.")
    assert [action.url for action in step.actions] == ["/d/faces/review", "/d/faces/models/train"]
    assert [action.words for action in next_step(replace(looked, is_admin=False)).actions] == ["Review"]
    assert next_step(replace(looked, running=True)).words.endswith("a training runs, then both rank them.")
    done = replace(looked, progress=replace(PROGRESS, remaining=0))
    assert (next_step(done).title, next_step(done).stage) == ("No suspicious label is left", "export")
    assert next_step(done).words == "36 errors found in 80 reviewed labels. A training may find more."
    words = ["Export the labels", "Train a model", "Errors left"]
    assert [action.words for action in next_step(done).actions] == words
    assert [action.words for action in next_step(replace(done, is_admin=False)).actions] == [
        words[0],
        words[2],
    ]
    again = next_step(replace(done, can_look_again=True))
    assert again.actions[0] == Action("Look again", "/d/faces/models/look", posts=True)
    assert again.words.endswith("A look at the labels as they are now takes seconds and may find more.")
    asks = next_step(replace(done, can_look_again=True, is_admin=False))
    assert [action.words for action in asks.actions] == [words[0], words[2]]
    assert next_step(replace(done, running=True)).title == "A first training"


def test_where_the_review_goes_by_the_first_look_it_can_be_repeated_beside_a_retrain() -> None:
    """The newest training errs more than the first look, or the ranking would be the training's."""
    behind = replace(AT, has_look=True, can_look_again=True, to_learn=200)
    words = [action.words for action in next_step(behind).actions]
    assert words[:2] == ["Retrain", "Look again"]
    for other in (replace(behind, has_look=False), replace(behind, can_look_again=False)):
        assert "Look again" not in [action.words for action in next_step(other).actions]


def test_while_the_images_are_looked_at_nobody_is_told_to_train() -> None:
    looking = replace(AT, has_run=False, running=True, looking=True, progress=replace(PROGRESS, remaining=0))
    assert next_step(looking).title == "A first look at the images"


def test_once_the_worklist_learns_the_step_says_how_many_errors_are_expected() -> None:
    step = next_step(replace(AT, expected=ExpectedErrors(cards=100, wrong=63.2, low=52, high=71)))
    assert step.words == (
        "About 12\u00a0min. 52 to 71 of the next 100 labels are wrong, as far as your answers show."
    )


def test_each_step_says_at_which_stage_the_data_set_is() -> None:
    done = replace(AT, progress=replace(PROGRESS, remaining=0))
    stages = {
        "import": replace(AT, importing=True),
        "train": replace(AT, has_run=False, progress=replace(PROGRESS, remaining=0)),
        "review": AT,
        "retrain": replace(done, to_learn=1),
        "export": done,
    }
    assert tuple(stages) == STAGES
    assert {stage: next_step(at).stage for stage, at in stages.items()} == {each: each for each in STAGES}
    assert next_step(replace(AT, state="failed", import_failed="No.")).stage == "import"
