"""The command that lists the problems of images."""

from typing import Annotated

import typer

from app.commands.client import Server, open_api
from app.commands.shared import DatasetName, Json, print_json


def problems(
    name: DatasetName,
    *,
    kind: Annotated[
        str | None,
        typer.Option(
            help="One kind only: dark, bright, blank, blurry, odd_shape, odd_size, off_topic or leak."
        ),
    ] = None,
    decided: Annotated[
        bool, typer.Option("--decided", help="Also list images that somebody has decided about.")
    ] = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """List images that may be no use whatever their labels.

    They are too dark or blurry, or leaked into the hold-out. A line is the kind, the path and the reason,
    separated by tabs; the worst of each kind come first.
    """
    with open_api(server) as api:
        counts = api.get(f"/datasets/{name}/image-problems", kind=kind, limit=1)["counts"]
        for each in api.pages(f"/datasets/{name}/image-problems", kind=kind, decided=decided or None):
            if json:
                print_json(each)
            else:
                typer.echo(f"{each['kind']}\t{each['path']}\t{each['reason']}")
    words = ", ".join(f"{count['open']:,} {count['kind']}" for count in counts if count["open"])
    typer.echo(f"Without a decision: {words or 'none'}.", err=True)
