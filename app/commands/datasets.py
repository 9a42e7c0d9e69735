"""`toploss datasets`: list, add to, rename, archive and delete data sets."""

from typing import Annotated

import typer

from app.commands.adding import add
from app.commands.client import Server, open_api
from app.commands.shared import (
    DatasetName,
    Json,
    asked_first,
    for_scripts,
    open_database,
    print_json,
    read_settings,
)

datasets = typer.Typer(help="List, add to, rename, archive and delete data sets.", no_args_is_help=True)

datasets.command()(add)

MB = 1_000_000


@datasets.command("list")
def list_(
    *,
    all_: Annotated[bool, typer.Option("--all", help="Also archived ones.")] = False,
    disk: Annotated[bool, typer.Option("--disk", help="Also the megabytes in the data folder.")] = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """List the data sets: name, images, classes and state, with tabs between."""
    with open_api(server) as api:
        found = [each | {"archived": False} for each in api.pages("/datasets")]
        if all_:
            found += [each | {"archived": True} for each in api.pages("/datasets", archived=True)]
        for each in sorted(found, key=lambda each: str(each["name"])):
            line = [each["name"], each["samples"], each["classes"]]
            line.append("archived" if each["archived"] else each["state"])
            if disk:
                each["disk"] = api.get(f"/datasets/{each['name']}/disk")["inside"]
                line.append(f"{each['disk'] / MB:.1f}")
            if json:
                print_json(each)
            else:
                typer.echo("\t".join(map(str, line)))


@datasets.command()
def rename(
    name: DatasetName,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME")],
    *,
    json: Json = False,
    server: Server = None,
) -> None:
    """Rename a data set; addresses with the old name lead to it."""
    from app.commands.remote_changes import stored_name

    with open_api(server) as api:
        before = stored_name(api, name)
        made = api.send("PATCH", f"/datasets/{before}", json={"name": new_name})
    if json:
        print_json(made)
    else:
        typer.echo(f"{before} is named {made['name']} now.")


@datasets.command()
def people(
    name: DatasetName,
    *,
    add: Annotated[list[str] | None, typer.Option(help="Let this person see it; can be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Let this person see it no more.")] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Let everybody see it again.")] = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Show who sees a data set, or choose who does: from the first --add on, nobody else but admins."""
    from app.commands.remote_changes import stored_name
    from app.errors import Invalid

    if everybody and (add or remove):
        raise Invalid("Choose people or everybody, not both.")
    with open_api(server) as api:
        path = f"/datasets/{stored_name(api, name)}/people"
        if everybody:
            found = api.send("PUT", path, json={"everybody": True})
        elif add or remove:
            found = api.send("PATCH", path, json={"add": add or [], "remove": remove or []})
        else:
            found = api.get(path)
    if json:
        print_json(found)
        return
    who = "everybody" if found["everybody"] else ", ".join(["admins", *found["people"]])
    typer.echo(f"{found['dataset']} is seen by {who}.")


@datasets.command()
def archive(
    name: DatasetName,
    *,
    back: Annotated[bool, typer.Option("--back", help="Bring it back.")] = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Hide a data set from lists and the deck, or bring it back."""
    from app.commands.remote_changes import stored_name

    with open_api(server) as api:
        stored = stored_name(api, name)
        made = api.send("PATCH", f"/datasets/{stored}", json={"archived": not back})
    hint = f"`toploss datasets archive {stored} --back` brings it back"
    if json:
        print_json(made)
    else:
        typer.echo(f"{stored} is back." if back else f"{stored} is archived; {hint}.")


@datasets.command()
def delete(
    name: DatasetName,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the name.")] = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Delete a data set for ever, with its labels, decisions, versions and models; there is no undo."""
    with for_scripts(json) as made:
        stored, is_left = _delete_there(server, name, yes=yes) if server else _delete_here(name, yes=yes)
        made.update(dataset=stored, waits_for_jobs=is_left)
        rest = " What its worker still uses is removed when its jobs have stopped." if is_left else ""
        typer.echo(f"{stored} is deleted.{rest}")


def _delete_there(server: str, name: str, *, yes: bool) -> tuple[str, bool]:
    """Its name as it was stored, and whether something of it is removed later."""
    from app.commands.remote_changes import stored_name

    with open_api(server) as api:
        stored = stored_name(api, name)
        _ask(stored, api.get(f"/datasets/{stored}/disk")["lost"], yes=yes)
        left = api.send("DELETE", f"/datasets/{stored}")
    return stored, left is not None


def _delete_here(name: str, *, yes: bool) -> tuple[str, bool]:
    from app.datasets.catalog import get_dataset
    from app.datasets.removing import begin_removal, disk_use, finish_removals
    from app.deck.losses import lost_with

    settings = read_settings()
    with open_database() as database:
        with database.read() as session:
            dataset = get_dataset(session, name=name)
            stored = dataset.name
            lost = lost_with(session, dataset=dataset, disk=disk_use(session, settings, dataset=dataset))
        _ask(stored, lost, yes=yes)
        with database.write() as session:
            begin_removal(session, get_dataset(session, name=name))
        left = finish_removals(database, settings)
    return stored, left > 0


def _ask(stored: str, lost: list[str], *, yes: bool) -> None:
    """Say what is lost with a data set, and ask for its name. Raises Invalid for another one."""
    from app.errors import Invalid

    for sentence in lost:
        typer.echo(sentence)
    if yes:
        return
    with asked_first():
        if typer.prompt(f"Type {stored} to delete it for ever") != stored:
            raise Invalid("This is not its name; nothing was deleted.")


@datasets.command()
def compare(
    name: DatasetName,
    old: Annotated[int, typer.Argument(min=0, max=2**31 - 1, help="The number of a version.")],
    new: Annotated[int, typer.Argument(min=0, max=2**31 - 1, help="The number of another version.")],
    *,
    kind: Annotated[str, typer.Option(help="Only one kind: changed, added or removed.")] = "",
    json: Json = False,
    server: Server = None,
) -> None:
    """Compare two versions: a line per image with path, change, label before and after, with tabs between."""
    with open_api(server) as api:
        path = f"/datasets/{name}/versions/changes"
        counts = api.get(path, old=old, new=new, limit=1)
        for row in api.pages(path, old=old, new=new, kind=kind or None):
            if json:
                print_json(row)
            else:
                typer.echo(f"{row['path']}\t{row['kind']}\t{row['before'] or ''}\t{row['after'] or ''}")
    for before, after in counts["renamed"].items():
        typer.echo(f"The class “{before}” is named “{after}” in version {new}.", err=True)
    typer.echo(
        f"{counts['changed']:,} {_of(counts['changed'], 'label')} changed, "
        f"{counts['added']:,} {_of(counts['added'], 'image')} added, "
        f"{counts['removed']:,} removed, {counts['unchanged']:,} the same.",
        err=True,
    )


def _of(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
