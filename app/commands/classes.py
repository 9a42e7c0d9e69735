"""`toploss classes`: list, add, rename, merge and retire the classes of a data set."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.client import Server, open_api
from app.commands.shared import DatasetName, Json, asked_first, for_scripts, open_database, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.review.merging import Preview

classes = typer.Typer(help="List, add, rename, merge and retire classes.", no_args_is_help=True)

ClassName = Annotated[str, typer.Argument(metavar="CLASS", help="The name of the class, in any spelling.")]
User = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="PERSON",
        help="Whose decisions these are; the only admin, if it is not said. With --server it is the person "
        "of TOPLOSS_TOKEN.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without a question.")]


@classes.command("list")
def list_(
    name: DatasetName,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Also merged and retired classes.")] = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """List the classes: name, images that have it now, images that came with it, and its state, with tabs."""
    with open_api(server) as api:
        for each in api.get(f"/datasets/{name}/classes", all=all_ or None)["items"]:
            into = f" into {each['merged_into']}" if each["state"] == "merged" else ""
            counts = f"{sum(each['cleaned'].values())}\t{sum(each['given'].values())}"
            if json:
                print_json(each)
            else:
                typer.echo(f"{each['name']}\t{counts}\t{each['state']}{into}")


@classes.command()
def add(
    name: DatasetName,
    class_name: ClassName,
    *,
    user: User = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Add a class; one that was retired takes answers again."""
    from app.commands.remote_classes import add_there
    from app.datasets.catalog import ready_dataset
    from app.datasets.classes import add_class

    if server:
        stored = add_there(server, name, class_name, person=user)
    else:
        with open_database() as database, database.write() as session:
            dataset_id = ready_dataset(session, name=name).id
            row = add_class(session, dataset_id=dataset_id, name=class_name, user_id=_person(session, user))
            stored = row.name
    if json:
        print_json({"dataset": name, "class": stored})
    else:
        typer.echo(f"{name} has the class “{stored}” now; images get it by answers or by an import.")


@classes.command()
def rename(
    name: DatasetName,
    class_name: ClassName,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME")],
    *,
    user: User = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Rename a class; frozen versions and finished runs keep the old name."""
    from app.commands.remote_classes import rename_there
    from app.datasets.catalog import ready_dataset
    from app.datasets.classes import get_class, rename_class

    if server:
        before, after = rename_there(server, name, class_name, new_name, person=user)
    else:
        with open_database() as database, database.write() as session:
            dataset_id = ready_dataset(session, name=name).id
            row = get_class(session, dataset_id=dataset_id, name=class_name)
            before = row.name
            rename_class(session, row, name=new_name, user_id=_person(session, user))
            after = row.name
    if json:
        print_json({"dataset": name, "class": after, "before": before})
    else:
        typer.echo(f"“{before}” is named “{after}” now.")


@classes.command()
def merge(
    name: DatasetName,
    class_name: ClassName,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The class that gets its images.")],
    *,
    user: User = None,
    yes: Yes = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Merge a class into another one, which gets its images; `toploss classes undo` undoes it."""
    from app.commands.remote_classes import merge_there

    def ask(found: "Preview", other: str) -> None:
        for sentence in found.words:
            typer.echo(sentence)
        if not yes:
            with asked_first():
                typer.confirm(f"Merge “{found.name}” into “{other}”?", abort=True)

    with for_scripts(json) as made:
        if server:
            merged, other, count = merge_there(server, name, class_name, into, person=user, ask=ask)
        else:
            merged, other, count = _merge_here(name, class_name, into, user=user, ask=ask)
        made.update(dataset=name, merged_into=other, images=count)
        made["class"] = merged
        images = "image" if count == 1 else "images"
        typer.echo(f"“{merged}” is merged into “{other}”, with {count:,} {images}.")


def _merge_here(
    name: str, class_name: str, into: str, *, user: str | None, ask: "Callable[[Preview, str], None]"
) -> tuple[str, str, int]:
    from app.datasets.catalog import ready_dataset
    from app.datasets.classes import get_class
    from app.review.merging import check_apart, merge_classes, preview

    with open_database() as database:
        with database.read() as session:
            dataset_id = ready_dataset(session, name=name).id
            row, target = (
                get_class(session, dataset_id=dataset_id, name=each) for each in (class_name, into)
            )
            check_apart(row, target)
            found, other = preview(session, dataset_id=dataset_id, row=row), target.name
        ask(found, other)
        with database.write() as session:
            row, target = (
                get_class(session, dataset_id=dataset_id, name=each) for each in (class_name, into)
            )
            return found.name, other, merge_classes(session, row, target, user_id=somebody(session, user))


@classes.command()
def retire(
    name: DatasetName,
    class_name: ClassName,
    *,
    user: User = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Retire a class that no image has: it takes no answers any more."""
    from app.commands.remote_classes import retire_there
    from app.datasets.catalog import ready_dataset
    from app.datasets.classes import get_class
    from app.review.merging import retire_class

    if server:
        stored = retire_there(server, name, class_name, person=user)
    else:
        with open_database() as database, database.write() as session:
            dataset_id = ready_dataset(session, name=name).id
            row = get_class(session, dataset_id=dataset_id, name=class_name)
            retire_class(session, row, user_id=_person(session, user))
            stored = row.name
    if json:
        print_json({"dataset": name, "class": stored})
    else:
        typer.echo(f"“{stored}” is retired; `toploss classes add` brings it back.")


@classes.command()
def undo(name: DatasetName, *, user: User = None, json: Json = False, server: Server = None) -> None:
    """Undo the newest change of the classes."""
    from app.commands.remote_classes import undo_there

    words = undo_there(server, name, person=user) if server else _undo_here(name, user=user)
    if json:
        print_json({"dataset": name, "undone": words})
    else:
        typer.echo(f"Undone: {words}.")


def _undo_here(name: str, *, user: str | None) -> str:
    from app.datasets.catalog import ready_dataset
    from app.datasets.classes import last_change, past_changes
    from app.errors import NotFound
    from app.review.merging import undo_change

    with open_database() as database, database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        last = last_change(session, dataset_id=dataset_id)
        if last is None:
            raise NotFound(f"Nobody has changed the classes of {name}, or all of it is undone.")
        words = next(
            each.words for each in past_changes(session, dataset_id=dataset_id) if each.id == last.id
        )
        undo_change(session, dataset_id=dataset_id, change_id=last.id, user_id=somebody(session, user))
    return words


def _person(session: "Session", user: str | None) -> int | None:
    from app.accounts.roles import ADMIN
    from app.accounts.users import get_user, list_users

    if user is not None:
        return get_user(session, name=user).id
    admins = [each for each in list_users(session) if each.role == ADMIN and each.active]
    return admins[0].id if len(admins) == 1 else None


def somebody(session: "Session", user: str | None) -> int:
    """Whose decisions a merge writes. Raises Invalid if that is not clear."""
    from app.errors import Invalid

    person = _person(session, user)
    if person is None:
        raise Invalid("Say whose decisions these are: --as PERSON, an admin.")
    return person
