"""`toploss runs` and `toploss top-losses`."""

from typing import Annotated, Any

import typer

from app.commands.client import Api, Server, open_api
from app.commands.shared import (
    DatasetName,
    Json,
    asked_first,
    for_scripts,
    name_of_run,
    print_json,
    print_list,
)

runs = typer.Typer(
    help="List, show and cancel models (runs): trainings, first looks, own models.", no_args_is_help=True
)

RunId = Annotated[
    int, typer.Argument(metavar="RUN", min=1, help="The id of the model's run; `toploss runs list` shows it.")
]
ENDED = ("finished", "failed", "cancelled")


@runs.callback()
def _group() -> None:
    """List, show and cancel models (runs): trainings, first looks, own models."""


@runs.command("list")
def list_(name: DatasetName, *, json: Json = False, server: Server = None) -> None:
    """List the models of a data set, the newest first: one a line, with its hold-out error."""
    with open_api(server) as api:
        print_list(
            api.pages(f"/datasets/{name}/runs"),
            header="run\tmodel\tkind\tstate\trecipe\tversion\thold-out error",
            line=lambda run: [
                *(run[key] for key in ("id", "number", "kind", "state", "recipe", "version")),
                _error(run),
            ],
            json=json,
            nothing=lambda: f"{name} has no models yet; `toploss train {name}` makes one.",
        )


@runs.command("show")
def show(run_id: RunId, *, json: Json = False, server: Server = None) -> None:
    """Show one model: how far it is, and what it reached."""
    with open_api(server) as api:
        run = api.get(f"/runs/{run_id}")
    if json:
        print_json(run)
    else:
        _tell(run)


@runs.command("cancel")
def cancel(run_id: RunId, *, json: Json = False, server: Server = None) -> None:
    """Ask a training to stop; its last checkpoint is kept, and `toploss resume` continues from there."""
    with open_api(server) as api:
        run = api.send("POST", f"/runs/{run_id}/cancel")
    if json:
        print_json(run)
    elif run["state"] in ENDED:
        typer.echo(f"{name_of_run(run)} is {run['state']}.")
    else:
        typer.echo(f"{name_of_run(run)} stops at its next step.")


@runs.command("delete-checkpoints")
def delete_checkpoints(
    run_id: RunId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without a question.")] = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Delete the checkpoints of a model; its ranking, figures and predictions stay. There is no undo."""
    with for_scripts(json) as made, open_api(server) as api:
        name = name_of_run(api.get(f"/runs/{run_id}"))
        if not yes:
            with asked_first():
                typer.confirm(f"Delete the checkpoints of {name} for ever?", abort=True)
        gone = api.send("DELETE", f"/runs/{run_id}/checkpoints")
        made.update(gone)
        typer.echo(f"The checkpoints of {name} are deleted: {gone['freed_bytes'] / 1e6:,.1f} MB.")
        for sentence in gone["no_longer"]:
            typer.echo(sentence)


def top_losses(
    name: DatasetName,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many images.")] = 20,
    run: Annotated[
        int | None, typer.Option(min=1, help="The ranking of this run, instead of the current one.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Only images labelled with this class.")] = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """List the images whose labels look most wrong.

    A line is the rank, the image's number, its label, the predicted label, the loss and the path, with tabs
    between.
    """
    from app.errors import Conflict

    with open_api(server) as api:
        chosen = run or api.get(f"/datasets/{name}")["run"]
        if chosen is None:
            raise Conflict(f"{name} has no ranking yet; a first look or `toploss train {name}` makes one.")
        if run is not None and (of := api.get(f"/runs/{run}"))["dataset"] != name:
            raise Conflict(
                f"{name_of_run(of)} belongs to {of['dataset']}, not to {name}; `toploss runs list {name}` "
                "lists its models."
            )
        print_list(
            api.pages(f"/runs/{chosen}/top-losses", limit=limit, label=label),
            header="rank\tsample\tlabel\tpredicted\tloss\tpath",
            line=lambda each: [
                *(each[key] for key in ("rank", "sample", "label", "predicted_label")),
                f"{each['loss']:.3f}",
                each["path"],
            ],
            json=json,
            nothing=lambda: _no_losses(api, chosen, label),
        )


def _no_losses(api: Api, run: int, label: str | None) -> str:
    """Why a run has no top losses to list."""
    of = api.get(f"/runs/{run}")
    if of["state"] != "finished":
        return f"{name_of_run(of)} has no ranking that can be listed: it is {of['state']}."
    return f"{name_of_run(of)} ranked no image{f' labelled {label}' if label is not None else ''}."


def _error(run: dict[str, Any]) -> str:
    rate = run["newest_error_rate"] or run["error_rate"]
    return f"{rate['value']:.2%}" if rate else ""


def _tell(run: dict[str, Any]) -> None:
    progress = run["progress"]
    typer.echo(
        f"{name_of_run(run)} of {run['dataset']}, {run['kind']}, recipe {run['recipe'].get('name', 'none')}, "
        f"version {run['version']}: {run['state']}."
    )
    if run["state"] not in ENDED and progress["stage"]:
        done = f", {progress['done']:,} of {progress['total']:,}" if progress["total"] else ""
        typer.echo(f"{progress['stage']}{done}.")
    if run["note"]:
        typer.echo(run["note"])
    if error := _error(run):
        typer.echo(f"Hold-out error {error} by the labels of version {run['newest_version']}.")
