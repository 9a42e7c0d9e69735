"""A worker that is killed again and again ends no training that gets further each time."""

import json
import sqlite3
import time
from pathlib import Path

import pytest

from app.settings import Settings
from tests.factories import write_images
from tests.forked import fork
from tests.servers import Server, environment
from tests.small_worker import SMALL

KILLS = 6  # more than the restarts after which a job without progress is given up


def work() -> None:
    """A worker process with a small network."""
    from app.worker import run_worker
    from tests.small_network import use_small_network

    use_small_network(pytest.MonkeyPatch())
    run_worker(Settings(_env_file=None))  # type: ignore[call-arg]


def test_a_training_whose_worker_is_killed_after_each_checkpoint_finishes(
    sqlite_url: str, tmp_path: Path
) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    shell = Server(None, "", data, environment(data, database_url=sqlite_url), log)  # type: ignore[arg-type]
    shell.command("import", str(write_images(tmp_path / "images", per_class=6)), "--name", "pets")
    shell.command("train", "pets", *SMALL, "--epochs", str(KILLS + 2))
    sidecar = data / "runs" / "1" / "main" / "checkpoint.json"

    def seconds() -> list[float]:
        """Of each finished epoch, as the checkpoint has them."""
        return [e["seconds"] for e in json.loads(sidecar.read_text())["history"]] if sidecar.exists() else []

    def rows(query: str) -> list[tuple]:
        with sqlite3.connect(data / "toploss.db") as connection:
            return connection.execute(query).fetchall()

    def state() -> str:
        return str(rows("select state from run")[0][0])

    modules = ("tests.forked", "app.worker", "app.tasks.train", "tests.small_network")  # torch takes seconds
    for kill in range(KILLS + 1):
        worker = fork(work, env=shell.env, output=(log, log), modules=modules)
        before, deadline = seconds(), time.monotonic() + 180
        try:
            while state() in ("queued", "running") and (kill == KILLS or seconds() == before):
                assert worker.is_alive(), log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.01)
        finally:
            worker.kill()
            worker.join()
        # The finished epochs were not trained again: their measured seconds are the same to the last digit.
        assert seconds()[: len(before)] == before
        if kill < KILLS:
            assert state() == "running"
    assert state() == "finished", log.read_text()
    assert len(seconds()) == KILLS + 2
    assert rows("select seconds from epoch where fold = -1 order by epoch") == [(s,) for s in seconds()]
    assert rows("select count(*) from prediction") == [(24,)]
