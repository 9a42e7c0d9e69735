"""`toploss predict`."""

from typing import Annotated

import typer

from app.commands.shared import open_own_database, read_settings


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
    """Say how probable each class is for images from outside.

    The exit code is 1 when one of them cannot be used.
    """
    from app.predicting import as_json, as_table, choose_run, predict_files

    settings = read_settings()
    with open_own_database() as database, database.read() as session:
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
