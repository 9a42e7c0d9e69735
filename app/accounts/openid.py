"""Single sign-on: asks a provider of OpenID Connect who somebody is. It knows no database and no browser.

It is the code flow with PKCE. What the provider says is believed only with its signature, for this server,
before it expires, and with the nonce of the browser that asked.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from app.addresses import is_confidential
from app.errors import NotSignedIn, Unavailable
from app.settings import Settings

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from joserfc.jwk import KeySet, KeySetSerialization

log = logging.getLogger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
PATIENCE = 10.0  # seconds for all that the provider is asked for one request of a browser
KEPT_SECONDS = 3600.0  # that the provider's addresses and keys are kept
LEEWAY = 60  # seconds that two clocks may differ
LONGEST = 255  # characters of an identity; the standard's limit
# Signatures by a key pair. One by a shared secret, or none, could be made by whoever knows the secret.
ALGORITHMS = tuple(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# What a person is told when the provider sends them back with an error.
ERRORS = {
    "access_denied": "{name} did not let you in, or you did not agree there.",
    "login_required": "You are not signed in at {name}; try again, and sign in there.",
    "interaction_required": "{name} needs you to do something there first; try again.",
    "consent_required": "{name} needs you to agree there first; try again.",
    "temporarily_unavailable": "{name} has too much to do at this moment; try again later.",
    "server_error": "{name} has a fault at this moment; try again later.",
}
MISCONFIGURED = "{name} does not accept this server; an admin finds the reason in the log."
UNVERIFIED = "What {name} said of you could not be verified, so nobody was signed in. Try again."


class Unbelieved(NotSignedIn):
    """Nobody was signed in; `reason` is for the log."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Silent(Unavailable):
    """The provider does not answer, or not as a provider does; `reason` is for the log."""

    def __init__(self, name: str, *, reason: str) -> None:
        super().__init__(f"{name} does not answer as it should. Sign in with a password, or try again later.")
        self.reason = reason


