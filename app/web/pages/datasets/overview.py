"""The overview of a data set, which says what to do next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.datasets.catalog import (
    DatasetSummary,
    count_rejected,
    get_dataset,
    rejected_files,
    summarise,
)
from app.datasets.missing import WORDS, count_missing, look_again, missing_files
from app.datasets.models import Dataset, RejectedFile
from app.datasets.proposals import waiting_proposal
from app.db.types import now
from app.deck.adjudication import count_disagreements
from app.deck.duplicates import count_torn
from app.deck.progress import PendingChanges, ReviewProgress, label_table, pending_changes, review_progress
from app.jobs.models import Job
from app.measuring.headline import Headline, headline, headlines
from app.remaining.audits import audit_states, left_by_audits
from app.remaining.estimate import Between
from app.remaining.report import chosen_rule
from app.review.corrections import Corrections, count_corrections
from app.review.gold import GoldStanding, gold_standing
from app.review.orders import expected_errors, newest_order
from app.rounds.changes import changes_since
from app.rounds.demo import Planted, found_of_truth
from app.rounds.first_look import can_look_again
from app.rounds.home import Suspect, suspects
from app.rounds.movement import Movement, movement_of
from app.settings import Settings
from app.training.models import FIRST_LOOK, OWN_MODEL, Run
from app.training.progress import RunProgress, run_progress
from app.training.runs import ended_last, newest_finished, newest_ranked, open_run
from app.web.api.samples import shared_source
from app.web.deps import Config, Db, SignedIn
from app.web.pages.datasets.folders import folders_page
from app.web.pages.datasets.imports import ImportPage, import_facts
from app.web.pages.datasets.next_step import STAGES, NextStep, Situation, next_step
from app.web.pages.remaining import rule_in_words
from app.web.pages.training.run_figures import behind_of
from app.web.pages.training.run_page import pair_with_first_look
from app.web.rendering import page_context, render

router = APIRouter()

REJECTED_SHOWN = 200
STRIP = 10  # images
CLASSES_SHOWN = 10
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class StepView:
    """A step of the way from images to clean labels."""

    words: str
    url: str
    state: str  # done, present, or empty


@dataclass(frozen=True)
class CardView:
    """A card that leads to a page, with the number that matters there."""

    words: str
    number: str
    more: str
    url: str


@dataclass(frozen=True)
class ClassView:
    """A class in the overview's table; the bar goes left or right from the middle of its column."""

    name: str
    given: int
    cleaned: int
    start: float  # of the bar, as a share of the column
    width: float

    @property
    def change(self) -> int:
        """Samples won, or lost."""
        return self.cleaned - self.given


@dataclass(frozen=True)
class MissingView:
    """A sample whose file is missing or changed."""

    sample_id: int
    path: str
    words: str
    noticed_at: datetime


@dataclass(frozen=True, kw_only=True)
class OverviewPage(ImportPage):
    """How the labels are, and what to do next."""

    summary: DatasetSummary
    steps: tuple[StepView, ...]
    step: NextStep
    images: tuple[Suspect, ...]  # the most suspicious ones
    progress: ReviewProgress
    imported: str  # what the newest import added, if it ended just now
    left: int | None  # cards of the review that remain; None: nothing is ranked
    doubted_by: str  # whose ranking that is
    pending: PendingChanges
    corrections: Corrections
    error: Headline | None  # of the first look, where no training is better
    cards: tuple[CardView, ...]
    running: RunProgress | None
    ended: Run | None  # the newest run, if it was cancelled or has failed
    movement: Movement | None  # what the current ranking changed
    behind: str  # why the newest training is not reviewed
    planted: Planted | None  # of the demo, whose truth is known
    pair: str  # the query that compares it with the first look
    classes: tuple[ClassView, ...]
    class_count: int
    notes: tuple[str, ...]  # of the newest import
    rejected: tuple[RejectedFile, ...]
    rejected_count: int
    missing: tuple[MissingView, ...]
    missing_count: int


