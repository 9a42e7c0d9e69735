"""`toploss predictions import`."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.client import Server
from app.commands.shared import (
    DatasetName,
    Json,
    end_line,
    for_scripts,
    open_database,
    read_settings,
    show_progress,
    tell,
)

predictions = typer.Typer(help="Rank the labels by your own model.", no_args_is_help=True)


@predictions.callback()
def _group() -> None:
    """Rank the labels by your own model."""


@predictions.command("import")
def import_(
    name: DatasetName,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Probabilities of each class for each image: .npz, .npy, a zip of the export cleanlab, CSV "
            "or Parquet.",
        ),
    ],
    *,
    out_of_sample: Annotated[
        bool,
        typer.Option(
            "--out-of-sample",
            help="The model had not learnt the label of any image that it predicts (cross-validation).",
        ),
    ] = False,
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Images may have no row; they are left out of the ranking."),
    ] = False,
    ids: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            readable=True,
            help="Of an array without ids: the path or sample id of each row, one a line or as ids.csv.",
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            readable=True,
            help="Of an array without class names: the class of each column, one a line.",
        ),
    ] = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Freeze the labels as they stand, and rank them by the predictions of your own model."""
    from app.datasets.catalog import ready_dataset
    from app.rounds.own_models import PredictionFile, import_predictions
    from app.training.names import name_with_id

    if server:
        from app.commands.remote import predictions_there

        files = {"file": file, "ids": ids, "classes": classes}
        fields = {"out_of_sample": out_of_sample, "allow_missing": allow_missing}
        predictions_there(server, name, files, fields, json=json)
        return
    settings = read_settings()
    with for_scripts(json) as told, open_database() as database:
        with database.read() as session:
            dataset_id = ready_dataset(session, name=name).id
        made = import_predictions(
            database,
            dataset_id=dataset_id,
            file=PredictionFile(file, file.name, out_of_sample, allow_missing, ids, classes),
            folder=settings.runs_dir,
            on_progress=show_progress(),
        )
        end_line()
        told.update(
            id=made.run_id,
            number=made.number,
            version=made.version,
            rows=made.rows,
            label_issues=made.label_issues,
            notes=list(made.notes),
        )
    if json:
        return
    tell(list(made.notes))
    typer.echo(
        f"{name_with_id(made.number, made.run_id)} of {name}, your own model: {made.rows:,} images of "
        f"version {made.version} are ranked, {made.label_issues:,} suspicious "
        f"label{'' if made.label_issues == 1 else 's'}."
    )
