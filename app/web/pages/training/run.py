"""One run: its progress while it lives, then what it reached, all of it from what it stored."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from pydantic import Field
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset
from app.datasets.models import DatasetVersion
from app.datasets.scales import scales_of
from app.datasets.versions import latest_version, names_of, position_in
from app.db.engine import Database
from app.errors import NotFound
from app.export.as_csv import csv_chunks
from app.jobs.models import Job
from app.measuring.best import GoldEvaluation, evaluate_on_gold
from app.measuring.evaluations import Evaluation, calibration_of, evaluate_run
from app.ml.recipes import recipe_from_json
from app.ranking.rankings import RankedSample, confused, every_prediction, top_losses
from app.review.models import WorklistOrder
from app.review.orders import newest_order
from app.rounds.movement import Movement, movement_of
from app.training.evaluation import Rate
from app.training.folds import WHOLE
from app.training.models import OWN_MODEL, Run
from app.training.networks import KEPT, NO_LONGER, delete_checkpoints, network_bytes, remove_networks
from app.training.recipes import ChangedValue, differences
from app.training.runs import (
    RESUMABLE,
    RunProgress,
    cancel_run,
    current_ranking,
    get_run,
    resume_run,
    run_progress,
)
from app.training.starts import stored_words
from app.training.statistics import Reliability
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, Config, Db
from app.web.pages.charts import Chart
from app.web.pages.training import run_figures
from app.web.pages.training.recipe_form import words_of
from app.web.pages.training.run_figures import Table, charts_of, facts_of
from app.web.rendering import Page, draw, page_context, render, render_part
from app.web.strict import Strict

router = APIRouter()

LOSSES_SHOWN = 20
TILES = 48  # a page
By = Literal["counts", "rows", "columns"]


@dataclass(frozen=True)
class LossView:
    """A sample as a small picture with what the run says of it."""

    sample_id: int
    path: str
    predicted: str
    actual: str
    loss: float
    probability: float  # of the actual label
    tiny: bool


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
    """A run: what it was asked to do, how far it is, what it reached."""

    run: Run
    version: int
    recipe: str  # in words; of a training
    start: str  # in words; of a training without a parent
    differences: tuple[ChangedValue, ...]  # from the recipe of its name
    can_go_on: bool
    movement: Movement | None  # what its ranking changed
    older_greys: bool  # it was trained before deep greys had a scale of the data set
    is_drawing_curve: bool  # the run is finished, and its job draws the learning-rate curve
    is_current: bool  # its ranking is the one that is reviewed
    evaluation: Evaluation | None
    cleaner: Rate | None  # the hold-out error by the labels of the newest version
    newest_version: int
    gold: GoldEvaluation | None
    gold_digest: str  # of the gold part that the run was asked for with; none: empty
    by: By  # what the confusion matrix shows
    cells: str  # address of a cell's images, up to its query
    calibration: Reliability | None
    temperature: float | None
    error_after: float | None  # calibration error at that temperature, on images it was not fitted on
    predictions: int  # stored, of which every figure is made
    losses: tuple[LossView, ...]
    order: WorklistOrder | None  # that its worklist has learnt last
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Drawing(Page):
    """A figure to keep."""

    run_id: int
    version: int
    evaluation: Evaluation | None = None
    by: By = "counts"
    calibration: Reliability | None = None


@dataclass(frozen=True, kw_only=True)
class ImagesPage(Page):
    """The images of a cell of the confusion matrix."""

    run_id: int
    title: str
    total: int
    first: int
    samples: tuple[LossView, ...]
    before: str | None  # queries of the pages around
    after: str | None


class CellQuery(Strict):
    """Which cell; without a class all of its row, its column or of the matrix."""

    label: str = Field("", alias="class", max_length=500)
    predicted: str = Field("", max_length=500)
    split: Literal["train", "valid", "test"] = "valid"
    page: int = Field(1, ge=1, le=1_000_000)

    def address(self, **more: object) -> str:
        """The query with these fields changed."""
        return urlencode(
            {name: value for name, value in (self.model_dump(by_alias=True) | more).items() if value != ""}
        )


@router.get("/d/{name}/models/{run_id:int}")
def show(request: Request, name: str, run_id: int, database: Db, matrix: By = "counts") -> Response:
    """A run: its progress while it lives, then what it reached."""
    with database.read() as session:
        page = _run_page(request, session, name, _run(session, name, run_id), matrix)
    return render("training/run.html", page)


@router.get("/d/{name}/models/{run_id:int}/progress")
def progress(request: Request, name: str, run_id: int, database: Db) -> Response:
    """How far a run is; when it has ended, the whole page is loaded anew and the polling is over."""
    with database.read() as session:
        at = run_progress(session, run_id=_run(session, name, run_id).id)
    page = LivePage(**page_context(request, name), running=at)
    return render_part(
        request, "training/_live.html", page, headers=None if at.is_open else {"hx-refresh": "true"}
    )


@router.get("/d/{name}/models/{run_id:int}/curves")
def curves(request: Request, name: str, run_id: int, database: Db, epochs: int = -1) -> Response:
    """The charts as they are by now; nothing where they still show as many epochs."""
    with database.read() as session:
        run = _run(session, name, run_id)
        at = run_progress(session, run_id=run.id)
    shown = _epochs(at)
    if shown == epochs and at.is_open:
        return Response(status_code=204)
    page = CurvesPage(
        **page_context(request, name),
        running=at if at.is_open else None,
        run_id=run_id,
        charts=charts_of(run, at.epochs),
        epochs=shown,
    )
    return render_part(request, "training/_curves.html", page)


@router.post("/d/{name}/models/{run_id:int}/resume")
def go_on(name: str, run_id: int, database: Db, user: Admin) -> Response:
    """Go on with a cancelled or failed run after its last finished epoch."""
    with database.write() as session:
        resume_run(session, run_id=_run(session, name, run_id).id, user_id=user.id)
    return RedirectResponse(f"/d/{name}/models/{run_id}", status_code=303)


@router.post("/d/{name}/models/{run_id:int}/cancel")
def cancel(name: str, run_id: int, database: Db, _admin: Admin, confirmed: Confirmed = "") -> Response:
    """Ask a run to stop; its last checkpoint is kept."""
    with database.write() as session:
        cancel_run(session, run_id=_run(session, name, run_id).id)
        confirm(_stop(name, run_id), confirmed)
    return RedirectResponse(f"/d/{name}/models/{run_id}", status_code=303)


@router.get("/d/{name}/models/{run_id:int}/images")
def images(
    request: Request, name: str, run_id: int, database: Db, query: Annotated[CellQuery, Query()]
) -> Response:
    """The images of a cell of the confusion matrix, by the labels of the run's version."""
    with database.read() as session:
        run = _run(session, name, run_id)
        names = names_of(session, version_id=run.version_id)
        label, predicted = (
            position_in(session, version_id=run.version_id, name=word) if word else None
            for word in (query.label, query.predicted)
        )
        total, found = confused(
            session,
            run_id=run_id,
            split=query.split,
            label=label,
            predicted=predicted,
            limit=TILES,
            offset=(query.page - 1) * TILES,
        )
    page = ImagesPage(
        **page_context(request, name),
        run_id=run_id,
        total=total,
        samples=tuple(_loss_view(sample, names) for sample in found),
        title=f"{query.label or 'Any label'} predicted as {query.predicted or 'any class'}",
        first=(query.page - 1) * TILES + 1,
        before=query.address(page=query.page - 1) if query.page > 1 else None,
        after=query.address(page=query.page + 1) if query.page * TILES < total else None,
    )
    return render("training/images.html", page)


