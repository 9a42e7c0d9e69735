"""A small provider of OpenID Connect that can be told to answer wrongly; its one argument is the port.

It lets in whom `PUT /who` names last, without a question. It checks what a provider has to check: the client,
its secret, the redirect address, PKCE, and that a code is used once.
"""

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
import uvicorn
from joserfc import jws, jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.ports import free_port

CLIENT, CLIENT_SECRET = "toploss", "a secret of the provider"
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Running:
    """A provider process."""

    issuer: str

    def lets_in(self, sub: str, fault: str = "", **claims: str) -> None:
        """From now on it says that this person is there; with a fault, wrongly."""
        answer = httpx.put(
            f"{self.issuer}/who", json={"claims": {"sub": sub, **claims}, "fault": fault}, timeout=120
        )
        assert answer.status_code == 200

    def settings(self, **more: str) -> dict[str, str]:
        """The settings of a server that uses it."""
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": CLIENT_SECRET,
            "oidc_name": "Example ID",
            **more,
        }


@contextmanager
def running(*command: str, port: int) -> Iterator[Running]:
    """The process of a provider that listens on this port of 127.0.0.1, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    issuer = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    try:
        while True:
            try:
                httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=60).raise_for_status()
                break
            except httpx.HTTPError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError("the provider did not start") from error
                time.sleep(0.05)
        yield Running(issuer)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def own_provider() -> Iterator[Running]:
    """This provider."""
    port = free_port()
    with running("tests.openid_provider", str(port), port=port) as provider:
        yield provider


@dataclass
class Provider:
    """What the process remembers, and how it answers."""

    issuer: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "nobody"})
    fault: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def discovery(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": "http://127.0.0.1:1" if self.fault == "other issuer" else self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }
        )

    async def change(self, request: Request) -> Response:
        told = await request.json()
        self.claims, self.fault = told["claims"], told["fault"]
        if self.fault == "new keys":
            kid = secrets.token_hex(4)
            self.key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})
        return JSONResponse({})

    async def jwks(self, _request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code" and "openid" in asked["scope"].split()  # noqa: PT018
        assert asked["client_id"] == CLIENT and asked["code_challenge_method"] == "S256"  # noqa: PT018
        back = {"state": asked["state"], "session_state": "an addition of this provider"}
        if self.fault.startswith("error "):
            back |= {"error": self.fault.removeprefix("error "), "error_description": "as told"}
        else:
            back["code"] = secrets.token_hex()
            self.codes[back["code"]] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", status_code=303)

    async def token(self, request: Request) -> Response:
        sent = {name: value[0] for name, value in parse_qs((await request.body()).decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        quoted = base64.b64encode(urlencode({CLIENT: CLIENT_SECRET}).replace("=", ":").encode()).decode()
        if request.headers.get("authorization") not in (f"Basic {basic}", f"Basic {quoted}"):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        asked = self.codes.pop(sent.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or asked["redirect_uri"] != sent.get("redirect_uri")
            or asked["code_challenge"] != challenge.decode().rstrip("=")
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        if self.fault == "broken":
            return Response("<h1>Bad gateway</h1>", status_code=502)
        access = secrets.token_hex()
        self.tokens[access] = self.claims
        return JSONResponse(
            {"access_token": access, "token_type": "Bearer", "id_token": signed(self, asked["nonce"])}
        )

    async def userinfo(self, request: Request) -> Response:
        claims = self.tokens[request.headers["authorization"].removeprefix("Bearer ")]
        named = {"preferred_username": "named-elsewhere"}
        other = {"sub": "somebody else"} if self.fault == "other userinfo" else {}
        return JSONResponse(claims | named | other)


def make_app(provider: Provider) -> Starlette:
    """The provider's application."""
    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.discovery),
            Route("/who", provider.change, methods=["PUT"]),
            Route("/jwks", provider.jwks),
            Route("/authorize", provider.authorize),
            Route("/token", provider.token, methods=["POST"]),
            Route("/userinfo", provider.userinfo),
        ]
    )


def signed(state: Provider, nonce: str) -> str:
    """The ID token, right or with the fault that was asked for."""
    now = int(time.time())
    claims = {
        "iss": state.issuer,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 300,
        "nonce": nonce,
        **state.claims,
    }
    wrong: dict[str, dict[str, Any]] = {
        "nonce": {"nonce": "of another log-in"},
        "aud": {"aud": "another-client"},
        "azp": {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        "iss": {"iss": "https://elsewhere.example.org"},
        "expired": {"iat": now - 900, "exp": now - 600},
    }
    claims |= wrong.get(state.fault, {})
    if state.fault == "no nonce":
        del claims["nonce"]
    if state.fault == "no sub":
        del claims["sub"]
    header = {"alg": "RS256", "kid": state.key.kid}
    if state.fault == "signature":
        return jwt.encode(header, claims, RSAKey.generate_key(2048, {"kid": state.key.kid}))
    if state.fault == "shared secret":
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"])
    if state.fault == "unsigned":
        nobodys = OctKey.import_key("nobody")
        return jws.serialize_compact({"alg": "none"}, json.dumps(claims), nobodys, algorithms=["none"])
    return jwt.encode(header, claims, state.key)


if __name__ == "__main__":
    uvicorn.run(
        make_app(Provider(f"http://127.0.0.1:{sys.argv[1]}")), port=int(sys.argv[1]), log_level="warning"
    )
