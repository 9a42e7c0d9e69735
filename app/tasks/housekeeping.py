"""What a worker removes while it runs: deleted data sets, unused uploads, old rows of the activity log."""

import logging
import threading
import time

from app.accounts.activity import sweep_activity
from app.datasets.removing import finish_removals
from app.datasets.upload_use import remove_stale
from app.db.engine import Database
from app.settings import Settings

log = logging.getLogger(__name__)

TICK_SECONDS = 2.0  # between two looks for deleted data sets
SWEEP_SECONDS = 3600.0  # between two sweeps of uploads and the activity log


def keep_house(database: Database, settings: Settings, stop: threading.Event) -> None:
    """Remove until `stop` is set, at least once. A failure is logged and tried again."""
    swept = float("-inf")
    while True:
        try:
            finish_removals(database, settings)
            if time.monotonic() - swept >= SWEEP_SECONDS:
                remove_stale(database, settings)
                sweep_activity(database, days=settings.activity_days)
                swept = time.monotonic()
        except Exception:
            log.exception("deleted data sets, uploads or old activity could not be removed; trying again")
        if stop.wait(TICK_SECONDS):
            return
