"""`toploss labels`: bring in labels that were corrected elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.classes import User
from app.commands.shared import DatasetName, open_own_database

if TYPE_CHECKING:
    from app.deck.corrected import LabelPlan

labels = typer.Typer(help="Bring in labels that were corrected elsewhere.", no_args_is_help=True)


@labels.callback()
def _group() -> None:
    """Bring in labels that were corrected elsewhere."""


@labels.command()
def apply(
    name: DatasetName,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="CSV, JSON Lines, Parquet, or an export of Label Studio or FiftyOne.",
        ),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what each row would change, and change nothing.")
    ] = False,
    all_rows: Annotated[
        bool,
        typer.Option("--all", help="In a dry run print also the rows whose image has this label already."),
    ] = False,
    add_classes: Annotated[
        bool, typer.Option("--add-classes", help="Add the classes that the data set does not have.")
    ] = False,
    path_column: Annotated[str, typer.Option(help="The column that names the images.")] = "",
    label_column: Annotated[str, typer.Option(help="The column that has the classes.")] = "",
    user: User = None,
) -> None:
    """Record the labels of a file that differ as decisions of one person; again, nothing changes.

    A dry run prints a line per row: what happens, the path, the label now and the new one, with tabs. Of rows
    whose image has this label already it prints the number; `--all` prints them too.
    """
    from app.commands.classes import somebody
    from app.datasets.catalog import ready_dataset
    from app.datasets.label_reading import NONE, StatedColumns, StatedLabels
    from app.datasets.labels.reading import paths_of, read_labels
    from app.datasets.labels.tables import only_label_file
    from app.deck.corrected import apply_labels, plan_labels

    content, inside = only_label_file(file.read_bytes(), name=file.name)
    said = StatedLabels(inside, str(file), StatedColumns(path_column, label_column, NONE))
    with open_own_database() as database:
        with database.read() as session:
            paths = paths_of(session, dataset_id=ready_dataset(session, name=name).id)
        read = read_labels(paths, said=said, content=content)
        if dry_run:
            with database.read() as session:
                dataset_id = ready_dataset(session, name=name).id
                person = somebody(session, user)
                plan = plan_labels(session, dataset_id=dataset_id, user_id=person, labels=read)
            _print_rows(plan, all_rows=all_rows)
            _print_words(plan)
            typer.echo("Nothing was changed; leave out --dry-run to record these decisions.", err=True)
            return
        with database.write() as session:
            dataset_id = ready_dataset(session, name=name).id
            plan, done = apply_labels(
                session,
                dataset_id=dataset_id,
                user_id=somebody(session, user),
                labels=read,
                add_classes=add_classes,
            )
    _print_words(plan)
    if done is None:
        typer.echo("Nothing was changed.")
    else:
        decisions = "decision" if done.samples == 1 else "decisions"
        typer.echo(f"{done.samples:,} {decisions} recorded. To undo: toploss labels undo {name}.")


@labels.command()
def undo(name: DatasetName, *, user: User = None) -> None:
    """Undo the newest labels of a person that came from a file and stand."""
    from app.commands.classes import somebody
    from app.datasets.catalog import ready_dataset
    from app.deck.bulk import undo_many
    from app.deck.corrected import newest_action
    from app.errors import NotFound

    with open_own_database() as database, database.write() as session:
        dataset_id, person = ready_dataset(session, name=name).id, somebody(session, user)
        action = newest_action(session, dataset_id=dataset_id, user_id=person)
        if action is None:
            raise NotFound(f"No labels from a file stand in {name}, so there is nothing to undo.")
        done = undo_many(session, user_id=person, action_id=action, client_id=f"undo-{action}")
    typer.echo(f"{done.samples:,} {'decision' if done.samples == 1 else 'decisions'} undone.")


def _print_rows(plan: "LabelPlan", *, all_rows: bool) -> None:
    for row in plan.rows:
        if row.state == "same" and not all_rows:
            continue
        typer.echo(f"{row.words}\t{row.path}\t{row.now or ''}\t{row.new}")
    for path, reason in plan.unmatched.items():
        typer.echo(f"{reason}\t{path}\t\t")


def _print_words(plan: "LabelPlan") -> None:
    for sentence in plan.words():
        typer.echo(sentence, err=True)
