"""What is lost with a data set: sentences for the question before it is deleted."""

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
        f"This deletes for ever the labels of {what} and {_plural(runs, 'run')} with their checkpoints.",
        f"It frees {disk.inside / MB:,.1f} MB of the data folder.",
    ]
    if disk.outside:
        said.append(f"The images themselves lie in {dataset.source} and are not touched.")
    if (running := open_run(session, dataset_id=dataset.id)) is not None:
        said.append(f"Run {running.id} is {running.state}; it is cancelled first.")
    if dataset.state == "importing":
        said.append("Its import is cancelled first.")
    return said


def _plural(count: int, one: str) -> str:
    return f"{count:,} {one}{'' if count == 1 else 's'}"
