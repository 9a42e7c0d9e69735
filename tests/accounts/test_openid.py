"""The provider of single sign-on by its settings; the whole way is tested with the pages."""

import asyncio
import sys
from pathlib import Path
from subprocess import run

import pytest
from pydantic import ValidationError

from app.accounts.openid import Flow, Provider, Silent
from app.settings import Settings
from tests.openid_provider import own_provider

WHOLE = {"oidc_issuer": "https://id.example.org/realms/team", "oidc_client_id": "toploss"}


def settings(**given: str) -> Settings:
    return Settings(_env_file=None, data_dir=Path("nowhere"), **given)  # type: ignore[call-arg,arg-type]


def test_the_name_of_a_provider_is_its_host_unless_it_is_given_one() -> None:
    assert not Provider(settings()).is_set
    assert Provider(settings(**WHOLE)).name == "id.example.org"
    provider = Provider(settings(**WHOLE, oidc_name="Example ID"))
    assert (provider.is_set, provider.name) == (True, "Example ID")
    assert provider.name_of("https://id.example.org/realms/team/") == "Example ID"
    assert provider.name_of("https://old.example.org/x") == "old.example.org"


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_issuer": "https://id.example.org"},
        {"oidc_client_id": "toploss"},
        WHOLE | {"oidc_issuer": "http://id.example.org"},
        WHOLE | {"oidc_issuer": "id.example.org"},
        WHOLE | {"oidc_role": "admin"},
        WHOLE | {"oidc_scopes": "profile email"},
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_a_web_process_loads_the_library_when_somebody_first_wants_in() -> None:
    code = "import sys, app.main; sys.exit(bool({'authlib', 'joserfc', 'httpx2'} & set(sys.modules)))"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_the_provider_published_is_read_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.accounts.openid.PATIENCE", 300)
    with own_provider() as running:
        provider = Provider(settings(**running.settings()))
        address, flow = asyncio.run(provider.begin(redirect_uri="http://here/back"))
        assert address.startswith(f"{running.issuer}/authorize?")
        assert flow.redirect_uri == "http://here/back"
        assert len({flow.state, flow.nonce, flow.verifier}) == 3
    asyncio.run(provider.begin(redirect_uri="http://here/back"))  # the provider is gone, and not asked
    monkeypatch.setattr("app.accounts.openid.KEPT_SECONDS", -1.0)
    with pytest.raises(Silent, match="does not answer as it should") as silent:
        asyncio.run(provider.begin(redirect_uri="http://here/back"))
    assert "ConnectError" in silent.value.reason
    with pytest.raises(Silent):
        asyncio.run(provider.finish(Flow("s", "n", "v", "http://here/back"), code="x"))
