"""What the page of a model shows, read from what its run stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.models import DatasetVersion, Sample
from app.datasets.scales import scales_of
from app.datasets.versions import latest_version, names_of
from app.jobs.models import Job
from app.measuring.best import GoldEvaluation, evaluate_on_gold
from app.measuring.evaluations import Evaluation, RunSummary, calibration_of, evaluate_run
from app.ml.recipes import recipe_from_json
from app.ranking.rankings import top_losses
from app.review.models import WorklistOrder
from app.review.orders import newest_order
from app.rounds.movement import Movement, movement_of
from app.training.evaluation import Rate
from app.training.first_looks import newest_first_look
from app.training.folds import WHOLE
from app.training.models import FIRST_LOOK, OWN_MODEL, Run
from app.training.progress import RunProgress, run_progress
from app.training.recipes import ChangedValue, differences
from app.training.runs import RESUMABLE, current_ranking
from app.training.starts import stored_words
from app.training.statistics import Reliability
from app.web.pages.charts import Chart, Interval, Intervals, intervals
from app.web.pages.training.recipe_form import words_of
from app.web.pages.training.run_figures import behind_of, charts_of, facts_of, note_of
from app.web.pages.training.tiles import Tile, tile_of
from app.web.rendering import Page

SUSPICIOUS = 12  # images


@dataclass(frozen=True, kw_only=True)
class LivePage(Page):
    """How far a run is."""

    running: RunProgress | None


@dataclass(frozen=True, kw_only=True)
class CurvesPage(LivePage):
    """The charts of a run, which grow while it learns."""

    run_id: int
    charts: tuple[Chart, ...]
    epochs: int  # of the main network that the charts show


@dataclass(frozen=True, kw_only=True)
class RunPage(CurvesPage):
    """A model: what was asked for, how far it is, what it reached."""

    run: Run
    model: str  # its name
    title: str
    about: str  # in a few words: what it learnt from
    note: str  # what a person should know of it
    recipe: str  # in words; of a training
    version: int
    differences: tuple[ChangedValue, ...]  # from the recipe of its name
    can_go_on: bool
    movement: Movement | None  # what its ranking changed
    older_greys: bool  # it was trained before deep greys had a scale of the data set
    is_drawing_curve: bool  # the run is finished, and its job draws the learning-rate curve
    is_current: bool  # its ranking is the one that is reviewed
    behind: str  # why it is not, if it errs more than the first look
    pair: str  # the query that compares both
    evaluation: Evaluation | None
    rates: Intervals | None  # its errors, by one set of labels each
    gold: GoldEvaluation | None
    gold_digest: str  # of the checked test set that the run was asked for with; none: empty
    by: str  # what the confusion matrix shows
    cells: str  # address of a cell's images, up to its query
    calibration: Reliability | None
    temperature: float | None
    error_after: float | None  # calibration error at that temperature, on images it was not fitted on
    predictions: int  # stored, of which every figure is made
    suspicious: tuple[Tile, ...]
    order: WorklistOrder | None  # that its worklist has learnt last
    facts: tuple[tuple[str, str], ...]


def run_page(common: Mapping[str, Any], session: Session, run: Run, *, by: str) -> RunPage:
    """The page of a run; `common` are the arguments of every page, `by` is what the matrix shows."""
    at = run_progress(session, run_id=run.id)
    finished, current = run.state == "finished", current_ranking(session, dataset_id=run.dataset_id)
    is_current = current is not None and current.run_id == run.id
    version = session.get_one(DatasetVersion, run.version_id)
    names = names_of(session, version_id=run.version_id)
    ranked = run.ranked_epochs is not None
    home = f"/d/{common['dataset']}"
    evaluation = evaluate_run(session, run_id=run.id) if finished else None
    gold = evaluate_on_gold(session, run_id=run.id)
    return RunPage(
        **common,
        run=run,
        run_id=run.id,
        running=at if at.is_open else None,
        model=run.name,
        title=title_of(run),
        about=_about(run, version.number),
        note=note_of(run),
        recipe=_recipe_words(run) if run.is_training else "",
        version=version.number,
        older_greys=finished
        and run.is_training
        and bool(scales_of(session, dataset_id=run.dataset_id))
        and "grey_scales" not in run.facts,
        is_drawing_curve=finished and run.is_training and _is_working(session, run),
        is_current=is_current,
        behind=behind_of(run),
        pair=pair_with_first_look(session, run),
        differences=differences(run.recipe, start=run.weights),
        can_go_on=run.state in RESUMABLE and (run.kind != OWN_MODEL or run.job_id is not None),
        movement=movement_of(session, run=run) if run.is_training and not run.is_behind else None,
        evaluation=evaluation,
        rates=_rates(session, run, evaluation, version, gold),
        gold=gold,
        gold_digest=run.facts.get("gold", ""),
        by=by,
        cells=f"{home}/images?split=valid" if is_current else f"{home}/models/{run.id}/images?split=valid",
        calibration=calibration_of(session, run_id=run.id) if finished else None,
        temperature=run.facts.get("temperature"),
        error_after=run.facts.get("calibration_error_after"),
        predictions=run.recipe.get("rows", version.samples) if ranked else 0,
        charts=curves_of(session, run, at),
        epochs=finished_epochs(at),
        suspicious=tuple(
            tile_of(sample, names)
            for sample in top_losses(session, run_id=run.id, limit=SUSPICIOUS, by_loss=run.is_behind)
        )
        if ranked
        else (),
        order=newest_order(session, run_id=run.id),
        facts=facts_of(run, version=version.number, digest=version.digest),
    )


def curves_of(session: Session, run: Run, at: RunProgress) -> tuple[Chart, ...]:
    """Its charts, with the intervals of its errors."""
    held_out = session.scalar(
        select(func.count()).where(Sample.dataset_id == run.dataset_id, Sample.split != "train")
    )
    return charts_of(run, at.epochs, held_out=held_out or 0)


def finished_epochs(at: RunProgress) -> int:
    """Of the main network."""
    return sum(epoch.fold == WHOLE for epoch in at.epochs)


def title_of(run: Run | RunSummary) -> str:
    """What a run's model is called on every page."""
    return f"{run.name}, first look" if run.kind == FIRST_LOOK else run.name


