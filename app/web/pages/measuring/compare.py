"""Did it help? Two runs on the same hold-out samples: an answer, its picture, and how it is computed."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset
from app.datasets.models import DatasetVersion
from app.datasets.versions import list_versions
from app.deck.progress import pending_changes
from app.errors import NotFound, ToplossError
from app.measuring.comparison import Change, ChangedSample, Column, Comparison, changed_samples, compare
from app.measuring.evaluations import RunSummary, pair_to_compare, run_summaries
from app.measuring.paper_table import PaperTable, paper_table
from app.review.gold import gold_labels
from app.rounds.first_look import can_look_again
from app.training.models import FIRST_LOOK, Run
from app.training.numbers import names_of_models
from app.training.runs import get_run, open_run
from app.web.deps import Db
from app.web.errors import status_of
from app.web.pages.intervals import Given, IntervalChart, interval_chart
from app.web.pages.measuring.conclusions import (
    LABELS,
    Conclusions,
    chance,
    conclude,
    difference_shown,
    signed,
)
from app.web.pages.measuring.headline import Headline, headline
from app.web.pages.training.run_figures import behind_of
from app.web.rendering import Page, page_context, percent, plural, render
from app.web.strict import Strict

router = APIRouter()

TILES = 48  # a page
FEW_TILES = 10  # of one kind of change, beside the answer
STRIPS: dict[Change, str] = {"repaired": "repaired", "broken": "broken"}
CHANGES: dict[Change, tuple[str, str]] = {  # in short, and what it means
    "all": ("All", "Every image that the two models predict differently"),
    "repaired": ("Repaired", "Wrong before, right now"),
    "broken": ("Broken", "Right before, wrong now"),
    "other": ("Wrong in both", "Wrong before and now, in different ways"),
}


@dataclass(frozen=True)
class Shown:
    """How a column of figures is written."""

    heading: str
    difference: str  # in points
    low: str
    high: str
    chance: str


@dataclass(frozen=True)
class Strip:
    """The first images that the newer model made right, or wrong."""

    change: Change
    words: str
    total: int
    samples: tuple[ChangedSample, ...]


@dataclass(frozen=True, kw_only=True)
class ComparePage(Page):
    """Before and after; without a comparison, why there is none."""

    runs: tuple[RunSummary, ...]  # that can be compared
    newest: RunSummary | None  # training or own model
    can_look_again: bool  # labels have changed since the newest first look
    waits_for: Run | None  # the model that is being trained
    versions: tuple[DatasetVersion, ...]
    old: int | None
    new: int | None
    labels: int | None
    comparison: Comparison | None
    headline: Headline
    behind: str  # why nobody reviews by the newer model
    chart: IntervalChart | None
    strips: tuple[Strip, ...]
    columns: tuple[Shown, ...]
    conclusions: Conclusions | None
    table: PaperTable | None
    pending: int  # labels decided since the newest version, which no figure here knows
    pair: str  # the comparison as an address's query
    problem: str


@dataclass(frozen=True)
class ChangeTab:
    """A kind of change as a link."""

    words: str
    meaning: str
    url: str
    is_here: bool


@dataclass(frozen=True, kw_only=True)
class ChangesPage(Page):
    """The samples that two runs predict differently, a page of them."""

    old: str  # names
    new: str
    tabs: tuple[ChangeTab, ...]
    total: int
    first: int
    samples: tuple[ChangedSample, ...]
    back: str
    before: str | None
    after: str | None


class ChangesQuery(Strict):
    """Which runs, by default those that are compared, against which version's labels, and which change."""

    old: int | None = None
    new: int | None = None
    labels: int | None = None
    change: Change = "all"
    page: int = Field(1, ge=1, le=1_000_000)

    def address(self, **more: object) -> str:
        """The query with these fields changed."""
        return urlencode(
            {name: value for name, value in (self.model_dump() | more).items() if value is not None}
        )


