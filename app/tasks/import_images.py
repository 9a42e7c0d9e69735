"""The job that imports a data set."""

from app.datasets.adding import Part, read_part
from app.datasets.importing import import_images
from app.datasets.layout_reading import Reading
from app.datasets.models import Dataset
from app.jobs.engine import JobContext
from app.rounds.first_look import look_at_new_images


def run(context: JobContext) -> None:
    """Import the files that are not imported yet, so a restart resumes; then request a first look at them."""
    dataset_id = int(context.job.arguments["dataset"])
    if "part" in context.job.arguments:
        context.note = _add(context, dataset_id)
    else:
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


def _add(context: JobContext, dataset_id: int) -> str:
    """Read the images of a part that was added; return what was done, in a sentence."""
    number = int(context.job.arguments["part"])
    with context.database.read() as session:
        origin = session.get_one(Dataset, dataset_id).origin.parts[number - 1]
    reading = Reading.from_json(context.job.arguments["reading"])
    added = read_part(
        context.database,
        Part(dataset_id, number, origin, reading, 0),
        max_pixels=context.settings.max_image_pixels,
        on_progress=context.report,
        should_stop=context.should_stop,
    )
    return added.words
