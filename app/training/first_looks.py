"""First looks: runs that rank the labels of an import before anybody trains."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, lock_dataset
from app.datasets.gold import get_gold_part
from app.datasets.models import DatasetVersion
from app.jobs import requests as jobs
from app.training.models import FIRST_LOOK, Run
from app.training.numbers import next_number

TASK = "look"
BACKBONE = "efficientnet-lite0"  # the network, trained on ImageNet, that describes images
WAY = ("image_size", "reading_size", "mirrored")  # fields of its recipe: how it looks at an image
FEWEST = 2  # classes: labels of a single class cannot be compared


def request_first_look(
    session: Session, *, dataset_id: int, version_id: int, user_id: int | None = None, like: Run | None = None
) -> Run | None:
    """Create the run and its job; None for a data set of fewer than two classes.

    It looks at the images in the same way as `like`, so that what that one has seen is not looked at again.
    """
    lock_dataset(session, dataset_id=dataset_id)
    if len(class_names(session, dataset_id=dataset_id)) < FEWEST:
        return None
    gold = get_gold_part(session, dataset_id=dataset_id)
    run = Run(
        dataset_id=dataset_id,
        number=next_number(session, dataset_id=dataset_id),
        version_id=version_id,
        kind=FIRST_LOOK,
        recipe={"name": FIRST_LOOK, "backbone": BACKBONE} | _way(like),
        weights=BACKBONE,
        seed=0,
        facts={"gold": gold.digest} if gold else {},
    )
    session.add(run)
    session.flush()
    run.job_id = jobs.ask(
        session, task=TASK, dataset_id=dataset_id, arguments={"run": run.id}, user_id=user_id
    ).id
    session.flush()
    return run


def _way(like: Run | None) -> dict[str, Any]:
    """How a first look has looked at the images."""
    return {} if like is None else {field: like.recipe[field] for field in WAY if field in like.recipe}


def newest_first_look(session: Session, *, dataset_id: int, before: datetime | None = None) -> Run | None:
    """The newest first look that has finished, now or `before` a moment."""
    return _newest(session, dataset_id, ("finished",), *([Run.finished_at <= before] if before else []))


def open_first_look(session: Session, *, dataset_id: int) -> Run | None:
    """The newest first look that is queued or running."""
    return _newest(session, dataset_id, jobs.OPEN_STATES)


def covers(session: Session, *, dataset_id: int, samples: int) -> bool:
    """Whether a first look of at least this many samples has finished, or will."""
    run = _newest(session, dataset_id, ("finished", *jobs.OPEN_STATES))
    if run is None:
        return False
    version = session.get_one(DatasetVersion, run.version_id)
    return version.samples + version.deleted >= samples


def _newest(
    session: Session, dataset_id: int, states: tuple[str, ...], *more: ColumnElement[bool]
) -> Run | None:
    query = select(Run).where(
        Run.dataset_id == dataset_id, Run.kind == FIRST_LOOK, Run.state.in_(states), *more
    )
    return session.scalar(query.order_by(Run.id.desc()).limit(1))
