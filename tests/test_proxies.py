"""docs/proxies/Caddyfile and docs/proxies/nginx.conf, in front of a real server."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import PASSWORD, missing
from tests.ports import free_port
from tests.servers import Server, start_server

PROXIES = Path(__file__).resolve().parents[1] / "docs" / "proxies"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_server(tmp_path_factory.mktemp("proxied") / "data", TOPLOSS_ACCESS_LOG="on") as server:
        server.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        yield server


@contextmanager
def running(command: list[str], folder: Path, port: int, **env: str) -> Iterator[str]:
    """A proxy that answers at this address."""
    log, url = folder / "proxy.log", f"https://localhost:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"{url}/healthz", verify=False, timeout=5).status_code == 200:  # noqa: S501
                    break
            except httpx.HTTPError:
                pass
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(params=["caddy", "nginx"])
def proxy(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[str]:
    program = shutil.which(request.param, path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        missing(request.param, f"apt-get install {request.param}")
    assert program
    port, upstream = free_port(), server.url.removeprefix("http://")
    env = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    if request.param == "caddy":
        env |= {"TOPLOSS_HTTP_PORT": str(free_port()), "TOPLOSS_HTTPS_PORT": str(port)}
        config = tmp_path / "Caddyfile"
        # In a test it must not ask to add its certificate to those of the machine.
        text = (PROXIES / "Caddyfile").read_text().replace("admin off", "admin off\n\tskip_install_trust")
        config.write_text(text)
        command = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
        with running(command, tmp_path, port, **env, TOPLOSS_UPSTREAM=upstream) as url:
            yield url
        return
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    files = ["-keyout", str(tmp_path / "toploss.key"), "-out", str(tmp_path / "toploss.pem")]
    subprocess.run([*made, *files], check=True, capture_output=True)
    site = (PROXIES / "nginx.conf").read_text()
    for ours, theirs in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("listen 80", f"listen 127.0.0.1:{free_port()}"),
        ("http://127.0.0.1:8000", server.url),
        ("/etc/ssl", str(tmp_path)),
    ):
        assert ours in site
        site = site.replace(ours, theirs)
    (tmp_path / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {places} include {tmp_path}/site.conf; }}\n"
    )
    with running([program, "-c", str(config), "-e", "stderr"], tmp_path, port, **env) as url:
        yield url


def client(url: str, **more: str) -> httpx.Client:
    return httpx.Client(base_url=url, verify=False, timeout=60, headers=more)  # noqa: S501


def test_behind_the_proxy_log_ins_are_secure_and_redirects_stay_there(proxy: str) -> None:
    with client(proxy) as ada:
        answer = ada.post("/login", data={"name": "ada", "password": PASSWORD, "next": "/account"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        assert "secure" in answer.headers["set-cookie"].lower(), (
            "Toploss knows that the visitor came by HTTPS"
        )
        assert "max-age" in answer.headers["strict-transport-security"]
        assert "ada" in ada.get("/account").text


def test_a_visitor_cannot_choose_the_address_that_is_logged(proxy: str, server: Server) -> None:
    with client(proxy, **{"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"}) as visitor:
        answer = visitor.post("/login", data={"name": "nobody", "password": "none"})
    assert answer.status_code == 401
    assert "strict-transport-security" in answer.headers
    line = [line for line in server.log.read_text().splitlines() if answer.headers["x-request-id"] in line][
        -1
    ]
    assert "203.0.113.7" not in line
    assert "127.0.0.1" in line or "::1" in line


def test_too_large_headers_and_bodies_end_at_the_proxy_or_before(proxy: str) -> None:
    with client(proxy) as visitor:
        assert visitor.get("/login", headers={"x-large": "x" * 200_000}).status_code in (400, 413, 431, 494)
    context = ssl._create_unverified_context()  # noqa: S323
    port = int(proxy.rpartition(":")[2])
    head = "POST /datasets/new HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x"
    with (
        socket.create_connection(("localhost", port), timeout=1) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        line.sendall(f"{head}\r\nContent-Length: 5000000000\r\n\r\n".encode())
        for _ in range(60):
            try:
                answer = line.recv(1000)
                break
            except TimeoutError:
                line.sendall(bytes(65536))
    assert int(answer.split()[1]) in (401, 413)
