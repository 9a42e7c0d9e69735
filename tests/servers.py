"""Real server processes, on a free port, stopped by their own id."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.forked import toploss


@dataclass
class Server:
    """A running `toploss serve`."""

    process: subprocess.Popen[bytes]
    url: str
    data_dir: Path
    env: dict[str, str] = field(repr=False)
    log: Path = field(repr=False)

    def command(
        self, *arguments: str, stdin: str = "", check: bool = True, timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a `toploss` command against the same data folder."""
        return toploss(*arguments, env=self.env, stdin=stdin, check=check, timeout=timeout)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server process."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(120)


def environment(data_dir: Path, *, database_url: str = "", **more: str) -> dict[str, str]:
    """The environment of a command of ours: nothing from the developer's own settings."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TOPLOSS_")}
    ours = {
        "TOPLOSS_DATA_DIR": str(data_dir),
        "TOPLOSS_DATABASE_URL": database_url,
        "TOPLOSS_HOST": "127.0.0.1",
        "TOPLOSS_PORT": "0",
        "TOPLOSS_WORKER_THREADS": "1",
        "TOPLOSS_FIRST_LOOK": "off",  # else it is run 1, before the training that a test asks for
        "TOPLOSS_WEIGHTS": "none",  # a test of other start weights says so, and nothing is downloaded
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
    }
    return clean | ours | more


@contextmanager
def start_server(
    data_dir: Path, *, database_url: str = "", worker: bool = False, **more: str
) -> Iterator[Server]:
    """Start `toploss serve` and wait until it answers."""
    env = environment(data_dir, database_url=database_url, **more)
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    with log.open("ab") as output:
        command = [sys.executable, "-m", "app.cli", "serve", "--worker" if worker else "--no-worker"]
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
    server = Server(process, "", data_dir, env, log)
    try:
        server.url = _wait_for_url(process, log)
        yield server
    finally:
        server.stop()


def _wait_for_url(process: subprocess.Popen[bytes], log: Path) -> str:
    import httpx

    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        lines = re.findall(r"Toploss is at (http://\S+)", log.read_text())
        if lines:
            try:
                if httpx.get(f"{lines[-1]}/healthz", timeout=5).status_code == 200:
                    return str(lines[-1])
            except httpx.HTTPError:
                pass
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
