"""Log lines: readable text or JSON, each with the id of the request that it belongs to."""

import json
import logging
import re
import secrets
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

Format = Literal["text", "json"]
LIBRARIES = ("alembic", "httpx")  # whose lines matter only when something is wrong
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{5,99}")
SECRET = re.compile(r"[A-Za-z0-9_-]{40,}")  # as long as our tokens; a part of an address that may be one

_request: ContextVar[str] = ContextVar("request", default="")


def begin_request(given: str = "") -> str:
    """Choose the id of the request that this task answers: `given` by a proxy if it is sane, else a new one.

    It holds for this task and the threads that work for it.
    """
    chosen = given if SANE.fullmatch(given) else secrets.token_hex(8)
    _request.set(chosen)
    return chosen


def request_id() -> str:
    """The id of the current request; empty where there is none."""
    return _request.get()


def without_secrets(path: str) -> str:
    """A path for a log line: parts that may be tokens, as in links to choose a password, are left out."""
    return "/".join("…" if SECRET.fullmatch(part) else part for part in path.split("/"))


def set_up(*, level: str, as_: Format) -> None:
    """Let the process write its lines to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_ == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)


def is_for_people() -> bool:
    """Whether a person reads standard error in a terminal."""
    return sys.stderr.isatty()


class TextLines(logging.Formatter):
    """`2026-11-29 08:00:00,000 INFO app.web.access_log [1f0c…]: GET / 200`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, with its stack trace below it."""
        record.request = f" [{request_id()}]" if request_id() else ""
        return super().format(record)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s")


class JsonLines(logging.Formatter):
    """One JSON object on each line; `extra={"fields": {…}}` of a record adds its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, with its stack trace as one text."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id():
            line["request_id"] = request_id()
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
