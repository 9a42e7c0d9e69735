"""Forms with files, message by message: what is read before it is refused, and what of it is in memory."""

import asyncio
import tracemalloc
from collections.abc import Iterator

import pytest
from fastapi import params
from fastapi.routing import APIRoute
from starlette.types import Message

from app.db.engine import Database
from app.main import all_routes, create_app
from app.settings import Settings
from app.web.uploading import UploadRoute
from tests.conftest import People
from tests.factories import Made

PHOTOS = ["/api/v1/runs/1/photos", "/d/faces/models/1/photos"]
TAKE_FILES = [
    route
    for route in all_routes()
    if isinstance(route, APIRoute)
    and any(isinstance(field.field_info, params.File) for field in route.dependant.body_params)
]
UPLOADS = sorted(route.path_format.format(name="faces", run=1, run_id=1) for route in TAKE_FILES)
MEGABYTE = 1_000_000

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Client:
    """A client that sends a body piece by piece, and then leaves or waits for the answer."""

    def __init__(self, settings: Settings, database: Database, **headers: str) -> None:
        self.app = create_app(settings, database)
        self.headers = {"host": "toploss", "content-type": "multipart/form-data; boundary=B"} | headers

    def send(
        self, path: str, pieces: Iterator[bytes], *, method: str = "POST", leaves: bool = False
    ) -> tuple[int, str, int]:
        """Status and text of the answer, and how many pieces were read before it came."""
        read, sent = 0, list[Message]()

        async def receive() -> Message:
            nonlocal read
            piece = next(pieces, None)
            if piece is None:
                return (
                    {"type": "http.disconnect"} if leaves else {"type": "http.request", "body": b"--B--\r\n"}
                )
            read += 1
            return {"type": "http.request", "body": piece, "more_body": True}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        asyncio.run(self.app(scope, receive, send))
        text = b"".join(message.get("body", b"") for message in sent).decode(errors="replace")
        return sent[0]["status"], text, read


def files(count: int, size: int, *, field: str = "files") -> Iterator[bytes]:
    """A form of so many files, each of them a piece."""
    for number in range(count):
        head = f'--B\r\nContent-Disposition: form-data; name="{field}"; filename="{number}.png"\r\n\r\n'
        yield head.encode() + bytes(size) + b"\r\n"


def token_of(people: People, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {people.tokens[name]}"}


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize("said", [{"cookie": "toploss_session=none"}, {"authorization": "Bearer none"}])
def test_of_a_stranger_no_file_is_read(
    settings: Settings, database: Database, made: Made, path: str, said: dict[str, str]
) -> None:
    status, _, read = Client(settings, database, **said).send(path, files(5, MEGABYTE))
    assert (status, read) == (401, 0)


def test_each_route_that_takes_files_says_so(database: Database) -> None:
    assert set(PHOTOS) < set(UPLOADS)
    assert {f"/api/v1/datasets/faces/{what}" for what in ("images", "labels", "predictions")} < set(UPLOADS)
    assert [route.path for route in TAKE_FILES if not isinstance(route, UploadRoute)] == []


@pytest.mark.parametrize("path", UPLOADS)
def test_files_of_two_megabytes_are_read(
    settings: Settings, database: Database, people: People, made: Made, path: str
) -> None:
    client = Client(settings, database, **token_of(people, "ada"))
    field = "files" if path in PHOTOS else "file"
    status, text, read = client.send(path, files(1, 2 * MEGABYTE, field=field))
    assert (status, read) == (422, 1), text  # it is read, and no image, zip or table
    assert "larger" not in text


@pytest.mark.parametrize("path", UPLOADS)
def test_only_a_form_with_files_is_longer_than_other_bodies(
    settings: Settings, database: Database, people: People, made: Made, path: str
) -> None:
    client = Client(settings, database, **token_of(people, "ada"))
    for method, kind in (("GET", "multipart/form-data; boundary=B"), ("POST", "text/plain")):
        client.headers["content-type"] = kind
        status, _, read = client.send(path, files(5, MEGABYTE), method=method)
        assert status in (303, 405, 413)
        assert read <= 2


@pytest.mark.parametrize("path", PHOTOS)
def test_photos_that_are_sent_are_on_the_disk_and_not_in_memory(
    settings: Settings, database: Database, people: People, made: Made, path: str
) -> None:
    client = Client(settings, database, **token_of(people, "ann"))
    client.send(path, files(1, 10))  # what is loaded by the first request
    tracemalloc.start()
    try:
        status, text, read = client.send(path, files(20, MEGABYTE))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (status, "19.png is " in text, read) == (422, True, 20)
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize("path", PHOTOS)
def test_no_more_photos_are_read_than_may_be_sent(
    settings: Settings, database: Database, people: People, made: Made, path: str
) -> None:
    client = Client(settings, database, **token_of(people, "ann"))
    status, text, read = client.send(path, files(100, 1000))
    assert (status, "At most 20 photos" in text, read) == (422, True, 21)


@pytest.mark.parametrize("path", UPLOADS)
def test_who_leaves_in_the_middle_of_a_file_is_no_failure_of_the_server(
    settings: Settings, database: Database, people: People, made: Made, path: str
) -> None:
    client = Client(settings, database, **token_of(people, "ada"))
    assert client.send(path, files(1, 1000, field="file"), leaves=True)[0] == 400
