"""A group whose commands are imported when they run, so that its help needs none of them."""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

NAME = re.compile(r"[\w.@-]{1,64}")  # no path and no URL, which may hold a password
# The command that runs, and what it is given first where that is a name: for the activity log.
running: ContextVar[tuple[str, str]] = ContextVar("running", default=("", ""))
Command = Any  # typer keeps the class that its commands and groups share to itself


@dataclass(frozen=True)
class Lazy:
    """Where a command is, and the line that a list of commands shows about it."""

    target: str  # "module:function" or "module:group" in app.commands
    help: str

    def load(self, name: str) -> Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(f"app.commands.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            only = typer.Typer(add_completion=False)
            only.command(name)(found)
            return typer.main.get_command(only)
        group = typer.main.get_group(found)
        group.name = name
        return group


class LazyGroup(TyperGroup):
    """Lists its commands by name and line; the one that runs, or whose help is shown, is imported."""

    table: ClassVar[Mapping[str, Lazy]] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, lazy in self.table.items():
            self.add_command(TyperCommand(name, callback=None, help=lazy.help))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Command, list[str]]:
        """The command that `args` begin with, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        if not name:
            return name, command, rest
        found = self.table[name].load(name)
        words = rest[:1] if isinstance(found, TyperGroup) else []
        given = next(iter(rest[len(words) :]), "")
        is_name = not given.startswith("-") and NAME.fullmatch(given)
        running.set((" ".join([name, *words]), given if is_name else ""))
        return name, found, rest
