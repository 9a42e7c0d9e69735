"""`toploss look`."""

import typer

from app.commands.client import Server
from app.commands.shared import DatasetName, Json, for_scripts, open_database, read_settings
from app.commands.training import Wait, wait_for


def look(name: DatasetName, *, wait: Wait = False, json: Json = False, server: Server = None) -> None:
    """Repeat the first look on the labels as they stand: seconds, and no training.

    The labels are frozen as a version first. `toploss runs list` shows the errors before and after.
    """
    from app.commands.remote import look_there
    from app.datasets.catalog import ready_dataset
    from app.jobs.requests import live_workers
    from app.rounds.first_look import look_again

    if server:
        look_there(server, name, wait=wait, json=json)
        return
    settings = read_settings()
    with for_scripts(json) as made, open_database() as database:
        with database.write() as session:
            dataset = ready_dataset(session, name=name)
            run, version = look_again(session, dataset_id=dataset.id)
            made.update(id=run.id, number=run.number, job=run.job_id, version=version.number)
            alive = bool(live_workers(session))
        typer.echo(
            f"{run.name_with_id} of {name}, a first look at the labels of version {version.number}: queued."
        )
        if wait:
            wait_for(database, settings, run.id)
        elif not alive:
            typer.echo("No worker runs; start one with `toploss serve` or `toploss worker`.")
