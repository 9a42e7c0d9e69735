"""The job of an own model: rank the labels of many images by the predictions that its run has kept."""

from sqlalchemy import select

from app.jobs.engine import JobContext
from app.rounds.own_models import rank_kept
from app.tasks import nothing_loads
from app.tasks.ending import ending_badly
from app.training.ending import start_run
from app.training.models import Run


def run(context: JobContext) -> None:
    """Rank; the run ends as its job does."""
    run_id = int(context.job.arguments["run"])
    with context.database.write() as session:
        if session.scalar(select(Run.job_id).where(Run.id == run_id)) != context.job.id:
            return  # it was resumed under another job
        if start_run(session, run_id=run_id).state != "running":
            return
    with ending_badly(context, run_id, kept="its predictions are kept"), nothing_loads():
        rank_kept(
            context.database,
            run_id=run_id,
            folder=context.settings.runs_dir,
            on_progress=context.report,
            should_stop=context.should_stop,
        )
