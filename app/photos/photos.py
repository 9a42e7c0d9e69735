"""Photos that people send to a run's network: they are received, kept, predicted by a job and removed.

They never become samples of a data set.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import deadline
from app.accounts.models import User
from app.accounts.tokens import Person
from app.datasets.catalog import lock_dataset
from app.datasets.pictures import forget_pictures
from app.datasets.versions import names_of
from app.db.types import now
from app.decoding import budget
from app.errors import Forbidden, Invalid, NotFound
from app.files import temporary_file
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.training.models import Photo, Run
from app.training.runs import finished_run, get_run

TASK = "predict"
AT_ONCE = 20  # photos that may be sent together
MAX_BYTES = 20_000_000  # per photo; files of cameras are smaller
TOO_MANY = f"At most {AT_ONCE} photos can be sent at a time; send them in parts."
KEPT = 200  # photos per run; beyond it the oldest of the person with the most photos are removed
LONGEST_NAME = 200
_NEWEST = (Photo.sent_at.desc(), Photo.id)  # photos of one request keep their order


@dataclass(frozen=True)
class Sent:
    """A file as it was sent."""

    name: str
    file: BinaryIO


@dataclass(frozen=True)
class Received:
    """A valid photo in a temporary file, next to its final place."""

    name: str
    part: Path
    sha256: str
    facts: Mapping[str, str | int]  # the columns of `Photo` that describe the file


@dataclass(frozen=True)
class Kept:
    """The kept photos, in the order they were sent, and the job that predicts the new ones."""

    ids: tuple[int, ...]
    job_id: str | None


@dataclass(frozen=True)
class Seen:
    """A photo and what the network predicts for it."""

    photo: Photo
    by: str | None
    state: str  # of a job: queued, running, finished, failed, cancelled
    problem: str
    probabilities: dict[str, float]  # by class, the most probable first; empty before the prediction

    @property
    def waits(self) -> bool:
        """Whether its prediction is still queued or running."""
        return self.state in jobs.OPEN_STATES

    @property
    def predicted(self) -> str | None:
        """The most probable class."""
        return next(iter(self.probabilities), None)


@contextmanager
def receive(
    sent: Sequence[Sent], *, folder: Path, max_bytes: int = MAX_BYTES, max_pixels: int
) -> Iterator[tuple[Received, ...]]:
    """Check the files as an import would; files that were not kept are removed when the block ends.

    Raises Invalid, naming every file that is not a valid photo, or if there are too many files.
    """
    if not sent:
        raise Invalid("Choose at least one photo.")
    if len(sent) > AT_ONCE:
        raise Invalid(TOO_MANY)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found: list[Received] = []
    problems: list[str] = []
    with ExitStack() as parts:
        for each in sent:
            part = parts.enter_context(temporary_file(folder))
            outcome = _receive(each, part, max_bytes=max_bytes, max_pixels=max_pixels)
            if isinstance(outcome, str):
                problems.append(outcome)
            else:
                found.append(outcome)
        if problems:
            raise Invalid(
                f"{'; '.join(problems)}. Nothing was kept; send photos that open on your own machine."
            )
        deadline.restart()  # checking large photos takes time, but no lock is held
        yield tuple(found)


def keep_photos(
    session: Session,
    *,
    run_id: int,
    received: Sequence[Received],
    folder: Path,
    cache: Path,
    user_id: int | None,
) -> Kept:
    """Keep the photos of a finished run and request a prediction; a photo sent again only moves to the front.

    Raises NotFound, Conflict.
    """
    run = finished_run(session, run_id=run_id)
    # A removal of the same photo, with its file, happens before or after this, never at the same time.
    lock_dataset(session, dataset_id=run.dataset_id)
    digests, moment = [each.sha256 for each in received], now()
    there = {
        photo.sha256: photo
        for photo in session.scalars(select(Photo).where(Photo.run_id == run_id, Photo.sha256.in_(digests)))
    }
    for each in received:
        photo = there.get(each.sha256)
        if photo is None:
            photo = there[each.sha256] = Photo(
                run_id=run_id, sha256=each.sha256, problem="", user_id=user_id, **each.facts
            )
            session.add(photo)
        if photo.user_id == user_id:  # a photo that another person sent stays theirs
            photo.name = each.name
        photo.sent_at = moment
        path = photo_path(folder, run_id=run_id, sha256=each.sha256)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        each.part.replace(path)
    session.flush()
    new = [photo for photo in there.values() if photo.probabilities is None and not _waits(session, photo)]
    job_id = None
    if new:
        job_id = jobs.ask(
            session, task=TASK, dataset_id=run.dataset_id, arguments={"run": run_id}, user_id=user_id
        ).id
        for photo in new:
            photo.job_id, photo.problem = job_id, ""
    session.flush()
    for _ in range(count_photos(session, run_id=run_id) - KEPT):
        _remove(session, _first_to_go(session, run_id), folder=folder, cache=cache)
        session.flush()
    return Kept(tuple(there[digest].id for digest in digests), job_id)


def count_photos(session: Session, *, run_id: int) -> int:
    """The number of kept photos of a run."""
    return session.scalar(select(func.count()).select_from(Photo).where(Photo.run_id == run_id)) or 0


def count_waiting(session: Session, *, run_id: int) -> int:
    """How many photos of a run have no prediction yet."""
    query = (
        select(func.count())
        .select_from(Photo)
        .join(Job, Job.id == Photo.job_id)
        .where(Photo.run_id == run_id)
    )
    return (
        session.scalar(
            query.where(Photo.probabilities.is_(None), Photo.problem == "", Job.state.in_(jobs.OPEN_STATES))
        )
        or 0
    )


def list_photos(session: Session, *, run_id: int, after: int = 0, limit: int = KEPT) -> list[Seen]:
    """A run's photos, the newest first, from place `after` on.

    Raises NotFound when there is no such run.
    """
    names = names_of(session, version_id=get_run(session, run_id=run_id).version_id)
    rows = session.execute(
        select(Photo, Job, User.name)
        .outerjoin(Job, Job.id == Photo.job_id)
        .outerjoin(User, User.id == Photo.user_id)
        .where(Photo.run_id == run_id)
        .order_by(*_NEWEST)
        .offset(after)
        .limit(limit)
    )
    return [_seen(photo, job, by, names) for photo, job, by in rows]


def get_photo(session: Session, *, photo_id: int, run_id: int | None = None) -> Photo:
    """The photo, which must belong to the run if one is given. Raises NotFound."""
    photo = session.get(Photo, photo_id)
    if photo is None or (run_id is not None and photo.run_id != run_id):
        raise NotFound(f"There is no photo {photo_id} here; somebody may have removed it.")
    return photo


def see_photo(session: Session, *, photo_id: int) -> Seen:
    """The photo and what the network predicts for it. Raises NotFound."""
    photo = get_photo(session, photo_id=photo_id)
    names = names_of(session, version_id=session.get_one(Run, photo.run_id).version_id)
    by = session.get(User, photo.user_id) if photo.user_id is not None else None
    return _seen(
        photo, session.get(Job, photo.job_id) if photo.job_id else None, by.name if by else None, names
    )


def remove_photo(
    session: Session, *, photo_id: int, by: Person, run_id: int | None = None, folder: Path, cache: Path
) -> None:
    """Remove a photo and its file, also while its job is waiting.

    Raises NotFound; Forbidden if another person sent it and `by` is not an admin.
    """
    dataset_id = session.scalar(
        select(Run.dataset_id).join(Photo, Photo.run_id == Run.id).where(Photo.id == photo_id)
    )
    if dataset_id is not None:
        # Locked before the photo is read: it may be removed and sent again at the same time.
        lock_dataset(session, dataset_id=dataset_id)
    photo = get_photo(session, photo_id=photo_id, run_id=run_id)
    if not may_remove(photo, by=by):
        raise Forbidden("Another person sent this photo; only that person or an admin can remove it.")
    _remove(session, photo, folder=folder, cache=cache)
    session.flush()


def may_remove(photo: Photo, *, by: Person) -> bool:
    """Whether this person sent the photo or is an admin."""
    return by.is_admin or photo.user_id == by.id


def photos_of_job(session: Session, *, job_id: str) -> list[Photo]:
    """The photos that the job still has to predict."""
    query = select(Photo).where(Photo.job_id == job_id, Photo.probabilities.is_(None), Photo.problem == "")
    return list(session.scalars(query.order_by(Photo.id)))


def record_look(
    session: Session,
    *,
    photo_id: int,
    job_id: str,
    probabilities: Sequence[float] | None = None,
    problem: str = "",
) -> None:
    """Store the predicted probabilities by class position, or why there are none.

    A photo that was removed in the meantime stays removed; a newer photo that got its id is not changed.
    """
    vector = None if probabilities is None else np.asarray(probabilities, dtype=np.float32)
    session.execute(
        update(Photo)
        .where(Photo.id == photo_id, Photo.job_id == job_id)
        .values(probabilities=vector, problem=problem)
    )


def photo_path(folder: Path, *, run_id: int, sha256: str) -> Path:
    """The path of a run's photo."""
    return folder / str(run_id) / sha256


