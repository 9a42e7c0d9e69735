"""The proposed next step for a data set, in words and with its cost. Pure."""

from dataclasses import dataclass

from app.deck.progress import PendingChanges, ReviewProgress
from app.review.orders import ExpectedErrors
from app.web.rendering import about, percent, plural

BATCH = 200  # cards that a step proposes, about ten minutes of work
ENOUGH = 0.02  # share of changed training labels since the last run that is enough to propose a retrain
DRY = 0.05  # hit rate of the last 50 cards below which more review finds few errors
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
    running: bool  # or queued
    progress: ReviewProgress
    pending: PendingChanges
    is_admin: bool
    to_learn: int = (
        0  # training labels that the newest run has not learnt; labels of the hold-out are learnt by none
    )
    audit_left: int = 0  # images of an audit that is begun and not done
    import_failed: str = ""  # why; empty: it did not
    gold_for_me: int = 0  # images of the gold part that wait for the one who asks
    queued: bool = False  # a run waits, none is running
    rule_reached: str = ""  # the stopping rule in words, once it is reached
    has_look: bool = False  # a first look or an own model ranks the labels
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


def next_step(at: Situation) -> NextStep:
    """The proposal."""
    home = f"/d/{at.dataset}"
    if at.importing:
        return NextStep("The images are being imported", "You can leave this page; the import continues.")
    if at.state != "ready":
        return _unfinished_import(at, home)
    if not at.has_run:
        return _before_training(at, home)
    if not at.running and (at.rule_reached or at.audit_left):
        return _rule_reached(at, home) if at.rule_reached else _audit(at, home)
    if at.progress.remaining == 0 or _enough_changed(at) or _runs_dry(at):
        return _after_review(at, home)
    return review_step(at.progress, home, expected=at.expected)


def _unfinished_import(at: Situation, home: str) -> NextStep:
    again = Action("Import again", f"{home}/import/repeat", posts=True)
    if at.import_failed:
        other = Action("Upload another zip", f"/datasets/new?name={at.dataset}")
        hint = "Upload another zip, or put the files of the source right and import again."
        actions = (other, again) if at.is_admin else ()
        return NextStep("The import failed", f"{at.import_failed} {hint}", actions)
    return NextStep(
        "The import has not finished",
        "What was read is kept, and nothing is doubled when it is repeated.",
        (again,) if at.is_admin else (),
    )


def review_step(progress: ReviewProgress, home: str, *, expected: ExpectedErrors | None = None) -> NextStep:
    """Continue with the worklist: how many cards, how long, how many errors."""
    cards = min(BATCH, progress.remaining)
    seconds = progress.seconds_per_decision or USUAL_SECONDS
    cost = about(cards * seconds).capitalize()
    if expected is not None and expected.cards:
        found = (
            f". Of the next {expected.cards} cards about {expected.wrong:.0f} have a wrong label "
            f"({expected.low} to {expected.high}), as far as your answers show"
        )
    elif progress.hit_rate is not None:
        found = (
            f". Of the last cards {percent(progress.hit_rate, 0)} had a wrong label; it gets less as you go"
        )
    else:
        found = "; how many errors there are shows after the first ones"
    what = f"the next {cards} top losses" if progress.reviewed else f"the first {cards} top losses"
    if cards == progress.remaining:
        what = f"the {cards} remaining label issues" if cards > 1 else "the remaining label issue"
    return NextStep(f"Review {what}", f"{cost}{found}.", (Action("Review", f"{home}/review"),))


def _before_training(at: Situation, home: str) -> NextStep:
    if not at.progress.remaining:
        return _first_run(at, home)
    if at.early_epochs:
        return _early_review(at, home)
    return _first_look_review(at, home) if at.has_look else _first_run(at, home)


def _first_run(at: Situation, home: str) -> NextStep:
    if at.looking:
        return NextStep(
            "A first look at the images waits" if at.queued else "A first look at the images",
            "When it is done, the images whose labels look wrong come first in the review.",
        )
    if at.running:
        return NextStep(
            "The training waits" if at.queued else "The network learns",
            "When it is done, the images whose labels it doubts most come first in the review.",
        )
    if not at.is_admin:
        return NextStep(
            "Nothing is ranked yet", "Ask an admin to train a network; it finds the labels that look wrong."
        )
    words = (
        f"It learns {plural(at.samples, 'label')}, then ranks which of them look wrong. "
        "The form recommends a recipe and says how long it takes."
    )
    return NextStep("Train a network", words, (Action("Train", f"{home}/models"),))


