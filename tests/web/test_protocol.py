"""What a client may send before anybody knows who it is: a real server, and clients that do not behave."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from app.web import protocol
from app.web.protocol import MOST_BYTES, MOST_HEADERS, LimitedProtocol

LARGE = 64_000_000  # bytes of an answer, more than any buffer between two processes holds
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"


class Site:
    """Tells how large a body was.

    `/large` has a large answer, `/busy` reads no body before it is told to go on.
    """

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.ended: list[str] = []  # how requests ended whose body or answer did not get through

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/busy":
            await asyncio.to_thread(self.go_on.wait, 20)
        size, message = 0, await receive()
        while True:
            if message["type"] == "http.disconnect":
                self.ended.append("body")
                return
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
            message = await receive()
        body = b"x" * LARGE if scope["path"] == "/large" else str(size).encode()
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        for i in range(0, len(body), 1_000_000):
            await send({"type": "http.response.body", "body": body[i : i + 1_000_000], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended.append("answer")


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def address(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server with the limits in force, its times a twentieth of the real ones."""
    for name in ("HEADERS_SECONDS", "BODY_SECONDS", "ANSWER_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(protocol, name, getattr(protocol, name) / 20)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            site,
            http=LimitedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=600,  # so that it ends no connection that a limit has to end
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()
        site.go_on.set()
        server.force_exit = server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    "headers", [b"expect: 100-continue", b"connection: upgrade\r\nupgrade: websocket", b"upgrade: h2c"]
)
def test_a_request_for_another_protocol_is_answered_and_nobody_is_told_to_install_something(
    client: socket.socket, headers: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    client.sendall(POST + headers + b"\r\ncontent-length: 0\r\n\r\n")
    assert b"200 OK" in client.recv(65536)
    assert [line.message for line in caplog.records if line.levelname != "INFO"] == []


@pytest.mark.parametrize("length", [b"content-length: 33", b"transfer-encoding: chunked"])
def test_a_body_behind_a_request_for_another_protocol_is_never_read_as_a_request(
    client: socket.socket, length: bytes
) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
    client.sendall(POST + b"connection: upgrade\r\nupgrade: h2c\r\n" + length + b"\r\n\r\n" + smuggled)
    said = rest(client)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


def test_after_a_request_for_another_protocol_the_connection_ends_so_that_nobody_waits_for_the_next_answer(
    client: socket.socket,
) -> None:
    other = b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n"
    client.sendall(POST + other + b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert rest(client).count(b"HTTP/1.1 200 ") == 1


@pytest.fixture
def client(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=30) as opened:
        yield opened


def rest(client: socket.socket) -> bytes:
    """Everything that the server says until it ends the connection."""
    said = b""
    try:
        while part := client.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return said


def flood(client: socket.socket, part: bytes, most: int) -> int:
    """Send the part again and again; how many bytes went before the server ended it."""
    sent = 0
    try:
        while sent < most:
            client.sendall(part)
            sent += len(part)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sent


def test_an_ordinary_request_and_the_next_one_of_its_connection_are_answered(client: socket.socket) -> None:
    for _ in range(3):
        client.sendall(POST + b"content-length: 5\r\n\r\nhello")
        said = b""
        while not said.endswith(b"\r\n0\r\n\r\n"):  # it may come in parts
            said += client.recv(65536)
        assert said.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "headers",
    [
        b"a: " + b"x" * MOST_BYTES + b"\r\n\r\n",
        (b"a: " + b"x" * 1000 + b"\r\n") * 70 + b"\r\n",
        b"a: b\r\n" * (MOST_HEADERS + 1) + b"\r\n",
    ],
    ids=["one large", "large together", "too many"],
)
def test_headers_beyond_the_limits_are_refused_in_words(client: socket.socket, headers: bytes) -> None:
    client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n" + headers)
    said = rest(client)
    assert said.startswith(b"HTTP/1.1 431 ")
    assert b"at most 100 headers" in said


def test_headers_within_the_limits_are_taken(client: socket.socket) -> None:
    headers = (b"a: " + b"x" * 600 + b"\r\n") * (MOST_HEADERS - 1)
    client.sendall(b"GET / HTTP/1.1\r\n" + headers + b"connection: close\r\n\r\n")
    assert rest(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"GET / HTTP/1.1\r\na: ", b"x" * 65536),
        (b"GET /", b"x" * 65536),
        (b"", b"\r\n" * 30000),
        (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 10000),
        (POST + b"transfer-encoding: chunked\r\n\r\n5;", b"x" * 65536),
        (POST + b"transfer-encoding: chunked\r\n\r\n0\r\na: ", b"x" * 65536),
        (POST + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 10000),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n" * 30000),
    ],
    ids=[
        "header",
        "address",
        "nothing",
        "headers",
        "chunk's extension",
        "trailer",
        "trailers",
        "after a request",
    ],
)
def test_no_part_of_a_request_but_its_body_goes_on_for_ever(
    client: socket.socket, start: bytes, part: bytes
) -> None:
    client.sendall(start)
    assert (
        flood(client, part, 200_000_000) < 50_000_000
    )  # what the buffers between the two hold is more than the limit


