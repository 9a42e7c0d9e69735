"""What is lost with a data set: sentences for the question before it is deleted."""

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import count_samples
from app.datasets.models import Dataset, DatasetVersion
from app.datasets.removing import DiskUse
from app.review.fold import UNDO
from app.review.models import Decision
from app.training.runs import list_runs, open_run

MB = 1_000_000


def lost_with(session: Session, *, dataset: Dataset, disk: DiskUse) -> list[str]:
    """What a deletion removes, what it stops, and what it does not touch."""
    images = count_samples(session, dataset_id=dataset.id)
    decided = (Decision.dataset_id == dataset.id, Decision.verdict != UNDO)
    decisions = session.scalar(select(func.count()).select_from(Decision).where(*decided)) or 0
    mine = DatasetVersion.dataset_id == dataset.id
    versions = session.scalar(select(func.count()).select_from(DatasetVersion).where(mine)) or 0
    runs = len(list_runs(session, dataset_id=dataset.id))
    what = f"{_plural(images, 'image')}, {_plural(decisions, 'decision')}, {_plural(versions, 'version')}"
    said = [
        f"This deletes for ever the labels of {what} and {_plural(runs, 'model')} with their checkpoints.",
        f"It frees {disk.inside / MB:,.1f} MB of the data folder.",
    ]
    said += _images(disk)
    if (running := open_run(session, dataset_id=dataset.id)) is not None:
        said.append(f"{running.name} is {running.state}; it is cancelled first.")
    if dataset.state == "importing":
        said.append("Its import is cancelled first.")
    return said


def _images(disk: DiskUse) -> list[str]:
    """Which images are lost with the data set, and which stay where they are."""
    said = []
    lost = sum(place.images for place in disk.places if place.is_lost)
    shared = sum(place.images for place in disk.places if place.is_stored and not place.is_lost)
    if lost:
        said.append(
            f"{_plural(lost, 'image')} {_lie(lost)} in zips in the data folder, which are deleted: "
            f"{'it is' if lost == 1 else 'they are'} lost for ever, unless you have a copy."
        )
    if shared:
        said.append(
            f"{_plural(shared, 'image')} {_lie(shared)} in a zip in the data folder that another data set "
            f"uses, and {'is' if shared == 1 else 'are'} kept."
        )
    outside = Counter[str]()
    for place in disk.places:
        if not place.is_stored:
            outside[place.where] += place.images
    for where, images in outside.items():
        verb = "is" if images == 1 else "are"
        said.append(f"{_plural(images, 'image')} {_lie(images)} in {where} and {verb} not touched.")
    return said


def _lie(count: int) -> str:
    return "lies" if count == 1 else "lie"


def _plural(count: int, one: str) -> str:
    return f"{count:,} {one}{'' if count == 1 else 's'}"
