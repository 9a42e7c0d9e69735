"""Writes down that a backup was made, so that a page can show how old the last one is."""

import logging
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.accounts.activity import BACKUP_MADE, Act, write_down
from app.db.engine import Database
from app.errors import ToplossError
from app.settings import Settings

log = logging.getLogger(__name__)


def tell_backup(settings: Settings, target: Path, *, size: int) -> None:
    """Add a row to the activity log; if that fails, it is a warning, since the backup is good without it."""
    act = Act(BACKUP_MADE, "shell", "shell", about=f"{target.absolute()}, {size:,} bytes")
    try:
        with closing(Database(settings.database)) as database, database.write() as session:
            write_down(session, act=act)
    except (ToplossError, OSError, SQLAlchemyError) as error:
        log.warning("the activity log does not have this backup: %s", str(error).splitlines()[0])
