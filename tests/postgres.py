"""A PostgreSQL server for a test session, run as the user postgres when the tests run as root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port


def _binaries() -> Path | None:
    found = (
        sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
        if Path("/usr/lib/postgresql").is_dir()
        else []
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def available() -> bool:
    """Whether a server can be started here."""
    return _binaries() is not None


@contextmanager
def run() -> Iterator[str]:
    """Start an empty server on a free port of 127.0.0.1 and give the URL of its test database."""
    binaries = _binaries()
    assert binaries is not None
    folder = Path(
        tempfile.mkdtemp(prefix="toploss-pg-")
    )  # not pytest's folder, which only its owner may enter
    data = folder / "data"
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")

    def call(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd=folder)

    port = free_port()
    call(
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "toploss",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    )
    options = (
        f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c "
        "max_connections=200"
    )
    call(str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        call(str(binaries / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "toploss", "toploss")
        yield f"postgresql+psycopg://toploss@127.0.0.1:{port}/toploss"
    finally:
        call(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