@dataclass(frozen=True)
class Flow:
    """One way to the provider and back. Only the browser that began it may end it."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str


@dataclass(frozen=True)
class Identity:
    """Who somebody is at a provider: the two together never belong to somebody else."""

    issuer: str
    subject: str
    name: str  # what a new account is to be named; it proves nothing


@dataclass(frozen=True)
class _Known:
    """What the provider published, and when it was read."""

    metadata: dict[str, Any]
    keys: dict[str, Any]
    at: float


class Provider:
    """The provider of the settings; one per web process. It is first asked when somebody wants to sign in."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: _Known | None = None

    @property
    def is_set(self) -> bool:
        """Whether people can sign in by it."""
        return bool(self._settings.oidc_issuer)

    @cached_property
    def name(self) -> str:
        """How people know it."""
        return self._settings.oidc_name.strip() or urlsplit(self._settings.oidc_issuer).hostname or ""

    def name_of(self, issuer: str) -> str:
        """How people know a provider, also one of before."""
        is_this = issuer.rstrip("/") == self._settings.oidc_issuer.rstrip("/")
        return self.name if is_this else urlsplit(issuer).hostname or issuer

    async def begin(self, *, redirect_uri: str) -> tuple[str, Flow]:
        """The address at the provider that the browser is sent to, and what the browser keeps meanwhile.

        Raises Silent.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        flow = Flow(state, nonce, verifier, redirect_uri)
        async with self._asking() as client:
            known = await self._published(client)
        address, _ = client.create_authorization_url(
            known.metadata["authorization_endpoint"],
            state=flow.state,
            code_verifier=flow.verifier,
            nonce=flow.nonce,
            redirect_uri=redirect_uri,
        )
        return str(address), flow

    async def finish(self, flow: Flow, *, code: str) -> Identity:
        """Who it is whom the provider sent back with this code. Raises Unbelieved, Silent."""
        async with self._asking() as client:
            known = await self._published(client)
            token = await client.fetch_token(
                known.metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=flow.verifier,
                redirect_uri=flow.redirect_uri,
                auth=client.client_auth(_way_to_prove(known.metadata, has_secret=bool(client.client_secret))),
            )
            claims = await self._checked(client, token, nonce=flow.nonce)
            address = str(known.metadata.get("userinfo_endpoint"))
            if not self._name_in(claims) and is_confidential(address):
                more = await _read(client, address, token=str(token.get("access_token")))
                claims |= more if more.get("sub") == claims["sub"] else {}
        return Identity(known.metadata["issuer"], claims["sub"], self._name_in(claims) or claims["sub"])

    def refusal(self, error: str, description: str) -> Unbelieved:
        """The provider sent the browser back with this error."""
        words = ERRORS.get(error, MISCONFIGURED).format(name=self.name)
        return Unbelieved(words, reason=f"the provider answered {error[:80]!r}: {description[:200]!r}")

    def _name_in(self, claims: dict[str, Any]) -> str:
        asked = (self._settings.oidc_name_claim, "preferred_username", "email", "name")
        return next((value for each in asked if isinstance(value := claims.get(each), str) and value), "")

    @asynccontextmanager
    async def _asking(self) -> "AsyncIterator[AsyncOAuth2Client]":
        """Ask the provider in the block, not for ever. Raises Unbelieved, Silent."""
        import httpx2
        from authlib.integrations.base_client import OAuthError
        from authlib.integrations.httpx_client import AsyncOAuth2Client
        from joserfc.errors import JoseError

        settings = self._settings
        try:
            async with (
                asyncio.timeout(PATIENCE),
                AsyncOAuth2Client(
                    settings.oidc_client_id,
                    settings.oidc_client_secret or None,
                    scope=settings.oidc_scopes,
                    code_challenge_method="S256",
                    timeout=PATIENCE,
                ) as client,
            ):
                yield client
        except OAuthError as error:
            raise Unbelieved(
                "The log-in took too long, or was used already. Try again."
                if error.error == "invalid_grant"
                else MISCONFIGURED.format(name=self.name),
                reason=f"the provider answered {error.error!r}: {error.description!r}",
            ) from error
        except JoseError as error:
            raise Unbelieved(UNVERIFIED.format(name=self.name), reason=str(error)) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
            raise Silent(self.name, reason=f"{type(error).__name__}: {error}") from error

    async def _published(self, client: "AsyncOAuth2Client", *, again: bool = False) -> _Known:
        """The provider's addresses and keys, read at most once an hour."""
        known = self._known
        if again or known is None or time.monotonic() - known.at > KEPT_SECONDS:
            metadata = await _read(client, self._settings.oidc_issuer.rstrip("/") + DISCOVERY)
            if str(metadata.get("issuer")).rstrip("/") != self._settings.oidc_issuer.rstrip("/"):
                raise ValueError(f"it calls itself {metadata.get('issuer')!r}, unlike TOPLOSS_OIDC_ISSUER")
            for each in ENDPOINTS:
                if not is_confidential(str(metadata.get(each))):
                    raise ValueError(f"its {each} is {metadata.get(each)!r}, which is no https:// address")
            keys = await _read(client, metadata["jwks_uri"])
            known = self._known = _Known(metadata, keys, time.monotonic())
        return known

    async def _checked(
        self, client: "AsyncOAuth2Client", token: dict[str, Any], *, nonce: str
    ) -> dict[str, Any]:
        """The claims of the signed ID token, which is checked. Raises JoseError, ValueError."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import BadSignatureError, InvalidClaimError, InvalidKeyIdError
        from joserfc.jws import JWSRegistry

        rules = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        if not isinstance(token.get("id_token"), str):
            raise ValueError("it sent no ID token")  # noqa: TRY004 - of what somebody sent
        known = await self._published(client)
        try:
            signed = jwt.decode(token["id_token"], _keys(known), registry=rules)
        except (InvalidKeyIdError, BadSignatureError):  # perhaps the provider has new keys
            known = await self._published(client, again=True)
            signed = jwt.decode(token["id_token"], _keys(known), registry=rules)
        me = self._settings.oidc_client_id
        claims = CodeIDToken(
            signed.claims,
            signed.header,
            {
                "iss": {"essential": True, "value": known.metadata["issuer"]},
                "aud": {"essential": True, "value": me},
            },
            {"nonce": nonce, "client_id": me, "access_token": token.get("access_token")},
        )
        claims.validate(leeway=LEEWAY)
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= LONGEST:
            raise InvalidClaimError("sub")
        return dict(claims)


def _way_to_prove(metadata: dict[str, Any], *, has_secret: bool) -> str:
    """How this server proves to the provider that it is itself."""
    if not has_secret:
        return "none"
    ways = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return "client_secret_basic" if "client_secret_basic" in ways else "client_secret_post"


def _keys(known: _Known) -> "KeySet":
    from joserfc.jwk import KeySet

    try:
        return KeySet.import_key_set(cast("KeySetSerialization", known.keys))
    except (KeyError, TypeError) as error:
        raise ValueError(f"its keys cannot be read: {error!r}") from error


async def _read(client: "AsyncOAuth2Client", address: str, *, token: str = "") -> dict[str, Any]:
    """The JSON object at an address of the provider."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = await client.request("GET", address, headers=headers, withhold_token=True)
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError(f"{address} answers no JSON object")  # noqa: TRY004 - of what somebody sent
    return found
