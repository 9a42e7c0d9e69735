"""The first start of an installation."""

import re
from pathlib import Path

import httpx
import pytest

from app.serving import first_steps
from app.web.pages.accounts.first_admin import FirstAdmin, is_loopback
from tests.servers import Server, start_server

SENTENCE = "toploss user add NAME --role admin"
CODE = re.compile(r"(?m)^  (\w{4}(?:-\w{4}){3})$")


def create(server: Server) -> int:
    """The status of the form of the first admin."""
    form = {"name": "ada", "password": "correct horse"}
    return httpx.post(f"{server.url}/first-admin", data=form, timeout=60).status_code


def test_a_start_without_anybody_leads_to_the_first_admin_and_later_ones_do_not(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        log = server.log.read_text()
        assert "Create the first admin there" in log
        assert SENTENCE in log
        assert not CODE.search(log)
        assert create(server) == 303
    server.log.unlink()
    with start_server(tmp_path / "data") as server:
        log = server.log.read_text()
        assert "Toploss is at" in log
        assert "first admin" not in log
        assert SENTENCE not in log


def test_a_server_that_others_reach_prints_a_code_and_one_for_this_machine_none() -> None:
    first = FirstAdmin()
    found = CODE.search(first_steps(first, "http://toploss.example"))
    assert found
    assert found[1] == first.code
    assert first.code not in first_steps(FirstAdmin(first.code, only_here=True), "http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("address", "is_here"),
    [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False)],  # noqa: S104
)
def test_only_a_loopback_address_is_reached_from_this_machine_alone(address: str, is_here: bool) -> None:
    assert is_loopback(address) == is_here


def test_a_start_with_annotators_only_says_how_to_make_an_admin(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        server.command("user", "add", "ann", "--password-stdin", stdin="correct horse\n")
    server.log.unlink()
    with start_server(tmp_path / "data") as server:
        assert "There is no admin yet" in server.log.read_text()
        assert create(server) == 409
