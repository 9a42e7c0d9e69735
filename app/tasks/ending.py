"""How the job of a run ends the run when it cannot finish."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Cancelled, ToplossError
from app.jobs.engine import JobContext
from app.ranking.maps import request_if_outdated
from app.training.ending import end_run
from app.training.runs import get_run


@contextmanager
def ending_badly(context: JobContext, run_id: int, *, kept: str) -> Iterator[None]:
    """Record why the work of the block ended: cancelled, with what is `kept` in words, or failed."""
    try:
        yield
    except Cancelled:
        end(context, run_id, "cancelled", f"Cancelled; {kept}.")
        raise
    except ToplossError as error:
        end(context, run_id, "failed", str(error))
        raise
    except Exception:
        end(context, run_id, "failed", "An unexpected error occurred; the worker's log shows it.")
        raise


def end(context: JobContext, run_id: int, state: str, note: str) -> None:
    """Record the end of a run. After a good one the map of the data set is drawn anew."""
    with context.database.write() as session:
        end_run(session, run_id=run_id, state=state, note=note)
        if state == "finished":
            dataset_id = get_run(session, run_id=run_id).dataset_id
            request_if_outdated(session, dataset_id=dataset_id, runs_dir=context.settings.runs_dir)
