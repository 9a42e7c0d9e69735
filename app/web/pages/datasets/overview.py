"""The overview of a data set, which says what to do next."""

from dataclasses import dataclass
from datetime import datetime

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
from app.deck.progress import PendingChanges, ReviewProgress, label_table, pending_changes, review_progress
from app.measuring.best import BestRun, choose_best
from app.remaining.audits import audit_states
from app.remaining.report import chosen_rule
from app.review.corrections import Corrections, count_corrections
from app.review.gold import gold_standing
from app.review.orders import expected_errors, newest_order
from app.rounds.changes import changes_since
from app.rounds.movement import Movement, movement_of
from app.training.models import FIRST_LOOK, OWN_MODEL
from app.training.runs import RunProgress, newest_ranked, open_run, run_progress
from app.web.api.samples import shared_source
from app.web.deps import Db, SignedIn
from app.web.pages.datasets.folders import folders_page
from app.web.pages.datasets.imports import ImportPage, import_facts
from app.web.pages.datasets.next_step import NextStep, Situation, next_step
from app.web.pages.remaining import rule_in_words
from app.web.rendering import page_context, render

router = APIRouter()

SPLITS = ("train", "valid", "test")
REJECTED_SHOWN = 200


@dataclass(frozen=True)
class ClassView:
    """A class in the overview's table; widths are shares of the largest class."""

    name: str
    given: int
    cleaned: int
    splits: tuple[tuple[int, int], ...]  # (given, cleaned) for each of `Overview.splits`
    given_width: float
    segments: tuple[tuple[str, float, float], ...]  # (split, from, width) of the cleaned labels

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
    step: NextStep
    progress: ReviewProgress
    pending: PendingChanges
    corrections: Corrections
    best: BestRun | None
    running: RunProgress | None
    movement: Movement | None  # what the current ranking changed
    splits: tuple[str, ...]
    classes: tuple[ClassView, ...]
    notes: tuple[str, ...]  # of the newest import
    rejected: tuple[RejectedFile, ...]
    rejected_count: int
    missing: tuple[MissingView, ...]
    missing_count: int


@router.get("/d/{name}")
def overview(request: Request, name: str, database: Db, user: SignedIn) -> Response:
    """How the labels are, and what to do next."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        if proposal := waiting_proposal(dataset):
            return render("datasets/folders.html", folders_page(request, dataset, proposal))
        page = _overview(request, session, dataset, user.id)
    return render("datasets/overview.html", page)


@router.post("/d/{name}/missing")
def look_for_missing(name: str, database: Db, _user: SignedIn) -> Response:
    """Check the missing and changed files again; samples whose files are back are used again."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
    look_again(database, dataset_id=dataset.id, source=shared_source(dataset.origin))
    return RedirectResponse(f"/d/{name}#missing", status_code=303)


def _overview(request: Request, session: Session, dataset: Dataset, user_id: int) -> OverviewPage:
    summary, importing = summarise(session, dataset), import_facts(session, dataset)
    running = open_run(session, dataset_id=dataset.id)
    ranked = newest_ranked(session, dataset_id=dataset.id)
    best, progress = (
        choose_best(session, dataset_id=dataset.id),
        review_progress(session, dataset_id=dataset.id, user_id=user_id),
    )
    pending = pending_changes(session, dataset_id=dataset.id)
    splits, classes = _class_views(session, dataset.id)
    rule = chosen_rule(session, dataset_id=dataset.id)
    gold, audits = (
        gold_standing(session, dataset_id=dataset.id, user_id=user_id),
        audit_states(session, dataset_id=dataset.id),
    )
    page = page_context(request, dataset.name)
    situation = Situation(
        dataset=dataset.name,
        state=dataset.state,
        samples=summary.samples,
        importing=importing["is_open"],
        import_failed=importing["job"].message
        if importing["job"] and importing["job"].state == "failed"
        else "",
        has_run=best is not None,
        early_epochs=ranked.ranked_epochs if ranked and best is None else None,
        has_look=ranked is not None and not ranked.is_training,
        has_own=ranked is not None and ranked.kind == OWN_MODEL,
        expected=expected_errors(newest_order(session, run_id=ranked.id)) if ranked else None,
        running=running is not None,
        looking=running is not None and running.kind == FIRST_LOOK,
        queued=running is not None and running.state == "queued",
        progress=progress,
        pending=pending,
        is_admin=page["viewer"].is_admin,
        to_learn=changes_since(session, dataset_id=dataset.id, version_id=ranked.version_id).to_learn
        if ranked
        else 0,
        audit_left=audits[-1].size - audits[-1].decided if audits else 0,
        gold_for_me=gold.for_me if gold else 0,
        rule_reached=rule_in_words(rule) if rule and rule.reached.is_reached else "",
    )
    return OverviewPage(
        **page,
        **importing,
        summary=summary,
        step=next_step(situation),
        progress=progress,
        pending=pending,
        corrections=count_corrections(session, dataset_id=dataset.id),
        best=best,
        running=run_progress(session, run_id=running.id) if running else None,
        movement=movement_of(session, run=ranked) if ranked and ranked.is_training else None,
        splits=splits,
        classes=classes,
        notes=tuple(dataset.notes),
        rejected=tuple(rejected_files(session, dataset_id=dataset.id, limit=REJECTED_SHOWN)),
        rejected_count=count_rejected(session, dataset_id=dataset.id),
        missing=tuple(
            MissingView(each.sample_id, path, WORDS[each.reason], each.noticed_at)
            for each, path in missing_files(session, dataset_id=dataset.id, limit=REJECTED_SHOWN)
        ),
        missing_count=count_missing(session, dataset_id=dataset.id),
    )


def _class_views(session: Session, dataset_id: int) -> tuple[tuple[str, ...], tuple[ClassView, ...]]:
    table = label_table(session, dataset_id=dataset_id)
    splits = tuple(split for split in SPLITS if any(row.given.get(split) for row in table))
    largest = max((max(sum(row.given.values()), sum(row.cleaned.values())) for row in table), default=0) or 1
    views = []
    for row in table:
        counts = [row.cleaned.get(split, 0) / largest for split in splits]
        segments = tuple((split, sum(counts[:i]), counts[i]) for i, split in enumerate(splits))
        given = sum(row.given.values())
        pairs = tuple((row.given.get(split, 0), row.cleaned.get(split, 0)) for split in splits)
        views.append(ClassView(row.name, given, sum(row.cleaned.values()), pairs, given / largest, segments))
    return splits, tuple(views)
