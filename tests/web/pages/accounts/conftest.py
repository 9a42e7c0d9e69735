"""A provider of single sign-on in a process of its own, and browsers of a server that uses it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from tests.conftest import People
from tests.openid_provider import Running, own_provider
from tests.web.openid import Open


@pytest.fixture(scope="module")
def provider() -> Iterator[Running]:
    with own_provider() as started:
        yield started


@pytest.fixture
def browser(
    settings: Settings, database: Database, people: People, provider: Running, monkeypatch: pytest.MonkeyPatch
) -> Open:
    """New browsers of one server that uses the provider, with more settings where they are given."""
    monkeypatch.setattr("app.accounts.openid.PATIENCE", 300)  # the machine may be busy

    def opened(issuer: str = "", **more: str) -> TestClient:
        wanted = provider.settings(**more) | ({"oidc_issuer": issuer} if issuer else {})
        app = create_app(settings.model_copy(update=wanted), database)
        return TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"})

    return opened
