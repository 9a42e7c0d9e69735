"""Events arrive signed, and again after a failure, by real requests."""

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.jobs.engine import JobContext
from app.jobs.models import Delivery
from app.jobs.requests import get_job
from app.jobs.webhooks import add_webhook, announce, queue_due
from app.settings import Settings
from app.tasks import TASKS
from tests.conftest import People
from tests.factories import Made

API = "/api/v1"


class Receiver(HTTPServer):
    """Keeps what it is sent; answers with `status`."""

    status = 204
    got: list[tuple[dict[str, str], bytes]]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver(("127.0.0.1", 0), Handler)
    server.got = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_private": "on"})


@contextmanager
def answering(begin: bytes, then: bytes, *, pause: float = 0.0) -> Iterator[str]:
    """The address of a server whose answer has no end: after `begin` it sends `then` again and again."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(begin)
                    while True:
                        connection.sendall(then)
                        time.sleep(pause)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def delivered(database: Database, settings: Settings, url: str) -> Delivery:
    """The delivery of an event to an address, after an attempt."""
    with database.write() as session:
        add_webhook(session, url=url, events=["run.finished"], secret=None, user_id=None)
        announce(session, "run.finished", dataset="faces", data={})
    work(database, settings)
    with database.read() as session:
        return session.query(Delivery).one()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_an_answer_without_end_only_the_status_is_read(database: Database, settings: Settings) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"
    with answering(head, b"x" * 2**16) as url:
        found = delivered(database, settings, url)
    assert (found.state, found.status, found.attempts) == ("delivered", 200, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_address_that_never_ends_its_headers_is_left_at_the_deadline(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tasks.webhook.SECONDS", 1.0)
    # Something comes all the time, so no single read is too long.
    with answering(b"HTTP/1.1 200 OK\r\n", b"x-more: 1\r\n", pause=0.05) as url:
        found = delivered(database, settings, url)
    assert (found.state, found.status, found.attempts) == ("waiting", None, 1)
    assert "did not answer" in found.problem


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_address_that_says_nothing_is_left_at_the_deadline(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tasks.webhook.SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = delivered(database, settings, f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert (found.state, found.attempts) == ("waiting", 1)
    assert "did not answer" in found.problem


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_attempt_counts_whatever_fails(database: Database, settings: Settings) -> None:
    found = delivered(database, settings, "http://127.0.0.1:9/\x01")  # registered before it was refused
    assert (found.state, found.attempts) == ("waiting", 1)


def work(database: Database, settings: Settings) -> int:
    """Do the jobs of all deliveries that are due, as a worker does."""
    with database.write() as session:
        due = queue_due(session)
        jobs = [each.job_id for each in session.query(Delivery).filter_by(state="queued")]
    for job_id in jobs:
        with database.read() as session:
            job = get_job(session, job_id=job_id)
        TASKS["webhook"](JobContext(job, database, settings))
    return due


def test_a_frozen_version_is_told_signed_once_and_again_after_a_failure(
    api: dict[str, TestClient],
    database: Database,
    settings: Settings,
    made: Made,
    people: People,
    receiver: Receiver,
) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/hook?a=1"
    asked = {"url": url, "events": ["version.frozen"]}
    hook = api["ada"].post(f"{API}/webhooks", json=asked).json()
    decided = {"sample": made.ranked[0], "verdict": "relabel", "label": "owl", "client_id": "a"}
    assert api["ann"].post(f"{API}/datasets/faces/decisions", json=decided).status_code == 201
    receiver.status = 500
    assert api["ada"].post(f"{API}/datasets/faces/versions").status_code == 201
    assert work(database, settings) == 1
    deliveries = f"{API}/webhooks/{hook['id']}/deliveries"
    [delivery] = api["ada"].get(deliveries).json()["items"]
    assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("waiting", 1, 500)
    with database.write() as session:
        session.query(Delivery).update({"next_at": Delivery.created_at})
    receiver.status = 204
    assert work(database, settings) == 1
    assert work(database, settings) == 0
    [delivery] = api["ada"].get(deliveries).json()["items"]
    assert (delivery["state"], delivery["attempts"], delivery["problem"]) == ("delivered", 2, "")
    assert len(receiver.got) == 2
    for headers, body in receiver.got:
        said = json.loads(body)
        assert (said["event"], said["dataset"], said["id"]) == ("version.frozen", "faces", delivery["id"])
        assert said["data"]["version"] == 1
        assert headers["host"] == f"127.0.0.1:{receiver.server_port}"
        signed = f"{headers['x-toploss-timestamp']}.".encode() + body
        expected = hmac.new(hook["secret"].encode(), signed, hashlib.sha256).hexdigest()
        assert headers["x-toploss-signature"] == f"sha256={expected}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_redirect_is_not_followed_and_a_private_address_not_called_once_it_is_forbidden(
    api: dict[str, TestClient], database: Database, settings: Settings, made: Made, receiver: Receiver
) -> None:
    url = f"http://localhost:{receiver.server_port}/"
    hook = api["ada"].post(f"{API}/webhooks", json={"url": url, "events": ["run.finished"]}).json()
    run = api["ada"].post(f"{API}/datasets/faces/runs", json={"recipe": "quick"}).json()
    assert api["ada"].post(f"{API}/runs/{run['id']}/cancel").status_code == 200
    receiver.status = 302
    work(database, settings)
    [delivery] = api["ada"].get(f"{API}/webhooks/{hook['id']}/deliveries").json()["items"]
    assert (delivery["state"], delivery["status"], len(receiver.got)) == ("waiting", 302, 1)
    with database.write() as session:
        session.query(Delivery).update({"next_at": Delivery.created_at})
    work(database, settings.model_copy(update={"webhook_private": "off"}))
    assert len(receiver.got) == 1
    [delivery] = api["ada"].get(f"{API}/webhooks/{hook['id']}/deliveries").json()["items"]
    assert "TOPLOSS_WEBHOOK_PRIVATE" in delivery["problem"]
    assert "secret" not in api["ada"].get(f"{API}/webhooks").json()["items"][0]
    assert api["ada"].delete(f"{API}/webhooks/{hook['id']}").status_code == 204
    assert api["ada"].get(f"{API}/webhooks/{hook['id']}/deliveries").status_code == 404
