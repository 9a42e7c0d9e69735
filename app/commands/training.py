"""`toploss train`, `retrain`, `resume` and `recipes`."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.client import Server
from app.commands.shared import (
    DatasetName,
    Json,
    Seed,
    end_line,
    fail,
    for_scripts,
    open_database,
    print_json,
    read_settings,
    show_progress,
    tell,
)
from app.errors import Cancelled

if TYPE_CHECKING:
    from app.db.engine import Database
    from app.settings import Settings
    from app.training.progress import RunProgress

POLL_SECONDS = 0.5
Recipe = Annotated[
    str | None,
    typer.Option(
        help="quick, default, photos or paper. If none is named, a training uses the recommended one, and a "
        "retrain its parent's."
    ),
]
Epochs = Annotated[int | None, typer.Option(min=1, max=1000, help="Short for --set epochs=…")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="Change a number of the recipe; `toploss recipes` lists them."
    ),
]
Start = Annotated[
    str | None,
    typer.Option(help="Where the network starts: parent (a retrain), auto, none, imagenet or file."),
]
Wait = Annotated[bool, typer.Option(help="Stay until the ranking is stored; starts a worker if none runs.")]


def train(
    name: DatasetName,
    *,
    recipe: Recipe = None,
    epochs: Epochs = None,
    change: Changes = None,
    start: Start = None,
    seed: Seed = 0,
    wait: Wait = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Train on the labels as they stand, and rank every sample.

    The labels are frozen as a version first; the training is a job for the worker. Without --recipe it trains
    as recommended for these images, and says so.
    """
    from app.commands.remote import train_there
    from app.datasets.catalog import ready_dataset
    from app.deck.progress import lacking_words, pending_changes
    from app.jobs.requests import live_workers
    from app.rounds.retraining import version_to_train
    from app.training.recommending import recommend
    from app.training.repeats import repeated_by
    from app.training.requesting import train_anew
    from app.training.starts import requested_start, weights_now

    changes = _changes(change, epochs)
    if server:
        body = {"recipe": recipe, "changes": changes, "start": start, "seed": seed}
        train_there(server, name, body, wait=wait, json=json)
        return
    settings = read_settings()
    starting = weights_now(settings)
    with for_scripts(json) as made, open_database() as database:
        with database.write() as session:
            dataset = ready_dataset(session, name=name)
            advice = recommend(session, dataset_id=dataset.id, starting=starting, start=start)
            new = pending_changes(session, dataset_id=dataset.id).what
            version = version_to_train(session, dataset_id=dataset.id)
            run = train_anew(
                session,
                dataset_id=dataset.id,
                version_id=version.id,
                weights=settings.weights,
                recipe=recipe or advice.recipe,
                changes=changes if recipe else advice.changes | changes,
                start=start,
                seed=seed,
            )
            made.update(
                id=run.id,
                number=run.number,
                job=run.job_id,
                version=version.number,
                recipe=run.recipe["name"],
            )
            repeat = repeated_by(session, run)
            alive = bool(live_workers(session))
            lacking = lacking_words(session, dataset_id=dataset.id)
        if new:
            typer.echo(f"Version {version.number} is frozen: it has {new} that no version had.")
        tell([*lacking, *advice.warnings])
        if not recipe:
            typer.echo(advice.told)
        typer.echo(
            f"{run.name_with_id} of {name}, version {version.number}, recipe {run.recipe['name']}, weights "
            f"{run.weights}: queued."
        )
        typer.echo(f"It starts from {requested_start(run, settings)}.")
        if repeat:
            typer.echo(f"{repeat.name} {repeat.words}")
        if wait:
            wait_for(database, settings, run.id)
        elif not alive:
            typer.echo("No worker runs; start one with `toploss serve` or `toploss worker`.")


