"""`toploss export`."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.client import Server
from app.commands.shared import DatasetName, Json, open_database, print_json


def export(
    name: DatasetName,
    *,
    format: Annotated[  # noqa: A002 - the option's name
        str,
        typer.Option(
            help="parquet, csv, csv-excel, jsonl, fastai, imagefolder, huggingface, label-studio, fiftyone, "
            "cleanlab, croissant or events."
        ),
    ] = "csv",
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The file to write or replace; - is standard output.")
    ],
    version: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Instead of the newest version.")
    ] = None,
    freeze: Annotated[bool, typer.Option(help="First freeze the labels as they stand.")] = False,
    include_deleted: Annotated[bool, typer.Option(help="Keep deleted images in, without a label.")] = False,
    run: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31 - 1,
            help="Whose scores to add, instead of the ranking at the time of the freeze.",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option(help="Add a column with the model's probability of each class to a table.")
    ] = False,
    valid_folder: Annotated[
        str, typer.Option(help="The folder of the validation part: valid, val or validation.")
    ] = "valid",
    skip_missing: Annotated[
        bool,
        typer.Option(help="Leave out images whose files are missing or changed; missing.csv lists them."),
    ] = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Write the labels of a frozen version to a file."""
    from app.commands.remote import export_from
    from app.errors import Invalid

    if freeze and version is not None:
        raise Invalid(
            "Choose one: --freeze makes a version of the labels as they stand, --version takes an old one."
        )
    if json and str(output) == "-":
        raise Invalid("Choose one: --json prints about the file, so the file itself cannot go to - as well.")
    if server:
        query = {
            "format": format,
            "version": version,
            "include_deleted": include_deleted or None,
            "run": run,
            "probabilities": probabilities or None,
            "valid_folder": None if valid_folder == "valid" else valid_folder,
            "skip_missing": skip_missing or None,
        }
        export_from(server, name, output, freeze=freeze, query=query, json=json)
        return
    options = (include_deleted, run, probabilities, valid_folder, skip_missing)
    _export_here(name, format, output, version, freeze, *options, json=json)


def _export_here(
    name: str,
    format: str,  # noqa: A002 - as above
    output: Path,
    version: int | None,
    freeze: bool,
    include_deleted: bool,
    run: int | None,
    probabilities: bool,
    valid_folder: str,
    skip_missing: bool,
    *,
    json: bool,
) -> None:
    from app.datasets.catalog import ready_dataset
    from app.datasets.versions import get_version, latest_version
    from app.deck.progress import lacking_words, pending_changes
    from app.export.checking import checked, told
    from app.export.exporting import export_version, write_export
    from app.review.corrections import count_corrections
    from app.rounds.retraining import freeze_labels

    with open_database() as database:
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
                session,
                version_id=chosen.id,
                format=format,
                run_id=run,
                include_deleted=include_deleted,
                probabilities=probabilities,
                valid_folder=valid_folder,
            )
            lacking = lacking_words(session, dataset_id=chosen.dataset_id)
            left_out = (
                "" if version is not None else pending_changes(session, dataset_id=chosen.dataset_id).words
            )
            corrections = count_corrections(session, dataset_id=chosen.dataset_id)
        made = checked(database, made, skip_missing=skip_missing)
        notes = made.entry.notes(made.plan)
        replaces = str(output) != "-" and output.is_file()
        write_export(made, output)
    if lost := told(made.plan.lost):
        typer.echo(lost, err=True)
    for words in lacking:
        typer.echo(f"Note: {words}", err=True)
    for words in notes:
        typer.echo(f"Note: {words}", err=True)
    if left_out:
        typer.echo(f"{left_out}, so not in this file; --freeze takes in what is new.", err=True)
    if version is None and corrections.waiting:
        typer.echo(corrections.waiting_words, err=True)
    if made.run_id is None:
        typer.echo(
            "No model had finished when this version was frozen, so it carries no scores; add those of model "
            "N with --run N.",
            err=True,
        )
    if json:
        print_json({"file": str(output), "version": chosen.number, "digest": chosen.digest})
    typer.echo(
        f"Version {chosen.number} of {name} ({chosen.samples:,} images, digest {chosen.digest[:12]}) → "
        f"{output}{' (replaced)' if replaces else ''}",
        err=True,
    )
