"""`toploss activity`, and what commands write down."""

import json

import pytest

from tests.commands.conftest import Shell, said
from tests.conftest import People

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_what_a_command_changes_is_written_down_and_what_it_reads_is_not(
    shell: Shell, people: People
) -> None:
    said(shell, "user", "invite", "eve")
    said(shell, "user", "list")
    said(shell, "token", "create", "--user", "ann", "--name", "nightly")
    assert shell("user", "invite", "eve").exception
    lines = [json.loads(line) for line in said(shell, "activity", "--json").splitlines()]
    assert [(each["person"], each["kind"], each["about"], each["via"]) for each in lines] == [
        ("shell", "shell: user invite", "eve", "shell"),
        ("shell", "shell: token create", "", "shell"),
    ]
    assert said(shell, "activity", "--kind", "shell: user invite").count("\n") == 2
    assert said(shell, "activity", "--person", "ann").count("\n") == 1
