"""Where the parts of the endurance run work: databases, people, and server processes that can be killed."""

import http.client
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

import app.db.tables  # noqa: F401 - registers them
from app.accounts.models import User
from app.accounts.tokens import create_token
from app.cli import main
from app.db.engine import Database
from app.settings import Settings
from tests import postgres
from tests.forked import COMMAND, fork
from tests.ports import free_port
from tests.servers import environment

STARTS_IN = 180.0  # seconds that a start may take on a busy machine
# One list for all: another one ends the process that these are forked from, and nobody can kill them then.
MODULES = (*COMMAND, "app.commands.running", "app.serving", "app.worker", "tests.small_network")


@dataclass
class Part:
    """What one part has measured."""

    name: str
    database: str  # sqlite, postgresql or empty
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)  # empty when everything held
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)

    def expect(self, holds: bool, problem: str) -> None:
        """Note the problem unless it holds."""
        if not holds and problem not in self.problems:
            self.problems.append(problem)
            print(f"  {self.name}, {self.database}: {problem}", flush=True)


@dataclass(frozen=True)
class Place:
    """A data folder, and the database that belongs to it."""

    kind: str  # sqlite or postgresql
    folder: Path
    url: str  # of a PostgreSQL database; empty for SQLite in the folder

    @property
    def settings(self) -> Settings:
        """Of processes that work here."""
        return Settings(data_dir=self.folder, database_url=self.url, _env_file=None)  # type: ignore[call-arg]

    @property
    def env(self) -> dict[str, str]:
        """Of processes that work here."""
        return environment(self.folder, database_url=self.url)

    @property
    def log(self) -> Path:
        """What their processes print."""
        return self.folder.with_suffix(".log")

    def command(self, *arguments: str, check: bool = True) -> str:
        """What a command prints that runs to its end."""
        printed = self.folder.with_suffix(".printed")
        printed.unlink(missing_ok=True)
        process = self.start_command(*arguments, output=printed)
        process.join()
        if check and process.exitcode:
            raise SystemExit(f"toploss {' '.join(arguments)}: {printed.read_text()}")
        return printed.read_text()

    def start_command(self, *arguments: str, output: Path | None = None) -> BaseProcess:
        """A command that may be killed."""
        log = output or self.log
        return fork(run_command, *arguments, env=self.env, output=(log, log), modules=MODULES)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Its database."""
        opened = Database(self.settings.database)
        try:
            yield opened
        finally:
            opened.close()


class Places:
    """Makes empty places of one kind of database, and removes them."""

    def __init__(self, kind: str, folder: Path, stack: ExitStack) -> None:
        self.kind, self.folder = kind, folder
        folder.mkdir(parents=True)
        if kind == "postgresql":
            self.server = sa.create_engine(
                stack.enter_context(postgres.run()), isolation_level="AUTOCOMMIT", poolclass=NullPool
            )

    @contextmanager
    def empty(self, name: str) -> Iterator[Place]:
        """A place with nothing in it."""
        url = ""
        if self.kind == "postgresql":
            with self.server.connect() as connection:
                connection.execute(sa.text(f"CREATE DATABASE {name}"))
            url = self.server.url.set(database=name).render_as_string(hide_password=False)
        yield Place(self.kind, self.folder / name, url)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        if url:
            with self.server.connect() as connection:
                connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def tokens_of(place: Place, names: dict[str, str]) -> dict[str, str]:
    """An API token of each of these people, who are made with their role."""
    made = {}
    with place.database() as database, database.write() as session:
        for name, role in names.items():
            user = User(name=name, role=role, password_hash="none")  # noqa: S106 - nobody signs in with it
            session.add(user)
            session.flush()
            made[name] = create_token(session, user=user, name="endurance", key=place.settings.secret())
    return made


class Killable:
    """A web server on one port, which is killed and started again."""

    def __init__(self, place: Place) -> None:
        self.place, self.port = place, free_port()
        self.process: BaseProcess | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> bool:
        """Whether it answers in time."""
        env = self.place.env | {"TOPLOSS_PORT": str(self.port)}
        log = self.place.log
        self.process = fork(serve, env=env, output=(log, log), modules=MODULES)
        until = time.monotonic() + STARTS_IN
        while time.monotonic() < until and self.process.is_alive():
            connection = http.client.HTTPConnection(self.address, timeout=5)
            try:
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:  # noqa: PLR2004
                    return True
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()
        return False

    def kill(self) -> None:
        """With SIGKILL."""
        assert self.process
        self.process.kill()
        self.process.join()


def run_command(*arguments: str) -> None:
    """A command in a forked process."""
    sys.argv = ["toploss", *arguments]
    main()


def serve() -> None:
    """A web server in a forked process."""
    from app.commands.running import serve as run

    run(worker=False, host=None, port=None)


def work() -> None:
    """A worker with a small network in a forked process."""
    import pytest

    from app.commands.running import worker
    from tests.small_worker import make_trainings_small

    make_trainings_small(pytest.MonkeyPatch())
    worker()


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """What a process holds now (VmRSS) or held at most (VmHWM). Linux only (/proc)."""
    found = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
