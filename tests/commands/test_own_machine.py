"""Commands of this machine alone do nothing while TOPLOSS_SERVER names a server."""

from pathlib import Path

import pytest

from tests.forked import toploss
from tests.servers import environment
from tests.web.html import flat


@pytest.mark.parametrize(
    "words",
    [
        ["user", "list"],
        ["user", "add", "eve", "--password-stdin"],
        ["token", "list"],
        ["token", "revoke", "1"],
    ],
    ids=lambda words: words[0] + " " + words[1],
)
def test_a_command_that_no_server_can_be_asked_for_does_nothing_while_one_is_named(
    words: list[str], tmp_path: Path
) -> None:
    env = environment(tmp_path / "data") | {"TOPLOSS_SERVER": "http://127.0.0.1:1", "TOPLOSS_TOKEN": "no"}
    said = toploss(*words, env=env, check=False)
    assert (said.returncode, "unset TOPLOSS_SERVER to do it here" in flat(said.stderr)) == (1, True)
    assert not (tmp_path / "data" / "toploss.db").exists()
