"""`toploss user` and `toploss token`."""

from typing import Annotated

import typer

from app.commands.shared import ask_password, open_database, read_settings

users = typer.Typer(help="Annotators and admins.", no_args_is_help=True)
tokens = typer.Typer(help="API tokens for scripts.", no_args_is_help=True)

FromStdin = Annotated[bool, typer.Option(help="Read the password from the first line of standard input.")]


@users.command("add")
def user_add(
    name: str,
    *,
    role: Annotated[str, typer.Option(help="admin or annotator.")] = "annotator",
    password_stdin: FromStdin = False,
) -> None:
    """Let somebody in."""
    from app.accounts.passwords import hash_password
    from app.accounts.users import add_user, check_role

    check_role(role)
    with open_database() as database:
        password_hash = hash_password(ask_password(from_stdin=password_stdin))
        with database.write() as session:
            add_user(session, name=name, role=role, password_hash=password_hash)
    typer.echo(f"{name} can sign in as {role}.")


@users.command("password")
def user_password(name: str, *, password_stdin: FromStdin = False) -> None:
    """Give somebody a new password; their log-ins end."""
    from app.accounts.passwords import hash_password
    from app.accounts.users import get_user, set_password

    with open_database() as database:
        with database.read() as session:
            get_user(session, name=name)  # before a password is asked for
        password_hash = hash_password(ask_password(from_stdin=password_stdin))
        with database.write() as session:
            set_password(session, user=get_user(session, name=name), password_hash=password_hash)
    typer.echo(f"{name} has a new password.")


@users.command("list")
def user_list() -> None:
    """Show who there is."""
    from app.accounts.users import list_users

    with open_database() as database, database.read() as session:
        for user in list_users(session):
            typer.echo(f"{user.name}\t{user.role}\t{'active' if user.active else 'deactivated'}")


@tokens.command("create")
def token_create(
    *,
    user: Annotated[str, typer.Option(help="Whose token: scripts with it may do what this person may.")],
    name: Annotated[str, typer.Option(help="What will use it.")] = "script",
) -> None:
    """Print a new API token, alone on its line. It cannot be shown again."""
    from app.accounts.tokens import create_token
    from app.accounts.users import get_user

    key = read_settings().secret()
    with open_database() as database, database.write() as session:
        token = create_token(session, user=get_user(session, name=user), name=name, key=key)
    typer.echo(token)
