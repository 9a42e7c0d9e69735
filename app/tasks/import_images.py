"""The job that imports a data set."""

from app.datasets.importing import import_images
from app.jobs.engine import JobContext


def run(context: JobContext) -> None:
    """Import the files that are not imported yet, so a restart resumes."""
    import_images(
        context.database,
        dataset_id=int(context.job.arguments["dataset"]),
        max_pixels=context.settings.max_image_pixels,
        on_progress=context.report,
        should_stop=context.should_stop,
    )