@router.get("/d/{name}/results")
def show(
    request: Request,
    name: str,
    database: Db,
    old: int | None = None,
    new: int | None = None,
    labels: int | None = None,
) -> Response:
    """Whether the newer of two runs is better; by default the newest one and its parent."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        runs = _finished(session, dataset.id)
        old, new = pair_to_compare(runs, old, new)
        found, problem, status = _compared(session, dataset.id, old, new, labels)
        strips = _strips(session, dataset.id, found) if found else ()
        versions = tuple(reversed(list_versions(session, dataset_id=dataset.id)))
        table = paper_table(session, dataset_id=dataset.id) if runs else None
        pending = pending_changes(session, dataset_id=dataset.id)
        again = can_look_again(session, dataset_id=dataset.id, pending=pending)
        training = open_run(session, dataset_id=dataset.id)
        behind = behind_of(get_run(session, run_id=found.new.id)) if found else ""
    page = ComparePage(
        **page_context(request, name),
        runs=runs,
        newest=next((run for run in runs if run.kind != FIRST_LOOK), None),
        can_look_again=again,
        waits_for=training if training and training.is_training else None,
        versions=versions,
        old=old,
        new=new,
        labels=found.version if found else labels,
        comparison=found,
        headline=headline(found) if found else Headline(""),
        behind=behind,
        chart=_chart(found, home=f"/d/{name}") if found else None,
        strips=strips,
        columns=_shown(found) if found else (),
        conclusions=conclude(found) if found else None,
        table=table,
        pending=pending.since_version,
        pair=urlencode({"old": old, "new": new, "labels": found.version}) if found else "",
        problem=problem,
    )
    return render("measuring/compare.html", page, status=status)


@router.get("/d/{name}/results/images")
def images(request: Request, name: str, database: Db, query: Annotated[ChangesQuery, Query()]) -> Response:
    """The samples whose prediction changed, by what the reviewed labels say of it."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        old, new = pair_to_compare(_finished(session, dataset.id), query.old, query.new)
        if old is None or new is None:
            raise NotFound(
                "Two trained models are needed to see what changed; review some labels, then retrain."
            )
        names = names_of_models(session, run_ids=(old, new))
        query = query.model_copy(update={"old": old, "new": new})
        total, samples = changed_samples(
            session,
            dataset_id=dataset.id,
            old_id=old,
            new_id=new,
            number=query.labels,
            change=query.change,
            limit=TILES,
            offset=(query.page - 1) * TILES,
        )
    here = f"/d/{name}/results"
    page = ChangesPage(
        **page_context(request, name),
        old=names[old],
        new=names[new],
        total=total,
        samples=samples,
        first=(query.page - 1) * TILES + 1,
        back=f"{here}?{urlencode({'old': old, 'new': new})}",
        tabs=tuple(
            ChangeTab(*words, f"{here}/images?{query.address(change=change, page=1)}", change == query.change)
            for change, words in CHANGES.items()
        ),
        before=f"{here}/images?{query.address(page=query.page - 1)}" if query.page > 1 else None,
        after=f"{here}/images?{query.address(page=query.page + 1)}" if query.page * TILES < total else None,
    )
    return render("rounds/changes.html", page)


def _finished(session: Session, dataset_id: int) -> tuple[RunSummary, ...]:
    return tuple(run for run in run_summaries(session, dataset_id=dataset_id) if run.is_comparable)


def _compared(
    session: Session, dataset_id: int, old: int | None, new: int | None, labels: int | None
) -> tuple[Comparison | None, str, int]:
    """The comparison, or why there is none, and the answer's status."""
    if old is None or new is None:
        return None, "", 200
    try:
        gold = gold_labels(session, dataset_id=dataset_id)
        return (
            compare(session, dataset_id=dataset_id, old_id=old, new_id=new, number=labels, gold=gold),
            "",
            200,
        )
    except ToplossError as error:
        return None, str(error), status_of(error)


def _strips(session: Session, dataset_id: int, comparison: Comparison) -> tuple[Strip, ...]:
    """The first images of each kind of change that there is."""
    strips = []
    for change, words in STRIPS.items():
        total, samples = changed_samples(
            session,
            dataset_id=dataset_id,
            old_id=comparison.old.id,
            new_id=comparison.new.id,
            number=comparison.version,
            change=change,
            limit=FEW_TILES,
        )
        if total:
            strips.append(Strip(change, words, total, samples))
    return tuple(strips)


def _chart(comparison: Comparison, *, home: str) -> IntervalChart:
    """Both models by each kind of labels, the column that the answer goes by first."""
    rows = []
    for column in _in_order(comparison):
        facts = ((column.old, comparison.old, "old"), (column.new, comparison.new, "new"))
        for evaluation, run, kind in facts:
            if found := evaluation.error_rate:
                rows.append(
                    Given(
                        run.name,
                        found.low,
                        found.high,
                        percent(found.value),
                        f"{percent(found.low)} to {percent(found.high)}",
                        value=found.value,
                        kind=kind,
                        link=f"{home}/models/{run.id}",
                        heading=_labels(column) if kind == "old" else "",
                    )
                )
    return interval_chart("Error of both models, with 95\u00a0% intervals", rows)


def _in_order(comparison: Comparison) -> list[Column]:
    """The columns that differ: without a cleaned version the reviewed labels are the given ones."""
    shown = [column for column in comparison.columns if comparison.version or column.kind != "reviewed"]
    return sorted(shown, key=lambda column: (column is not comparison.chief, column.kind == "given"))


def _labels(column: Column) -> str:
    """Which labels the errors are counted by."""
    if column.kind == "gold":
        waiting = f", {plural(column.open, 'image')} not agreed" if column.open else ""
        return f"Error on the checked test set ({plural(column.samples, 'image')}{waiting})"
    words = "given labels" if column.kind == "given" else f"labels of version {column.version}"
    return f"Error by the {words} ({plural(column.samples, 'image')})"


def _shown(comparison: Comparison) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            heading=f"against {LABELS[column.kind]}",
            difference=signed(difference_shown(column, column.difference)) if column.difference else "–",
            low=signed(column.difference.low) if column.difference else "–",
            high=signed(column.difference.high) if column.difference else "–",
            chance=chance(column.difference.p) if column.difference else "–",
        )
        for column in comparison.columns
    )