def retrain(
    name: DatasetName,
    *,
    recipe: Recipe = None,
    epochs: Epochs = None,
    change: Changes = None,
    start: Start = None,
    seed: Seed = 0,
    wait: Wait = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Freeze the cleaned labels and fine-tune the best run on them."""
    from app.commands.remote import train_there
    from app.datasets.catalog import ready_dataset
    from app.deck.progress import lacking_words, pending_changes
    from app.review.corrections import count_corrections
    from app.rounds.retraining import retrain as ask
    from app.training.repeats import repeated_by
    from app.training.starts import requested_start

    if server:
        body = {"retrain": True, "recipe": recipe, "changes": _changes(change, epochs), "start": start}
        train_there(server, name, {**body, "seed": seed}, wait=wait, json=json)
        return
    settings = read_settings()
    with for_scripts(json) as made, open_database() as database:
        with database.write() as session:
            dataset = ready_dataset(session, name=name)
            new = pending_changes(session, dataset_id=dataset.id).what
            answer = ask(
                session,
                dataset_id=dataset.id,
                user_id=None,
                weights=settings.weights,
                recipe=recipe,
                changes=_changes(change, epochs),
                start=start,
                seed=seed,
            )
            made.update(
                id=answer.run.id,
                number=answer.run.number,
                job=answer.run.job_id,
                version=answer.version.number,
                recipe=answer.run.recipe["name"],
                parent=answer.parent_id,
                nothing_changed=answer.nothing_changed,
            )
            repeat = repeated_by(session, answer.run)
            lacking = lacking_words(session, dataset_id=dataset.id)
            corrections = count_corrections(session, dataset_id=dataset.id)
        typer.echo(corrections.words)
        if new:
            typer.echo(f"Version {answer.version.number} is frozen: it has {new} that no version had.")
        if answer.nothing_changed:
            typer.echo(
                f"No label has changed since {answer.parent_name}; the same version is trained on again."
            )
        tell(lacking)
        typer.echo(
            f"{answer.run.name_with_id} of {name}, version {answer.version.number}, recipe "
            f"{answer.run.recipe['name']}: queued."
        )
        typer.echo(f"It starts from {requested_start(answer.run, settings)}.")
        if repeat:
            typer.echo(f"{repeat.name} {repeat.words}")
        if wait:
            wait_for(database, settings, answer.run.id)


def resume(
    run_id: Annotated[
        int, typer.Argument(metavar="RUN", min=1, help="The run's id; `toploss runs list NAME` shows it.")
    ],
    *,
    wait: Wait = False,
    json: Json = False,
    server: Server = None,
) -> None:
    """Resume a cancelled or failed run after its last finished epoch."""
    from app.commands.remote import resume_there
    from app.training.requesting import resume_run

    if server:
        resume_there(server, run_id, wait=wait, json=json)
        return
    settings = read_settings()
    with for_scripts(json) as made, open_database() as database:
        with database.write() as session:
            run = resume_run(session, run_id=run_id, user_id=None)
            made.update(id=run.id, number=run.number, job=run.job_id)
        typer.echo(f"{run.name_with_id}: queued again.")
        if wait:
            wait_for(database, settings, run.id)


def recipes(*, json: Json = False) -> None:
    """Show the recipes, and what can be changed with --set."""
    from app.ml.recipes import RECIPES
    from app.training.fields import FIELDS, as_text, values_of

    if json:
        by_name = {name: values_of(recipe, tunes=False) for name, recipe in RECIPES.items()}
        fields = [{"name": field.name, "allowed": field.range, "help": field.help} for field in FIELDS]
        print_json({"recipes": by_name, "fields": fields})
        return
    columns = [values_of(recipe, tunes=False) for recipe in RECIPES.values()]
    typer.echo(f"{'field':<17}{''.join(f'{name:<12}' for name in RECIPES)}allowed")
    for field in FIELDS:
        values = [
            "by hand" if isinstance(column[field.name], dict) else as_text(column[field.name])
            for column in columns
        ]
        typer.echo(f"{field.name:<17}{''.join(f'{value:<12}' for value in values)}{field.range}")
        typer.echo(f"{'':<17}{field.help}")
    typer.echo(
        'Class weights by hand are JSON: --set \'class_weights={"cat": 10, "dog": 1}\'. '
        "A retrain has its own schedule."
    )


def _changes(given: list[str] | None, epochs: int | None) -> dict[str, object]:
    """The fields of `--set field=value`. Raises Invalid."""
    from app.errors import Invalid

    changes: dict[str, object] = {} if epochs is None else {"epochs": epochs}
    for one in given or ():
        name, found, value = one.partition("=")
        if not found:
            raise Invalid(f"--set takes field=value, not “{one}”; `toploss recipes` lists the fields.")
        changes[name.strip()] = value.strip()
    return changes


def wait_for(database: "Database", settings: "Settings", run_id: int) -> None:
    """Follow a run to its end; exit code 0 only when its ranking is stored."""
    from app.measuring.evaluations import evaluate_run
    from app.serving import worker_beside
    from app.training.progress import run_progress
    from app.training.runs import get_run, version_number

    show = show_progress()
    with worker_beside(settings, database):
        while True:
            with database.read() as session:
                progress = run_progress(session, run_id=run_id)
                if not progress.is_open:
                    run = get_run(session, run_id=run_id)
                    version = version_number(session, run)
                    error = (
                        evaluate_run(session, run_id=run_id).error_rate if run.state == "finished" else None
                    )
                    break
            show(
                progress.stage or progress.waits_for or "Waiting for the worker",
                progress.done,
                progress.total,
            )
            time.sleep(POLL_SECONDS)
    end_line()
    found = f" Hold-out error {error.value:.2%} by the labels it learnt (version {version})." if error else ""
    _tell_end(progress, found)


def _tell_end(progress: "RunProgress", found: str) -> None:
    if progress.state == "cancelled":
        raise Cancelled(f"{progress.name} was cancelled.")
    if progress.state != "finished":
        fail(f"{progress.name} failed: {progress.message}")
    typer.echo(f"{progress.name} is finished; its ranking is stored.{found}")
    if progress.message:
        typer.echo(progress.message)
