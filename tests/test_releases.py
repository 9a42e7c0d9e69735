"""The changelog, the package and the command line agree about the version."""

import re
from importlib.metadata import version
from pathlib import Path

from typer.testing import CliRunner

from app.cli import cli

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def test_the_newest_release_of_the_changelog_is_the_version_of_the_package() -> None:
    releases = re.findall(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", CHANGELOG.read_text(), re.MULTILINE)
    assert releases[0][0] == version("toploss")
    assert [date for _, date in releases] == sorted((date for _, date in releases), reverse=True)


def test_the_command_prints_its_version() -> None:
    answer = CliRunner().invoke(cli, ["--version"])
    assert (answer.exit_code, answer.output) == (0, f"{version('toploss')}\n")