@router.get("/d/{name}/models/{run_id:int}/{what}.csv")
def table(name: str, run_id: int, what: str, database: Db) -> Response:
    """The numbers of a chart or table as a file."""
    if what not in TABLES:
        raise NotFound(f"There is no file {what}.csv of a run; there are {', '.join(TABLES)}.")
    with database.read() as session:
        _run(session, name, run_id)
    headers = {"content-disposition": f'attachment; filename="{name}-run{run_id}-{what}.csv"'}
    return StreamingResponse(
        _rows(database, run_id, what), media_type="text/csv; charset=utf-8", headers=headers
    )


@router.get("/d/{name}/models/{run_id:int}/confusion.svg")
def confusion_picture(
    request: Request, name: str, run_id: int, database: Db, matrix: By = "counts"
) -> Response:
    """The confusion matrix as a picture."""
    with database.read() as session:
        run = _run(session, name, run_id)
        version = session.get_one(DatasetVersion, run.version_id).number
        found = evaluate_run(session, run_id=run_id)
    page = Drawing(**page_context(request, name), run_id=run_id, version=version, evaluation=found, by=matrix)
    return draw("training/confusion.svg", page, filename=f"{name}-run{run_id}-confusion.svg")


@router.get("/d/{name}/models/{run_id:int}/calibration.svg")
def calibration_picture(request: Request, name: str, run_id: int, database: Db) -> Response:
    """The reliability chart as a picture. NotFound where there are no predictions of a hold-out."""
    with database.read() as session:
        run = _run(session, name, run_id)
        version = session.get_one(DatasetVersion, run.version_id).number
        found = calibration_of(session, run_id=run_id)
    if found is None:
        raise NotFound(f"Run {run_id} has no predictions of hold-out images, so there is nothing to draw.")
    page = Drawing(**page_context(request, name), run_id=run_id, version=version, calibration=found)
    return draw("training/_reliability.svg", page, filename=f"{name}-run{run_id}-calibration.svg")


@router.post("/d/{name}/models/{run_id:int}/checkpoints")
def delete_networks(
    name: str, run_id: int, database: Db, settings: Config, _admin: Admin, confirmed: Confirmed = ""
) -> Response:
    """Delete the checkpoints of a run, after a question that says what is no longer possible."""
    with database.write() as session:
        delete_checkpoints(session, _run(session, name, run_id))
        freed = network_bytes(settings.runs_dir, run_id=run_id) / 1_000_000
        facts = (f"This frees {freed:,.1f} MB. There is no undo.", *NO_LONGER, KEPT)
        title, yes = f"Delete the checkpoints of run {run_id}?", "Delete the checkpoints"
        confirm(Question(title, facts, yes, f"/d/{name}/models/{run_id}"), confirmed)
    remove_networks(settings.runs_dir, run_id=run_id)
    return RedirectResponse(f"/d/{name}/models/{run_id}", status_code=303)


