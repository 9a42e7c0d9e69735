"""A request waits for what others hold until its one deadline, then says so.

A full disk is told as what it is.
"""

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, event, text

from app.db.engine import Database
from app.db.types import now
from app.jobs import requests
from app.main import create_app
from app.settings import Settings
from tests.conftest import People
from tests.factories import Made

CROWD = 12
LIVELY = 22  # seconds: one after the other they would take longer


@contextmanager
def held(database: Database) -> Iterator[None]:
    """Another process has what a decision needs."""
    if database.is_sqlite:
        path = database.url.database or ""
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as other:  # a slow machine
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    engine = create_engine(database.url)
    with engine.begin() as other:
        other.execute(text("LOCK TABLE decision IN ACCESS EXCLUSIVE MODE"))
        yield
    engine.dispose()


@pytest.fixture(params=[2])
def client(
    request: pytest.FixtureRequest, settings: Settings, database: Database, people: People
) -> Iterator[TestClient]:
    """Ann's script, on a server whose requests wait for so many seconds."""
    waiting = settings.model_copy(update={"wait_seconds": float(request.param)})
    headers = {"authorization": f"Bearer {people.tokens['ann']}"}
    with TestClient(create_app(waiting, database), headers=headers, raise_server_exceptions=False) as made:
        yield made


def by_script(client: TestClient, made: Made, sample: int, client_id: str = "") -> int:
    body = {"sample": sample, "verdict": "keep", "client_id": client_id or str(uuid.uuid4())}
    answer = client.post(f"/api/v1/datasets/{made.name}/decisions", json=body)
    if answer.status_code == 503:
        assert "busy" in answer.json()["message"]
        assert int(answer.headers["retry-after"]) > 0
    return answer.status_code


def by_key(client: TestClient, made: Made, sample: int, client_id: str = "") -> int:
    form = {"sample": sample, "answer": "keep", "client_id": client_id or str(uuid.uuid4())}
    headers = {"hx-request": "true", "sec-fetch-site": "same-origin"}
    answer = client.post(f"/d/{made.name}/review/decisions", data=form, headers=headers)
    if answer.status_code == 503:
        assert "busy" in answer.text
        assert int(answer.headers["retry-after"]) > 0
    return answer.status_code


@pytest.mark.parametrize("decide", [by_script, by_key])
def test_all_who_wait_for_another_process_are_refused_at_their_own_deadline_and_nothing_is_lost(
    client: TestClient, database: Database, made: Made, decide: Callable[[TestClient, Made, int, str], int]
) -> None:
    assert decide(client, made, made.ranked[0], "before") in (200, 201)
    with held(database), ThreadPoolExecutor(CROWD) as crowd:
        asked = [
            crowd.submit(decide, client, made, sample, f"id {sample}")
            for sample in made.ranked[1 : CROWD + 1]
        ]
        assert client.get("/healthz").status_code == 200
        _, late = wait(asked, timeout=LIVELY)
        assert not late
        assert {each.result() for each in asked} == {503}
    assert decide(client, made, made.ranked[1], f"id {made.ranked[1]}") in (200, 201)
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM decision")) == 2


@pytest.mark.parametrize("client", [60], indirect=True)
def test_who_waits_for_less_than_the_deadline_is_served(
    client: TestClient, database: Database, made: Made
) -> None:
    with ThreadPoolExecutor(2) as crowd:
        with held(database):
            asked = [
                crowd.submit(decide, client, made, made.ranked[i])
                for i, decide in enumerate((by_script, by_key))
            ]
            threading.Event().wait(0.7)
        assert [each.result() for each in asked] == [201, 200]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("decide", [by_script, by_key])
def test_a_full_disk_is_told_as_what_it_is_and_keeps_what_was_acknowledged(
    client: TestClient, database: Database, made: Made, decide: Callable[[TestClient, Made, int, str], int]
) -> None:
    limits = []
    assert database._group_commit

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        limits.append(connection)
        connection.execute("PRAGMA max_page_count = 1")  # what there is, and no page more

    for engine in (database.engine, database._group_commit._engine):
        engine.dispose()
        event.listen(engine, "connect", limit)
    answers = [decide(client, made, sample, f"id {sample}") for sample in made.ranked]
    while 507 not in answers:
        answers += [decide(client, made, sample, str(uuid.uuid4())) for sample in made.ranked]
    assert set(answers) <= {200, 201, 507}
    for connection in limits:
        connection.execute("PRAGMA max_page_count = 1000000")
    with database.read() as session:
        stored = session.scalar(text("SELECT count(*) FROM decision"))
    assert stored == sum(answer != 507 for answer in answers)
    assert decide(client, made, made.ranked[0], "after") in (200, 201)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_disk_that_takes_no_upload_is_told_as_what_it_is(
    api: dict[str, TestClient], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    answer = api["ada"].post("/api/v1/datasets", data={"name": "pets"}, files={"file": ("a.zip", b"PK")})
    assert (answer.status_code, answer.json()["error"]) == (507, "storage_full")
    assert not list(settings.uploads_dir.iterdir())


def test_it_is_ready_without_a_sign_in_and_tells_whether_a_worker_lives(
    visitor: TestClient, database: Database, settings: Settings
) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    answer = visitor.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    checks = answer.json()["checks"]
    assert {name: check["ok"] for name, check in checks.items()} == {
        "database": True,
        "disk": True,
        "worker": False,
    }
    with database.write() as session:
        requests.beat(session, worker_id="one", started_at=now())
    assert visitor.get("/readyz").json()["checks"]["worker"]["ok"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_is_not_ready_while_the_database_takes_no_changes_and_is_again_afterwards(
    visitor: TestClient, database: Database
) -> None:
    with held(database):
        answer = visitor.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["database"]["ok"]) == (503, False)
        assert "busy" in answer.json()["checks"]["database"]["message"]
        assert visitor.get("/healthz").status_code == 200
    assert visitor.get("/readyz").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_is_not_ready_where_the_disk_has_no_room(
    visitor: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.readiness.LEAST_FREE", 1 << 60)
    answer = visitor.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["disk"]["ok"]) == (503, False)
    assert "free some space" in answer.json()["checks"]["disk"]["message"]
    assert str(settings.data_dir) not in answer.text
