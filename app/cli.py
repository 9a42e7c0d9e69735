"""The command line: which commands there are, and how a refusal ends.

A command is imported when it runs (`app/commands/lazy.py`), so that `--help` answers at once.
"""

from typing import Annotated, ClassVar

import typer

from app.commands.lazy import Lazy, LazyGroup
from app.errors import ToplossError


class Commands(LazyGroup):
    """Every command, in the order of the help."""

    table: ClassVar = {
        "import": Lazy(
            "importing:import_", "Import images. Repeating it adds what is new and doubles nothing."
        ),
        "train": Lazy("training:train", "Train on the labels as they stand, and rank every sample."),
        "retrain": Lazy("training:retrain", "Freeze the cleaned labels and fine-tune the best run on them."),
        "resume": Lazy("training:resume", "Resume a cancelled or failed run after its last finished epoch."),
        "look": Lazy(
            "looking:look", "Repeat the first look on the labels as they stand: seconds, and no training."
        ),
        "recipes": Lazy("training:recipes", "Show the recipes, and what can be changed with --set."),
        "runs": Lazy("runs:runs", "List, show and cancel models (runs): trainings, first looks, own models."),
        "top-losses": Lazy("runs:top_losses", "List the images whose labels look most wrong."),
        "review": Lazy("review:review", "List label issues, and decide about images."),
        "predict": Lazy("predicting:predict", "Say how probable each class is for images from outside."),
        "predictions": Lazy("predictions:predictions", "Rank the labels by your own model."),
        "datasets": Lazy("datasets:datasets", "List, add to, rename, archive and delete data sets."),
        "classes": Lazy("classes:classes", "List, add, rename, merge and retire classes."),
        "problems": Lazy("problems:problems", "List images that may be no use whatever their labels."),
        "export": Lazy("exporting:export", "Write the labels of a frozen version to a file."),
        "labels": Lazy("labels:labels", "Bring in labels that were corrected elsewhere."),
        "serve": Lazy("running:serve", "Start the web server, and a worker beside it."),
        "worker": Lazy("running:worker", "Start a worker: it imports, trains and ranks."),
        "demo": Lazy("running:demo", "Draw the demo faces, import them, queue a quick training, and serve."),
        "doctor": Lazy(
            "doctor:doctor", "Check whether everything that Toploss needs is there; nothing is changed."
        ),
        "user": Lazy("accounts:users", "People and their roles."),
        "token": Lazy("accounts:tokens", "API tokens for scripts."),
        "activity": Lazy("activity:activity", "Show who did what and when, the oldest first."),
        "backup": Lazy(
            "backups:backup", "Save the database and all files that cannot be made again to one file."
        ),
        "restore": Lazy("backups:restore", "Restore a backup into an empty data folder and database."),
    }


cli = typer.Typer(
    cls=Commands, help="From a noisy image folder to clean labels and a better model.", no_args_is_help=True
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(version("toploss"))
        raise typer.Exit


@cli.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """From a noisy image folder to clean labels and a better model."""


def main() -> None:
    """Run the command line; a refusal is one sentence on stderr and exit code 1."""
    from app.commands.shared import fail

    try:
        cli()
    except ToplossError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("Stopped.", code=130)
    except OSError as error:
        fail(f"The system refused: {error}. Check the path, the free space and who may write there.")
    except Exception as error:
        sentence = _known_problem(error)
        if sentence is None:
            raise
        fail(sentence)


def _known_problem(error: Exception) -> str | None:
    """A sentence for what libraries raise when a setting is wrong or the database is away."""
    package = type(error).__module__.split(".")[0]
    if package in ("pydantic_core", "pydantic"):
        problems = error.errors()  # type: ignore[attr-defined]
        wrong = [f"TOPLOSS_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in problems]
        return f"A setting is not as expected. {'; '.join(wrong)}. docs/settings.md describes them."
    from app.db.trouble import as_trouble

    if trouble := as_trouble(error):
        return f"{trouble} TOPLOSS_DATABASE_URL says where it is. ({str(error).splitlines()[0]})"
    if package == "sqlalchemy":
        problem = str(error).splitlines()[0]
        return f"The database cannot be used: {problem}. Check TOPLOSS_DATABASE_URL and that the server runs."
    return None


if __name__ == "__main__":
    main()