def plain_name(name: str) -> str:
    """The name of a sent file, without folders and without characters that cannot be shown or stored."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:LONGEST_NAME] or "photo"


def _receive(sent: Sent, part: Path, *, max_bytes: int, max_pixels: int) -> Received | str:
    """Write the photo to `part`; or return a short reason why the file is refused."""
    from app.datasets.inspection import Rejected, inspect  # most requests do not need it

    name = plain_name(sent.name)
    size = sent.file.seek(0, os.SEEK_END)
    if size > max_bytes:
        return f"{name} is larger than {max_bytes // 1_000_000:,} MB"
    sent.file.seek(0)
    with budget.files.share(size, patience=budget.PATIENCE):
        content = sent.file.read()
        try:
            facts = inspect(content, max_pixels=max_pixels, patience=budget.PATIENCE)
        except Rejected as refusal:
            return f"{name} is {refusal.reason}"
        part.write_bytes(content)
    columns = ("bytes", "width", "height", "mode", "format")
    return Received(name, part, facts.sha256, {column: getattr(facts, column) for column in columns})


def _first_to_go(session: Session, run_id: int) -> Photo:
    """The oldest photo of the person with the most photos, so that nobody displaces other people's."""
    most = session.scalar(
        select(Photo.user_id)
        .where(Photo.run_id == run_id)
        .group_by(Photo.user_id)
        .order_by(func.count().desc(), func.min(Photo.sent_at))
        .limit(1)
    )
    theirs = select(Photo).where(Photo.run_id == run_id, Photo.user_id.is_not_distinct_from(most))
    return session.scalars(theirs.order_by(Photo.sent_at, Photo.id.desc()).limit(1)).one()


def _remove(session: Session, photo: Photo, *, folder: Path, cache: Path) -> None:
    session.delete(photo)
    photo_path(folder, run_id=photo.run_id, sha256=photo.sha256).unlink(missing_ok=True)
    forget_pictures(photo.sha256, cache=cache)


def _waits(session: Session, photo: Photo) -> bool:
    job = session.get(Job, photo.job_id) if photo.job_id else None
    return job is not None and job.state in jobs.OPEN_STATES and not photo.problem


def _seen(photo: Photo, job: Job | None, by: str | None, names: Sequence[str]) -> Seen:
    """The photo with its state; classes that were added after the training have no probability."""
    if photo.probabilities is not None:
        pairs = zip(names, map(float, photo.probabilities), strict=False)
        return Seen(photo, by, "finished", "", dict(sorted(pairs, key=lambda pair: -pair[1])))
    if photo.problem:
        return Seen(photo, by, "failed", photo.problem, {})
    if job is None or job.state == "finished":
        return Seen(photo, by, "failed", "This photo has no prediction; send it again.", {})
    if job.state in jobs.OPEN_STATES:
        return Seen(photo, by, job.state, "", {})
    return Seen(photo, by, job.state, f"{job.message or 'Cancelled.'} Send it again to try once more.", {})
