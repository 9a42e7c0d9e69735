"""`toploss user` and `toploss token`."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from app.commands.shared import Json, ask_password, open_own_database, print_json, read_settings

users = typer.Typer(help="People and their roles.", no_args_is_help=True)
tokens = typer.Typer(help="API tokens for scripts.", no_args_is_help=True)

FromStdin = Annotated[bool, typer.Option(help="Read the password from the first line of standard input.")]


@users.command("add")
def user_add(
    name: str,
    *,
    role: Annotated[str, typer.Option(help="viewer, annotator, reviewer or admin.")] = "annotator",
    password_stdin: FromStdin = False,
) -> None:
    """Let somebody in."""
    from app.accounts.passwords import hash_password
    from app.accounts.roles import check_role, named
    from app.accounts.users import add_user

    check_role(role)
    with open_own_database() as database:
        password_hash = hash_password(ask_password(from_stdin=password_stdin))
        with database.write() as session:
            add_user(session, name=name, role=role, password_hash=password_hash)
    typer.echo(f"{name} can sign in as {named(role)}.")


@users.command("password")
def user_password(name: str, *, password_stdin: FromStdin = False) -> None:
    """Give somebody a new password; their log-ins end and their API tokens are revoked."""
    from app.accounts.identities import issuers_of
    from app.accounts.passwords import hash_password
    from app.accounts.users import get_user, set_password

    with open_own_database() as database:
        with database.read() as session:
            get_user(session, name=name)  # before a password is asked for
        password_hash = hash_password(ask_password(from_stdin=password_stdin))
        with database.write() as session:
            user = get_user(session, name=name)
            ended = set_password(session, user=user, password_hash=password_hash)
            is_linked = bool(issuers_of(session, user_id=user.id))
    typer.echo(
        f"{name} has a new password. Log-ins ended: {ended.log_ins}; API tokens revoked: {ended.tokens}."
    )
    if is_linked:
        typer.echo(f"Their link to single sign-on stays; `toploss user unlink {name}` ends it.", err=True)


Address = Annotated[
    str | None,
    typer.Option(
        help="Address of the server as browsers open it; without it, TOPLOSS_HOST and TOPLOSS_PORT."
    ),
]


@users.command("invite")
def user_invite(
    name: str,
    *,
    role: Annotated[str, typer.Option(help="viewer, annotator, reviewer or admin.")] = "annotator",
    address: Address = None,
) -> None:
    """Print a link behind which somebody new chooses a password. It cannot be shown again."""
    from app.accounts.keys import open_key
    from app.accounts.links import invite

    settings = read_settings()
    with open_own_database() as database, database.write() as session:
        secret = invite(session, name=name, role=role, key=open_key(session, settings=settings))
    _print_link(secret, address)


@users.command("reset-link")
def user_reset_link(name: str, *, address: Address = None) -> None:
    """Print a link behind which somebody chooses a new password; then their log-ins and API tokens end."""
    from app.accounts.keys import open_key
    from app.accounts.links import make_link
    from app.accounts.users import get_user

    settings = read_settings()
    with open_own_database() as database, database.write() as session:
        key = open_key(session, settings=settings)
        secret = make_link(session, user=get_user(session, name=name), key=key)
    _print_link(secret, address)


@users.command("withdraw")
def user_withdraw(name: str) -> None:
    """End a link that nobody has used; somebody who was only invited is removed."""
    from app.accounts.links import withdraw_link

    with open_own_database() as database, database.write() as session:
        is_removed = withdraw_link(session, name=name)
    typer.echo(
        f"The invitation of {name} is withdrawn." if is_removed else f"The link of {name} is withdrawn."
    )


@users.command("unlink")
def user_unlink(name: str) -> None:
    """End the link of somebody to their account at a provider of single sign-on."""
    from app.accounts.identities import unlink_person

    with open_own_database() as database, database.write() as session:
        unlink_person(session, name=name)
    typer.echo(f"{name} signs in with their password only.")


def _print_link(secret: str, address: str | None) -> None:
    from app.accounts.links import LINK_DAYS, address_of

    settings = read_settings()
    typer.echo(f"This link works once, for {LINK_DAYS} days:", err=True)
    typer.echo(address_of(secret, server=address or f"http://{settings.host}:{settings.port}"))


@users.command("role")
def user_role(
    name: str, role: Annotated[str, typer.Argument(help="viewer, annotator, reviewer or admin.")]
) -> None:
    """Give somebody another role; API tokens of theirs that may do more than it are lowered for good."""
    from app.accounts.roles import check_role, named
    from app.accounts.users import change_user

    check_role(role)
    with open_own_database() as database, database.write() as session:
        change_user(session, name=name, role=role)
    typer.echo(f"{name} is {named(role)} now.")


@users.command("list")
def user_list(*, json: Json = False) -> None:
    """Show who there is."""
    from app.accounts.users import list_users

    with open_own_database() as database, database.read() as session:
        for user in list_users(session):
            if json:
                facts = {"name": user.name, "role": user.role, "active": user.active}
                print_json(facts | {"invited": user.is_invited})
            else:
                state = "deactivated" if not user.active else "invited" if user.is_invited else "active"
                typer.echo(f"{user.name}\t{user.role}\t{state}")


@tokens.command("create")
def token_create(
    *,
    user: Annotated[str, typer.Option(help="Whose token: scripts with it may do no more than this person.")],
    name: Annotated[str, typer.Option(help="What will use it.")] = "script",
    scope: Annotated[
        str | None,
        typer.Option(help="read, annotate or admin; without it, all that the person's role allows."),
    ] = None,
    expires_days: Annotated[
        float | None, typer.Option(help="Days until it ends; without it, it has no end.")
    ] = None,
) -> None:
    """Print a new API token, alone on its line. It cannot be shown again."""
    from app.accounts.keys import open_key
    from app.accounts.tokens import create_token
    from app.accounts.users import get_user

    settings = read_settings()
    with open_own_database() as database, database.write() as session:
        key = open_key(session, settings=settings)
        owner = get_user(session, name=user)
        token = create_token(session, user=owner, name=name, key=key, scope=scope, expires_days=expires_days)
    typer.echo(token)


@tokens.command("list")
def token_list(
    *,
    user: Annotated[str | None, typer.Option(help="Only this person's; without it, everybody's.")] = None,
    json: Json = False,
) -> None:
    """Show which API tokens there are; their secrets are not known."""
    from app.accounts.tokens import list_tokens
    from app.accounts.users import get_user

    with open_own_database() as database, database.read() as session:
        user_id = None if user is None else get_user(session, name=user).id
        found = list_tokens(session, user_id=user_id)
    if json:
        for each in found:
            print_json(asdict(each))
        return
    typer.echo("id\tperson\tname\tscope\tmade\tlast used\tends")
    for each in found:
        ends = "expired" if each.has_expired else _day(each.expires_at)
        line = (
            each.id,
            each.owner,
            each.name,
            each.scope,
            _day(each.created_at),
            _day(each.last_used_at),
            ends,
        )
        typer.echo("\t".join(map(str, line)))


@tokens.command("revoke")
def token_revoke(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="As `toploss token list` shows it.")],
) -> None:
    """End an API token for good."""
    from app.accounts.tokens import revoke_token

    with open_own_database() as database, database.write() as session:
        gone = revoke_token(session, token_id=number)
    typer.echo(f"The token {number}, “{gone.name}” of {gone.owner}, is revoked.")


def _day(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
