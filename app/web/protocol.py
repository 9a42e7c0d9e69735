"""The HTTP protocol of the web server, with limits for clients that are not signed in yet.

uvicorn's protocol on httptools takes headers of any size and waits for the rest of a request for ever; the
options that it has against that are those of another parser. Here headers have a size, a number and a time,
and a body has to make progress: a slow one of 4 GB passes, one that stands still does not. Whoever does not
take an answer that is being sent is cut off too.
"""

import asyncio
import logging
from enum import Enum, auto

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.logs import begin_request
from app.web.refusals import unread
from app.web.security import HEADERS

log = logging.getLogger(__name__)
MOST_BYTES = 64 * 1024  # of an address and headers, and of anything between two parts of a body
MOST_HEADERS = 100
MOST_WAITING = 16  # requests that are sent before the one before is answered
HEADERS_SECONDS = 20.0  # from the first byte of a request, or from the connection, to the end of its headers
BODY_SECONDS = 30.0  # in which a body has to bring …
BODY_BYTES = 15_000  # … so much: 500 bytes per second
ANSWER_SECONDS = 60.0  # in which a client has to take something of an answer
LOOK_SECONDS = 2.0  # between two checks of a connection


class _Phase(Enum):
    HEADERS = auto()
    BODY = auto()
    ANSWER = auto()  # the request is whole: it is the server's turn, or nobody's


class Refused(Exception):
    """Headers that are beyond the limits or cannot be served. The parser turns it into its own error."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits; what is beyond them gets 431 or 408 and the connection's end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to check the connection."""
        super().connection_made(transport)
        self._refusal = 0  # the status of an answer that ends the connection
        self._between = 0  # bytes since the last part of a body, or since a request began
        self._count = self._size = 0  # of the headers, and of what a body's end brings more
        self._unsent = 0  # bytes of an answer, at the last look
        self._stuck = 0  # looks in a row that found as many
        self._enter(_Phase.HEADERS)
        self._look = self.loop.call_later(LOOK_SECONDS, self._look_at_it)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop checking."""
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is neither a body nor a whole part of headers."""
        self._between += len(data)
        super().data_received(data)
        if self._phase is _Phase.ANSWER and self._is_idle() and not self.timeout_keep_alive_task:
            self._enter(_Phase.HEADERS)  # it sent something, but no request has begun
        if self._between > MOST_BYTES and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._count = self._size = 0
        self._enter(_Phase.HEADERS)

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._add(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or one of those that a body in chunks may have behind it."""
        self._count += 1
        self._add(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers are whole."""
        if len(self.pipeline) >= MOST_WAITING:
            self._refusal = 431
            raise Refused
        is_upgrade = self.parser.should_upgrade()
        if is_upgrade and self._has_body():
            # The parser stops after these headers: it would lose the body, or read it as the next request.
            self._refusal = 400
            raise Refused
        self._enter(_Phase.BODY)
        super().on_headers_complete()
        if is_upgrade:
            self.cycle.keep_alive = False  # what follows is of a protocol that nobody speaks here

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._between = 0
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._enter(_Phase.ANSWER)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - we have words of our own
        """Answer a request that the parser or a limit refuses."""
        self._refuse(self._refusal or 400)

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: a request for another protocol is answered in HTTP; nothing is to be installed."""

    def _has_body(self) -> bool:
        """Whether the headers announce a body."""
        announced = dict(self.headers)
        return b"transfer-encoding" in announced or announced.get(b"content-length", b"0").strip(b"0") != b""

    def _add(self, size: int) -> None:
        self._size += size
        if self._size > MOST_BYTES or self._count > MOST_HEADERS:
            self._refusal = 431
            raise Refused

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._looks = self._between = self._received = 0

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _look_at_it(self) -> None:
        """End connections without progress, except if the server causes the delay.

        Looks are counted, not seconds: when the whole server stands still, nobody's time goes on.
        """
        if self.transport.is_closing() or self.flow.write_paused:
            self._end_what_is_not_taken()
        elif self.flow.read_paused or (self.cycle and self.cycle.waiting_for_100_continue):
            self._looks = self._received = 0
        else:
            self._looks += 1
            waited = self._looks * LOOK_SECONDS
            if self._phase is _Phase.HEADERS and waited > HEADERS_SECONDS and self._is_idle():
                self._refuse(408)
            elif self._phase is _Phase.BODY and waited > BODY_SECONDS:
                if self._received < BODY_BYTES:
                    self._refuse(408)
                self._looks = self._received = 0
        self._look = self.loop.call_later(LOOK_SECONDS, self._look_at_it)

    def _end_what_is_not_taken(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        self._stuck = self._stuck + 1 if unsent == self._unsent else 0
        self._unsent = unsent
        if self._stuck * LOOK_SECONDS > ANSWER_SECONDS:
            self.transport.abort()

    def _refuse(self, status: int) -> None:
        """Say why, unless an answer is under way, and end the connection."""
        cycle = self.cycle
        is_silent = cycle is None or (
            cycle.response_complete if self._phase is _Phase.HEADERS else not cycle.response_started
        )
        if is_silent and not self.pipeline:
            self.transport.write(_answer(status, getattr(self, "url", b"")))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # what the application still says goes nowhere
            cycle.message_event.set()
        self.transport.close()


def _answer(status: int, address: bytes) -> bytes:
    reason, code, message = _WORDS[status]
    kind, content = unread(address, status=status, code=code, message=message)
    known = begin_request()
    log.info("refused a request that could not be read: %s", status)
    headers = HEADERS | {"content-type": kind, "content-length": str(len(content)), "connection": "close"}
    headers |= {"x-request-id": known}
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


_WORDS = {
    400: (
        "Bad Request",
        "invalid",
        "The server cannot read this request, so nothing was changed; check its first line and its headers.",
    ),
    408: (
        "Request Timeout",
        "too_slow",
        "The rest of the request did not come in time; send it again.",
    ),
    431: (
        "Request Header Fields Too Large",
        "too_large",
        f"A request has at most {MOST_HEADERS} headers and, with its address, {MOST_BYTES:,} bytes of them.",
    ),
}
