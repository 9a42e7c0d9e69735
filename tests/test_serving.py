"""`toploss serve` keeps a worker running, and ends with it."""

import fcntl
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select

from app.db.engine import Database
from app.jobs.models import Job
from app.training.models import Epoch
from tests.factories import write_images
from tests.servers import Server, environment, start_server
from tests.small_worker import SMALL


def test_a_module_in_the_folder_of_the_command_is_not_taken_for_a_library(tmp_path: Path) -> None:
    (tmp_path / "sqlalchemy.py").write_text("raise SystemExit('a script of somebody’s own')")
    log, until = tmp_path / "server.log", time.monotonic() + 300
    command = [str(Path(sys.executable).parent / "toploss"), "serve", "--worker"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environment(tmp_path / "data"), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        while "is ready" not in log.read_text():
            assert "the worker ended with exit code" not in log.read_text(), log.read_text()
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
    finally:
        server.terminate()
        server.wait(120)


def wait_for(sign: Callable[[], object], server: Server) -> None:
    """Until the sign is there."""
    until = time.monotonic() + 300
    while not sign():
        assert server.process.poll() is None, server.log.read_text()
        assert time.monotonic() < until, server.log.read_text()
        time.sleep(0.2)


def epochs_saved(data_dir: Path) -> int:
    with closing(Database(f"sqlite:///{data_dir}/toploss.db")) as database, database.read() as session:
        return session.scalar(select(func.count()).select_from(Epoch)) or 0


def is_worker_there(data_dir: Path) -> bool:
    """Whether a process holds the lock of the worker's name."""
    with (data_dir / "worker-embedded.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_server_that_is_stopped_answers_what_it_was_asked_and_ends_with_its_worker(tmp_path: Path) -> None:
    data, images = tmp_path / "data", write_images(tmp_path / "images")
    with start_server(data, worker=True) as server:
        server.command("import", str(images), "--name", "faces")
        server.command("train", "faces", *SMALL, "--epochs", "60")
        wait_for(lambda: epochs_saved(data), server)
        where, form = urlsplit(server.url), b"name=nobody&password=none"
        with socket.create_connection((where.hostname, where.port), timeout=120) as asked:
            head = f"POST /login HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {len(form)}\r\n"
            asked.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
            asked.sendall(form[:5])
            server.process.send_signal(signal.SIGTERM)
            wait_for(lambda: "Shutting down" in server.log.read_text(), server)
            asked.sendall(form[5:])
            assert b"HTTP/1.1 401" in asked.recv(1000)
        assert server.process.wait(120) == 0, server.log.read_text()
        assert not is_worker_there(data), "the worker ends before the server"
    log = data / "toploss.db-wal"
    assert not log.exists() or log.stat().st_size == 0
    before = epochs_saved(data)
    with closing(Database(f"sqlite:///{data}/toploss.db")) as database, database.read() as session:
        stopped = session.scalars(select(Job).where(Job.task == "train")).one()
    assert (stopped.state, stopped.progress_mark) == ("running", None), "a person stopped it, it did not die"
    with start_server(data, worker=True) as again:
        wait_for(lambda: epochs_saved(data) > before, again)
        again.stop(signal.SIGINT)
    assert again.process.returncode == 0, again.log.read_text()
    assert not is_worker_there(data)
