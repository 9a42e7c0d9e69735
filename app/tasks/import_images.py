"""The job that imports a data set."""

from app.datasets.importing import import_images
from app.jobs.engine import JobContext
from app.rounds.first_look import look_at_new_images


def run(context: JobContext) -> None:
    """Import the files that are not imported yet, so a restart resumes; then request a first look at them."""
    dataset_id = int(context.job.arguments["dataset"])
    import_images(
        context.database,
        dataset_id=dataset_id,
        max_pixels=context.settings.max_image_pixels,
        on_progress=context.report,
        should_stop=context.should_stop,
    )
    if context.settings.looks_first:
        with context.database.write() as session:
            look_at_new_images(session, dataset_id=dataset_id, user_id=context.job.user_id)
