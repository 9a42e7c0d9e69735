"""`toploss backup` and `toploss restore`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from app.backup.saving import Saved
    from app.backup.schedule import Made
    from app.settings import Settings

FEW = 20  # data sets that are named


def backup(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The file to write; it must not be there yet. With --every or --keep: the folder for them.",
        ),
    ],
    *,
    every: Annotated[
        str | None,
        typer.Option(metavar="30m|6h|1d", help="Keep running and make a backup this often in the folder."),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Make a backup in the folder, then remove all but so many of them."),
    ] = None,
    files_only: Annotated[
        bool, typer.Option(help="With PostgreSQL: leave the database out, which was dumped before.")
    ] = False,
) -> None:
    """Save the database and all files that cannot be made again to one file.

    Toploss may run meanwhile.
    """
    from app.backup.saving import save
    from app.backup.schedule import interval, save_in
    from app.files import keep_private
    from app.settings import Settings

    settings = Settings()
    keep_private()
    if every is not None:
        _keep_saving(settings, target, interval(every), keep or 0, files_only=files_only)
    elif keep is not None:
        made = save_in(settings, target, keep=keep, files_only=files_only)
        _print_saved(settings, made.path, made.saved, files_only=files_only)
        _print_removed(made)
    else:
        saved = save(settings, target, files_only=files_only)
        _print_saved(settings, target, saved, files_only=files_only)


def _keep_saving(
    settings: "Settings", folder: Path, every: "timedelta", keep: int, *, files_only: bool
) -> None:
    """Until SIGTERM or SIGINT. One line per backup, on standard error where there was none."""
    import signal
    from threading import Event

    from app.backup.schedule import keep_saving

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def on_made(made: "Made") -> None:
        typer.echo(f"{made.path}: {made.saved.bytes:,} bytes.")
        _print_removed(made)

    def on_failed(error: Exception, again: "datetime") -> None:
        reason = str(error).splitlines()[0]
        typer.echo(f"No backup was made: {reason} It is tried again at {again:%H:%M} UTC.", err=True)

    kept = f"the newest {keep:,} are kept" if keep else "all are kept"
    typer.echo(f"A backup every {words_of(every)} in {folder}; {kept}. Ctrl+C stops.")
    keep_saving(
        settings,
        folder,
        every=every,
        keep=keep,
        stop=stop,
        on_made=on_made,
        on_failed=on_failed,
        files_only=files_only,
    )


def words_of(every: "timedelta") -> str:
    """An interval in its largest whole unit: 6 hours, 90 minutes."""
    minutes = round(every.total_seconds() / 60)
    units = ((24 * 60, "day"), (60, "hour"), (1, "minute"))
    size, name = next(each for each in units if minutes % each[0] == 0)
    count = minutes // size
    return name if count == 1 else f"{count:,} {name}s"


def _print_removed(made: "Made") -> None:
    for path in made.removed:
        typer.echo(f"{path} is removed: it was the oldest.")


def _print_saved(settings: "Settings", file: Path, saved: "Saved", *, files_only: bool) -> None:
    from app.backup.postgres import load_command

    files = ", ".join(f"{count:,} in {name}" for name, count in sorted(saved.files.items()))
    database = "no database" if files_only else f"the database (revision {saved.revision})"
    typer.echo(f"{file}: {saved.bytes:,} bytes. In it: {database}; files: {files or 'none'}.")
    if saved.key_in_environment:
        typer.echo(
            "Not in it: the secret key, which TOPLOSS_SECRET_KEY says. Keep it too: with another one "
            "everybody has to sign in again and API tokens end."
        )
    for name, source in list(saved.outside.items())[:FEW]:
        typer.echo(f"Not in it: the images of {name}, which lie in {source}; back them up there.")
    for name, source in list(saved.missing.items())[:FEW]:
        typer.echo(f"Not in it: the images of {name}: there is no {source}.")
    if more := max(0, len(saved.outside) - FEW) + max(0, len(saved.missing) - FEW):
        typer.echo(f"… and those of {more} more data sets.")
    typer.echo("Not in it: caches and the job engine's own tables, which are made again.")
    if files_only:
        typer.echo(f"To restore: {load_command(settings.database)}, then toploss restore {file}")
    typer.echo("The file contains password hashes and images: keep it as safe as the data folder.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `toploss backup` has written.")],
) -> None:
    """Restore a backup into an empty data folder and database.

    The settings say which.
    """
    from app.backup.restoring import restore as restore_file
    from app.files import keep_private
    from app.settings import Settings

    settings = Settings()
    keep_private()
    restored = restore_file(settings, file)
    about = restored.about
    typer.echo(
        f"Restored into {settings.data_dir.resolve()}: the backup of {about.made_at}, revision "
        f"{about.revision}. Every file is what was saved."
    )
    if restored.queued_again:
        typer.echo(queued_again_words(restored.queued_again))
    if restored.left_out:
        typer.echo(left_out_words(restored.left_out))
    if about.key_in_environment and not settings.secret_key:
        typer.echo(
            "The secret key is not in the backup: set TOPLOSS_SECRET_KEY to the one of then, or everybody "
            "has to sign in again and API tokens end."
        )
    elif settings.secret_key and not about.key_in_environment:
        typer.echo(
            "TOPLOSS_SECRET_KEY is set and used instead of the restored key: unset it to keep log-ins and "
            "tokens."
        )
    typer.echo("Start it: toploss serve")


def queued_again_words(jobs: int) -> str:
    """What a restore has queued again, as a sentence."""
    if jobs == 1:
        return "1 job that ran then is queued again and resumes from its last files."
    return f"{jobs:,} jobs that ran then are queued again and resume from their last files."


def left_out_words(folders: int) -> str:
    """How many folders of runs a restore has left out, as a sentence."""
    if folders == 1:
        return "1 folder of a model that began after the database was saved is left out."
    return f"{folders:,} folders of models that began after the database was saved are left out."
