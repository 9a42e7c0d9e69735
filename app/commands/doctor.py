"""`toploss doctor`: whether everything that Toploss needs is there."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from app.commands.client import Server, open_api
from app.commands.shared import Json, print_json

if TYPE_CHECKING:
    from app.settings import Settings

LIBRARIES = ("torch", "torchvision", "fastai", "numpy", "pillow", "sqlalchemy", "fastapi", "dbos")


@dataclass(frozen=True)
class Finding:
    """The result of one check; a message of a failed one says what to do."""

    name: str
    ok: bool
    message: str


class Problem(Exception):
    """A check failed; the message says what to do."""


def doctor(*, json: Json = False, server: Server = None) -> None:
    """Check whether everything that Toploss needs is there; nothing is changed.

    The exit code is 1 when something is not as it should be; a sentence says what to do.
    """
    findings = list(_of_server(server) if server else _of_this_machine())
    if json:
        print_json({"ok": all(each.ok for each in findings), "checks": [asdict(each) for each in findings]})
    else:
        for each in findings:
            typer.echo(f"{'ok     ' if each.ok else 'PROBLEM'} {each.name}: {each.message}")
    if not all(each.ok for each in findings):
        raise SystemExit(1)


def _of_server(server: str) -> Iterator[Finding]:
    from app.errors import ToplossError

    try:
        with open_api(server) as api:
            found = len(list(api.pages("/datasets")))
            yield Finding(
                "server", ok=True, message=f"it answers, and TOPLOSS_TOKEN is valid; data sets: {found}."
            )
            checks = api.ready()["checks"]
    except ToplossError as error:
        yield Finding("server", ok=False, message=str(error))
        return
    for name, each in checks.items():
        yield Finding(name, ok=each["ok"], message=each["message"])


def _of_this_machine() -> Iterator[Finding]:
    from pydantic import ValidationError

    from app.settings import Settings

    yield _checked("versions", _versions)
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"TOPLOSS_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        yield Finding("settings", ok=False, message=f"{wrong}. docs/settings.md describes them.")
        return
    for name, check in (
        ("data folder", _data_folder),
        ("disk", _disk),
        ("database", _database),
        ("worker", _worker),
        ("weights", _weights),
        ("device", _device),
        *((("single sign-on", _single_sign_on),) if settings.oidc_issuer else ()),
    ):
        yield _checked(name, lambda check=check: check(settings))  # type: ignore[misc]


def _checked(name: str, check: Callable[[], str]) -> Finding:
    from app.db.trouble import as_trouble

    try:
        return Finding(name, ok=True, message=check())
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are made too
        known = as_trouble(error) if not isinstance(error, Problem) else None
        words = f"{known} TOPLOSS_DATABASE_URL says where it is." if known else str(error)
        return Finding(name, ok=False, message=words.split("\n", maxsplit=1)[0])


def _versions() -> str:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            raise Problem(f"{library} is not installed; install Toploss again (`make setup`).") from None
    return f"Toploss {version('toploss')}, Python {platform.python_version()}, {', '.join(found)}."


def _data_folder(settings: "Settings") -> str:
    import os

    from app.data_folder import RESTORING
    from app.files import OTHERS

    folder = settings.data_dir
    if not folder.exists():
        return f"{folder.resolve()} is not there yet; the first start creates it."
    if not folder.is_dir():
        raise Problem(f"{folder.resolve()} is no folder; set TOPLOSS_DATA_DIR to one.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Problem(
            f"{folder.resolve()} cannot be written to; let this user write there (chown, chmod u+w)."
        )
    if (folder / RESTORING).exists():
        raise Problem(
            f"A backup is being restored into {folder.resolve()}; wait, or empty it and restore again."
        )
    if folder.stat().st_mode & OTHERS:
        raise Problem(f"Other users can read {folder.resolve()}; make it private with `chmod go= {folder}`.")
    if not settings.has_no_key:
        settings.secret()  # raises if its file is damaged
    return f"{folder.resolve()} is private and can be written to."


def _disk(settings: "Settings") -> str:
    import shutil

    from app.web.readiness import LEAST_FREE

    folder = settings.data_dir.resolve()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        raise Problem(
            f"Only {free // 10**6:,} MB are free; free some space, or set TOPLOSS_DATA_DIR elsewhere."
        )
    return f"{free / 10**9:,.1f} GB are free."


def _database(settings: "Settings") -> str:
    from sqlalchemy import make_url

    from app.db.migrating import all_revisions, revision_of

    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and not _has_file(settings):
        return "there is none yet; the first start creates it."
    known, found = all_revisions(), revision_of(settings.database)
    shown = url.render_as_string(hide_password=True)
    if found is None:
        return f"{shown} is empty; the first start creates the tables."
    if found not in known:
        raise Problem(
            f"{shown} belongs to a newer version of Toploss (revision {found}); install that version."
        )
    if found != known[-1]:
        return f"{shown} has revision {found}; the next start upgrades it to {known[-1]}."
    return f"{shown} answers, revision {found}."


def _worker(settings: "Settings") -> str:
    from app.db.engine import Database
    from app.db.migrating import all_revisions, revision_of
    from app.jobs.requests import live_workers

    if _has_file(settings) and revision_of(settings.database) == all_revisions()[-1]:
        database = Database(settings.database)
        try:
            with database.read() as session:
                if alive := live_workers(session):
                    return f"running: {', '.join(worker.id for worker in alive)}."
        finally:
            database.close()
    raise Problem(
        "None runs: people can review, but nothing is imported or trained. Start one with `toploss serve` or "
        "`toploss worker`."
    )


def _has_file(settings: "Settings") -> bool:
    """Whether the database can be looked at without creating it."""
    from pathlib import Path

    from sqlalchemy import make_url

    url = make_url(settings.database)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _weights(settings: "Settings") -> str:
    from pathlib import Path

    from app.ml.recipes import StartFrom
    from app.training.starts import weights_now

    start = StartFrom.from_setting(settings.weights).kind
    if start == "file":
        if not Path(settings.weights).is_file():
            raise Problem(f"There is no file {settings.weights}; set TOPLOSS_WEIGHTS to one, or to auto.")
        return f"new networks start from {settings.weights}."
    if start == "none":
        return "new networks start from random weights, as TOPLOSS_WEIGHTS says."
    found = weights_now(settings).offer
    if found.can_be:
        return f"ImageNet weights {'are on this machine' if found.state == 'here' else 'can be downloaded'}."
    if start == "imagenet":
        raise Problem(
            "ImageNet weights are neither here nor can they be downloaded, so trainings fail; copy them to "
            f"{settings.weights_dir}, or set TOPLOSS_WEIGHTS=auto."
        )
    return (
        "ImageNet weights of ResNet34 are neither here nor can they be downloaded, so it starts from random "
        "ones; those of EfficientNet-Lite0 came with Toploss."
    )


def _device(settings: "Settings") -> str:
    from app.ml.device import choose_device, usable_cores

    device = choose_device()
    threads = settings.worker_threads or usable_cores()
    return f"{device.type}, {threads} thread{'' if threads == 1 else 's'}."


def _single_sign_on(settings: "Settings") -> str:
    import asyncio

    from app.accounts.openid import Provider, Silent

    provider = Provider(settings)
    try:
        asyncio.run(provider.begin(redirect_uri="/login/openid/callback"))
    except Silent as error:
        raise Problem(
            f"{settings.oidc_issuer} does not answer as a provider does ({error.reason}); check "
            "TOPLOSS_OIDC_ISSUER, and that this machine may ask it."
        ) from error
    return f"{settings.oidc_issuer} answers as a provider does. A log-in shows whether it knows this client."
