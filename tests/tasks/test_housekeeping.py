"""What a worker removes while it runs."""

import logging
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.accounts.activity import Act, write_down
from app.accounts.models import Activity
from app.datasets.models import Dataset
from app.datasets.removing import begin_removal
from app.db.engine import Database
from app.db.types import now
from app.settings import Settings
from app.tasks.housekeeping import keep_house
from tests.factories import Made


def once(database: Database, settings: Settings) -> None:
    stop = threading.Event()
    stop.set()
    keep_house(database, settings, stop)


def test_deleted_data_sets_and_old_activity_go_and_the_rest_stays(
    database: Database, settings: Settings, made: Made
) -> None:
    with database.write() as session:
        for about in ("old", "new"):
            write_down(session, act=Act("data set: renamed", "ada", "shell", about=about))
        long_ago = now() - timedelta(days=settings.activity_days + 1)
        session.execute(update(Activity).where(Activity.about == "old").values(at=long_ago))
    once(database, settings)
    with database.read() as session:
        assert session.scalars(select(Activity.about)).all() == ["new"]
        assert session.get(Dataset, made.dataset_id) is not None
    with database.write() as session:
        begin_removal(session, session.get_one(Dataset, made.dataset_id))
    once(database, settings)
    with database.read() as session:
        assert session.get(Dataset, made.dataset_id) is None


def test_a_failure_is_logged_and_does_not_end_the_worker(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with database.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE activity RENAME TO gone")
    try:
        once(database, settings)
    finally:
        with database.write() as session:
            session.connection().exec_driver_sql("ALTER TABLE gone RENAME TO activity")
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "trying again" in record.message
