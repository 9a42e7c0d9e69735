"""The command line. Each command imports what it needs, so that `--help` answers at once."""

import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from app.commands import accounts, backups
from app.commands.shared import open_database as _database
from app.commands.shared import read_settings as _settings
from app.errors import Cancelled, ToplossError
from app.settings import Settings

if TYPE_CHECKING:
    from app.db.engine import Database
    from app.training.runs import RunProgress

cli = typer.Typer(
    help="From a noisy image folder to clean labels and a better model.",
    no_args_is_help=True,
    add_completion=False,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(version("toploss"))
        raise typer.Exit


@cli.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """From a noisy image folder to clean labels and a better model."""


cli.add_typer(accounts.users, name="user")
cli.add_typer(accounts.tokens, name="token")
cli.command()(backups.backup)
cli.command()(backups.restore)

POLL_SECONDS = 0.5
DatasetName = Annotated[str, typer.Argument(metavar="N", help="The data set's name.")]
Recipe = Annotated[
    str | None, typer.Option(help="quick, default or paper; a retrain goes on with its parent's.")
]
Epochs = Annotated[int | None, typer.Option(min=1, max=1000, help="Short for --set epochs=…")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="Change a number of the recipe; `toploss recipes` lists them."
    ),
]
Start = Annotated[
    str | None, typer.Option(help="Where the network starts: parent (a retrain), none, imagenet or file.")
]
Seed = Annotated[
    int,
    typer.Option(min=0, max=2**31 - 1, help="Same seed, data, machine and one training thread: same result."),
]


def main() -> None:
    """Run the command line; a refusal is one sentence on stderr and exit code 1."""
    try:
        cli()
    except ToplossError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("Stopped.", code=130)
    except OSError as error:
        _fail(f"The system refused: {error}. Check the path, the free space and who may write there.")
    except Exception as error:
        sentence = _known_problem(error)
        if sentence is None:
            raise
        _fail(sentence)


@cli.command()
def serve(
    *,
    worker: Annotated[bool, typer.Option(help="Also start a worker and keep it running.")] = True,
    host: Annotated[str | None, typer.Option(help="Instead of TOPLOSS_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Instead of TOPLOSS_PORT; 0 takes a free one.")
    ] = None,
) -> None:
    """Start the web server, and a worker beside it."""
    from app.serving import serve as run_server

    settings = _settings()
    run_server(
        settings, host=host or settings.host, port=settings.port if port is None else port, with_worker=worker
    )


@cli.command()
def worker() -> None:
    """Start a worker: it imports, trains and ranks."""
    # Before numpy and torch are loaded: spinning threads starve each other and the web process as soon as
    # anything else runs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's; its threads know no other way of waiting
    with _database():
        pass  # migrated
    from app.worker import run_worker

    run_worker(_settings())