def _first_look_review(at: Situation, home: str) -> NextStep:
    step = review_step(at.progress, home, expected=at.expected)
    more = (
        "a training runs, then both rank them together"
        if at.running
        else "after a training both rank together"
    )
    who = "Your own model" if at.has_own else "A first look"
    train = (Action("Train", f"{home}/models"),) if at.is_admin and not at.running else ()
    return NextStep(step.title, f"{step.words} {who} ranked the labels; {more}.", (*step.actions, *train))


def _early_review(at: Situation, home: str) -> NextStep:
    step = review_step(at.progress, home, expected=at.expected)
    epochs = plural(at.early_epochs or 0, "epoch")
    more = (
        "it gets better while the network learns on"
        if at.running
        else "the run did not finish, so it will not get better"
    )
    return NextStep(
        step.title, f"{step.words} This is an early ranking, made after {epochs}; {more}.", step.actions
    )


def _after_review(at: Situation, home: str) -> NextStep:
    review = (Action("Continue reviewing", f"{home}/review"),) if at.progress.remaining else ()
    changed = at.to_learn
    changes = plural(changed, "training label is", "training labels are")
    since = f"{changes} new or changed since the newest run was trained"
    if at.running:
        return NextStep(
            "A network learns the labels",
            "You can review meanwhile; a new ranking swaps in between cards.",
            review,
        )
    if changed and at.is_admin:
        words = f"{since}. A network that learns the cleaned labels finds what this one missed."
        return NextStep(
            "Retrain on the cleaned labels", words, (Action("Retrain", f"{home}/models/retrain"), *review)
        )
    if changed:
        return NextStep("Time to retrain", f"{since}; an admin can retrain now.", review)
    if at.gold_for_me:
        words = (
            f"{plural(at.gold_for_me, 'image waits', 'images wait')} for you. "
            "Their blind labels show how good a network really is."
        )
        return NextStep("Label the gold part", words, (Action("Label", f"{home}/review?order=gold"), *review))
    where = "not all in a version yet" if at.pending.wait else f"all in version {at.pending.version}"
    words = (
        f"{plural(at.progress.found, 'error')} found in {plural(at.progress.reviewed, 'reviewed label')}, "
        f"{where}. A random audit shows how many are left."
    )
    title = "The worklist is done" if not at.progress.remaining else "The last cards had few errors"
    return NextStep(
        title,
        words,
        (
            Action("Export the labels", f"{home}/export"),
            Action("How much is left", f"{home}/results/errors-left"),
            *review,
        ),
    )


def _rule_reached(at: Situation, home: str) -> NextStep:
    look = Action("How much is left", f"{home}/results/errors-left")
    go_on = (Action("Continue reviewing", f"{home}/review"),) if at.progress.remaining else ()
    words = f"It was chosen beforehand. {at.rule_reached}"
    first = (
        Action("Retrain", f"{home}/models/retrain")
        if at.to_learn and at.is_admin
        else Action("Export the labels", f"{home}/export")
    )
    return NextStep("The stopping rule is reached", words, (first, look, *go_on))


def _audit(at: Situation, home: str) -> NextStep:
    words = (
        f"{plural(at.audit_left, 'image')} of it left to decide. "
        "Once all are decided, it shows how many errors are left."
    )
    go_on = (Action("Continue reviewing", f"{home}/review"),) if at.progress.remaining else ()
    return NextStep(
        "Finish the audit", words, (Action("Go on with the audit", f"{home}/review?order=random"), *go_on)
    )


def _enough_changed(at: Situation) -> bool:
    return at.to_learn >= max(20, ENOUGH * at.samples)


def _runs_dry(at: Situation) -> bool:
    has_window = at.progress.reviewed >= 50  # noqa: PLR2004 - the window of the hit rate
    return has_window and (at.progress.hit_rate or 0) < DRY
