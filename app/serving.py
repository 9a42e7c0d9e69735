"""Starts the web server and keeps a worker process running."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType

import uvicorn

from app.accounts.keys import open_key
from app.accounts.models import User
from app.accounts.roles import ADMIN
from app.accounts.users import list_users
from app.data_folder import sweep_data_folder
from app.db.engine import Database
from app.db.migrating import migrate
from app.errors import Conflict
from app.main import create_app
from app.settings import Settings
from app.web.pages.accounts.first_admin import FirstAdmin, is_loopback
from app.web.pages.accounts.signing_in import FIRST_ADMIN
from app.web.protocol import LimitedProtocol

log = logging.getLogger(__name__)
FINISH_SECONDS = 30  # that running requests get when the server is stopped
STOP_SECONDS = 10  # that the worker gets after them
ADD_ADMIN = "toploss user add NAME --role admin"
NO_ADMIN = f"There is no admin yet. In a second shell: {ADD_ADMIN}"
RESTART_SECONDS = (1, 2, 5, 15, 30)  # after the first, second, … crash in a row
HEALTHY_SECONDS = 60


def serve(settings: Settings, *, host: str, port: int, with_worker: bool, greeting: str = "") -> None:
    """Serve until SIGINT or SIGTERM; then running requests are finished, and the worker is stopped.

    Raises Conflict when the port is taken.
    """
    migrate(settings.database)
    with closing(Database(settings.database)) as database, database.read() as session:
        open_key(session, settings=settings)
        users = list_users(session)
    sweep_data_folder(settings)
    listener = _listen(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    first_admin = FirstAdmin(only_here=is_loopback(listener.getsockname()[0]))
    config = uvicorn.Config(
        create_app(settings, first_admin=first_admin),
        log_level=settings.log_level,
        access_log=False,  # app.web.access_log has its own
        log_config=None,
        forwarded_allow_ips=settings.forwarded_allow_ips.split(","),
        server_header=False,
        http=LimitedProtocol,
        ws="none",
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    supervisor = Supervisor(settings) if with_worker else None
    signal.signal(signal.SIGTERM, _interrupt)  # uvicorn raises it again when it has finished
    try:
        if supervisor:
            supervisor.start()
        _greet(users, first_admin, url, greeting)
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # the normal way to stop it, not a failure
    finally:
        if supervisor:
            supervisor.stop()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends the server as Ctrl+C does; by default it would end at once and leave its worker."""
    raise KeyboardInterrupt


def _greet(users: list[User], first_admin: FirstAdmin, url: str, greeting: str) -> None:
    print(f"Toploss is at {url}  (Ctrl+C stops it; start it again to resume)", flush=True)
    if not users:
        print(first_steps(first_admin, url), flush=True)
    elif not any(user.role == ADMIN and user.active for user in users):
        print(NO_ADMIN, flush=True)
    if greeting:
        print(greeting, flush=True)


def first_steps(first_admin: FirstAdmin, url: str) -> str:
    """Where and with what the first admin is created; the code alone is a whole line, to be copied."""
    if first_admin.only_here:
        return f"Nobody can sign in yet. Create the first admin there, or in a second shell: {ADD_ADMIN}"
    return (
        f"Nobody can sign in yet. Create the first admin at {url}{FIRST_ADMIN} with the code\n"
        f"  {first_admin.code}\n"
        f"or in a second shell: {ADD_ADMIN}"
    )


@contextmanager
def worker_beside(settings: Settings, database: Database) -> Iterator[None]:
    """Ensure that a worker runs during the block: one that is already running, or a new one."""
    from app.jobs.requests import live_workers

    with database.read() as session:
        alive = bool(live_workers(session))
    if alive:
        yield
        return
    supervisor = Supervisor(settings)
    supervisor.start()
    try:
        yield
    finally:
        supervisor.stop()


class Supervisor:
    """A worker process: restarted when it crashes, with growing pauses, and stopped with the server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name="worker-supervisor", daemon=True)

    def start(self) -> None:
        """Start supervising in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the worker; its jobs resume when a worker starts again."""
        self._stopping.set()
        process = self._process
        if process and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(STOP_SECONDS)

    def _keep_running(self) -> None:
        crashes = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            # -P: modules are not looked for in the folder where somebody typed the command.
            command = [sys.executable, "-P", "-m", "app.cli", "worker"]
            # In its own session, so that Ctrl+C reaches only the server, which then stops the worker.
            self._process = subprocess.Popen(command, env=self._environment(), start_new_session=True)
            if self._stopping.is_set():
                self._process.terminate()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            crashes = 0 if time.monotonic() - started > HEALTHY_SECONDS else crashes + 1
            pause = RESTART_SECONDS[min(crashes, len(RESTART_SECONDS) - 1)]
            log.warning("the worker ended with exit code %s; starting it again in %s s", code, pause)
            self._stopping.wait(pause)

    def _environment(self) -> dict[str, str]:
        values = {
            "DATA_DIR": str(self._settings.data_dir.resolve()),
            "DATABASE_URL": self._settings.database_url,
            "JOBS_DATABASE_URL": self._settings.jobs_database_url,
            "WEIGHTS": self._settings.weights,
            "WORKER_ID": self._settings.worker_id,
            "LOG_LEVEL": self._settings.log_level,
            "LOG_FORMAT": self._settings.log_format,
            "WORKER_THREADS": str(self._settings.worker_threads),
            "MAX_IMAGE_PIXELS": str(self._settings.max_image_pixels),
            "DECODING_MB": str(self._settings.decoding_mb),
            "SUPERVISED": "1",
        }
        return {**os.environ, **{f"TOPLOSS_{key}": value for key, value in values.items()}}


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # from now on connections to the printed address are accepted
    except OSError as error:
        listener.close()
        raise Conflict(
            f"Port {port} on {host} cannot be used ({error.strerror}); set TOPLOSS_PORT to another one."
        ) from error
    return listener
