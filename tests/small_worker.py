"""`toploss worker` with a small network and a short curve: python -m tests.small_worker."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CURVE_BATCHES = 12
SMALL = ("--recipe", "quick", "--set", "image_size=32", "--set", "batch_size=8")  # of `toploss train`


def make_trainings_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: a small network, and a short search for a learning rate after it."""
    from tests.small_network import use_small_network

    use_small_network(monkeypatch)
    monkeypatch.setattr("app.tasks.train.CURVE_BATCHES", CURVE_BATCHES)


def hold_trainings(monkeypatch: pytest.MonkeyPatch, gate: Path) -> None:
    """In this process: no training begins its last epoch while there is a file at `gate`."""
    from app.tasks import train

    true_record: Any = train._record

    def record(context: Any, plan: Any, fold: int, epoch: int, metrics: Any) -> None:
        true_record(context, plan, fold, epoch, metrics)
        while epoch == plan.recipe.phases[-1].epochs - 2 and gate.exists() and not context.should_stop():
            time.sleep(0.02)

    monkeypatch.setattr(train, "_record", record)


@contextmanager
def start_small_worker(
    env: dict[str, str], log: Path, *, gate: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process that is ready, where no other one is; what it prints goes to `log`."""
    with log.open("ab") as output:
        command = [sys.executable, "-m", "tests.small_worker", *([str(gate)] if gate else [])]
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        while "is ready" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(120)


if __name__ == "__main__":
    from app.commands.running import worker

    make_trainings_small(pytest.MonkeyPatch())
    if len(sys.argv) > 1:
        hold_trainings(pytest.MonkeyPatch(), Path(sys.argv[1]))
    worker()
