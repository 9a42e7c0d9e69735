"""The job that imports a data set."""

from app.datasets.adding import Part, added_words, read_part
from app.datasets.completing import has_version
from app.datasets.importing import import_images
from app.datasets.layout_reading import Reading
from app.datasets.models import Dataset
from app.errors import Cancelled
from app.faces.folder import DRAWING, write_demo_folder
from app.jobs.engine import JobContext
from app.rounds.demo import DRAWN, folder_of, train_demo
from app.rounds.first_look import look_at_new_images


def run(context: JobContext) -> None:
    """Import the files that are not imported yet, so a restart resumes; then request a first look at them."""
    dataset_id = int(context.job.arguments["dataset"])
    if DRAWN in context.job.arguments:
        _draw(context, dataset_id)
    if "part" in context.job.arguments:
        context.note = _add(context, dataset_id)
    else:
        with context.database.read() as session:
            is_repeat = has_version(session, dataset_id=dataset_id)
        report = import_images(
            context.database,
            dataset_id=dataset_id,
            max_pixels=context.settings.max_image_pixels,
            on_progress=context.report,
            should_stop=context.should_stop,
        )
        if is_repeat:
            context.note = added_words(report.added, report.known, report.rejected)
    if context.settings.looks_first:
        with context.database.write() as session:
            look_at_new_images(session, dataset_id=dataset_id, user_id=context.job.user_id)
    if DRAWN in context.job.arguments:
        with context.database.write() as session:
            train_demo(session, dataset_id=dataset_id, settings=context.settings, user_id=context.job.user_id)


def _draw(context: JobContext, dataset_id: int) -> None:
    """Draw the faces of the demo, if they are not there yet. Raises Cancelled, Conflict."""

    def tell(done: int, total: int) -> None:
        context.report(DRAWING, done, total)
        if context.should_stop():
            raise Cancelled("The demo was cancelled.")

    try:
        write_demo_folder(
            folder_of(context.settings), images=int(context.job.arguments[DRAWN]), on_progress=tell
        )
    except BaseException:
        with context.database.write() as session:
            session.get_one(Dataset, dataset_id).state = "failed"  # so that it can be requested again
        raise


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
