"""The list of commands, and the commands behind it."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from app.cli import Commands, cli


@pytest.mark.parametrize("name", list(Commands.table))
def test_the_line_of_a_command_is_the_first_of_its_own_help(name: str) -> None:
    lazy = Commands.table[name]
    command = lazy.load(name)
    assert (command.name, command.help.split("\n\n")[0]) == (name, lazy.help)


def test_a_list_of_commands_has_a_line_for_each_and_an_unknown_one_is_refused_with_a_near_one() -> None:
    shown = " ".join(CliRunner().invoke(cli, ["--help"]).output.replace("│", " ").split())
    for name, lazy in Commands.table.items():
        assert f" {name} {lazy.help} " in shown
    refused = CliRunner().invoke(cli, ["exprt"])
    assert refused.exit_code == 2
    assert "Did you mean 'export'?" in refused.output


def test_a_command_runs_from_a_group_or_alone() -> None:
    assert CliRunner().invoke(cli, ["recipes"]).output.startswith("field")
    assert "Show who there is." in CliRunner().invoke(cli, ["user", "list", "--help"]).output


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom app.cli import cli\n"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('app.', 'sqlalchemy', 'fastapi'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["app.cli", "app.commands", "app.commands.lazy", "app.errors"]


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("toploss exp", "export"),
        ("toploss user pa", "password"),
        ("toploss export --incl", "--include-deleted"),
    ],
)
def test_a_shell_completes_commands_of_each_level_and_options(typed: str, completed: str) -> None:
    words = {
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
        "_TOPLOSS_COMPLETE": "complete_bash",
    }
    code = "import sys; sys.argv[0] = 'toploss'; from app.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | words, check=False
    )
    assert completed in done.stdout.split(), done.stderr