def test_requests_that_nobody_waits_for_are_not_piled_up(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(b"GET /busy HTTP/1.1\r\nhost: x\r\n\r\n" * 2000)
        assert rest(client) == b""


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: x\r\na: b",
        POST + b"content-length: 100\r\n\r\nhalf",
        POST + b"transfer-encoding: chunked\r\n\r\n5\r\nhel",
        POST + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\na: b",
    ],
    ids=["nothing", "half a line", "half the headers", "half a body", "half a chunk", "half a trailer"],
)
def test_what_stands_still_is_ended_in_words(client: socket.socket, start: bytes, site: Site) -> None:
    client.sendall(start)
    assert rest(client).startswith(b"HTTP/1.1 408 ")
    if start.startswith(b"POST"):
        while not site.ended:  # the application hears of it a moment later
            time.sleep(0.01)
    assert site.ended == (["body"] if start.startswith(b"POST") else [])


def test_a_header_now_and_then_does_not_keep_a_connection(client: socket.socket) -> None:
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.05):
            try:
                client.sendall(b"a: b\r\n")
            except OSError:
                return

    client.sendall(b"GET / HTTP/1.1\r\n")
    thread = threading.Thread(target=drip)
    thread.start()
    said = rest(client)
    over.set()
    thread.join()
    assert said.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 431 ")) or said == b""


def test_a_slow_body_that_makes_progress_passes(
    client: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.sendall(POST + b"content-length: 240000\r\nconnection: close\r\n\r\n")
    for _ in range(48):  # more than three times as long as a body that stands still may take
        client.sendall(b"x" * 5000)
        time.sleep(0.1)
    assert rest(client).endswith(b"\r\n6\r\n240000\r\n0\r\n\r\n")


def test_a_body_is_not_blamed_for_a_server_that_does_not_read_it(
    address: tuple[str, int], site: Site
) -> None:
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(
            POST.replace(b"/ ", b"/busy ") + b"content-length: 1000000\r\nconnection: close\r\n\r\n"
        )
        client.sendall(b"x" * 500_000)  # more than the server takes before the application reads
        time.sleep(4 * protocol.BODY_SECONDS)
        site.go_on.set()
        client.sendall(b"x" * 500_000)
        assert b"1000000" in rest(client)


def test_who_takes_no_answer_is_cut_off(address: tuple[str, int], site: Site) -> None:
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        while not site.ended:  # the server goes on once nobody is there to take it
            time.sleep(0.05)
        assert len(rest(client)) < LARGE


def test_who_takes_an_answer_slowly_gets_all_of_it(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        taken, part = 0, b"-"
        while part:
            if taken < 6_000_000:
                time.sleep(0.1)
            part = client.recv(1_000_000)
            taken += len(part)
        assert taken > LARGE
