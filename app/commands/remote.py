"""Commands that do their work on a server: what they do here by themselves, `--server` has done there."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from json import loads as parse
from pathlib import Path
from typing import IO, Any

import typer

from app.commands.client import Api, open_api
from app.commands.shared import end_line, fail, name_of_run, print_json, show_progress, tell

POLL_SECONDS = 1.0
OPEN = ("queued", "running")


def import_there(
    server: str,
    path: str,
    *,
    name: str,
    fields: Mapping[str, str | None],
    labels: str | None,
    links: bool,
    json: bool,
) -> None:
    """Send a zip, a folder as a zip, or a URL to a server, and follow its import to the end.

    Raises NotFound for a path that is not there, Invalid for what a server cannot be sent.
    """
    from app.datasets.urls import is_list
    from app.errors import Invalid, NotFound

    source = Path(path)
    is_url = "://" in path
    if not is_url and not source.exists():
        raise NotFound(f"There is no file or folder {path}; check the path.")
    if not is_url and is_list(path):
        raise Invalid(
            f"{path} is a list of URLs; a server takes the URL of such a file, or a zip of images with it."
        )
    if links and not source.is_dir():
        raise Invalid(f"{path} is no folder, so there are no links to follow; leave --follow-links out.")
    form = {"name": name} | {field: value for field, value in fields.items() if value}
    with open_api(server) as api, ExitStack() as stack:
        files: dict[str, tuple[str, IO[bytes]]] = {}
        if is_url:
            form["path"] = path
        else:
            # a Parquet file is known by its name
            sent = source.name if source.is_file() else f"{source.resolve().name}.zip"
            files["file"] = (sent, stack.enter_context(as_zip(source, links=links)))
        if labels is not None:
            if (inside := _inside(source, labels)) is None:
                files["labels"] = (Path(labels).name, stack.enter_context(Path(labels).open("rb")))
            else:
                form["split_folders"] = f"labels={inside}"
        typer.echo(f"Sending {path} to {server}.", err=True)
        asked = api.send("POST", "/datasets", form=form, files=files)
        follow(api, asked["job"])
        dataset = api.get(f"/datasets/{asked['dataset']}")
    if json:
        print_json(dataset)
        return
    typer.echo(
        f"{dataset['name']}: {dataset['samples']:,} images in {dataset['classes']:,} classes; "
        f"rejected files: {dataset['rejected_files']:,}."
    )
    tell(dataset["notes"])


def _inside(source: Path, labels: str) -> str | None:
    """Where a label file is in the source; None: it lies elsewhere on this machine."""
    file = Path(labels).resolve()
    if source.is_dir() and file.is_relative_to(source.resolve()):
        return file.relative_to(source.resolve()).as_posix()
    return None if file.is_file() else labels


def export_from(
    server: str, name: str, output: Path, *, freeze: bool, query: Mapping[str, object], json: bool
) -> None:
    """Write an export that a server makes."""
    with open_api(server) as api:
        if freeze:
            query = {**query, "version": api.send("POST", f"/datasets/{name}/versions")["number"]}
        headers = api.download(f"/datasets/{name}/export", output, **query)
        left_out = pending_there(api.get(f"/datasets/{name}")) if query["version"] is None else ""
    for words in parse(headers.get("x-toploss-notes", "[]")):
        typer.echo(f"Note: {words}", err=True)
    if left_out:
        typer.echo(f"{left_out}, so not in this file; --freeze takes in what is new.", err=True)
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


def pending_there(dataset: Mapping[str, Any]) -> str:
    """What no version of a server's data set has, in words; empty if there is nothing."""
    from app.deck.progress import PendingChanges

    labels, images = dataset["labels_in_no_version"], dataset["images_in_no_version"]
    return PendingChanges(0, 0, since_version=labels, version=0, flows=(), new_images=images).words


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
            f"{name_of_run(made)} of {name}, version {made['version']}: queued.",
            f"It starts from {made['start']}." if made["start"] else "",
        ):
            if words:
                typer.echo(words, err=json)
        if wait:
            _end_of_run(api, made["id"], json=json)


def look_there(server: str, name: str, *, wait: bool, json: bool) -> None:
    """Queue a first look at the labels as they stand on a server."""
    with open_api(server) as api:
        made = api.send("POST", f"/datasets/{name}/first-looks")
        if json and not wait:
            print_json(made)
            return
        about = f"a first look at the labels of version {made['version']}"
        typer.echo(f"{name_of_run(made)} of {name}, {about}: queued.", err=json)
        if wait:
            _end_of_run(api, made["id"], json=json)


