"""The tasks of the worker: one module per kind of job."""

from app.jobs.engine import JobContext, Progress, Task
from app.tasks import progress


def _import(context: JobContext) -> None:
    from app.tasks.import_images import run

    run(context)


def _train(context: JobContext) -> None:
    from app.tasks.train import run  # loads torch and fastai, seconds that an idle worker need not spend

    run(context)


def _look(context: JobContext) -> None:
    from app.tasks.first_look import run

    run(context)


def _predict(context: JobContext) -> None:
    from app.tasks.predict import run

    run(context)


PROGRESS: dict[str, Progress] = {
    "import": progress.of_import,
    "look": progress.of_first_look,
    "train": progress.of_training,
    "predict": progress.of_prediction,
}
TASKS: dict[str, Task] = {"import": _import, "look": _look, "train": _train, "predict": _predict}
