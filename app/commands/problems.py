"""The command that lists the problems of images."""

from typing import Annotated

import typer

from app.commands.shared import DatasetName, open_database

A_READ = 1000  # images at once


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
) -> None:
    """List images that may be no use whatever their labels.

    They are too dark or blurry, or leaked into the hold-out. A line is the kind, the path and the reason,
    separated by tabs; the worst of each kind come first.
    """
    from app.datasets.catalog import get_dataset
    from app.datasets.problems import KINDS
    from app.deck.problems import count_problems, list_problems
    from app.errors import Invalid

    if kind is not None and kind not in KINDS:
        raise Invalid(f"There is no kind “{kind}” of problems; there are {', '.join(KINDS)}.")
    with open_database() as database, database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        counts = count_problems(session, dataset_id=dataset_id)
        for count in counts:
            there = count.images if decided else count.open
            if kind is not None and count.kind != kind:
                continue
            for offset in range(0, there, A_READ):
                page = list_problems(
                    session,
                    dataset_id=dataset_id,
                    kind=count.kind,
                    only_open=not decided,
                    limit=A_READ,
                    offset=offset,
                )
                for each in page:
                    typer.echo(f"{each.kind}\t{each.tile.path}\t{each.reason}")
    words = ", ".join(f"{count.open:,} {count.kind}" for count in counts if count.open)
    typer.echo(f"Without a decision: {words or 'none'}.", err=True)
