"""How a command asks the REST API: that of a server, or the local data folder in this process.

A command that uses `open_api` is written once and runs in both places.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from app.errors import Conflict, Forbidden, Invalid, Moved, NotFound, NotSignedIn, ToplossError

if TYPE_CHECKING:
    import httpx

    from app.accounts.tokens import Person

API = "/api/v1"
PAGE = 1000  # results of one request
PATIENCE = 300.0  # seconds without a byte
Server = Annotated[
    str | None,
    typer.Option(
        envvar="TOPLOSS_SERVER",
        metavar="URL",
        help="Ask this server instead of this machine's data folder; TOPLOSS_TOKEN is an API token of it.",
    ),
]
As = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="PERSON", help="Who decides; with --server it is the person of TOPLOSS_TOKEN."
    ),
]


File = tuple[str, IO[bytes]]  # a name and the content
_KINDS = (NotFound, Conflict, Invalid, NotSignedIn, Forbidden)


class Refused(ToplossError):
    """The API answered with another error, or not at all."""


class Api:
    """Requests to the REST API; an error is raised with the sentence that the API answers."""

    def __init__(self, client: "httpx.Client") -> None:
        self._client = client

    def get(self, path: str, **query: object) -> Any:
        """The JSON at a path; parameters that are None are left out."""
        asked: Any = {name: value for name, value in query.items() if value is not None}
        return _checked(self._client.get(API + path, params=asked)).json()

    def ready(self) -> Any:
        """The checks of a server, whether they succeed or not."""
        return self._client.get("/readyz").json()

    def pages(self, path: str, *, limit: int | None = None, **query: object) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page; at most `limit`."""
        cursor, left = None, limit
        while left is None or left > 0:
            page = self.get(path, limit=PAGE if left is None else min(PAGE, left), cursor=cursor, **query)
            yield from page["items"]
            left = None if left is None else left - len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def send(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, File] | Sequence[tuple[str, File]] | None = None,
    ) -> Any:
        """The JSON that a changing request is answered with; None where the answer is empty."""
        answer = _checked(self._client.request(method, API + path, json=json, data=form, files=files))
        return answer.json() if answer.content else None

    def download(self, path: str, file: Path, **query: object) -> Mapping[str, str]:
        """Write what is at a path to a file, whole or not at all; `-` is standard output. The headers."""
        from app.export.output import open_output

        asked: Any = {name: value for name, value in query.items() if value is not None}
        with self._client.stream("GET", API + path, params=asked) as answer:
            if answer.is_error:
                answer.read()
            _checked(answer)
            with open_output(file) as out:
                out.writelines(answer.iter_bytes())
            return answer.headers


@contextmanager
def open_api(server: str | None, *, person: str | None = None) -> Iterator[Api]:
    """The API of the server, or of the data folder. `person`, an annotator's name, decides there.

    Raises Invalid for an address that is none, and where `person` is named for a server; NotSignedIn without
    a token; NotFound for a name that nobody has.
    """
    with _remote(server, person=person) if server else _local(person) as client:
        import httpx

        try:
            yield Api(client)
        except NotFound as error:
            if not server or not client.base_url.path.strip("/") or isinstance(error, Moved):
                raise
            hint = f"Is {client.base_url.copy_with(raw_path=b'/')} the address of the server?"
            raise NotFound(f"{error} {hint}") from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Refused(f"{server} cannot be reached: {reason}. Check --server and the network.") from error


@contextmanager
def _remote(server: str, *, person: str | None) -> "Iterator[httpx.Client]":
    import httpx

    if person is not None:
        raise Invalid("Leave --as out: a server knows who asks by TOPLOSS_TOKEN.")
    address = _address(server)
    token = os.environ.get("TOPLOSS_TOKEN", "").strip()
    if not token:
        raise NotSignedIn(
            "Set TOPLOSS_TOKEN to an API token of this server; a person makes one on the page Account there, "
            "or `toploss token create` on its machine."
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise NotSignedIn("TOPLOSS_TOKEN is no API token; copy it again, it begins with tl_.")
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(
        base_url=address, headers=headers, follow_redirects=True, timeout=httpx.Timeout(PATIENCE, connect=20)
    ) as client:
        yield client


def _address(server: str) -> str:
    """The address below which the API of a server is. Raises Invalid."""
    wrong = f"“{server}” is no address of a server"
    try:
        parts = urlsplit(server.strip())
        is_named = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise Invalid(f"{wrong}: {error}.") from None
    if parts.scheme not in ("http", "https") or not is_named:
        raise Invalid(f"{wrong}; it begins with http:// or https://, then the name of the server.")
    if parts.username is not None or parts.password is not None:
        raise Invalid(
            "Leave name and password out of the address of the server; TOPLOSS_TOKEN says who asks."
        )
    if parts.query or parts.fragment:
        raise Invalid(f"{wrong}; leave out what follows ? or #.")
    return server.strip().rstrip("/").removesuffix(API)


@contextmanager
def _local(person: str | None) -> "Iterator[httpx.Client]":
    import httpx
    from anyio.from_thread import start_blocking_portal

    from app.accounts.roles import ADMIN
    from app.accounts.tokens import Person
    from app.accounts.users import get_user
    from app.commands.shared import open_database, read_settings
    from app.main import create_app

    with open_database() as database:
        asks = Person(id=0, name="", role=ADMIN)
        if person is not None:
            with database.read() as session:
                user = get_user(session, name=person)
                asks = Person(id=user.id, name=user.name, role=user.role)
        silent = read_settings().model_copy(update={"access_log": "off"})  # that log is of servers
        app = _as_person(create_app(silent, database), asks)
        with start_blocking_portal() as portal:

            class InProcess(httpx.BaseTransport):
                """Answers requests by the application in this process."""

                def __init__(self) -> None:
                    self.asgi = httpx.ASGITransport(app)

                def handle_request(self, request: httpx.Request) -> httpx.Response:
                    return portal.call(self._answer, request)

                async def _answer(self, request: httpx.Request) -> httpx.Response:
                    asked = httpx.Request(
                        request.method, request.url, headers=request.headers, content=request.read()
                    )
                    answer = await self.asgi.handle_async_request(asked)
                    body = b"".join([part async for part in answer.aiter_raw()])
                    return httpx.Response(answer.status_code, headers=answer.headers, content=body)

            with httpx.Client(
                transport=InProcess(), base_url="http://localhost", follow_redirects=True
            ) as client:
                yield client


def _as_person(app: Any, person: "Person") -> Any:
    """The application, asked by somebody whose right is that of the data folder's owner."""
    from app.web.deps import IN_PROCESS

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, IN_PROCESS: person}, receive, send)

    return asked


def _checked(answer: "httpx.Response") -> "httpx.Response":
    """Raises an error of the domain, by its code, or Refused."""
    if not answer.is_error and not answer.is_redirect:
        return answer
    try:
        said = answer.json()
        code, message = said["error"], str(said["message"])
    except (ValueError, KeyError, TypeError):
        code = ""
        message = f"{answer.url} answered {answer.status_code}; is it the address of a Toploss server?"
    raise next((kind for kind in _KINDS if kind.code == code), Refused)(message)
