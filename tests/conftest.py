"""Fixtures: database tests run on SQLite and PostgreSQL; servers are real and stopped by their own id."""

import atexit
import gc
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, create_engine, exists, select
from starlette.convertors import StringConvertor

from app.accounts.models import User
from app.accounts.passwords import hash_password
from app.accounts.tokens import create_token
from app.accounts.users import add_user
from app.db.engine import Database
from app.db.migrating import migrate
from app.db.types import Base
from app.main import create_app
from app.settings import Settings
from tests import postgres
from tests.clients import Client, one_thread
from tests.engines import share_compiled_statements
from tests.factories import Made, make_dataset
from tests.servers import Server, start_server

# One thread each: two spinning OpenMP teams are slower than one thread when tests run side by side.
os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", TOPLOSS_WORKER_THREADS="1")
os.environ["TOPLOSS_WEIGHTS"] = "none"  # a test of other start weights says so, and nothing is downloaded
os.environ["TOPLOSS_FIRST_LOOK"] = "off"  # a test that looks first says so: most imports need no ranking
# `test`: the same code always gets the same verdict, however busy the machine. `explore`: fresh examples
# every time.
hypothesis_settings.register_profile(
    "test", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile(
    "explore",
    parent=hypothesis_settings.get_profile("default"),
    deadline=None,
    max_examples=500,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.load_profile(os.environ.get("TOPLOSS_HYPOTHESIS", "test"))
LONG = ("tests/journeys/", "tests/web/test_hostile_values.py", "tests/tasks/", "tests/browser/")
SECRET = "of this test alone"  # noqa: S105
PASSWORD = "correct horse"  # noqa: S105 - of users that live as long as a test


def missing(what: str, how: str) -> None:
    """Skip with a line that says how to enable; where everything must run, fail."""
    if os.environ.get("CI") or os.environ.get("TOPLOSS_TEST_ALL"):
        pytest.fail(f"{what} is missing: {how}")
    pytest.skip(f"{what} is missing: {how}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Look for garbage only among what the tests make.

    The modules are a million objects that stay; looking through them again and again takes half of the time
    of their import.
    """
    gc.disable()
    atexit.register(gc.unfreeze)  # some modules complain when what they made is still there at the end
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files start first: one that started last would leave the other processes without work."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Each test has a database of its own; what SQLAlchemy compiled for one serves the others of its kind."""
    with pytest.MonkeyPatch.context() as patched:
        share_compiled_statements(patched)
        yield


@pytest.fixture(scope="session", autouse=True)
def requests_in_one_thread() -> Iterator[None]:
    """The clients of `api` and `browser_of` answer in the thread of the test."""
    with pytest.MonkeyPatch.context() as patched, one_thread(patched):
        yield


@pytest.fixture(autouse=True)
def addresses_of_a_web_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fastai loads fasthtml, which lets a part of an address be empty; a web process never loads it."""
    monkeypatch.setattr(StringConvertor, "regex", "[^/]+")


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same argon2id with the least work: a test makes three people and signs them in."""
    monkeypatch.setattr(
        "app.accounts.passwords._hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )


@pytest.fixture(autouse=True)
def same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random orders and audits are drawn alike in every run: the same code always gives the same verdict."""
    draws = Random(0)  # noqa: S311 - an order, no secret
    monkeypatch.setattr("app.datasets.models.secrets", SimpleNamespace(randbits=draws.getrandbits))
    monkeypatch.setattr("app.remaining.audits.secrets", SimpleNamespace(SystemRandom=lambda: draws))


@pytest.fixture(autouse=True)
def one_thread_of_torch() -> Iterator[None]:
    """A test that computes with more threads leaves them to no other one."""
    yield
    if device := sys.modules.get("app.ml.device"):
        device.use_threads(1)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL of our own (or of TOPLOSS_TEST_POSTGRES), migrated."""
    given = os.environ.get("TOPLOSS_TEST_POSTGRES")
    if given:
        migrate(given)
        yield given
        return
    if not postgres.available():
        missing(
            "PostgreSQL",
            "as root, apt-get install postgresql; or set TOPLOSS_TEST_POSTGRES to the URL of an empty "
            "test database.",
        )
    with postgres.run() as url:
        migrate(url)
        yield url


@pytest.fixture(scope="session")
def postgres_to_empty(postgres_server: str) -> Iterator[Engine]:
    """Kept open from test to test."""
    engine = create_engine(postgres_server, pool_pre_ping=True)
    yield engine
    engine.dispose()


@pytest.fixture
def empty_postgres(postgres_server: str, postgres_to_empty: Engine) -> str:
    """The PostgreSQL with every table empty and every sequence at its start.

    Deleting a test's few rows takes a third of the time of TRUNCATE, which makes every table's files anew.
    """
    tables = {table.name: table for table in reversed(Base.metadata.sorted_tables)}  # referring ones first
    with postgres_to_empty.begin() as connection:
        filled = connection.execute(
            select(*(exists(select(1).select_from(table)).label(name) for name, table in tables.items()))
        ).one()
        for name, is_filled in filled._mapping.items():
            if is_filled:
                connection.execute(tables[name].delete())
        connection.exec_driver_sql(
            "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, start_value, false) "
            "FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL",
        )
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS dbos CASCADE")
    return postgres_server


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated, empty SQLite file of the test's own."""
    path = tmp_path / "data" / "toploss.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database of either kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "empty_postgres")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database of either kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """Settings for a test's own data folder and database."""
    url = database.url.render_as_string(hide_password=False)
    return Settings(_env_file=None, data_dir=tmp_path / "data", database_url=url, secret_key=SECRET)  # type: ignore[call-arg]


@dataclass(frozen=True)
class People:
    """Who is there, with an API token each."""

    admin: User
    annotator: User
    other: User
    tokens: dict[str, str]


@pytest.fixture
def people(database: Database, settings: Settings) -> People:
    """An admin, ada, and two annotators, ann and bob."""
    with database.write() as session:
        users = {
            name: add_user(
                session,
                name=name,
                role="admin" if name == "ada" else "annotator",
                password_hash=hash_password(PASSWORD),
            )
            for name in ("ada", "ann", "bob")
        }
        tokens = {
            name: create_token(session, user=user, name="test", key=settings.secret())
            for name, user in users.items()
        }
    return People(users["ada"], users["ann"], users["bob"], tokens)


@pytest.fixture
def visitor(settings: Settings, database: Database) -> Iterator[TestClient]:
    """Somebody who is not signed in."""
    with TestClient(
        create_app(settings, database), follow_redirects=False, raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture
def api(settings: Settings, database: Database, people: People) -> dict[str, TestClient]:
    """A script each for ada (admin), ann and bob (annotators), with their API tokens."""
    app = create_app(settings, database)
    return {
        name: Client(app, headers={"authorization": f"Bearer {token}"})
        for name, token in people.tokens.items()
    }


class Browsers(dict[str, TestClient]):
    """Browsers without JavaScript by name; a person signs in when the test first needs theirs."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__()
        self.app = app

    def __missing__(self, name: str) -> TestClient:
        client = Client(self.app, headers={"sec-fetch-site": "same-origin"}, follow_redirects=False)
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        self[name] = client
        return client


@pytest.fixture
def browser_of(settings: Settings, database: Database, people: People) -> dict[str, TestClient]:
    """A browser each for ada (admin), ann and bob, signed in through the log-in form."""
    return Browsers(create_app(settings, database))


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """A data set named faces of 24 small images with a finished run's ranking."""
    return make_dataset(database, tmp_path / "images")


@pytest.fixture
def server(sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    """A real server process without a worker on a free port of 127.0.0.1."""
    with start_server(tmp_path / "data", database_url=sqlite_url) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the machine's own Chromium is."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing("Chromium", "as root, apt-get install chromium.")
    assert path is not None
    subprocess.run([path, "--version"], check=True, capture_output=True)
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)  # ms; five seconds are too few on a busy machine
    return path
