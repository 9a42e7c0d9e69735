import os
import subprocess
import sys
import time
import uuid

import sqlalchemy as sa

from tests.forked import fork_command, toploss
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
        while "is ready" not in (log.read_text() if log.exists() else "") or not any(
            each.stat().st_size for each in wal.parent.glob(wal.name)
        ):
            assert worker.is_alive(), log.read_text()
            assert time.monotonic() < until, "it writes no heartbeat"
            time.sleep(0.05)
        assert toploss("worker", "--check", env=env).stdout == "The worker embedded is alive.\n"
        other = toploss("worker", "--check", env=env | {"TOPLOSS_WORKER_ID": "other"}, check=False)
        assert (other.returncode, "has not reported" in other.stderr) == (1, True)
    finally:
        worker.terminate()
        worker.join()
    assert toploss("worker", "--check", env=env, check=False).returncode == 1
    assert not wal.exists() or wal.stat().st_size == 0


def test_a_worker_whose_database_is_gone_ends_when_it_is_stopped(postgres_server, tmp_path):
    name, log = f"gone_{uuid.uuid4().hex}", tmp_path / "log"
    server = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    url = server.url.set(database=name).render_as_string(hide_password=False)
    env = environment(tmp_path / "data", database_url=url)
    worker = fork_command("worker", env=env, output=(log, log))
    until = time.monotonic() + 180
    try:
        while "is ready" not in (log.read_text() if log.exists() else ""):
            assert worker.is_alive(), log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        worker.terminate()
        worker.join(90)
        assert worker.exitcode == 0, log.read_text()
    finally:
        worker.kill()
