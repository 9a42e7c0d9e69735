"""Which runs there are, and whose ranking people review."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from app.datasets.catalog import refuse_deleted
from app.datasets.models import DatasetVersion
from app.db.compiled import Prepared
from app.db.memory import remember
from app.errors import Conflict, NotFound, NotNow
from app.jobs import requests as jobs
from app.training.models import FIRST_LOOK, OWN_MODEL, TRAINING, Run
from app.training.names import model_name

TASK, OWN_TASK = "train", "own model"
BESIDE_FIRST_LOOK = "beside_first_look"  # in the facts of a run: its errors and those of the first look
NETWORK_DELETED = "network_deleted"  # in the facts of a run: when its checkpoints were deleted
RESUMABLE = ("cancelled", "failed")

IS_TRAINING = Run.kind == TRAINING

# Which run's ranking people review: of those with one, the first in this order.
HAS_RANKING = or_(Run.state == "finished", Run.ranked_epochs.is_not(None))
REVIEWED_FIRST = (
    case((Run.is_behind, 1), else_=0),
    case((and_(Run.state == "finished", Run.kind != FIRST_LOOK), 0), (Run.state == "finished", 1), else_=2),
    case((Run.state == "finished", Run.finished_at)).desc(),
    Run.id.desc(),
)

# Every decision runs this several times, so it is built once: building takes longer than running.
_CURRENT = Prepared(
    select(
        Run.id,
        Run.number,
        func.coalesce(Run.ranked_epochs, 0),
        func.coalesce(Run.label_issues, 0),
        DatasetVersion.samples,
        Run.orders,
    )
    .join(DatasetVersion, DatasetVersion.id == Run.version_id)
    .where(Run.dataset_id == bindparam("dataset_id"), HAS_RANKING)
    .order_by(*REVIEWED_FIRST)
    .limit(1)
)
_OPEN = (
    select(Run.id)
    .where(
        Run.dataset_id == bindparam("dataset_id"), or_(*(Run.state == state for state in jobs.OPEN_STATES))
    )
    .limit(1)
)
_OPEN_RUN, _OPEN_TRAINING = Prepared(_OPEN), Prepared(_OPEN.where(IS_TRAINING))


@dataclass(frozen=True)
class CurrentRanking:
    """What the review needs to know about the run whose ranking it shows."""

    run_id: int
    number: int  # of its model
    epochs: int  # epochs in the ranking; grows during a first training
    label_issues: int  # samples whose label looks wrong
    samples: int
    order: int = 0  # number of the order that its worklist has learnt from answers; 0: the ranking's own

    @property
    def model(self) -> str:
        """What people call its model."""
        return model_name(self.number)

    @property
    def name(self) -> str:
        """Distinguishes this ranking and its order from earlier ones."""
        return f"{self.run_id}.{self.epochs}" + (f".{self.order}" if self.order else "")


def get_run(session: Session, *, run_id: int, dataset_id: int | None = None) -> Run:
    """The run, which must belong to the data set if one is given. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None or (dataset_id is not None and run.dataset_id != dataset_id):
        raise NotFound(f"There is no model with the id {run_id} here; the list of models shows all.")
    return run


def visible_run(session: Session, *, run_id: int) -> Run:
    """The run, for people. Raises NotFound also while a run of a deleted data set still stops."""
    run = get_run(session, run_id=run_id)
    refuse_deleted(session, dataset_id=run.dataset_id)
    return run


def finished_run(session: Session, *, run_id: int, dataset_id: int | None = None) -> Run:
    """A finished training. Raises NotFound; Conflict for one that has not finished, or of another kind."""
    run = get_run(session, run_id=run_id, dataset_id=dataset_id)
    if run.kind == OWN_MODEL:
        raise Conflict(
            f"{run.name} is an own model: its predictions are here, its network is not; use a training."
        )
    if not run.is_training:
        raise Conflict(f"{run.name} is a first look, which has no network of its own; use a training.")
    if run.state != "finished":
        wait = (
            "wait until it has finished" if run.state in jobs.OPEN_STATES else "use a model that has finished"
        )
        raise unfinished(run)(f"{run.name} is {run.state}, so it has no network yet; {wait}.")
    refuse_without_network(run)
    return run


