"""A worker that is killed again and again ends no training that gets further each time."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.factories import write_images
from tests.servers import Server, environment

KILLS = 6  # more than the restarts after which a job without progress is given up
SMALL = ("--recipe", "quick", "--set", "image_size=32", "--set", "batch_size=8")


def test_a_training_whose_worker_is_killed_after_each_checkpoint_finishes(
    sqlite_url: str, tmp_path: Path
) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    shell = Server(None, "", data, environment(data, database_url=sqlite_url), log)  # type: ignore[arg-type]
    shell.command("import", str(write_images(tmp_path / "images", per_class=6)), "--name", "pets")
    shell.command("train", "pets", *SMALL, "--epochs", str(KILLS + 2))
    sidecar = data / "runs" / "1" / "main" / "checkpoint.json"

    def epochs() -> int:
        return len(json.loads(sidecar.read_text())["history"]) if sidecar.exists() else 0

    def state() -> str:
        with sqlite3.connect(data / "toploss.db") as connection:
            return str(connection.execute("select state from run").fetchone()[0])

    for kill in range(KILLS + 1):
        with log.open("ab") as file:
            worker = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "worker"], env=shell.env, stdout=file, stderr=file
            )
        before, deadline = epochs(), time.monotonic() + 180
        try:
            while state() in ("queued", "running") and (kill == KILLS or epochs() == before):
                assert worker.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.01)
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        if kill < KILLS:
            assert state() == "running"
    assert state() == "finished", log.read_text()
    assert epochs() == KILLS + 2
