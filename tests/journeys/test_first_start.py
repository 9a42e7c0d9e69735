"""The first start of an installation."""

from pathlib import Path

from tests.servers import start_server

SENTENCE = "toploss user add NAME --role admin"


def test_a_start_without_an_admin_says_how_to_make_one_and_later_ones_do_not(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        assert SENTENCE in server.log.read_text()
        server.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin="correct horse\n")
    server.log.unlink()
    with start_server(tmp_path / "data") as server:
        assert "Toploss is at" in server.log.read_text()
        assert SENTENCE not in server.log.read_text()