@router.get("/d/{name}")
def overview(request: Request, name: str, database: Db, settings: Config, user: SignedIn) -> Response:
    """How the labels are, and what to do next."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        if proposal := waiting_proposal(dataset):
            return render("datasets/folders.html", folders_page(request, dataset, proposal))
        page = _overview(request, session, dataset, user.id, settings)
    return render("datasets/overview.html", page)


@router.post("/d/{name}/missing")
def look_for_missing(name: str, database: Db, _user: SignedIn) -> Response:
    """Check the missing and changed files again; samples whose files are back are used again."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
    look_again(database, dataset_id=dataset.id, source=shared_source(dataset.origin))
    return RedirectResponse(f"/d/{name}#missing", status_code=303)


def _overview(
    request: Request, session: Session, dataset: Dataset, user_id: int, settings: Settings
) -> OverviewPage:
    summary, importing = summarise(session, dataset), import_facts(session, dataset)
    running = open_run(session, dataset_id=dataset.id)
    ranked = newest_ranked(session, dataset_id=dataset.id)
    newest = newest_finished(session, dataset_id=dataset.id)
    learnt = newest or ranked  # the newest training, also where it is behind the first look and not reviewed
    error = headline(session, dataset_id=dataset.id)
    progress = review_progress(session, dataset_id=dataset.id, user_id=user_id)
    pending = pending_changes(session, dataset_id=dataset.id)
    rule = chosen_rule(session, dataset_id=dataset.id)
    gold = gold_standing(session, dataset_id=dataset.id, user_id=user_id)
    audits = audit_states(session, dataset_id=dataset.id)
    page = page_context(request, dataset.name)
    step = next_step(
        Situation(
            dataset=dataset.name,
            state=dataset.state,
            samples=summary.samples,
            importing=importing["is_open"],
            import_failed=importing["job"].message
            if importing["job"] and importing["job"].state == "failed"
            else "",
            has_run=error is not None,
            early_epochs=ranked.ranked_epochs if ranked and error is None else None,
            has_look=ranked is not None and not ranked.is_training,
            can_look_again=ranked is not None
            and can_look_again(session, dataset_id=dataset.id, pending=pending),
            has_own=ranked is not None and ranked.kind == OWN_MODEL,
            expected=expected_errors(newest_order(session, run_id=ranked.id)) if ranked else None,
            running=running is not None,
            looking=running is not None and running.kind == FIRST_LOOK,
            progress=progress,
            pending=pending,
            is_admin=page["viewer"].is_admin,
            may_decide=page["viewer"].may_decide,
            to_learn=changes_since(session, dataset_id=dataset.id, version_id=learnt.version_id).to_learn
            if learnt
            else 0,
            audit_left=audits[-1].size - audits[-1].decided if audits else 0,
            gold_for_me=gold.for_me if gold else 0,
            rule_reached=rule_in_words(rule) if rule and rule.reached.is_reached else "",
        )
    )
    classes = _class_views(session, dataset.id)
    return OverviewPage(
        **page,
        **importing,
        summary=summary,
        imported=_imported(importing["job"]),
        steps=_steps(
            page, step.stage, is_ready=dataset.state == "ready", is_ranked=ranked is not None, error=error
        ),
        step=step,
        images=suspects(session, dataset_id=dataset.id, limit=STRIP) if ranked else (),
        progress=progress,
        left=progress.remaining if ranked else None,
        doubted_by=_who(ranked) if ranked else "",
        pending=pending,
        corrections=count_corrections(session, dataset_id=dataset.id),
        error=headlines(session, dataset_ids=[dataset.id], with_looks=True).get(dataset.id),
        cards=_cards(session, dataset, gold, may_settle=page["viewer"].may_settle) if classes else (),
        running=run_progress(session, run_id=running.id) if running else None,
        ended=None if running else ended_last(session, dataset_id=dataset.id),
        movement=movement_of(session, run=ranked) if ranked and ranked.is_training else None,
        behind=behind_of(newest),
        planted=found_of_truth(session, dataset=dataset, ranked=ranked, settings=settings),
        pair=pair_with_first_look(session, newest),
        classes=classes[:CLASSES_SHOWN],
        class_count=len(classes),
        notes=tuple(dataset.notes),
        rejected=tuple(rejected_files(session, dataset_id=dataset.id, limit=REJECTED_SHOWN)),
        rejected_count=count_rejected(session, dataset_id=dataset.id),
        missing=tuple(
            MissingView(each.sample_id, path, WORDS[each.reason], each.noticed_at)
            for each, path in missing_files(session, dataset_id=dataset.id, limit=REJECTED_SHOWN)
        ),
        missing_count=count_missing(session, dataset_id=dataset.id),
    )


