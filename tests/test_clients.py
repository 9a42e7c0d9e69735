"""A client that answers in the test's own thread gives the answers of Starlette's client."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import current_thread, main_thread

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from tests.clients import Client
from tests.factories import Made

API = "/api/v1"


def told(answer: Response) -> tuple[object, ...]:
    return answer.status_code, answer.headers.multi_items(), answer.content


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/d/faces?page=1", 422),
        ("GET", "/d/f%61ces", 200),
        ("HEAD", "/d/faces", 200),
        ("GET", "/nowhere/%00/a%2Fb", 404),
        ("GET", f"{API}/samples/1/image", 200),
        ("GET", f"{API}/datasets/faces/runs", 200),
        ("POST", "/d/faces/review/decisions", 422),
        ("PUT", f"{API}/datasets", 405),
    ],
)
def test_both_clients_get_the_same_answer(
    api: dict[str, TestClient], made: Made, method: str, path: str, status: int
) -> None:
    direct = api["ada"]
    threaded = TestClient(direct.app, headers=dict(direct.headers), raise_server_exceptions=False)
    assert isinstance(direct, Client)
    same = {"x-request-id": "0123456789abcdef"}  # else each request gets its own
    expected = told(threaded.request(method, path, headers=same))
    assert told(direct.request(method, path, headers=same)) == expected
    assert expected[0] == status


def where() -> dict[str, bool]:
    return {"is_main": current_thread() is main_thread()}


def test_a_route_runs_in_the_thread_of_the_test_and_elsewhere_as_in_a_web_process() -> None:
    app = FastAPI()
    app.get("/where")(where)
    client = Client(app, headers={})

    async def within_a_loop() -> Response:
        return client.get("/where")

    assert client.get("/where").json() == {"is_main": True}
    assert asyncio.run(within_a_loop()).json() == {"is_main": False}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(client.get, "/where").result().json() == {"is_main": False}
    with client:
        assert client.get("/where").json() == {"is_main": False}


def test_an_error_of_a_route_is_answered() -> None:
    def broken() -> None:
        raise ValueError

    app = FastAPI()
    app.get("/broken")(broken)
    assert Client(app, headers={}).get("/broken").status_code == 500
