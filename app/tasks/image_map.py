"""The job that draws the map of a data set. It may be killed: the next start draws it from the beginning."""

import logging

import numpy as np

from app.errors import Cancelled
from app.jobs.engine import JobContext
from app.ml.device import keep_freed_memory, usable_cores
from app.ml.projection import lay_out
from app.ranking.maps import find_embedding, store_map

DRAWING = "Drawing the map"
logging.getLogger("openTSNE").setLevel(logging.WARNING)


def run(context: JobContext) -> None:
    """Lay the images out by what the network of the current run sees, and store where they lie."""
    dataset_id = context.job.dataset_id
    assert dataset_id is not None  # noqa: S101 - for mypy: a map is always of a data set
    with context.database.read() as session:
        found = find_embedding(session, dataset_id=dataset_id, runs_dir=context.settings.runs_dir)
    if found is None:
        context.note = "There is no embedding any more, so no map was drawn."
        return
    run_id, embedding = found

    def on_progress(done: int, total: int) -> None:
        context.report(DRAWING, done, total)
        if context.should_stop():
            raise Cancelled("The map was stopped.")

    context.report("Finding images that are alike", 0, 0, force=True)
    with keep_freed_memory():
        places = lay_out(
            np.array(embedding.vectors, np.float32),
            threads=context.settings.worker_threads or usable_cores(),
            on_progress=on_progress,
        )
    store_map(
        context.database, dataset_id=dataset_id, run_id=run_id, sample_ids=embedding.sample_ids, places=places
    )
