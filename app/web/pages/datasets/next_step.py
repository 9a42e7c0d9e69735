"""The proposed next step for a data set, in words and with its cost. Pure."""

from dataclasses import dataclass

from app.deck.progress import PendingChanges, ReviewProgress
from app.review.orders import ExpectedErrors
from app.web.rendering import about, plural

BATCH = 200  # cards that a step proposes, about ten minutes of work
ENOUGH = 0.02  # share of changed training labels since the last run that is enough to propose a retrain
DRY = 0.05  # hit rate of the last 50 cards below which more review finds few errors
STAGES = ("import", "train", "review", "retrain", "export")
USUAL_SECONDS = 4.0  # per decision, until the pace in this data set is known


@dataclass(frozen=True)
class Situation:
    """The facts for the proposal."""

    dataset: str
    state: str
    samples: int
    importing: bool
    has_run: bool  # a training has finished
    early_epochs: int | None  # epochs of an unfinished training that the first ranking is made of
    running: bool  # a training or a first look, or queued
    progress: ReviewProgress
    pending: PendingChanges
    is_admin: bool
    may_decide: bool = True
    to_learn: int = (
        0  # training labels that the newest run has not learnt; labels of the hold-out are learnt by none
    )
    audit_left: int = 0  # images of an audit that is begun and not done
    import_failed: str = ""  # why; empty: it did not
    gold_for_me: int = 0  # images of the gold part that wait for the one who asks
    rule_reached: str = ""  # the stopping rule in words, once it is reached
    has_look: bool = False  # a first look or an own model ranks the labels
    can_look_again: bool = False  # labels have changed since the newest first look
    has_own: bool = False  # it is an own model
    looking: bool = False  # the run that waits or runs is a first look
    expected: ExpectedErrors | None = None  # of the next cards, once the worklist learns from the answers


@dataclass(frozen=True)
class Action:
    """A link, or a form when it changes something."""

    words: str
    url: str
    posts: bool = False


@dataclass(frozen=True)
class NextStep:
    """What to do, why, and what it costs."""

    title: str
    words: str
    actions: tuple[Action, ...] = ()
    stage: str = "review"  # of `STAGES`: where the data set is


def next_step(at: Situation) -> NextStep:
    """The proposal."""
    home = f"/d/{at.dataset}"
    if at.importing:
        return NextStep(
            "The images are being imported", "You can leave this page; it continues.", stage="import"
        )
    if at.state != "ready":
        return _unfinished_import(at, home)
    return _for_annotator(at, home) if at.may_decide else _for_viewer(at, home)


def _for_annotator(at: Situation, home: str) -> NextStep:
    if not at.has_run:
        return _before_training(at, home)
    if not at.running and (at.rule_reached or at.audit_left):
        return _rule_reached(at, home) if at.rule_reached else _audit(at, home)
    if at.progress.remaining == 0 or _enough_changed(at) or _runs_dry(at):
        return _after_review(at, home)
    return review_step(at.progress, home, expected=at.expected)


def _for_viewer(at: Situation, home: str) -> NextStep:
    """What is there to look at; who may review is said, because a viewer finds no button for it."""
    actions = (Action("Images", f"{home}/images"), Action("Export the labels", f"{home}/export"))
    left = at.progress.remaining
    title = f"{plural(left, 'suspicious label waits', 'suspicious labels wait')}" if left else "Look around"
    words = "You can look at everything. Annotators review; an admin can make you one."
    return NextStep(title, words, actions)


def _unfinished_import(at: Situation, home: str) -> NextStep:
    again = Action("Import again", f"{home}/import/repeat", posts=True)
    if at.import_failed:
        other = Action("Upload another zip", f"/datasets/new?name={at.dataset}")
        actions = (other, again) if at.is_admin else ()
        return NextStep("The import failed", at.import_failed, actions, "import")
    return NextStep(
        "The import has not finished",
        "What was read is kept; nothing is doubled.",
        (again,) if at.is_admin else (),
        "import",
    )


def review_step(progress: ReviewProgress, home: str, *, expected: ExpectedErrors | None = None) -> NextStep:
    """Continue with the worklist: how many labels, how long, how many errors as the worklist expects."""
    cards = min(BATCH, progress.remaining)
    words = f"{about(cards * (progress.seconds_per_decision or USUAL_SECONDS)).capitalize()}."
    if expected is not None and expected.cards:
        words += (
            f" {_between(expected.low, expected.high)} of the next {expected.cards:,} labels are wrong, as "
            "far as your answers show."
        )
    what = f"the {'next' if progress.reviewed else 'first'} {cards} suspicious labels"
    if cards == progress.remaining:
        left = "remaining suspicious label" if progress.reviewed else "suspicious label"
        what = f"the {cards} {left}s" if cards > 1 else f"the {left}"
    return NextStep(f"Review {what}", words, (Action("Review", f"{home}/review"),))


