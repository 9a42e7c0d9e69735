"""`toploss labels`: bring in labels that were corrected elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.classes import User
from app.commands.client import Server
from app.commands.shared import DatasetName, Json, open_database, print_json

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
    json: Json = False,
    server: Server = None,
) -> None:
    """Record the labels of a file that differ as decisions of one person; again, nothing changes.

    A dry run prints a line per row: what happens, the path, the label now and the new one, with tabs. Of rows
    whose image has this label already it prints the number; `--all` prints them too.
    """
    from app.commands.remote_labels import apply_there

    if server:
        form = {"path_column": path_column, "label_column": label_column}
        form |= {"dry_run": str(dry_run).lower(), "add_classes": str(add_classes).lower()}
        done = apply_there(server, name, file, form, person=user)
    else:
        columns = (path_column, label_column)
        done = _apply_here(name, file, columns, user, dry_run=dry_run, add_classes=add_classes)
    for words in done["words"]:
        typer.echo(words, err=True)
    if dry_run:
        print_rows(done, all_rows=all_rows, json=json)
        typer.echo("Nothing was changed; leave out --dry-run to record these decisions.", err=True)
    elif json:
        print_json({each: done[each] for each in ("action", "changes", "counts")})
    elif done["action"] is None:
        typer.echo("Nothing was changed.")
    else:
        typer.echo(f"{_decisions(done['changes'])} recorded. To undo: toploss labels undo {name}.")


def _apply_here(
    name: str,
    file: Path,
    columns: tuple[str, str],
    user: str | None,
    *,
    dry_run: bool,
    add_classes: bool,
) -> dict[str, Any]:
    """What is or would be changed, in the form of the API."""
    from app.commands.classes import somebody
    from app.datasets.catalog import ready_dataset
    from app.datasets.label_reading import NONE, StatedColumns, StatedLabels
    from app.datasets.labels.reading import paths_of, read_labels
    from app.datasets.labels.tables import only_label_file
    from app.deck.corrected import apply_labels, plan_labels

    content, inside = only_label_file(file.read_bytes(), name=file.name)
    said = StatedLabels(inside, str(file), StatedColumns(*columns, NONE))
    with open_database() as database:
        with database.read() as session:
            paths = paths_of(session, dataset_id=ready_dataset(session, name=name).id)
        read = read_labels(paths, said=said, content=content)
        if dry_run:
            with database.read() as session:
                dataset_id = ready_dataset(session, name=name).id
                person = somebody(session, user)
                plan = plan_labels(session, dataset_id=dataset_id, user_id=person, labels=read)
            return _planned(plan, None)
        with database.write() as session:
            plan, done = apply_labels(
                session,
                dataset_id=ready_dataset(session, name=name).id,
                user_id=somebody(session, user),
                labels=read,
                add_classes=add_classes,
            )
    return _planned(plan, done.action_id if done else None)


def _planned(plan: "LabelPlan", action: int | None) -> dict[str, Any]:
    rows = [
        {
            "sample": row.sample_id,
            "path": row.path,
            "label": row.now,
            "new": row.new,
            "effect": row.state,
            "words": row.words,
        }
        for row in plan.rows
    ]
    unmatched = [{"path": path, "reason": reason} for path, reason in plan.unmatched.items()]
    return {
        "action": action,
        "changes": len(plan.changes),
        "counts": dict(plan.counts),
        "words": plan.words(),
        "rows": rows,
        "unmatched": unmatched,
        "unmatched_count": len(unmatched),
    }


@labels.command()
def undo(name: DatasetName, *, user: User = None, json: Json = False, server: Server = None) -> None:
    """Undo the newest labels of a person that came from a file and stand."""
    from app.commands.remote_labels import undo_there

    count = undo_there(server, name, person=user) if server else _undo_here(name, user=user)
    if json:
        print_json({"samples": count})
    else:
        typer.echo(f"{_decisions(count)} undone.")


def _undo_here(name: str, *, user: str | None) -> int:
    from app.commands.classes import somebody
    from app.datasets.catalog import ready_dataset
    from app.deck.bulk import undo_many
    from app.deck.corrected import newest_action, nothing_stands

    with open_database() as database, database.write() as session:
        dataset_id, person = ready_dataset(session, name=name).id, somebody(session, user)
        action = newest_action(session, dataset_id=dataset_id, user_id=person)
        if action is None:
            raise nothing_stands(name)
        return undo_many(session, user_id=person, action_id=action, client_id=f"undo-{action}").samples


def print_rows(done: dict[str, Any], *, all_rows: bool, json: bool) -> None:
    """Print what each row does; a server sends a part of the rows only, and then it is said how many lack."""
    rows = [row for row in done["rows"] if all_rows or row["effect"] != "same"]
    for row in rows:
        if json:
            print_json(row)
        else:
            typer.echo(f"{row['words']}\t{row['path']}\t{row['label'] or ''}\t{row['new']}")
    for row in done["unmatched"]:
        if json:
            left = {"sample": None, "path": row["path"], "label": None, "new": None, "effect": "unmatched"}
            print_json(left | {"words": row["reason"]})
        else:
            typer.echo(f"{row['reason']}\t{row['path']}\t\t")
    counts = done["counts"]
    there = sum(counts.values()) - (0 if all_rows else counts.get("same", 0)) + done["unmatched_count"]
    if lacking := there - len(rows) - len(done["unmatched"]):
        typer.echo(f"{lacking:,} more rows are not shown: a server sends the first thousand.", err=True)


def _decisions(count: int) -> str:
    return f"{count:,} {'decision' if count == 1 else 'decisions'}"
