"""PostgreSQL's own tools: `pg_dump` and `pg_restore`."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL, make_url

from app.errors import Conflict

JOBS = "dbos"  # the job engine's schema: jobs that ran are queued again after a restore


def dump(url: str, target: Path, *, snapshot: str) -> None:
    """Dump what a transaction with this exported snapshot sees. Raises Conflict; OSError: a full disk."""
    if not shutil.which("pg_dump"):
        raise Conflict(
            "pg_dump is not here. Install PostgreSQL's client (Debian: postgresql-client), or dump the "
            f"database where it is: {dump_command(url)}; and after that back up the files: toploss backup "
            "--files-only FILE"
        )
    _run(
        url,
        "pg_dump",
        "--format=custom",
        f"--snapshot={snapshot}",
        f"--exclude-schema={JOBS}",
        f"--file={target}",
    )


def load(url: str, source: Path) -> None:
    """Fill an empty database, all or nothing. Raises Conflict."""
    if not shutil.which("pg_restore"):
        raise Conflict("pg_restore is not here; install PostgreSQL's client (Debian: postgresql-client).")
    _run(url, "pg_restore", "--exit-on-error", "--single-transaction", str(source))


def dump_command(url: str) -> str:
    """What to type where there is a pg_dump."""
    return f"pg_dump --format=custom --no-owner --no-privileges --file=database.dump '{_address(url)}'"


def load_command(url: str) -> str:
    """What to type to fill an empty database with that dump."""
    return (
        "pg_restore --exit-on-error --single-transaction --no-owner --no-privileges "
        f"--dbname='{_address(url)}' database.dump"
    )


def _address(url: str) -> str:
    """The URL for PostgreSQL's tools, without the password, which the list of processes would show."""
    parsed = make_url(url)
    bare = URL.create(
        "postgresql", parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query
    )
    return bare.render_as_string(hide_password=False)


def _run(url: str, program: str, *arguments: str) -> None:
    password = make_url(url).password
    done = subprocess.run(  # noqa: S603 - our own arguments
        [program, "--no-owner", "--no-privileges", f"--dbname={_address(url)}", *arguments],
        env=os.environ | ({"PGPASSWORD": str(password)} if password else {}),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        if os.strerror(errno.ENOSPC) in done.stderr:
            raise OSError(errno.ENOSPC, said[0])
        why = " Its version must not be older than the server's." if "version" in done.stderr else ""
        raise Conflict(f"{program} refused: {said[0] if said else done.returncode}.{why}")
