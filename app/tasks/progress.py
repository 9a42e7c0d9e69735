"""The saved progress of a job, as a text that changes with it. Loads no torch."""

from sqlalchemy import func, select

from app.datasets.models import RejectedFile, Sample
from app.jobs.engine import JobContext
from app.training.models import Photo, Run


def of_training(context: JobContext) -> str:
    """Every network's last checkpoint, and whether its ranking is stored."""
    run_id = int(context.job.arguments["run"])
    with context.database.read() as session:
        run = session.get(Run, run_id)
        state = f"{run.state} {run.ranked_epochs}" if run else ""
    sidecars = sorted((context.settings.runs_dir / str(run_id)).glob("*/checkpoint.json"))
    return " ".join([state, *(f"{path.parent.name}:{path.stat().st_mtime_ns}" for path in sidecars)])


def of_first_look(context: JobContext) -> str:
    """How many images were embedded, and whether the ranking is stored."""
    run_id = int(context.job.arguments["run"])
    with context.database.read() as session:
        run = session.get(Run, run_id)
        state = f"{run.state} {run.ranked_epochs}" if run else ""
    files = (context.settings.runs_dir / str(run_id)).glob("features-*")
    return " ".join([state, *(f"{path.name}:{path.stat().st_size}" for path in sorted(files))])


def of_own_model(context: JobContext) -> str:
    """Whether its ranking is stored; until then it begins from the start."""
    with context.database.read() as session:
        run = session.get(Run, int(context.job.arguments["run"]))
        return f"{run.state} {run.ranked_epochs}" if run else ""


def of_import(context: JobContext) -> str:
    """The number of files that were read."""
    dataset_id = int(context.job.arguments["dataset"])
    with context.database.read() as session:
        counts = [
            session.scalar(select(func.count()).select_from(table).where(table.dataset_id == dataset_id))
            for table in (Sample, RejectedFile)
        ]
    return " ".join(map(str, counts))


def of_prediction(context: JobContext) -> str:
    """The number of photos that were predicted."""
    run_id = int(context.job.arguments["run"])
    with context.database.read() as session:
        done = select(func.count()).where(Photo.run_id == run_id, Photo.probabilities.is_not(None))
        return str(session.scalar(done))
