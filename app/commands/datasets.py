"""`toploss datasets`: list, add to, rename, archive and delete data sets."""

from typing import Annotated

import typer

from app.commands.adding import add
from app.commands.shared import DatasetName, open_own_database, read_settings

datasets = typer.Typer(help="List, add to, rename, archive and delete data sets.", no_args_is_help=True)

datasets.command()(add)

MB = 1_000_000


@datasets.command("list")
def list_(
    *,
    all_: Annotated[bool, typer.Option("--all", help="Also archived ones.")] = False,
    disk: Annotated[bool, typer.Option("--disk", help="Also the megabytes in the data folder.")] = False,
) -> None:
    """List the data sets: name, images, classes and state, with tabs between."""
    from app.datasets.catalog import get_dataset, list_datasets
    from app.datasets.removing import disk_use

    settings = read_settings()
    with open_own_database() as database, database.read() as session:
        for each in list_datasets(session, archived=None if all_ else False):
            state = "archived" if each.archived else each.state
            line = f"{each.name}\t{each.samples}\t{each.classes}\t{state}"
            if disk:
                used = disk_use(session, settings, dataset=get_dataset(session, name=each.name))
                line += f"\t{used.inside / MB:.1f}"
            typer.echo(line)


@datasets.command()
def rename(name: DatasetName, new_name: Annotated[str, typer.Argument(metavar="NEW_NAME")]) -> None:
    """Rename a data set; addresses with the old name lead to it."""
    from app.datasets.catalog import get_dataset
    from app.datasets.renaming import rename_dataset

    with open_own_database() as database, database.write() as session:
        dataset = get_dataset(session, name=name)
        before = dataset.name
        rename_dataset(session, dataset, name=new_name)
        after = dataset.name
    typer.echo(f"{before} is named {after} now.")


@datasets.command()
def archive(
    name: DatasetName,
    *,
    back: Annotated[bool, typer.Option("--back", help="Bring it back.")] = False,
) -> None:
    """Hide a data set from lists and the deck, or bring it back."""
    from app.datasets.catalog import get_dataset
    from app.datasets.renaming import archive_dataset

    with open_own_database() as database, database.write() as session:
        dataset = get_dataset(session, name=name)
        archive_dataset(dataset, archived=not back)
        stored = dataset.name
    hint = f"`toploss datasets archive {stored} --back` brings it back"
    typer.echo(f"{stored} is back." if back else f"{stored} is archived; {hint}.")


@datasets.command()
def delete(
    name: DatasetName,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the name.")] = False,
) -> None:
    """Delete a data set for ever, with its labels, decisions, versions and runs; there is no undo."""
    from app.datasets.catalog import get_dataset
    from app.datasets.removing import begin_removal, disk_use, finish_removals
    from app.deck.losses import lost_with
    from app.errors import Invalid

    settings = read_settings()
    with open_own_database() as database:
        with database.read() as session:
            dataset = get_dataset(session, name=name)
            stored = dataset.name
            lost = lost_with(session, dataset=dataset, disk=disk_use(session, settings, dataset=dataset))
        for sentence in lost:
            typer.echo(sentence)
        if not yes and typer.prompt(f"Type {stored} to delete it for ever") != stored:
            raise Invalid("This is not its name; nothing was deleted.")
        with database.write() as session:
            begin_removal(session, get_dataset(session, name=name))
        left = finish_removals(database, settings)
    rest = " What its worker still uses is removed when its jobs have stopped." if left else ""
    typer.echo(f"{stored} is deleted.{rest}")


@datasets.command()
def compare(
    name: DatasetName,
    old: Annotated[int, typer.Argument(min=0, max=2**31 - 1, help="The number of a version.")],
    new: Annotated[int, typer.Argument(min=0, max=2**31 - 1, help="The number of another version.")],
    *,
    kind: Annotated[str, typer.Option(help="Only one kind: changed, added or removed.")] = "",
) -> None:
    """Compare two versions: a line per image with path, change, label before and after, with tabs between."""
    from app.datasets.catalog import ready_dataset
    from app.datasets.comparing import all_changes, check_kind, compare_versions
    from app.datasets.versions import get_version

    check_kind(kind)
    with open_own_database() as database, database.read() as session:
        dataset_id = ready_dataset(session, name=name).id
        first, second = (get_version(session, dataset_id=dataset_id, number=each) for each in (old, new))
        for row in all_changes(session, first, second, kind=kind):
            typer.echo(f"{row.path}\t{row.kind}\t{row.before or ''}\t{row.after or ''}")
        counts = compare_versions(session, first, second)
    for before, after in counts.renamed:
        typer.echo(f"The class “{before}” is named “{after}” in version {new}.", err=True)
    typer.echo(
        f"{counts.changed:,} labels changed, {counts.added:,} images added, {counts.removed:,} removed, "
        f"{counts.unchanged:,} the same.",
        err=True,
    )