def _between(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _before_training(at: Situation, home: str) -> NextStep:
    if not at.progress.remaining:
        return _after_first_look(at, home) if at.has_look and not at.running else _first_run(at, home)
    if at.early_epochs:
        return _early_review(at, home)
    return _first_look_review(at, home) if at.has_look else _first_run(at, home)


def _first_run(at: Situation, home: str) -> NextStep:
    if at.looking:
        return NextStep(
            "A first look at the images", "Then suspicious labels come first in the review.", stage="train"
        )
    if at.running:
        return NextStep("A first training", "Then suspicious labels come first in the review.", stage="train")
    if not at.is_admin:
        return NextStep("No label is ranked yet", "Ask an admin to train a model.", stage="train")
    words = f"It learns {plural(at.samples, 'label')}, then shows which look wrong."
    return NextStep("Train a model", words, (Action("Train", f"{home}/models/train"),), "train")


def _after_first_look(at: Situation, home: str) -> NextStep:
    """Nothing that looks wrong is left, and no model has learnt the labels."""
    found = plural(at.progress.found, "error")
    words = "A look at the labels as they are now takes seconds and may find more."
    if not at.can_look_again or not at.is_admin:
        words = "A training may find more."
    if at.progress.reviewed:
        words = f"{found} found in {plural(at.progress.reviewed, 'reviewed label')}. {words}"
    export = Action("Export the labels", f"{home}/export")
    left = Action("Errors left", f"{home}/results/errors-left")
    again = _look_again(home)
    train = (Action("Train a model", f"{home}/models/train"),) if at.is_admin else ()
    if at.can_look_again and at.is_admin:
        return NextStep("No suspicious label is left", words, (again, *train, export), "retrain")
    return NextStep("No suspicious label is left", words, (export, *train, left), "export")


def _look_again(home: str) -> Action:
    return Action("Look again", f"{home}/models/look", posts=True)


def _first_look_review(at: Situation, home: str) -> NextStep:
    step = review_step(at.progress, home, expected=at.expected)
    more = "a training runs, then both rank them" if at.running else "after a training both rank them"
    who = "Your own model" if at.has_own else "A first look"
    train = (Action("Train", f"{home}/models/train"),) if at.is_admin and not at.running else ()
    return NextStep(step.title, f"{step.words} {who} ranked the labels; {more}.", (*step.actions, *train))


def _early_review(at: Situation, home: str) -> NextStep:
    step = review_step(at.progress, home, expected=at.expected)
    epochs = plural(at.early_epochs or 0, "epoch")
    more = "it gets better meanwhile" if at.running else "its training did not finish"
    return NextStep(step.title, f"{step.words} This ranking is of {epochs}; {more}.", step.actions)


def _after_review(at: Situation, home: str) -> NextStep:
    review = (Action("Continue reviewing", f"{home}/review"),) if at.progress.remaining else ()
    changed = at.to_learn
    changes = plural(changed, "training label is", "training labels are")
    since = f"{changes} new or changed since the newest model"
    if at.running:
        return NextStep(
            "A model learns the labels",
            "You can review meanwhile.",
            review,
            "retrain",
        )
    if changed and at.is_admin:
        retrain = Action("Retrain", f"{home}/models/retrain")
        # The newest training errs more than the first look: repeating that costs seconds and may tell more.
        again = (_look_again(home),) if at.has_look and at.can_look_again else ()
        return NextStep("Retrain on the cleaned labels", f"{since}.", (retrain, *again, *review), "retrain")
    if changed:
        return NextStep("Time to retrain", f"{since}; an admin can retrain now.", review, "retrain")
    if at.gold_for_me:
        words = (
            f"{plural(at.gold_for_me, 'image waits', 'images wait')} for you. "
            "They show how good a model really is."
        )
        return NextStep(
            "Label the checked test set", words, (Action("Label", f"{home}/review?order=gold"), *review)
        )
    where = "not all in a version yet" if at.pending.wait else f"all in version {at.pending.version}"
    words = (
        f"{plural(at.progress.found, 'error')} found in {plural(at.progress.reviewed, 'reviewed label')}, "
        f"{where}."
    )
    title = "No suspicious label is left" if not at.progress.remaining else "The last labels had few errors"
    return NextStep(
        title,
        words,
        (
            Action("Export the labels", f"{home}/export"),
            Action("Errors left", f"{home}/results/errors-left"),
            *review,
        ),
        "export",
    )


def _rule_reached(at: Situation, home: str) -> NextStep:
    look = Action("Errors left", f"{home}/results/errors-left")
    go_on = (Action("Continue reviewing", f"{home}/review"),) if at.progress.remaining else ()
    words = at.rule_reached
    first = (
        Action("Retrain", f"{home}/models/retrain")
        if at.to_learn and at.is_admin
        else Action("Export the labels", f"{home}/export")
    )
    stage = "retrain" if at.to_learn and at.is_admin else "export"
    return NextStep("The stopping rule is reached", words, (first, look, *go_on), stage)


def _audit(at: Situation, home: str) -> NextStep:
    words = f"{plural(at.audit_left, 'image')} left. Then it is known how many errors are left."
    go_on = (Action("Continue reviewing", f"{home}/review"),) if at.progress.remaining else ()
    return NextStep(
        "Finish the random images", words, (Action("Go on", f"{home}/review?order=random"), *go_on)
    )


def _enough_changed(at: Situation) -> bool:
    return at.to_learn >= max(20, ENOUGH * at.samples)


def _runs_dry(at: Situation) -> bool:
    has_window = at.progress.reviewed >= 50  # noqa: PLR2004 - the window of the hit rate
    return has_window and (at.progress.hit_rate or 0) < DRY
