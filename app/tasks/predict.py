"""The job that predicts photos with a run's network."""

import logging

import numpy as np

from app.datasets.scales import scales_of
from app.decoding.tones import Scales
from app.errors import Cancelled, shortage
from app.jobs.engine import JobContext
from app.ml import checkpoints
from app.ml.decoding import decode_square
from app.ml.device import usable_cores, use_threads
from app.ml.scorer import predict_squares
from app.photos.photos import photo_path, photos_of_job, record_look
from app.tasks import load_network
from app.tasks.plan import network_name
from app.training.folds import WHOLE
from app.training.models import Photo
from app.training.runs import get_run

log = logging.getLogger(__name__)


def run(context: JobContext) -> None:
    """Predict the job's remaining photos, so a restart resumes; a missing file does not stop the rest."""
    settings = context.settings
    folder = settings.runs_dir / str(context.job.arguments["run"]) / network_name(WHOLE)
    recipe = checkpoints.load(folder).recipe
    load_network(recipe.network)
    use_threads(settings.worker_threads or usable_cores())  # as a training in this process does
    with context.database.read() as session:
        photos = photos_of_job(session, job_id=context.job.id)
        run = get_run(session, run_id=int(context.job.arguments["run"]))
        scales = scales_of(session, dataset_id=run.dataset_id)
    decoded: list[tuple[int, np.ndarray]] = []
    for done, photo in enumerate(photos):
        context.report("Predicting photos", done, len(photos))
        if context.should_stop():
            raise Cancelled("The prediction of the photos was stopped.")
        square = _decode(context, photo, recipe.image_size, scales)
        if square is not None:
            decoded.append((photo.id, square))
    if not decoded:
        return
    said = predict_squares(folder, [square for _, square in decoded])
    with context.database.write() as session:
        for (photo_id, _), probabilities in zip(decoded, said, strict=True):
            record_look(
                session, photo_id=photo_id, job_id=context.job.id, probabilities=list(probabilities.values())
            )


def _decode(context: JobContext, photo: Photo, size: int, scales: Scales) -> np.ndarray | None:
    try:
        return decode_square(
            photo_path(context.settings.photos_dir, run_id=photo.run_id, sha256=photo.sha256).read_bytes(),
            size,
            scales=scales,
        )
    except Exception as error:  # Pillow raises nearly everything
        if short := shortage(error):
            raise short from error
        log.warning("photo %s cannot be read", photo.id, exc_info=True)
    with context.database.write() as session:
        problem = "Its file cannot be read any more; remove it and send it again."
        record_look(session, photo_id=photo.id, job_id=context.job.id, problem=problem)
    return None
