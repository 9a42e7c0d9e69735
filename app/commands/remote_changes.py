"""Changes of a data set that a server makes: images that are added, its classes, and labels from a file."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import typer

from app.commands.client import Api, File, open_api
from app.commands.remote import as_zip, follow, pending_there
from app.commands.shared import tell


def stored_name(api: Api, name: str) -> str:
    """The name of a data set as it is stored. Raises NotFound, also for a name that it had before."""
    from app.errors import Moved
    from app.spelling import folded

    now = str(api.get(f"/datasets/{name}")["name"])
    if folded(now) != folded(name):
        raise Moved(f"The data set {name} is named {now} now.", before=name, now=now)
    return now


def add_there(
    server: str, name: str, paths: Sequence[str], *, class_name: str, split_folders: Sequence[str]
) -> dict[str, object]:
    """Send images to a server, which adds them to a data set, and print what came of it.

    A folder is sent as a zip. Single images are sent a hundred at a time. Raises Invalid for what a server
    cannot be sent, NotFound for a path that is not there.
    """
    from app.datasets.adding import AT_ONCE, added_words

    _check_paths(paths, class_name=class_name)
    form = {"class": class_name, "split_folders": ",".join(split_folders)}
    form = {field: value for field, value in form.items() if value}
    added, known, rejected, refused, notes = 0, 0, dict[str, str](), 0, list[str]()
    with open_api(server) as api:
        name = stored_name(api, name)
        typer.echo(f"Sending {'the images' if class_name else paths[0]} to {server}.", err=True)
        for start in range(0, len(paths), AT_ONCE):
            before = api.get(f"/datasets/{name}")
            made = _send(api, name, paths[start : start + AT_ONCE], form)
            after = api.get(f"/datasets/{name}")
            if made["job"]:  # it tells less than a request that reads the images itself
                made["added"] = after["samples"] - before["samples"]
                made["notes"] = after["notes"]
                refused += after["rejected_files"] - before["rejected_files"]
            added += made["added"]
            known += made["already_there"] or 0
            rejected |= made["rejected"]
            notes += made["notes"]
    typer.echo(added_words(added, known, len(rejected) + refused))
    tell(list(dict.fromkeys(notes)))
    for path, why in sorted(rejected.items()):
        typer.echo(f"  not added {path}: {why}")
    if refused:
        typer.echo(f"The page of {name} on the server lists the files that were not added.")
    if pending := pending_there(after):
        typer.echo(f"{pending}; the next training or freeze takes in what is new.")
    return {"dataset": name, "samples": after["samples"], "added": added, "already_there": known}


def _check_paths(paths: Sequence[str], *, class_name: str) -> None:
    from app.errors import Invalid, NotFound

    if away := next((path for path in paths if "://" in path), None):
        raise Invalid(f"{away} is no file of this machine; a server is sent files, so download it first.")
    is_there = Path.is_file if class_name else Path.exists
    if gone := next((path for path in paths if not is_there(Path(path))), None):
        what = "file" if class_name else "file or folder"
        raise NotFound(f"There is no {what} {gone}; check the path.")
    if not class_name and Path(paths[0]).is_file() and not paths[0].lower().endswith(".zip"):
        raise Invalid(f"{paths[0]} is no folder and no zip; a server takes class folders, or a zip of them.")


def _send(api: Api, name: str, paths: Sequence[str], form: Mapping[str, str]) -> dict[str, Any]:
    """Send images of one class, or a folder or zip, and wait until they are read; the answer of the API."""
    with ExitStack() as stack:
        files: list[tuple[str, File]] = []
        if "class" in form:
            files += [
                ("file", (Path(path).name, stack.enter_context(Path(path).open("rb")))) for path in paths
            ]
        else:
            source = Path(paths[0])
            sent = source.name if source.is_file() else f"{source.resolve().name}.zip"
            files.append(("file", (sent, stack.enter_context(as_zip(source, links=False)))))
        made: dict[str, Any] = api.send("POST", f"/datasets/{name}/images", form=form, files=files)
    if made["job"]:
        follow(api, made["job"])
    return made
