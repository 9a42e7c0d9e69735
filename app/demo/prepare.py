"""The demo: drawn faces, two people, a quick training; and what the ranking found of the planted errors."""

import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.passwords import hash_password
from app.accounts.users import add_user
from app.datasets.catalog import get_dataset
from app.datasets.importing import import_images
from app.db.engine import Database
from app.faces.folder import DRAWING, write_demo_folder
from app.ranking.rankings import top_losses
from app.rounds.demo import NAME, create_demo, folder_of, planted_errors, train_demo
from app.rounds.first_look import look_at_new_images
from app.settings import Settings
from app.training.models import Run
from app.training.runs import newest_ranked

POLL_SECONDS = 2.0
PEOPLE = (("admin", "admin"), ("annotator", "annotator"))


def prepare(
    database: Database, settings: Settings, *, images: int, on_progress: Callable[[str, int, int], None]
) -> str:
    """Draw, import and queue, each unless it is done already; the answer is the log-ins to show."""
    write_demo_folder(
        folder_of(settings),
        images=images,
        on_progress=lambda done, total: on_progress(DRAWING, done, total),
    )
    with database.write() as session:
        dataset = create_demo(session, settings=settings)
        ready = dataset.state == "ready"
    if not ready:
        import_images(
            database,
            dataset_id=dataset.id,
            max_pixels=settings.max_image_pixels,
            on_progress=on_progress,
            should_stop=lambda: False,
        )
    with database.write() as session:
        if settings.looks_first:
            look_at_new_images(session, dataset_id=dataset.id)
        train_demo(session, dataset_id=dataset.id, settings=settings)
    return _logins(database, settings.data_dir / "demo-logins.txt")


def _logins(database: Database, path: Path) -> str:
    """Names and passwords, created once in a private file, so that every installation has its own."""
    if path.exists():
        return path.read_text()
    lines = ["Sign in as:"]
    with database.write() as session:
        for name, role in PEOPLE:
            if session.scalar(select(User).where(User.name == name)):
                continue
            password = secrets.token_urlsafe(9)
            add_user(session, name=name, role=role, password_hash=hash_password(password))
            lines.append(f"  {name:<10} {password}")
        text = "\n".join(lines) + "\n"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    return text


def tell_when_ranked(database: Database, settings: Settings, say: Callable[[str], None]) -> None:
    """In the background: wait for a ranking, then say how many of the planted errors it put first.

    So for the first look, then for the first training.
    """

    def wait() -> None:
        said = None
        while said is None or not said.is_training:
            with database.read() as session:
                dataset = get_dataset(session, name=NAME)
                run = newest_ranked(session, dataset_id=dataset.id)
                if run and run.state == "finished" and (said is None or said.id != run.id):
                    said = run
                    say(found_errors(session, run, folder_of(settings)))
            time.sleep(POLL_SECONDS)

    threading.Thread(target=wait, name="demo-ranking", daemon=True).start()


def found_errors(session: Session, run: Run, folder: Path) -> str:
    """How many errors of the truth file the ranking of a run finds, in a sentence."""
    if run.parent_id is not None:
        return f"{run.name}, on cleaned labels, ranks the review now."
    wrong = planted_errors(folder)
    first = top_losses(session, run_id=run.id, limit=len(wrong))
    hits = sum(sample.path in wrong for sample in first)
    by = "The ranking is there" if run.is_training else "The first look is there, before any training"
    return (
        f"{by}: {hits} of its first {len(first)} cards are among the {len(wrong)} labels that were made "
        "wrong on purpose."
    )
