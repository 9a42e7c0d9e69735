"""`toploss serve`, `worker` and `demo`."""

import os
from contextlib import closing
from typing import Annotated

import typer

from app.commands.shared import end_line, open_database, read_settings, show_progress


def serve(
    *,
    worker: Annotated[bool, typer.Option(help="Also start a worker and keep it running.")] = True,
    host: Annotated[str | None, typer.Option(help="Instead of TOPLOSS_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Instead of TOPLOSS_PORT; 0 takes a free one.")
    ] = None,
) -> None:
    """Start the web server, and a worker beside it."""
    from app.serving import serve as run_server

    settings = read_settings()
    run_server(
        settings, host=host or settings.host, port=settings.port if port is None else port, with_worker=worker
    )


def worker(
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Start none; exit with 0 if the worker of this name is alive, else 1."),
    ] = False,
) -> None:
    """Start a worker: it imports, trains and ranks."""
    if check:
        _check_worker()
        return
    # Before numpy and torch are loaded: spinning threads starve each other and the web process as soon as
    # anything else runs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's; its threads know no other way of waiting
    with open_database():
        pass  # migrated
    from app.worker import run_worker

    run_worker(read_settings())


def _check_worker() -> None:
    """For health checks of containers: fast, and nothing is changed."""
    from app.db.engine import Database
    from app.errors import NotFound
    from app.jobs.requests import live_workers
    from app.settings import Settings

    settings = Settings()
    with closing(Database(settings.database)) as database, database.probe() as session:
        alive = {each.id for each in live_workers(session)}
    if settings.worker_id not in alive:
        raise NotFound(f"The worker {settings.worker_id} has not reported for 30 seconds.")
    typer.echo(f"The worker {settings.worker_id} is alive.")


def demo(
    *,
    images: Annotated[int, typer.Option(min=60, help="How many faces to draw.")] = 1500,
    start: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Start the server when everything is prepared.")
    ] = True,
) -> None:
    """Draw the demo faces, import them, queue a quick training, and serve."""
    from app.accounts.activity import nothing_done
    from app.demo.prepare import prepare, tell_when_ranked
    from app.serving import serve as run_server

    settings = read_settings()
    with open_database() as database:
        logins = prepare(database, settings, images=images, on_progress=show_progress())
        end_line()
        if start:
            nothing_done()  # what the server does is no act of this command
            tell_when_ranked(database, settings, typer.echo)
            run_server(settings, host=settings.host, port=settings.port, with_worker=True, greeting=logins)
        else:
            typer.echo(logins)