@cli.command("import")
def import_(
    path: Annotated[
        str,
        typer.Argument(
            help="A folder or zip of class folders, with or without train/valid/test above or below."
        ),
    ],
    name: Annotated[str, typer.Option(help="The data set's name: letters, digits, dots, dashes.")],
    *,
    split_folders: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART=FOLDER,…",
            help="Which folder is which part, where that is not clear: "
            "train=training_set,valid=dev,skip=masks. A name after */ is of folders in the classes. Of "
            "folders in folders, class=last makes the lower ones the classes, class=path both.",
        ),
    ] = None,
    no_split_folders: Annotated[
        bool, typer.Option("--no-split-folders", help="Every folder is a class.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take what is likely, without a question, where that is not clear.")
    ] = False,
    zip_encoding: Annotated[
        str | None,
        typer.Option(
            metavar="CODE_PAGE",
            help="How a zip's file names are written, if it does not say so: gbk, cp932, cp850, cp866…",
        ),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Import images. Repeating it adds what is new and doubles nothing."""
    from app.commands.folders import chooser
    from app.datasets.catalog import count_rejected, rejected_files
    from app.datasets.creating import check_name, create_dataset
    from app.datasets.importing import import_images
    from app.datasets.layout_choice import Said, parse
    from app.datasets.sources import resolve_source
    from app.deck.progress import pending_changes
    from app.errors import Invalid

    folders = parse(split_folders or [])
    if folders is not None and no_split_folders:
        raise Invalid(
            "Choose one: --split-folders names the parts, --no-split-folders says that there are none."
        )
    check_name(name)  # before a large zip is copied
    settings = _settings()
    with _database() as database:
        source = resolve_source(path, uploads_dir=settings.uploads_dir, zip_encoding=zip_encoding)
        with database.write() as session:
            dataset = create_dataset(session, name=name, source=source)
        show = _progress_line()
        report = import_images(
            database,
            dataset_id=dataset.id,
            max_pixels=settings.max_image_pixels,
            seed=seed,
            on_progress=show,
            should_stop=lambda: False,
            choose=chooser(Said() if no_split_folders else folders, yes=yes, before=_end_line),
        )
        _end_line()
        typer.echo(str(report))
        for note in report.notes:
            typer.echo(f"Note: {note}")
        typer.echo(f"Next: toploss train {name}, or the data set's page in the browser.")
        with database.read() as session:
            if pending := pending_changes(session, dataset_id=dataset.id).words:
                typer.echo(f"{pending}; the next training or freeze takes in what is new.")
            count = count_rejected(session, dataset_id=dataset.id)
            for file in rejected_files(session, dataset_id=dataset.id, limit=20):
                typer.echo(f"  rejected {file.path}: {file.reason}")
        if count > 20:  # noqa: PLR2004
            typer.echo(f"  … and {count - 20} more, listed on the data set's page.")


@cli.command()
def train(
    name: DatasetName,
    *,
    recipe: Recipe = "default",
    epochs: Epochs = None,
    change: Changes = None,
    start: Start = None,
    seed: Seed = 0,
    wait: Annotated[
        bool, typer.Option(help="Stay until the ranking is stored; starts a worker if none runs.")
    ] = False,
) -> None:
    """Train on the labels as they stand, frozen as a version, and rank every sample; a job for the worker."""
    from app.datasets.catalog import ready_dataset
    from app.deck.progress import lacking_words, pending_changes
    from app.jobs.requests import live_workers
    from app.rounds.retraining import version_to_train
    from app.training.runs import train_anew

    settings = _settings()
    with _database() as database:
        with database.write() as session:
            dataset = ready_dataset(session, name=name)
            new = pending_changes(session, dataset_id=dataset.id).what
            version = version_to_train(session, dataset_id=dataset.id)
            run = train_anew(
                session,
                dataset_id=dataset.id,
                version_id=version.id,
                weights=settings.weights,
                recipe=recipe or "default",
                changes=_changes(change, epochs),
                start=start,
                seed=seed,
            )
            alive = bool(live_workers(session))
            lacking = lacking_words(session, dataset_id=dataset.id)
        if new:
            typer.echo(f"Version {version.number} is frozen: it has {new} that no version had.")
        _tell(lacking)
        typer.echo(
            f"Run {run.id} of {name}, version {version.number}, recipe {run.recipe['name']}, weights "
            f"{run.weights}: queued."
        )
        if wait:
            _wait_for(database, settings, run.id)
        elif not alive:
            typer.echo("No worker runs; start one with `toploss serve` or `toploss worker`.")


@cli.command()
def retrain(
    name: DatasetName,
    *,
    recipe: Recipe = None,
    epochs: Epochs = None,
    change: Changes = None,
    start: Start = None,
    seed: Seed = 0,
    wait: Annotated[
        bool, typer.Option(help="Stay until the ranking is stored; starts a worker if none runs.")
    ] = False,
) -> None:
    """Freeze the cleaned labels and fine-tune the best run on them."""
    from app.datasets.catalog import ready_dataset
    from app.deck.progress import lacking_words, pending_changes
    from app.review.corrections import count_corrections
    from app.rounds.retraining import retrain as ask

    settings = _settings()
    with _database() as database:
        with database.write() as session:
            dataset = ready_dataset(session, name=name)
            new = pending_changes(session, dataset_id=dataset.id).what
            answer = ask(
                session,
                dataset_id=dataset.id,
                user_id=None,
                weights=settings.weights,
                recipe=recipe,
                changes=_changes(change, epochs),
                start=start,
                seed=seed,
            )
            lacking = lacking_words(session, dataset_id=dataset.id)
            corrections = count_corrections(session, dataset_id=dataset.id)
        typer.echo(corrections.words)
        if new:
            typer.echo(f"Version {answer.version.number} is frozen: it has {new} that no version had.")
        if answer.nothing_changed:
            typer.echo(
                f"No label has changed since run {answer.parent_id}; the same version is trained on again."
            )
        _tell(lacking)
        typer.echo(
            f"Run {answer.run.id} of {name}, version {answer.version.number}, recipe "
            f"{answer.run.recipe['name']}: queued."
        )
        if wait:
            _wait_for(database, settings, answer.run.id)


@cli.command()
def resume(
    number: Annotated[int, typer.Argument(metavar="RUN", min=1, help="The run's number.")],
    *,
    wait: Annotated[
        bool, typer.Option(help="Stay until the ranking is stored; starts a worker if none runs.")
    ] = False,
) -> None:
    """Go on with a cancelled or failed run after its last finished epoch."""
    from app.training.runs import resume_run

    settings = _settings()
    with _database() as database:
        with database.write() as session:
            resume_run(session, run_id=number, user_id=None)
        typer.echo(f"Run {number}: queued again.")
        if wait:
            _wait_for(database, settings, number)


@cli.command()
def recipes() -> None:
    """Show the recipes, and what can be changed with --set."""
    from app.ml.recipes import RECIPES
    from app.training.fields import FIELDS, as_text, values_of

    columns = [values_of(recipe, tunes=False) for recipe in RECIPES.values()]
    typer.echo(f"{'field':<17}{''.join(f'{name:<12}' for name in RECIPES)}allowed")
    for field in FIELDS:
        values = [
            "by hand" if isinstance(column[field.name], dict) else as_text(column[field.name])
            for column in columns
        ]
        typer.echo(f"{field.name:<17}{''.join(f'{value:<12}' for value in values)}{field.range}")
        typer.echo(f"{'':<17}{field.help}")
    typer.echo(
        'Class weights by hand are JSON: --set \'class_weights={"cat": 10, "dog": 1}\'. '
        "A retrain has its own schedule."
    )


@cli.command()
def export(
    name: DatasetName,
    *,
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="csv, csv-excel, jsonl or imagefolder.")
    ] = "csv",
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write; - is standard output.")],
    version: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Instead of the newest version.")
    ] = None,
    freeze: Annotated[bool, typer.Option(help="First freeze the labels as they stand.")] = False,
    include_deleted: Annotated[bool, typer.Option(help="Keep deleted samples in, without a label.")] = False,
    run: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31 - 1,
            help="Whose scores to add, instead of the ranking at the time of the freeze.",
        ),
    ] = None,
    skip_missing: Annotated[
        bool,
        typer.Option(help="Leave out images whose files are missing or changed; missing.csv lists them."),
    ] = False,
) -> None:
    """Write the labels of a frozen version to a file."""
    from app.datasets.catalog import ready_dataset
    from app.datasets.versions import get_version, latest_version
    from app.deck.progress import lacking_words, pending_changes
    from app.errors import Invalid
    from app.export.as_imagefolder import EMPTY_FOLDERS
    from app.export.checking import checked, told
    from app.export.exporting import export_version, write_export
    from app.review.corrections import count_corrections
    from app.rounds.retraining import freeze_labels

    if freeze and version is not None:
        raise Invalid(
            "Choose one: --freeze makes a version of the labels as they stand, --version takes an old one."
        )
    with _database() as database:
        if freeze:
            with database.write() as session:
                chosen, _ = freeze_labels(session, dataset_id=ready_dataset(session, name=name).id)
        else:
            with database.read() as session:
                dataset = ready_dataset(session, name=name)
                chosen = (
                    latest_version(session, dataset_id=dataset.id)
                    if version is None
                    else get_version(session, dataset_id=dataset.id, number=version)
                )
        with database.read() as session:
            made = export_version(
                session, version_id=chosen.id, format=format, run_id=run, include_deleted=include_deleted
            )
            lacking = lacking_words(session, dataset_id=chosen.dataset_id)
            left_out = (
                "" if version is not None else pending_changes(session, dataset_id=chosen.dataset_id).words
            )
            corrections = count_corrections(session, dataset_id=chosen.dataset_id)
        made = checked(database, made, skip_missing=skip_missing)
        write_export(made, output)
    if lost := told(made.plan.lost):
        typer.echo(lost, err=True)
    for words in lacking:
        typer.echo(f"Note: {words}", err=True)
    if lacking and format == "imagefolder":
        typer.echo(EMPTY_FOLDERS, err=True)
    if left_out:
        typer.echo(f"{left_out}, so not in this file; --freeze takes in what is new.", err=True)
    if version is None and corrections.waiting:
        typer.echo(corrections.waiting_words, err=True)
    if made.run_id is None:
        typer.echo(
            "No run had finished when this version was frozen, so it carries no scores; add those of run "
            "N with --run N.",
            err=True,
        )
    typer.echo(
        f"Version {chosen.number} of {name} ({chosen.samples:,} samples, digest {chosen.digest[:12]}) → "
        f"{output}",
        err=True,
    )


@cli.command()
def predict(
    arguments: Annotated[
        list[str], typer.Argument(metavar="[RUN] IMAGE", help="A finished run's number, then image files.")
    ],
    *,
    dataset: Annotated[
        str | None, typer.Option(help="Take this data set's best run; every argument is an image then.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts, not a table.")] = False,
) -> None:
    """Say how probable each class is for images from outside; exit code 1 when one of them cannot be used."""
    from app.predicting import as_json, as_table, choose_run, predict_files

    settings = _settings()
    with _database() as database, database.read() as session:
        run, files = choose_run(session, arguments, dataset=dataset)
    said = predict_files(
        run, files, settings=settings, on_problem=lambda sentence: typer.echo(sentence, err=True)
    )
    if json:
        typer.echo(as_json(run, said))
    elif said:
        typer.echo(as_table(said))
    if len(said) < len(files):
        raise SystemExit(1)


@cli.command()
def demo(
    *,
    images: Annotated[int, typer.Option(min=60, help="How many faces to draw.")] = 1500,
    start: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Start the server when everything is prepared.")
    ] = True,
) -> None:
    """Draw the demo faces, import them, queue a quick training, and serve."""
    from app.demo.prepare import prepare, tell_when_ranked
    from app.serving import serve as run_server

    settings = _settings()
    with _database() as database:
        logins = prepare(database, settings, images=images, on_progress=_progress_line())
        _end_line()
        if start:
            tell_when_ranked(database, settings, typer.echo)
            run_server(settings, host=settings.host, port=settings.port, with_worker=True, greeting=logins)
        else:
            typer.echo(logins)


def _changes(given: list[str] | None, epochs: int | None) -> dict[str, object]:
    """The fields of `--set field=value`. Raises Invalid."""
    from app.errors import Invalid

    changes: dict[str, object] = {} if epochs is None else {"epochs": epochs}
    for one in given or ():
        name, found, value = one.partition("=")
        if not found:
            raise Invalid(f"--set takes field=value, not “{one}”; `toploss recipes` lists the fields.")
        changes[name.strip()] = value.strip()
    return changes


def _known_problem(error: Exception) -> str | None:
    """A sentence for what libraries raise when a setting is wrong or the database is away."""
    package = type(error).__module__.split(".")[0]
    if package in ("pydantic_core", "pydantic"):
        problems = error.errors()  # type: ignore[attr-defined]
        wrong = [f"TOPLOSS_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in problems]
        return f"A setting is not as expected. {'; '.join(wrong)}. docs/settings.md describes them."
    from app.db.trouble import as_trouble

    if trouble := as_trouble(error):
        return f"{trouble} TOPLOSS_DATABASE_URL says where it is. ({str(error).splitlines()[0]})"
    if package == "sqlalchemy":
        problem = str(error).splitlines()[0]
        return f"The database cannot be used: {problem}. Check TOPLOSS_DATABASE_URL and that the server runs."
    return None


def _wait_for(database: "Database", settings: Settings, run_id: int) -> None:
    """Follow a run to its end; exit code 0 only when its ranking is stored."""
    from app.measuring.evaluations import evaluate_run
    from app.serving import worker_beside
    from app.training.runs import get_run, run_progress, version_number

    show = _progress_line()
    with worker_beside(settings, database):
        while True:
            with database.read() as session:
                progress = run_progress(session, run_id=run_id)
                if not progress.is_open:
                    run = get_run(session, run_id=run_id)
                    version = version_number(session, run)
                    error = (
                        evaluate_run(session, run_id=run_id).error_rate if run.state == "finished" else None
                    )
                    break
            show(progress.stage or "Waiting for the worker", progress.done, progress.total)
            time.sleep(POLL_SECONDS)
    _end_line()
    found = f" Hold-out error {error.value:.2%} by the labels it learnt (version {version})." if error else ""
    _tell_end(progress, found)


def _tell(notes: list[str]) -> None:
    for note in notes:
        typer.echo(f"Note: {note}")


def _tell_end(progress: "RunProgress", found: str) -> None:
    if progress.state == "cancelled":
        raise Cancelled(f"Run {progress.run_id} was cancelled.")
    if progress.state != "finished":
        _fail(f"Run {progress.run_id} failed: {progress.message}")
    typer.echo(f"Run {progress.run_id} is finished; its ranking is stored.{found}")
    if progress.message:
        typer.echo(progress.message)


def _progress_line() -> "Callable[[str, int, int], None]":
    from app.commands.progress import progress_line

    return progress_line(sys.stderr)


def _end_line() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")


def _fail(message: str, *, code: int = 1) -> NoReturn:
    _end_line()
    typer.echo(message, err=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
