"""The checkpoints of a run are deleted; its ranking, figures and labels stay."""

import shutil
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.activity import tell
from app.db.types import now
from app.errors import Conflict, NotNow
from app.jobs.models import Job
from app.jobs.requests import OPEN_STATES
from app.training.models import Run
from app.training.runs import NETWORK_DELETED, TASK

NO_LONGER = (
    "It cannot be trained further, so a retrain has to start from another model or anew.",
    "It cannot predict photos and files from outside.",
)
KEPT = "Its ranking, its figures, its curves and its predictions stay, and so do labels and decisions."


def delete_checkpoints(session: Session, run: Run) -> None:
    """Record that a run has no network any more; `remove_networks` removes the files after the commit.

    Raises Conflict for a run without checkpoints, NotNow while it, a run that starts from it, or a prediction
    of photos is queued or running.
    """
    if not run.is_training:
        raise Conflict(f"{run.name} is of the kind {run.kind}, which has no checkpoints; nothing to delete.")
    if run.state in OPEN_STATES:
        raise NotNow(f"{run.name} is {run.state}; wait for it, or cancel it first.")
    children = select(Run).where(Run.parent_id == run.id, Run.state.in_(OPEN_STATES))
    if (child := session.scalar(children.limit(1))) is not None:
        raise NotNow(f"{child.name} starts from {run.name}; wait for it, or cancel it first.")
    jobs = select(Job).where(Job.dataset_id == run.dataset_id, Job.state.in_(OPEN_STATES))
    mine = [job for job in session.scalars(jobs) if job.arguments.get("run") == run.id]
    if any(job.state == "running" or job.task != TASK for job in mine):
        raise NotNow(f"A job works on {run.name}; wait for it.")
    tell(run.name_with_id)
    run.facts = run.facts | {NETWORK_DELETED: run.facts.get(NETWORK_DELETED) or now().isoformat()}


def remove_networks(runs_dir: Path, *, run_id: int) -> int:
    """Remove the networks of a run and return how many bytes that frees; once more does no harm."""
    folder = runs_dir / str(run_id)
    networks = [path for path in folder.glob("*") if path.is_dir() and not path.is_symlink()]
    freed = network_bytes(runs_dir, run_id=run_id)
    for network in networks:
        shutil.rmtree(network, ignore_errors=True)
    return freed


def network_bytes(runs_dir: Path, *, run_id: int) -> int:
    """The bytes of the networks of a run."""
    files = (runs_dir / str(run_id)).glob("*/**/*")
    return sum(path.stat().st_size for path in files if path.is_file())
