"""The demo data set: where its images are, the job that draws and imports them, and its training."""

from pathlib import Path

from sqlalchemy.orm import Session

from app.datasets.catalog import IMPORT
from app.datasets.creating import create_dataset
from app.datasets.models import Dataset
from app.datasets.sources import refuse_second
from app.datasets.versions import latest_version
from app.jobs import requests as jobs
from app.settings import Settings
from app.training.recipes import choose_recipe
from app.training.runs import list_trainings, request_run
from app.training.starts import choose_start, facts_of_start, weights_of

NAME = "demo"
IMAGES = 1500
DRAWN = "draw"  # an argument of the import's job: how many faces it draws first


def folder_of(settings: Settings) -> Path:
    """The folder of the demo; its images are below `images`."""
    return settings.data_dir / "demo"


def is_demo(dataset: Dataset, *, settings: Settings) -> bool:
    """Whether this is the demo, whose images are drawn."""
    return dataset.source == str((folder_of(settings) / "images").resolve())


def create_demo(session: Session, *, settings: Settings) -> Dataset:
    """The data set, which may exist. Raises Conflict where the name is that of another data set."""
    return create_dataset(session, name=NAME, source=str((folder_of(settings) / "images").resolve()))


def request_demo(session: Session, *, settings: Settings, user_id: int | None) -> Dataset:
    """Create the data set and ask the worker to draw, import and train; a ready one stays as it is.

    Raises Conflict where the name is that of another data set, or the demo is archived or being made.
    """
    dataset = create_demo(session, settings=settings)
    if dataset.state != "ready":
        refuse_second(session, dataset)
        arguments = {"dataset": dataset.id, DRAWN: IMAGES}
        jobs.ask(session, task=IMPORT, dataset_id=dataset.id, arguments=arguments, user_id=user_id)
    return dataset


def train_demo(session: Session, *, dataset_id: int, settings: Settings, user_id: int | None = None) -> None:
    """Request a quick training of the demo, unless it has one."""
    if list_trainings(session, dataset_id=dataset_id):
        return
    recipe = choose_recipe("quick")
    start = choose_start(None, setting=settings.weights, parent=False)
    request_run(
        session,
        dataset_id=dataset_id,
        version_id=latest_version(session, dataset_id=dataset_id).id,
        recipe=recipe,
        weights=weights_of(start, setting=settings.weights, recipe=recipe),
        parent_id=None,
        seed=0,
        user_id=user_id,
        facts=facts_of_start(start, recipe),
    )
