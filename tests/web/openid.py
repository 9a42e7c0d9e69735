"""The way to a provider of single sign-on and back, as a browser goes it."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
from fastapi.testclient import TestClient

from app.accounts.activity import Wanted, list_activity
from app.accounts.users import list_users
from app.db.engine import Database

Open = Callable[..., TestClient]


def there_and_back(client: TestClient, address: str = "/login/openid") -> str:
    """Where the provider sends the browser that follows this address."""
    away = client.get(address)
    assert away.status_code == 303, away.text
    return at_provider(away.headers["location"])


def at_provider(address: str) -> str:
    """Where the provider sends the browser, as a path of this server."""
    back = httpx.get(address, timeout=120)
    assert back.status_code == 303, back.text
    parts = urlsplit(back.headers["location"])
    assert (parts.netloc, parts.path) == ("testserver", "/login/openid/callback")
    return f"{parts.path}?{parts.query}"


def signed_in(client: TestClient) -> str:
    """The name that the account page shows; empty where nobody is signed in."""
    page = client.get("/account")
    return re.findall(r"<p>([\w.@-]+), \w+</p>", page.text)[0] if page.status_code == 200 else ""


def people_there(database: Database) -> list[str]:
    with database.read() as session:
        return [user.name for user in list_users(session)]


def told(database: Database) -> list[tuple[str, str, str]]:
    """What was done by or refused to whom, the newest first."""
    with database.read() as session:
        return [(row.kind, row.person, row.about) for row in list_activity(session, Wanted())]
