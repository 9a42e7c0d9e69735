"""The command line. Each command imports what it needs, so that `--help` answers at once."""

import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from app.commands import accounts, backups, predictions, problems, training
from app.commands.shared import DatasetName, Seed, end_line, fail, show_progress
from app.commands.shared import open_database as _database
from app.commands.shared import read_settings as _settings
from app.errors import ToplossError

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
cli.add_typer(predictions.predictions, name="predictions")
cli.command()(backups.backup)
cli.command()(backups.restore)


def main() -> None:
    """Run the command line; a refusal is one sentence on stderr and exit code 1."""
    try:
        cli()
    except ToplossError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("Stopped.", code=130)
    except OSError as error:
        fail(f"The system refused: {error}. Check the path, the free space and who may write there.")
    except Exception as error:
        sentence = _known_problem(error)
        if sentence is None:
            raise
        fail(sentence)


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
    from app.datasets.layout_choice import StatedLayout, parse
    from app.datasets.sources import resolve_source
    from app.deck.progress import pending_changes
    from app.errors import Invalid
    from app.jobs.requests import live_workers
    from app.rounds.first_look import look_at_new_images

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
        show = show_progress()
        report = import_images(
            database,
            dataset_id=dataset.id,
            max_pixels=settings.max_image_pixels,
            seed=seed,
            on_progress=show,
            should_stop=lambda: False,
            choose=chooser(StatedLayout() if no_split_folders else folders, yes=yes, before=end_line),
        )
        end_line()
        typer.echo(str(report))
        for note in report.notes:
            typer.echo(f"Note: {note}")
        with database.write() as session:
            looking = settings.looks_first and look_at_new_images(session, dataset_id=dataset.id)
            alive = bool(live_workers(session))
        if looking:
            begun = "" if alive else " once a worker runs: `toploss serve` starts one"
            typer.echo(f"Run {looking.id}, a first look at all images, ranks the labels{begun}.")
            typer.echo(f"Next: review them in the browser. Later: toploss train {name}.")
        else:
            typer.echo(f"Next: toploss train {name}, or the data set's page in the browser.")
        with database.read() as session:
            if pending := pending_changes(session, dataset_id=dataset.id).words:
                typer.echo(f"{pending}; the next training or freeze takes in what is new.")
            count = count_rejected(session, dataset_id=dataset.id)
            for file in rejected_files(session, dataset_id=dataset.id, limit=20):
                typer.echo(f"  rejected {file.path}: {file.reason}")
        if count > 20:  # noqa: PLR2004
            typer.echo(f"  … and {count - 20} more, listed on the data set's page.")


for command in (training.train, training.retrain, training.resume, training.recipes):
    cli.command()(command)
cli.command()(problems.problems)


@cli.command()
def export(
    name: DatasetName,
    *,
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="csv, csv-excel, jsonl, imagefolder or cleanlab.")
    ] = "csv",
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The file to write or replace; - is standard output.")
    ],
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
    from app.export.as_imagefolder import EMPTY_FOLDERS, class_folders, one_folder_words
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
        one_folder = one_folder_words(class_folders(made.plan)) if format == "imagefolder" else ""
        replaces = str(output) != "-" and output.is_file()
        write_export(made, output)
    if lost := told(made.plan.lost):
        typer.echo(lost, err=True)
    for words in lacking:
        typer.echo(f"Note: {words}", err=True)
    if lacking and format == "imagefolder":
        typer.echo(EMPTY_FOLDERS, err=True)
    if one_folder:
        typer.echo(f"Note: {one_folder}", err=True)
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
        f"{output}{' (replaced)' if replaces else ''}",
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
        logins = prepare(database, settings, images=images, on_progress=show_progress())
        end_line()
        if start:
            tell_when_ranked(database, settings, typer.echo)
            run_server(settings, host=settings.host, port=settings.port, with_worker=True, greeting=logins)
        else:
            typer.echo(logins)


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


if __name__ == "__main__":
    main()
