"""The demo data set: where its images are, the job that draws and imports them, its training, its truth."""

import csv
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.catalog import IMPORT, class_names
from app.datasets.creating import create_dataset
from app.datasets.models import Dataset, Sample
from app.datasets.sources import refuse_second
from app.datasets.versions import get_version, latest_version
from app.jobs import requests as jobs
from app.ranking.rankings import top_losses
from app.review.models import SampleReview
from app.settings import Settings
from app.training.models import Run
from app.training.recipes import choose_recipe
from app.training.requesting import request_run
from app.training.runs import list_trainings
from app.training.starts import choose_start, facts_of_start, weights_of

NAME = "demo"
IMAGES = 1500
DRAWN = "draw"  # an argument of the import's job: how many faces it draws first


@dataclass(frozen=True)
class Planted:
    """The labels that were made wrong on purpose, and what was found of them."""

    wrong: int  # labels
    first: int | None  # so many of the ranking's first `wrong` cards are among them; None: it saw corrections
    corrected: int  # so many have their true label by now, or are deleted where no class is true


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


def planted_errors(folder: Path) -> dict[str, str]:
    """The true label of each image whose label was made wrong, by its path; empty: no class is true."""
    with (folder / "truth.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["given_label"] != row["true_label"]]
    return {row["path"]: row["true_label"] for row in rows}


def found_of_truth(
    session: Session, *, dataset: Dataset, ranked: Run | None, settings: Settings
) -> Planted | None:
    """What the ranking and people have found of the demo's wrong labels; None for any other data set."""
    if ranked is None or not is_demo(dataset, settings=settings):
        return None
    try:
        true = planted_errors(folder_of(settings))
    except OSError:  # somebody has removed the file
        return None
    names = class_names(session, dataset_id=dataset.id)
    labels = session.execute(
        select(Sample.path, SampleReview.label)
        .join(SampleReview, SampleReview.sample_id == Sample.id)
        .where(SampleReview.dataset_id == dataset.id)
    )
    corrected = sum(true.get(path) == ("" if label is None else names[label]) for path, label in labels)
    first = None
    if ranked.version_id == get_version(session, dataset_id=dataset.id, number=0).id:
        first = sum(each.path in true for each in top_losses(session, run_id=ranked.id, limit=len(true)))
    return Planted(len(true), first, corrected)
