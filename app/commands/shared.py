"""Shared by commands: settings, the migrated database, the password prompt, progress and refusals."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from app.db.engine import Database
    from app.settings import Settings

DatasetName = Annotated[str, typer.Argument(metavar="N", help="The data set's name.")]
Seed = Annotated[
    int,
    typer.Option(min=0, max=2**31 - 1, help="Same seed, data, machine and one training thread: same result."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def name_of_run(run: Mapping[str, Any]) -> str:
    """The name of a run's model, with the id for other commands; `run` is as REST answers it."""
    from app.training.names import name_with_id

    return name_with_id(run["number"], run["id"])


def print_json(value: object) -> None:
    """Print one JSON value on a line of standard output."""
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, default=_as_text))


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_list(
    items: Iterator[dict[str, Any]],
    *,
    header: str,
    line: Callable[[dict[str, Any]], Iterable[object]],
    json: bool,
    nothing: Callable[[], str],
) -> None:
    """Print a header and a line per item, with tabs between; or JSON Lines.

    The first item is fetched before anything is printed, so a refusal stands alone. Where there is no item,
    the sentence of `nothing` is on standard error.
    """
    first = list(islice(items, 1))
    if not first:
        typer.echo(nothing(), err=True)
    if not json:
        typer.echo(header)
    for item in chain(first, items):
        if json:
            print_json(item)
        else:
            typer.echo("\t".join(map(str, line(item))))


@contextmanager
def for_scripts(json: bool) -> "Iterator[dict[str, object]]":
    """What a command made, to be filled in; printed as one JSON value at the end.

    With `json` everything else that the block prints goes to standard error. Without it nothing is changed.
    """
    made: dict[str, object] = {}
    if not json:
        yield made
        return
    with redirect_stdout(sys.stderr):
        yield made
    print_json(made)


def read_settings() -> "Settings":
    """The settings, with a private data folder; from now on other users cannot read any new file."""
    from app import logs
    from app.data_folder import open_data_folder
    from app.decoding import budget
    from app.settings import Settings

    settings = Settings()
    budget.set_limit(settings.decoding_mb)
    logs.set_up(level=settings.log_level, as_=settings.log_format)
    open_data_folder(settings)
    return settings


@contextmanager
def open_database() -> "Iterator[Database]":
    """The migrated database."""
    import app.db.tables  # noqa: F401 - registers them
    from app.db.engine import Database
    from app.db.migrating import migrate

    settings = read_settings()
    migrate(settings.database)
    database = Database(settings.database)
    try:
        with _written_down():
            yield database
    finally:
        database.close()


@contextmanager
def _written_down() -> "Iterator[None]":
    """What the command changes is in the activity log."""
    from app.accounts.activity import Act, doing
    from app.commands.lazy import running

    command, given = running.get()
    with doing(Act(f"shell: {command}", "shell", "shell", about=given)):
        yield


@contextmanager
def open_own_database() -> "Iterator[Database]":
    """The database, for a command that no server can be asked for.

    Raises Invalid while TOPLOSS_SERVER names a server: what it has is meant, not what this machine has.
    """
    from app.errors import Invalid

    if server := os.environ.get("TOPLOSS_SERVER", "").strip():
        raise Invalid(
            f"TOPLOSS_SERVER is {server}, but this command knows the data folder of this machine only. Do it "
            "in the browser there, or unset TOPLOSS_SERVER to do it here."
        )
    with open_database() as database:
        yield database


def ask_password(*, from_stdin: bool) -> str:
    """A password, typed twice, or the first line of standard input."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


@contextmanager
def asked_first() -> "Iterator[None]":
    """For a question before something final. Raises Invalid, naming --yes, where nobody answers."""
    from app.errors import Invalid

    try:
        yield
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        raise Invalid("Nothing was changed: nobody said yes. --yes does it without a question.") from None


def tell(notes: list[str]) -> None:
    """Print notes, one per line."""
    for note in notes:
        typer.echo(f"Note: {note}")


def show_progress() -> "Callable[[str, int, int], None]":
    """A function that shows a stage, what is done and of how many, on standard error."""
    from app.commands.progress import progress_line

    return progress_line(sys.stderr)


def end_line() -> None:
    """Remove the line of progress."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End with a sentence on standard error."""
    end_line()
    typer.echo(message, err=True)
    raise SystemExit(code)