def _imported(job: Job | None) -> str:
    """What an import added that ended within the last hour; the first import of a data set says nothing."""
    just_now = job and job.state == "finished" and job.finished_at and job.finished_at > now() - HOUR
    return job.message if job and just_now else ""


def _who(ranked: Run) -> str:
    """Whose ranking people review, in words."""
    return "the first look" if ranked.kind == FIRST_LOOK else ranked.name


def _steps(
    page: dict[str, Any], present: str, *, is_ready: bool, is_ranked: bool, error: Headline | None
) -> tuple[StepView, ...]:
    """The way, with what is done and where the data set is.

    Who cannot train is led to the models, who cannot review to the images.
    """
    home, is_admin = f"/d/{page['dataset']}", page["viewer"].is_admin
    models = f"{home}/models"
    done = {
        "import": is_ready,
        "train": is_ranked,
        "review": present in ("retrain", "export"),
        "retrain": error is not None and error.learnt > 0 and present != "retrain",
    }
    places = {
        "import": ("Import", home),
        "train": ("Train", f"{models}/train" if is_admin else models),
        "review": ("Review", f"{home}/review" if page["viewer"].may_decide else f"{home}/images"),
        "retrain": ("Retrain", f"{models}/retrain" if is_admin else models),
        "export": ("Export", f"{home}/export"),
    }
    return tuple(
        StepView(*places[stage], "present" if stage == present else "done" if done.get(stage) else "")
        for stage in STAGES
    )


def _cards(
    session: Session, dataset: Dataset, gold: GoldStanding | None, *, may_settle: bool
) -> tuple[CardView, ...]:
    """What is to be looked at beside the worklist, each with its number; a reviewer settles disputes."""
    home = f"/d/{dataset.name}"
    torn = count_torn(session, dataset_id=dataset.id)
    disputed = count_disagreements(session, dataset_id=dataset.id)
    states = audit_states(session, dataset_id=dataset.id)
    left = left_by_audits(session, states, dataset_id=dataset.id)
    unknown = ("not measured", "look at random images")
    errors = (_between(left), "with 95\u00a0% confidence") if left else unknown
    checked = ("none yet", "measures how good a model is")
    if gold:
        checked = (f"{gold.settled:,} of {gold.size:,}", "images checked")
    cards = [
        CardView("Duplicates", f"{torn:,}", "groups with different labels", f"{home}/images/duplicates"),
        CardView("Disputed", f"{disputed:,}", "images people disagree on", f"{home}/images/disputed"),
        CardView("Errors left", *errors, f"{home}/results/errors-left"),
        CardView("Checked test set", *checked, f"{home}/results/test-set"),
    ]
    return tuple(card for card in cards if may_settle or card.words != "Disputed")


def _between(left: Between) -> str:
    return f"{left.low:,}" if left.low == left.high else f"{left.low:,} to {left.high:,}"


def _class_views(session: Session, dataset_id: int) -> tuple[ClassView, ...]:
    """The classes; where not all are shown, those that changed most come first."""
    table = [
        (row.name, sum(row.given.values()), sum(row.cleaned.values()))
        for row in label_table(session, dataset_id=dataset_id)
    ]
    largest = max((abs(cleaned - given) for _, given, cleaned in table), default=0) or 1
    if len(table) > CLASSES_SHOWN:
        table.sort(key=lambda row: (-abs(row[2] - row[1]), -row[1]))
    views = []
    for name, given, cleaned in table:
        change = (cleaned - given) / largest / 2
        views.append(ClassView(name, given, cleaned, 0.5 + min(0.0, change), abs(change)))
    return tuple(views)
