"""Commands that do their work on a server: what they do here by themselves, `--server` has done there."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from json import loads as parse
from pathlib import Path
from typing import IO, Any

import typer

from app.commands.client import Api, open_api
from app.commands.shared import end_line, fail, print_json, show_progress, tell

POLL_SECONDS = 1.0
OPEN = ("queued", "running")


def import_there(server: str, path: str, *, name: str, fields: Mapping[str, str | None], json: bool) -> None:
    """Send a zip, or a folder as a zip, to a server, and follow its import to the end.

    Raises NotFound for a path that is not there.
    """
    from app.errors import NotFound

    source = Path(path)
    if not source.exists():
        raise NotFound(f"There is no file or folder {path}; check the path.")
    form = {"name": name} | {field: value for field, value in fields.items() if value}
    with open_api(server) as api, _as_zip(source) as file:
        typer.echo(f"Sending {source} to {server}.", err=True)
        # a Parquet file is known by its name
        sent = source.name if source.is_file() else f"{source.resolve().name}.zip"
        asked = api.send("POST", "/datasets", form=form, files={"file": (sent, file)})
        _follow(api, asked["job"])
        dataset = api.get(f"/datasets/{asked['dataset']}")
    if json:
        print_json(dataset)
        return
    typer.echo(
        f"{dataset['name']}: {dataset['samples']:,} samples in {dataset['classes']:,} classes; "
        f"rejected files: {dataset['rejected_files']:,}."
    )
    tell(dataset["notes"])


def export_from(
    server: str, name: str, output: Path, *, freeze: bool, query: Mapping[str, object], json: bool
) -> None:
    """Write an export that a server makes."""
    with open_api(server) as api:
        if freeze:
            query = {**query, "version": api.send("POST", f"/datasets/{name}/versions")["number"]}
        headers = api.download(f"/datasets/{name}/export", output, **query)
    for words in parse(headers.get("x-toploss-notes", "[]")):
        typer.echo(f"Note: {words}", err=True)
    made = {
        "file": str(output),
        "version": int(headers["x-toploss-version"]),
        "digest": headers["x-toploss-digest"],
    }
    if json:
        print_json(made)
    else:
        typer.echo(
            f"Version {made['version']} of {name} (digest {str(made['digest'])[:12]}) → {output}", err=True
        )


def train_there(server: str, name: str, body: Mapping[str, object], *, wait: bool, json: bool) -> None:
    """Queue a run on a server."""
    with open_api(server) as api:
        made = api.send(
            "POST", f"/datasets/{name}/runs", json={k: v for k, v in body.items() if v is not None}
        )
        if json and not wait:
            print_json(made)
            return
        for words in (
            made["recommended"],
            f"Run {made['id']} of {name}, version {made['version']}: queued.",
            f"It starts from {made['start']}." if made["start"] else "",
        ):
            if words:
                typer.echo(words, err=json)
        if wait:
            _end_of_run(api, made["id"], json=json)


def resume_there(server: str, number: int, *, wait: bool, json: bool) -> None:
    """Resume a run on a server."""
    with open_api(server) as api:
        run = api.send("POST", f"/runs/{number}/resume")
        if json and not wait:
            print_json(run)
            return
        typer.echo(f"Run {number}: queued again.", err=json)
        if wait:
            _end_of_run(api, number, json=json)


def predictions_there(
    server: str, name: str, files: Mapping[str, Path | None], fields: Mapping[str, bool], *, json: bool
) -> None:
    """Send the predictions of an own model to a server, which ranks by them."""
    with open_api(server) as api, ExitStack() as stack:
        opened: dict[str, tuple[str, IO[bytes]]] = {
            field: (path.name, stack.enter_context(path.open("rb"))) for field, path in files.items() if path
        }
        form = {field: str(value).lower() for field, value in fields.items()}
        made = api.send("POST", f"/datasets/{name}/predictions", form=form, files=opened)
        if made["job"]:
            _follow(api, made["job"])
    if json:
        print_json(made)
        return
    tell(made["notes"])
    typer.echo(f"Run {made['id']} of {name}, your own model: {made['rows']:,} images are ranked.")


def _follow(api: Api, job_id: str) -> None:
    """Show the progress of a job until it ends; exit code 1 where it does not finish."""
    show = show_progress()
    while (job := api.get(f"/jobs/{job_id}"))["state"] in OPEN:
        show(job["stage"] or "Waiting for the worker", job["done"], job["total"])
        time.sleep(POLL_SECONDS)
    end_line()
    if job["state"] != "finished":
        fail(job["message"] or f"The job was {job['state']}.")


def _end_of_run(api: Api, number: int, *, json: bool) -> None:
    run: dict[str, Any] = api.get(f"/runs/{number}")
    if run["job"]:
        _follow(api, run["job"])
        run = api.get(f"/runs/{number}")
    if json:
        print_json(run)
        return
    rate = run["error_rate"]
    found = f" Hold-out error {rate['value']:.2%} by the labels it learnt." if rate else ""
    typer.echo(f"Run {number} is {run['state']}; its ranking is stored.{found}")


@contextmanager
def _as_zip(source: Path) -> Iterator[IO[bytes]]:
    """The zip itself, or the files of a folder in one that is removed afterwards."""
    import tempfile
    import zipfile

    if source.is_file():
        with source.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w", strict_timestamps=False) as archive:
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(source).as_posix())
        packed.seek(0)
        yield packed
