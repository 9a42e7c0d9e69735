import os
import subprocess
import sys
import time

from tests.forked import fork_command
from tests.servers import environment

PROGRAM = """
import sys, types
from app.commands import running
assert "numpy" not in sys.modules, "it reads how many threads it may use when it is loaded"
def report(_):
    import numpy, threadpoolctl
    pools = threadpoolctl.threadpool_info()
    print({pool["num_threads"] for pool in pools if pool["internal_api"] == "openblas"})
sys.modules["app.worker"] = types.SimpleNamespace(run_worker=report)
running.worker()
"""


def test_numpy_has_one_thread_in_a_worker(tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    env = clean | {"TOPLOSS_DATA_DIR": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.split("\n")[-2] == "{1}"


def test_a_worker_that_is_stopped_leaves_no_write_ahead_log(tmp_path):
    log = tmp_path / "log"
    env = environment(tmp_path / "data")
    worker = fork_command("worker", env=env, output=(log, log))
    until = time.monotonic() + 180
    wal = tmp_path / "data" / "toploss.db-wal"
    try:
        while "is ready" not in (log.read_text() if log.exists() else "") or not wal.stat().st_size:
            assert worker.is_alive(), log.read_text()
            assert time.monotonic() < until, "it writes no heartbeat"
            time.sleep(0.05)
    finally:
        worker.terminate()
        worker.join()
    assert not wal.exists() or wal.stat().st_size == 0
