"""What surrounds every page: the data sets, the tabs with their counts, and the jobs that run.

It is read when a whole page is drawn, so that a part of a page and an answer of the deck do not pay for it.
What is slow to count (duplicates, image problems) is counted only where it is shown, and again only after
something was decided.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.roles import ADMIN, ANNOTATOR, REVIEWER, VIEWER, includes
from app.datasets.catalog import DELETING, IMPORT, count_samples, dataset_names, known_dataset
from app.datasets.models import Dataset
from app.db.engine import Database
from app.deck.adjudication import count_disagreements
from app.deck.duplicates import count_torn
from app.deck.problems import count_problem_images
from app.deck.progress import count_remaining
from app.jobs.models import Job
from app.jobs.requests import open_jobs
from app.photos import photos
from app.ranking import maps
from app.review.models import Decision
from app.training import first_looks, runs
from app.training.phases import DRAWS
from app.training.progress import job_share
from app.training.runs import count_runs

MOST_DATASETS = 20  # in the switcher
LONGEST = 60.0  # seconds that a slow count is kept
JOBS = {
    IMPORT: "Import",
    first_looks.TASK: "First look",
    runs.TASK: "Training",
    runs.OWN_TASK: "Predictions of an own model",
    photos.TASK: "Photos",
    maps.TASK: "Map",
}


@dataclass(frozen=True)
class Tab:
    """A page of a data set in the navigation."""

    path: str  # below the data set's
    words: str
    counts: str = ""  # which of `_COUNTS`
    role: str = VIEWER  # the lowest one that may open it
    also: tuple[str, ...] = ()  # other pages that belong to it
    subs: tuple["Tab", ...] = ()


TABS = (
    Tab("", "Overview"),
    Tab("/review", "Review", "review", role=ANNOTATOR),
    Tab(
        "/images",
        "Images",
        "images",
        subs=(
            Tab("/images", "All"),
            Tab("/images/map", "Map"),
            Tab("/images/duplicates", "Duplicates", "duplicates"),
            Tab("/images/disputed", "Disputed", "disputed", role=REVIEWER),
            Tab("/images/problems", "Image problems", "problems"),
        ),
    ),
    Tab(
        "/models",
        "Models",
        "models",
        subs=(
            Tab("/models", "All models"),
            Tab("/models/train", "Train", role=ADMIN),
            Tab("/models/retrain", "Retrain", role=ADMIN),
            Tab("/models/import", "Import predictions", role=ADMIN),
        ),
    ),
    Tab(
        "/results",
        "Results",
        subs=(
            Tab("/results", "Did it help?"),
            Tab("/results/errors-left", "Errors left"),
            Tab("/results/history", "History"),
            Tab("/results/test-set", "Checked test set"),
            Tab("/results/team", "Team", role=ADMIN),
        ),
    ),
    Tab("/export", "Export"),
    Tab(
        "/settings",
        "Settings",
        role=ADMIN,
        subs=(
            Tab("/settings", "Settings"),
            Tab("/settings/people", "Who sees it"),
            Tab("/classes", "Classes", also=("/class",)),
            Tab("/manage", "Manage"),
        ),
    ),
)


@dataclass(frozen=True)
class Link:
    """A tab as it is shown."""

    url: str
    words: str
    count: int  # 0: none is shown
    is_here: bool


@dataclass(frozen=True)
class RunningJob:
    """A job that is queued or running, as every page shows it."""

    job_id: str
    words: str  # Training of faces
    phase: str  # what it does now
    url: str  # where its progress is shown
    state: str
    share: float | None  # of its work, 0 to 1; None: not known yet


@dataclass(frozen=True)
class Surroundings:
    """What surrounds a page. Links are those that the viewer may open."""

    datasets: tuple[str, ...] = ()  # names for the switcher
    tabs: tuple[Link, ...] = ()
    subs: tuple[Link, ...] = ()  # below the tab that is open; a single one is not shown
    jobs: tuple[RunningJob, ...] = ()

    @property
    def tab(self) -> Link | None:
        """The tab that is open."""
        return next((link for link in self.tabs if link.is_here), None)


NOTHING = Surroundings()


def _review(session: Session, dataset_id: int, user_id: int) -> int:
    return count_remaining(session, dataset_id=dataset_id, user_id=user_id)


_COUNTS: dict[str, Callable[[Session, int, int], int]] = {
    "review": _review,
    "images": lambda session, dataset_id, _: count_samples(session, dataset_id=dataset_id),
    "models": lambda session, dataset_id, _: count_runs(session, dataset_id=dataset_id),
    "disputed": lambda session, dataset_id, _: count_disagreements(session, dataset_id=dataset_id),
}
_SLOW: dict[str, Callable[[Session, int], int]] = {
    "duplicates": lambda session, dataset_id: count_torn(session, dataset_id=dataset_id),
    "problems": lambda session, dataset_id: count_problem_images(session, dataset_id=dataset_id),
}


@dataclass
class SlowCounts:
    """Counts that are kept until something is decided or imported, at most a minute."""

    _kept: dict[tuple[str, int], tuple[tuple[Any, ...], float, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, session: Session, name: str, *, dataset_id: int, images: int) -> int:
        """The count as it was after the last decision."""
        mark = (session.scalar(select(func.max(Decision.id))), images)
        with self._lock:
            known = self._kept.get((name, dataset_id))
        if known and known[0] == mark and time.monotonic() - known[1] < LONGEST:
            return known[2]
        number = _SLOW[name](session, dataset_id)
        with self._lock:
            self._kept[name, dataset_id] = (mark, time.monotonic(), number)
        return number


def surroundings(
    database: Database,
    slow: SlowCounts,
    *,
    path: str,
    dataset: str | None,
    user_id: int,
    role: str,
    hidden: frozenset[int] = frozenset(),
) -> Surroundings:
    """What surrounds the page at `path` for this person."""
    with database.read() as session:
        names = tuple(
            session.scalars(
                select(Dataset.name)
                .where(Dataset.state != DELETING, Dataset.archived_at.is_(None), Dataset.id.not_in(hidden))
                .order_by(Dataset.name)
                .limit(MOST_DATASETS)
            )
        )
        jobs = running_jobs(session, hidden=hidden)
        known = known_dataset(session, name=dataset) if dataset else None
        if known is None or known.id in hidden:
            return Surroundings(names, jobs=jobs)
        home, images = quote(f"/d/{known.name}"), 0

        def number(tab: Tab) -> int:
            nonlocal images
            if tab.counts in _SLOW:
                return slow.get(session, tab.counts, dataset_id=known.id, images=images)
            found = _COUNTS[tab.counts](session, known.id, user_id) if tab.counts else 0
            images = found if tab.counts == "images" else images
            return found

        def links(tabs: tuple[Tab, ...], here: Tab | None) -> tuple[Link, ...]:
            return tuple(
                Link(home + tab.path, tab.words, number(tab), tab is here)
                for tab in tabs
                if includes(role, tab.role)
            )

        tab, sub = place_of(path.removeprefix(f"/d/{known.name}"))
        if tab and not includes(role, tab.role):  # an annotator comes there from the overview
            tab, sub = TABS[0], None
        subs = links(tab.subs if tab else (), sub)
        return Surroundings(names, links(TABS, tab), subs if len(subs) > 1 else (), jobs)


def running_jobs(session: Session, *, hidden: Collection[int] = ()) -> tuple[RunningJob, ...]:
    """What runs or waits of all data sets but archived and `hidden` ones, the oldest first."""
    jobs = open_jobs(session, tasks=JOBS)
    names = dataset_names(session, archived=False) if jobs else {}
    return tuple(
        running_job(job, names.get(job.dataset_id or 0), share=job_share(session, job))
        for job in jobs
        if job.dataset_id is None or (job.dataset_id in names and job.dataset_id not in hidden)
    )


def running_job(job: Job, dataset: str | None, *, share: float | None = None) -> RunningJob:
    """The job in words; `share` is how much of it is done."""
    run, own = job.arguments.get("run"), ""
    if run and job.task in (runs.TASK, runs.OWN_TASK):
        own = f"/models/{run}"
    elif job.task == maps.TASK:
        own = "/images/map"
    return RunningJob(
        job.id,
        f"{JOBS[job.task]} of {dataset}" if dataset else JOBS[job.task],
        "Drawing the curve" if job.stage.startswith(DRAWS) else JOBS[job.task],
        quote(f"/d/{dataset}{own}") if dataset else "/",
        job.state,
        share,
    )


def place_of(path: str) -> tuple[Tab | None, Tab | None]:
    """The tab and the sub-tab of an address below the data set's: those whose address is most of it."""
    found = [
        (len(start), tab, sub)
        for tab in TABS
        for sub in (*tab.subs, None)
        for start in ((sub or tab).path, *(sub or tab).also)
        if path == start or (start and path.startswith(f"{start}/"))
    ]
    # Of a tab and its first sub-tab, which have the same address, the sub-tab.
    best = max(found, key=lambda each: (each[0], each[2] is not None), default=None)
    return (best[1], best[2]) if best else (None, None)