def resume_there(server: str, run_id: int, *, wait: bool, json: bool) -> None:
    """Resume a run on a server."""
    with open_api(server) as api:
        run = api.send("POST", f"/runs/{run_id}/resume")
        if json and not wait:
            print_json(run)
            return
        typer.echo(f"{name_of_run(run)}: queued again.", err=json)
        if wait:
            _end_of_run(api, run_id, json=json)


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
            follow(api, made["job"])
    if json:
        print_json(made)
        return
    tell(made["notes"])
    typer.echo(f"{name_of_run(made)} of {name}, your own model: {made['rows']:,} images are ranked.")


def predict_there(
    server: str, arguments: Sequence[str], *, dataset: str | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Show image files to a run's network on a server; the run, and a photo for each file in their order.

    The server keeps what it is sent as photos of the run. Raises Invalid where no run or no file is named,
    NotFound for a file that is not there.
    """
    from app.errors import Invalid, NotFound
    from app.photos.photos import AT_ONCE

    if dataset is not None:
        raise Invalid(f"Name the run in place of --dataset: `toploss runs list {dataset}` shows the ids.")
    first, *names = arguments
    if not (first.isascii() and first.isdecimal()) or not names:
        raise Invalid("Name the id of a run, then the images; `toploss runs list NAME` shows the ids.")
    for name in names:
        if not Path(name).is_file():
            raise NotFound(f"There is no file {name}; check the path.")
    photos: list[dict[str, Any]] = []
    with open_api(server) as api:
        run = api.get(f"/runs/{first}")
        for start in range(0, len(names), AT_ONCE):
            with ExitStack() as stack:
                part = [Path(name) for name in names[start : start + AT_ONCE]]
                files = [("files", (path.name, stack.enter_context(path.open("rb")))) for path in part]
                made = api.send("POST", f"/runs/{first}/photos", files=files)
            if made["job"]:
                follow(api, made["job"])
            photos += [api.get(f"/photos/{photo}") for photo in made["photos"]]
    return run, photos


def follow(api: Api, job_id: str) -> None:
    """Show the progress of a job until it ends; exit code 1 where it does not finish."""
    show = show_progress()
    while (job := api.get(f"/jobs/{job_id}"))["state"] in OPEN:
        show(job["stage"] or "Waiting for the worker", job["done"], job["total"])
        time.sleep(POLL_SECONDS)
    end_line()
    if job["state"] != "finished":
        fail(job["message"] or f"The job was {job['state']}.")


def _end_of_run(api: Api, run_id: int, *, json: bool) -> None:
    run: dict[str, Any] = api.get(f"/runs/{run_id}")
    if run["job"]:
        follow(api, run["job"])
        run = api.get(f"/runs/{run_id}")
    if json:
        print_json(run)
        return
    rate = run["error_rate"]
    found = f" Hold-out error {rate['value']:.2%} by the labels it learnt." if rate else ""
    typer.echo(f"{name_of_run(run)} is {run['state']}; its ranking is stored.{found}")


@contextmanager
def as_zip(source: Path, *, links: bool) -> Iterator[IO[bytes]]:
    """The zip itself, or the files of a folder in one that is removed afterwards.

    Of a folder only those files are sent that an import from it would read: links that leave it are followed
    only if `links` says so.
    """
    import tempfile
    import zipfile

    from app.storage.folder import FolderSource
    from app.storage.linked import LinkedFolderSource

    if source.is_file():
        with source.open("rb") as file:
            yield file
        return
    folder = LinkedFolderSource(source) if links else FolderSource(source)
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w", strict_timestamps=False) as archive:
            for entry in sorted(folder.walk(), key=lambda entry: entry.path):
                if entry.problem:
                    typer.echo(f"{entry.path} is not sent: {entry.problem}.", err=True)
                else:
                    # without a date: the same files make the same zip, whose images are known the second time
                    archive.writestr(zipfile.ZipInfo(entry.path), folder.read(entry.path))
            for empty in folder.empty_folders:
                archive.writestr(zipfile.ZipInfo(f"{empty}/"), b"")
        packed.seek(0)
        yield packed