def refuse_without_network(run: Run) -> None:
    """Raises Conflict for a run whose checkpoints were deleted."""
    if run.facts.get(NETWORK_DELETED):
        raise Conflict(
            f"The checkpoints of {run.name} were deleted, so its network is gone; use another one, or "
            "train anew."
        )


def unfinished(run: Run) -> type[Conflict]:
    """The error class for an unfinished run: waiting helps as long as the run is queued or running."""
    return NotNow if run.state in jobs.OPEN_STATES else Conflict


def list_runs(session: Session, *, dataset_id: int) -> list[Run]:
    """Runs of all kinds, the newest first."""
    return list(session.scalars(select(Run).where(Run.dataset_id == dataset_id).order_by(Run.id.desc())))


def list_trainings(session: Session, *, dataset_id: int) -> list[Run]:
    """The newest first."""
    return [run for run in list_runs(session, dataset_id=dataset_id) if run.is_training]


def count_runs(session: Session, *, dataset_id: int) -> int:
    """How many runs of all kinds a data set has."""
    return session.scalar(select(func.count()).select_from(Run).where(Run.dataset_id == dataset_id)) or 0


def open_run(session: Session, *, dataset_id: int) -> Run | None:
    """The oldest run that is queued or running."""
    return session.scalar(
        select(Run)
        .where(Run.dataset_id == dataset_id, Run.state.in_(jobs.OPEN_STATES))
        .order_by(Run.id)
        .limit(1)
    )


def ended_last(session: Session, *, dataset_id: int) -> Run | None:
    """The newest run, if it was cancelled or has failed, so that it can be resumed."""
    query = select(Run).where(Run.dataset_id == dataset_id).order_by(Run.id.desc()).limit(1)
    run = session.scalar(query)
    return run if run is not None and run.state in RESUMABLE else None


def count_open(session: Session) -> int:
    """The number of queued and running trainings of all data sets; a new one waits for these."""
    waiting = select(func.count()).select_from(Run).where(IS_TRAINING, Run.state.in_(jobs.OPEN_STATES))
    return session.scalar(waiting) or 0


def is_training(session: Session, *, dataset_id: int) -> bool:
    """Whether a training of the data set is queued or running."""
    return _OPEN_TRAINING.one(session, dataset_id=dataset_id) is not None


def has_open_run(session: Session, *, dataset_id: int) -> bool:
    """Whether a training or a first look of the data set is queued or running."""
    return remember(
        session, (has_open_run, dataset_id), lambda: _OPEN_RUN.one(session, dataset_id=dataset_id) is not None
    )


def newest_finished(session: Session, *, dataset_id: int, before: datetime | None = None) -> Run | None:
    """The training that finished last, now or `before` a moment."""
    query = select(Run).where(Run.dataset_id == dataset_id, IS_TRAINING, Run.state == "finished")
    if before is not None:
        query = query.where(Run.finished_at <= before)
    return session.scalar(query.order_by(Run.finished_at.desc(), Run.id.desc()).limit(1))


def newest_ranked(session: Session, *, dataset_id: int) -> Run | None:
    """The run that is reviewed: the newest finished training or own model, else a first look or early one.

    A training that is behind the first look is not.
    """
    current = current_ranking(session, dataset_id=dataset_id)
    return session.get(Run, current.run_id) if current else None


def current_ranking(session: Session, *, dataset_id: int) -> CurrentRanking | None:
    """The ranking of `newest_ranked`, which people review."""

    def ask() -> CurrentRanking | None:
        row = _CURRENT.one(session, dataset_id=dataset_id)
        return CurrentRanking(*row) if row else None

    return remember(session, (current_ranking, dataset_id), ask)


def version_number(session: Session, run: Run) -> int:
    """The number of the version a run trained on."""
    return session.scalar(select(DatasetVersion.number).where(DatasetVersion.id == run.version_id)) or 0