def pair_with_first_look(session: Session, run: Run | None) -> str:
    """The query of Did it help? for a training and the first look that it errs more than; empty: neither."""
    if run is None or not run.is_behind:
        return ""
    look = newest_first_look(session, dataset_id=run.dataset_id, before=run.finished_at)
    return urlencode({"old": look.id, "new": run.id}) if look else ""


def labels_words(version: int) -> str:
    """The labels of a version, in two or three words."""
    return f"labels of version {version}" if version else "given labels"


def _about(run: Run, version: int) -> str:
    if run.kind == OWN_MODEL:
        return f"{run.weights}, {'out of sample' if run.is_out_of_sample else 'in sample'}, your own model"
    if run.kind == FIRST_LOOK:
        return f"{run.weights} and the {labels_words(version)}"
    return f"Recipe {run.recipe['name']}, {labels_words(version)}"


def _rates(
    session: Session,
    run: Run,
    evaluation: Evaluation | None,
    version: DatasetVersion,
    gold: GoldEvaluation | None,
) -> Intervals | None:
    """Its error by the labels that it learnt, by the newest ones, and on the checked test set."""
    if evaluation is None or evaluation.error_rate is None:
        return None
    rows = [Interval(labels_words(version.number), evaluation.error_rate, is_chief=True)]
    newest = latest_version(session, dataset_id=run.dataset_id)
    cleaner: Rate | None = None
    if newest.id != version.id:
        cleaner = evaluate_run(session, run_id=run.id, cleaned_by=newest.id).error_rate
    if cleaner:
        rows.append(Interval(f"same model, cleaner labels (version {newest.number})", cleaner))
    if gold and gold.error_rate:
        rows.append(Interval("checked test set", gold.error_rate))
    return intervals(rows)


def _recipe_words(run: Run) -> str:
    start = run.parent_name or stored_words(run.weights, network=run.network)
    return f"{words_of(recipe_from_json(run.recipe), start=run.weights)}, from {start}, seed {run.seed}"


def _is_working(session: Session, run: Run) -> bool:
    job = session.get(Job, run.job_id) if run.job_id else None
    return job is not None and job.state == "running"
