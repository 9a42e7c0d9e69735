"""`toploss datasets add`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.client import Server
from app.commands.shared import (
    DatasetName,
    Json,
    end_line,
    for_scripts,
    open_database,
    read_settings,
    show_progress,
)

if TYPE_CHECKING:
    from app.datasets.layout_choice import StatedLayout
    from app.db.engine import Database
    from app.settings import Settings
    from app.storage import Origin


def add(
    name: DatasetName,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH…", help="A folder, zip or URL of class folders, or image files."),
    ],
    *,
    class_name: Annotated[str, typer.Option("--class", help="The class of image files.")] = "",
    split_folders: Annotated[
        list[str] | None,
        typer.Option(metavar="PART=FOLDER,…", help="How folders are read, as for toploss import."),
    ] = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Add images to a data set; they are in no version until the next first look, training or freeze."""
    from app.errors import Invalid

    is_file = Path(paths[0]).is_file() and not paths[0].lower().endswith((".zip", ".parquet"))
    if not class_name and (len(paths) > 1 or is_file):
        raise Invalid(
            "Name the class of these files with --class, or give one folder or zip of class folders."
        )
    if class_name and split_folders:
        raise Invalid("Leave --split-folders out: with --class all files are of one class.")
    with for_scripts(json) as made:
        if server:
            from app.commands.remote_changes import add_there

            split = split_folders or []
            made.update(add_there(server, name, paths, class_name=class_name, split_folders=split))
        else:
            made.update(_add_here(name, paths, class_name, split_folders))


def _add_here(
    name: str, paths: list[str], class_name: str, split_folders: list[str] | None
) -> dict[str, object]:
    from app.datasets.adding import pack_files
    from app.datasets.catalog import ready_dataset
    from app.datasets.layout_choice import StatedLayout, parse
    from app.datasets.sources import resolve_source
    from app.datasets.upload_use import names_in, storing
    from app.errors import Invalid

    settings = read_settings()
    folders = parse(split_folders or [])
    with open_database() as database, storing(database, settings) as stored:
        with database.read() as session:
            ready_dataset(session, name=name)  # before anything is copied
        if class_name:
            files = [Path(path) for path in paths]
            missing = next((path for path in files if not path.is_file()), None)
            if missing is not None:
                raise Invalid(f"There is no file {missing}; check the path.")
            with ExitStack() as stack:
                sent = [(path.name, stack.enter_context(path.open("rb"))) for path in files]
                origin = pack_files(sent, class_name=class_name, uploads_dir=settings.uploads_dir)
            folders = StatedLayout()
        else:
            origin = resolve_source(paths[0], uploads_dir=settings.uploads_dir)
        stored.update(names_in(origin.source))
        return add_origin(database, settings, name=name, origin=origin, folders=folders)


def add_origin(
    database: "Database",
    settings: "Settings",
    *,
    name: str,
    origin: "Origin",
    folders: "StatedLayout | None",
) -> dict[str, object]:
    """Add the images of a source and print what came of it; the answer is for scripts."""
    from app.datasets.adding import add_part, look_at_part, read_part
    from app.datasets.catalog import count_samples, ready_dataset
    from app.deck.progress import pending_changes
    from app.rounds.first_look import look_at_new_images

    found, reading = look_at_part(origin, folders=folders)
    with database.write() as session:
        part = add_part(session, ready_dataset(session, name=name), origin, found, reading)
    added = read_part(database, part, max_pixels=settings.max_image_pixels, on_progress=show_progress())
    end_line()
    if settings.looks_first and added.samples:
        with database.write() as session:
            look_at_new_images(session, dataset_id=part.dataset_id)
    with database.read() as session:
        pending = pending_changes(session, dataset_id=part.dataset_id).words
        samples = count_samples(session, dataset_id=part.dataset_id)
    typer.echo(added.words)
    for note in added.notes:
        typer.echo(f"Note: {note}")
    for path, why in sorted(added.rejected.items()):
        typer.echo(f"  not added {path}: {why}")
    if pending:
        typer.echo(f"{pending}; the next training or freeze takes in what is new.")
    return {"dataset": name, "samples": samples, "added": added.samples, "already_there": added.known}