def _stop(name: str, run_id: int) -> Question:
    return Question(
        f"Cancel run {run_id}?",
        ("Its last finished epoch is kept, and you can resume it from there.",),
        "Cancel the run",
        f"/d/{name}/models/{run_id}",
        danger=False,
    )


def _run(session: Session, name: str, run_id: int) -> Run:
    return get_run(session, run_id=run_id, dataset_id=get_dataset(session, name=name).id)


def _rows(database: Database, run_id: int, what: str) -> Iterator[bytes]:
    """The file, a part at a time, in a transaction of its own: it is read while it is sent."""
    with database.read() as session:
        yield from csv_chunks(*TABLES[what](session, get_run(session, run_id=run_id)))


def _run_page(request: Request, session: Session, name: str, run: Run, by: By) -> RunPage:
    at = run_progress(session, run_id=run.id)
    finished, current = run.state == "finished", current_ranking(session, dataset_id=run.dataset_id)
    is_current = current is not None and current.run_id == run.id
    version = session.get_one(DatasetVersion, run.version_id)
    newest = latest_version(session, dataset_id=run.dataset_id)
    names = names_of(session, version_id=run.version_id)
    ranked = run.ranked_epochs is not None
    losses = top_losses(session, run_id=run.id, limit=LOSSES_SHOWN, by_loss=True) if ranked else []
    home = f"/d/{name}"
    return RunPage(
        **page_context(request, name),
        run=run,
        run_id=run.id,
        running=at if at.is_open else None,
        version=version.number,
        recipe=_recipe_words(run) if run.is_training else "",
        start=stored_words(run.weights),
        older_greys=finished
        and run.is_training
        and bool(scales_of(session, dataset_id=run.dataset_id))
        and "grey_scales" not in run.facts,
        is_drawing_curve=finished and run.is_training and _is_working(session, run),
        is_current=is_current,
        differences=differences(run.recipe, start=run.weights),
        can_go_on=run.state in RESUMABLE and (run.kind != OWN_MODEL or run.job_id is not None),
        movement=movement_of(session, run=run) if run.is_training else None,
        evaluation=evaluate_run(session, run_id=run.id) if finished else None,
        cleaner=evaluate_run(session, run_id=run.id, cleaned_by=newest.id).error_rate if finished else None,
        newest_version=newest.number,
        gold=evaluate_on_gold(session, run_id=run.id),
        gold_digest=run.facts.get("gold", ""),
        by=by,
        cells=f"{home}/images?split=valid" if is_current else f"{home}/models/{run.id}/images?split=valid",
        calibration=calibration_of(session, run_id=run.id) if finished else None,
        temperature=run.facts.get("temperature"),
        error_after=run.facts.get("calibration_error_after"),
        predictions=run.recipe.get("rows", version.samples) if ranked else 0,
        charts=charts_of(run, at.epochs),
        epochs=_epochs(at),
        losses=tuple(_loss_view(sample, names) for sample in losses),
        order=newest_order(session, run_id=run.id),
        facts=facts_of(run, version=version.number, digest=version.digest),
    )


def _recipe_words(run: Run) -> str:
    return f"{run.recipe['name']} ({words_of(recipe_from_json(run.recipe), start=run.weights)})"


def _is_working(session: Session, run: Run) -> bool:
    job = session.get(Job, run.job_id) if run.job_id else None
    return job is not None and job.state == "running"


def _epochs(at: RunProgress) -> int:
    return sum(epoch.fold == WHOLE for epoch in at.epochs)


def _loss_view(sample: RankedSample, names: list[str]) -> LossView:
    return LossView(
        sample.sample_id,
        sample.path,
        names[sample.predicted_label],
        names[sample.label],
        sample.loss,
        sample.self_confidence,
        tiny=max(sample.width, sample.height) <= 64,  # noqa: PLR2004
    )


def _predictions(session: Session, run: Run, samples: Iterable[RankedSample]) -> Table:
    return run_figures.predictions_table(samples, names_of(session, version_id=run.version_id))


TABLES: dict[str, Callable[[Session, Run], Table]] = {
    "epochs": lambda session, run: run_figures.epochs_table(run_progress(session, run_id=run.id).epochs),
    "learning-rate": lambda _, run: run_figures.rates_table(run.lr_curve),
    "confusion": lambda session, run: run_figures.confusion_table(evaluate_run(session, run_id=run.id)),
    "classes": lambda session, run: run_figures.classes_table(evaluate_run(session, run_id=run.id)),
    "calibration": lambda session, run: run_figures.calibration_table(calibration_of(session, run_id=run.id)),
    "top-losses": lambda session, run: _predictions(
        session, run, top_losses(session, run_id=run.id, limit=LOSSES_SHOWN, by_loss=True)
    ),
    "predictions": lambda session, run: _predictions(session, run, every_prediction(session, run_id=run.id)),
}
