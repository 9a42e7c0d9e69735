"""The numbers and drawings of a model as files."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.orm import Session

from app.datasets.models import DatasetVersion
from app.datasets.versions import names_of
from app.db.engine import Database
from app.errors import NotFound
from app.export.as_csv import csv_chunks
from app.measuring.evaluations import Evaluation, calibration_of, evaluate_run
from app.ranking.rankings import RankedSample, every_prediction, top_losses
from app.training.models import Run
from app.training.progress import run_progress
from app.training.runs import get_run
from app.training.statistics import Reliability
from app.web.deps import Db
from app.web.pages.training import run_figures
from app.web.pages.training.run import By, run_here
from app.web.pages.training.run_figures import Table
from app.web.rendering import Page, draw, page_context

router = APIRouter()

LOSSES = 20  # in the file of the greatest losses


@dataclass(frozen=True, kw_only=True)
class Drawing(Page):
    """A figure to keep."""

    model: str  # its name
    version: int
    evaluation: Evaluation | None = None
    by: By = "counts"
    calibration: Reliability | None = None


@router.get("/d/{name}/models/{run_id:int}/{what}.csv")
def table(name: str, run_id: int, what: str, database: Db) -> Response:
    """The numbers of a chart or table as a file."""
    if what not in TABLES:
        raise NotFound(f"There is no file {what}.csv of a model; there are {', '.join(TABLES)}.")
    with database.read() as session:
        number = run_here(session, name, run_id).number
    headers = {"content-disposition": f'attachment; filename="{name}-model{number}-{what}.csv"'}
    return StreamingResponse(
        _rows(database, run_id, what), media_type="text/csv; charset=utf-8", headers=headers
    )


@router.get("/d/{name}/models/{run_id:int}/confusion.svg")
def confusion_picture(
    request: Request, name: str, run_id: int, database: Db, matrix: By = "counts"
) -> Response:
    """The confusion matrix as a picture."""
    with database.read() as session:
        run = run_here(session, name, run_id)
        version = session.get_one(DatasetVersion, run.version_id).number
        found = evaluate_run(session, run_id=run_id)
    page = Drawing(
        **page_context(request, name), model=run.name, version=version, evaluation=found, by=matrix
    )
    return draw("training/confusion.svg", page, filename=f"{name}-model{run.number}-confusion.svg")


@router.get("/d/{name}/models/{run_id:int}/calibration.svg")
def calibration_picture(request: Request, name: str, run_id: int, database: Db) -> Response:
    """The reliability chart as a picture. NotFound where there are no predictions of a hold-out."""
    with database.read() as session:
        run = run_here(session, name, run_id)
        version = session.get_one(DatasetVersion, run.version_id).number
        found = calibration_of(session, run_id=run_id)
    if found is None:
        raise NotFound(f"{run.name} has no predictions of hold-out images, so there is nothing to draw.")
    page = Drawing(**page_context(request, name), model=run.name, version=version, calibration=found)
    return draw("training/_reliability.svg", page, filename=f"{name}-model{run.number}-calibration.svg")


def _rows(database: Database, run_id: int, what: str) -> Iterator[bytes]:
    """The file, a part at a time, in a transaction of its own: it is read while it is sent."""
    with database.read() as session:
        yield from csv_chunks(*TABLES[what](session, get_run(session, run_id=run_id)))


def _predictions(session: Session, run: Run, samples: Iterable[RankedSample]) -> Table:
    return run_figures.predictions_table(samples, names_of(session, version_id=run.version_id))


TABLES: dict[str, Callable[[Session, Run], Table]] = {
    "epochs": lambda session, run: run_figures.epochs_table(run_progress(session, run_id=run.id).epochs),
    "learning-rate": lambda _, run: run_figures.rates_table(run.lr_curve),
    "confusion": lambda session, run: run_figures.confusion_table(evaluate_run(session, run_id=run.id)),
    "classes": lambda session, run: run_figures.classes_table(evaluate_run(session, run_id=run.id)),
    "calibration": lambda session, run: run_figures.calibration_table(calibration_of(session, run_id=run.id)),
    "top-losses": lambda session, run: _predictions(
        session, run, top_losses(session, run_id=run.id, limit=LOSSES, by_loss=True)
    ),
    "predictions": lambda session, run: _predictions(session, run, every_prediction(session, run_id=run.id)),
}
