"""Maps: where the images of a data set lie in a plane in which those that are alike are near each other."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.datasets.models import Sample
from app.db.engine import Database
from app.db.types import now
from app.errors import Conflict
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.ranking.embeddings import Embedding, read_embedding
from app.ranking.models import ImageMap, MapPlace
from app.training.first_looks import newest_first_look
from app.training.runs import current_ranking, newest_finished

TASK = "map"
SIDE = 10_000  # places are whole numbers from 0 to SIDE - 1
KEPT = 2  # maps of a data set: addresses and worklists may still name a selection on the one before
_BATCH = 5_000  # rows per transaction, so that decisions do not wait
_FORGOTTEN = timedelta(hours=1)  # after which a map that was not finished is that of a worker that was killed
_NOTHING_YET = "A map needs a first look or a training: only a model says which images are alike."


def newest_map(session: Session, *, dataset_id: int) -> ImageMap | None:
    """The map that people see."""
    query = select(ImageMap).where(ImageMap.dataset_id == dataset_id, ImageMap.is_ready)
    return session.scalar(query.order_by(ImageMap.id.desc()).limit(1))


def find_embedding(session: Session, *, dataset_id: int, runs_dir: Path) -> tuple[int, Embedding] | None:
    """The run whose network says what is alike, and what it says; None before there is one.

    It is the run that is reviewed, unless a training or first look knows more images.
    """
    current = current_ranking(session, dataset_id=dataset_id)
    others = (
        newest_finished(session, dataset_id=dataset_id),
        newest_first_look(session, dataset_id=dataset_id),
    )
    run_ids = [current.run_id] if current else []
    run_ids += [run.id for run in others if run is not None]
    found = [
        (run_id, embedding)
        for run_id in dict.fromkeys(run_ids)
        if (embedding := read_embedding(runs_dir / str(run_id))) is not None
    ]
    return max(found, key=lambda each: len(each[1].sample_ids), default=None)  # the first of equal ones


def is_outdated(session: Session, *, dataset_id: int, runs_dir: Path) -> bool:
    """Whether another map could be drawn than the one that is there; False where none can be drawn."""
    found = find_embedding(session, dataset_id=dataset_id, runs_dir=runs_dir)
    if found is None:
        return False
    run_id, embedding = found
    drawn = newest_map(session, dataset_id=dataset_id)
    return drawn is None or (drawn.run_id, drawn.samples) != (run_id, len(embedding.sample_ids))


def request_map(session: Session, *, dataset_id: int, runs_dir: Path, user_id: int | None) -> Job:
    """Request a map; an open request stays the only one. Raises Conflict where nothing says what is alike."""
    if find_embedding(session, dataset_id=dataset_id, runs_dir=runs_dir) is None:
        raise Conflict(_NOTHING_YET)
    there = jobs.open_job(session, dataset_id=dataset_id, task=TASK)
    return there or jobs.ask(session, task=TASK, dataset_id=dataset_id, arguments={}, user_id=user_id)


def request_if_outdated(session: Session, *, dataset_id: int, runs_dir: Path) -> Job | None:
    """Request a map when a run has ended, if it tells more than the map that is there.

    A map that is being drawn may be of the run before, so only a request that waits is enough.
    """
    if not is_outdated(session, dataset_id=dataset_id, runs_dir=runs_dir):
        return None
    there = jobs.open_job(session, dataset_id=dataset_id, task=TASK)
    if there is not None and there.state == "queued":
        return there
    return jobs.ask(session, task=TASK, dataset_id=dataset_id, arguments={}, user_id=None)


def store_map(
    database: Database,
    *,
    dataset_id: int,
    run_id: int,
    sample_ids: NDArray[np.int64],
    places: NDArray[np.int32],
) -> int:
    """Store the places (n, 2) of samples (n,) as the new map, in short transactions; return its id.

    Older maps are removed, but for the one before.
    """
    with database.write() as session:
        left = ImageMap.dataset_id == dataset_id, ~ImageMap.is_ready, ImageMap.made_at < now() - _FORGOTTEN
        session.execute(delete(ImageMap).where(*left))
        there = set(session.scalars(select(Sample.id).where(Sample.dataset_id == dataset_id)))
        drawn = ImageMap(dataset_id=dataset_id, run_id=run_id, samples=len(sample_ids))
        session.add(drawn)
        session.flush()
        map_id = drawn.id
    rows = [
        {"map_id": map_id, "sample_id": sample_id, "x": x, "y": y}
        for sample_id, (x, y) in zip(sample_ids.tolist(), places.tolist(), strict=True)
        if sample_id in there
    ]
    for first in range(0, len(rows), _BATCH):
        with database.write() as session:
            session.execute(insert(MapPlace), rows[first : first + _BATCH])
    with database.write() as session:
        drawn = session.get_one(ImageMap, map_id)
        drawn.is_ready, drawn.made_at = True, now()
    _remove_old(database, dataset_id)
    return map_id


def _remove_old(database: Database, dataset_id: int) -> None:
    kept = (
        select(ImageMap.id)
        .where(ImageMap.dataset_id == dataset_id, ImageMap.is_ready)
        .order_by(ImageMap.id.desc())
        .limit(KEPT)
    )
    with database.write() as session:
        recent = session.scalars(kept).all()
        old = ImageMap.dataset_id == dataset_id, ImageMap.is_ready, ImageMap.id.not_in(recent)
        session.execute(delete(ImageMap).where(*old))
