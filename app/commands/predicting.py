"""`toploss predict`."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.client import Server
from app.commands.shared import open_own_database, read_settings

if TYPE_CHECKING:
    from app.predicting import Chosen, FilePrediction


def predict(
    arguments: Annotated[
        list[str], typer.Argument(metavar="[RUN] IMAGE", help="The id of a finished run, then image files.")
    ],
    *,
    dataset: Annotated[
        str | None, typer.Option(help="Take this data set's best run; every argument is an image then.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts, not a table.")] = False,
    server: Server = None,
) -> None:
    """Say how probable each class is for images from outside.

    The exit code is 1 when one of them cannot be used.
    """
    from app.commands.remote import predict_there
    from app.predicting import Chosen, FilePrediction, choose_run, predict_files

    if server:
        of, photos = predict_there(server, arguments, dataset=dataset)
        for photo in photos:
            if photo["problem"]:
                typer.echo(photo["problem"], err=True)
        files = arguments[1:]
        said = [
            FilePrediction(file, photo["probabilities"])
            for file, photo in zip(files, photos, strict=True)
            if photo["probabilities"]
        ]
        _print(Chosen(of["id"], of["dataset"]), said, files, json=json)
        return
    settings = read_settings()
    with open_own_database() as database, database.read() as session:
        run, files = choose_run(session, arguments, dataset=dataset)
    said = predict_files(
        run, files, settings=settings, on_problem=lambda sentence: typer.echo(sentence, err=True)
    )
    _print(run, said, files, json=json)


def _print(run: "Chosen", said: "list[FilePrediction]", files: list[str], *, json: bool) -> None:
    from app.predicting import as_json, as_table

    if json:
        typer.echo(as_json(run, said))
    elif said:
        typer.echo(as_table(said))
    if len(said) < len(files):
        raise SystemExit(1)
