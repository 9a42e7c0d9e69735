"""A group whose commands are imported when they run, so that its help needs none of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

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
        return name, self.table[name].load(name) if name else command, rest
