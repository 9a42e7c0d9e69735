"""The worker process: runs jobs and loads torch when a job first needs it."""

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import app.db.tables  # noqa: F401 - registers them
from app.data_folder import sweep_data_folder
from app.db.engine import Database
from app.errors import Conflict
from app.jobs import requests, webhooks
from app.jobs.engine import Engine
from app.settings import Settings
from app.tasks import PROGRESS, TASKS
from app.tasks.housekeeping import keep_house
from app.tasks.learning import learn
from app.training.ending import give_up

log = logging.getLogger(__name__)
TICK_SECONDS = 1.0
NICENESS = 10  # on a busy machine the web server has priority, so that reviewing stays fast


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT.

    Raises Conflict when a worker of this name already runs on this data folder.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with only_one(settings):
        os.nice(NICENESS)
        sweep_data_folder(settings)
        database = Database(settings.database)
        engine = Engine(settings, database, TASKS, give_up=give_up, progress=PROGRESS)
        engine.launch()
        log.info("worker %s is ready", settings.worker_id)
        threading.Thread(target=learn, args=(database, stop), name="learning", daemon=True).start()
        house = (database, settings, stop)
        threading.Thread(target=keep_house, args=house, name="housekeeping", daemon=True).start()
        parent = os.getppid()
        while not stop.wait(TICK_SECONDS):
            try:
                engine.tick()
                _queue_deliveries(database)
            except Exception:
                log.exception("the worker's housekeeping failed; trying again")
            if os.environ.get("TOPLOSS_SUPERVISED") and os.getppid() != parent:
                log.warning("the server that started this worker is gone; stopping")
                break
        try:
            with database.write() as session:
                requests.silent(session, worker_id=settings.worker_id)
                requests.stopped(session, job_ids=list(engine.running))
        except Exception:  # the engine's threads would keep the process alive for ever
            log.exception("worker %s cannot record that it stops", settings.worker_id)
        log.info("worker %s stops; unfinished jobs resume when it starts again", settings.worker_id)
        database.checkpoint()
        # Threads may be in a training step. The worker is crash-only, so nothing is lost by exiting at once.
        os._exit(0)


def _queue_deliveries(database: Database) -> None:
    """Request jobs for the deliveries to webhooks whose time has come."""
    with database.read() as session:
        is_due = webhooks.has_due(session)
    if is_due:
        with database.write() as session:
            webhooks.queue_due(session)


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the lock of this worker's name; two workers of one name would recover each other's jobs."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / f"worker-{settings.worker_id}.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"A worker named {settings.worker_id} already runs on {settings.data_dir}; "
                "stop it, or set TOPLOSS_WORKER_ID to another name."
            ) from error
        yield
