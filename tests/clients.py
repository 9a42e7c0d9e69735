"""Clients of an app in this process whose requests are answered in the thread that sends them.

Starlette's client starts a thread and an event loop for each request, and a route's function runs in a third
thread. Handing over between them takes longer than most routes. Servers of their own and the fixture
`visitor` use threads as a web process does.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import anyio.to_thread
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.testclient import httpx

_loop: list[asyncio.AbstractEventLoop] = []  # the one of this process, if it is open


@contextmanager
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep one event loop for all clients, and run routes of its requests without a thread of their own."""
    threaded = anyio.to_thread.run_sync

    async def run_sync(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if asyncio.get_running_loop() in _loop:
            return copy_context().run(function, *arguments)
        return await threaded(function, *arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", run_sync)
    _loop.append(asyncio.new_event_loop())
    yield
    _loop.pop().close()


def _is_free() -> bool:
    """Whether this thread can run the loop now: it is the main one, and no other loop runs in it."""
    is_main = threading.current_thread() is threading.main_thread()
    return bool(_loop) and is_main and asyncio._get_running_loop() is None


class _Direct(httpx.BaseTransport):
    """Answers in the sender's thread where it can, and otherwise as Starlette's client does."""

    def __init__(self, client: TestClient) -> None:
        self.client, self.threaded = client, client._transport
        self.asgi = httpx.ASGITransport(client.app, raise_app_exceptions=False, client=("testclient", 50000))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.client.portal is not None or not _is_free():
            return self.threaded.handle_request(request)
        return _loop[0].run_until_complete(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        answer = await self.asgi.handle_async_request(request)
        body = b"".join([part async for part in answer.aiter_raw()])  # compressed as it was sent
        return httpx.Response(answer.status_code, headers=answer.headers, content=body, request=request)


class Client(TestClient):
    """Starlette's client, without threads; it does not raise what the app raises."""

    def __init__(self, app: FastAPI, *, headers: dict[str, str], follow_redirects: bool = True) -> None:
        super().__init__(
            app, headers=headers, follow_redirects=follow_redirects, raise_server_exceptions=False
        )
        self._transport = _Direct(self)
