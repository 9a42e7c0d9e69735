"""`toploss import`."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.client import Server
from app.commands.shared import (
    Json,
    Seed,
    end_line,
    for_scripts,
    open_database,
    read_settings,
    show_progress,
)

if TYPE_CHECKING:
    from app.datasets.label_reading import StatedColumns
    from app.datasets.layout_choice import StatedLayout
    from app.datasets.models import Dataset
    from app.db.engine import Database
    from app.settings import Settings
    from app.storage import Origin


def import_(
    path: Annotated[
        str,
        typer.Argument(
            help="A folder or zip of class folders, with or without train/valid/test above or below; the URL "
            "of a folder (s3://, gs://, https://); a label file of URLs."
        ),
    ],
    name: Annotated[str, typer.Option(help="The data set's name: letters, digits, dots, dashes.")],
    *,
    split_folders: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART=FOLDER,…",
            help="Which folder is which part, where that is not clear: "
            "train=training_set,valid=dev,skip=masks. A name after */ is of folders in the classes. Of "
            "folders in folders, class=last makes the lower ones the classes, class=path both.",
        ),
    ] = None,
    no_split_folders: Annotated[
        bool, typer.Option("--no-split-folders", help="Every folder is a class.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take what is likely, without a question, where that is not clear.")
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A file with the labels (CSV, JSON Lines, Parquet, exports of Label Studio and FiftyOne), "
            "in the source or elsewhere; then the folders are no classes.",
        ),
    ] = None,
    path_column: Annotated[str, typer.Option(help="The column of FILE that names the images.")] = "",
    label_column: Annotated[str, typer.Option(help="The column of FILE that has the classes.")] = "",
    split_column: Annotated[
        str, typer.Option(help="The column of FILE that has the parts; none: there is no such column.")
    ] = "",
    follow_links: Annotated[
        bool,
        typer.Option(
            "--follow-links",
            help="Follow links, also out of the folder, as caches of data sets, DVC and git-annex have them.",
        ),
    ] = False,
    zip_encoding: Annotated[
        str | None,
        typer.Option(
            metavar="CODE_PAGE",
            help="How a zip's file names are written, if it does not say so: gbk, cp932, cp850, cp866…",
        ),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    server: Server = None,
) -> None:
    """Import images. Repeating it adds what is new and doubles nothing."""
    from app.commands.remote import import_there
    from app.datasets.creating import check_name
    from app.datasets.label_reading import StatedColumns
    from app.datasets.layout_choice import StatedLayout, parse
    from app.datasets.urls import is_list
    from app.errors import Invalid

    folders = parse(split_folders or [])
    if folders is not None and no_split_folders:
        raise Invalid(
            "Choose one: --split-folders names the parts, --no-split-folders says that there are none."
        )
    columns = StatedColumns(path_column, label_column, split_column)
    if labels and (folders is not None or no_split_folders):
        raise Invalid("Choose one: --labels takes the classes from a file, the other options from folders.")
    if is_list(path) and labels:
        raise Invalid(f"{path} is the label file; leave --labels out.")
    if not (labels or is_list(path)) and (path_column or split_column):
        raise Invalid("Name the label file with --labels, too.")
    check_name(name)  # before a large zip is copied
    if server:
        if yes:
            raise Invalid(
                "Leave --yes out with a server: where folders are not clear it answers with the choices, for "
                "--split-folders or --no-split-folders."
            )
        if seed:
            raise Invalid("Leave --seed out: a server draws the validation part with seed 0.")
        fields = {
            "zip_encoding": zip_encoding,
            "split_folders": "none" if no_split_folders else ",".join(split_folders or []),
            "path_column": path_column,
            "label_column": label_column,
            "split_column": split_column,
        }
        import_there(server, path, name=name, fields=fields, labels=labels, links=follow_links, json=json)
        return
    if no_split_folders:
        folders = StatedLayout()
    _import_here(
        path, name, folders, labels, columns, zip_encoding, seed, yes=yes, json=json, links=follow_links
    )


def _import_here(
    path: str,
    name: str,
    folders: "StatedLayout | None",
    labels: str | None,
    columns: "StatedColumns",
    zip_encoding: str | None,
    seed: int,
    *,
    yes: bool,
    json: bool,
    links: bool,
) -> None:
    from app.commands.adding import add_origin
    from app.commands.folders import chooser
    from app.datasets.catalog import count_rejected, count_samples, rejected_files
    from app.datasets.creating import create_dataset
    from app.datasets.importing import import_images
    from app.datasets.upload_use import names_in, storing
    from app.deck.progress import pending_changes
    from app.jobs.requests import live_workers
    from app.rounds.first_look import look_at_new_images

    settings = read_settings()
    with for_scripts(json) as made, open_database() as database:
        with storing(database, settings) as stored:
            source, folders = _source(path, settings, folders, labels, columns, zip_encoding, links=links)
            known = _known(database, name, source)
            stored.update(names_in(source.source))
            if known is not None:
                typer.echo(
                    f"{known.name} exists, from {known.origin}: the images of {source} are added to it."
                )
                made.update(add_origin(database, settings, name=known.name, origin=source, folders=folders))
                return
            with database.write() as session:
                dataset = create_dataset(session, name=name, source=source)
        show = show_progress()
        report = import_images(
            database,
            dataset_id=dataset.id,
            max_pixels=settings.max_image_pixels,
            seed=seed,
            on_progress=show,
            should_stop=lambda: False,
            choose=chooser(folders, yes=yes, before=end_line),
        )
        end_line()
        typer.echo(str(report))
        for note in report.notes:
            typer.echo(f"Note: {note}")
        with database.write() as session:
            looking = settings.looks_first and look_at_new_images(session, dataset_id=dataset.id)
            alive = bool(live_workers(session))
        if looking:
            begun = "" if alive else " once a worker runs: `toploss serve` starts one"
            typer.echo(f"{looking.name_with_id}, a first look at all images, ranks the labels{begun}.")
            typer.echo(f"Next: review them in the browser. Later: toploss train {name}.")
        else:
            typer.echo(f"Next: toploss train {name}, or the data set's page in the browser.")
        with database.read() as session:
            made.update(
                dataset=name,
                samples=count_samples(session, dataset_id=dataset.id),
                rejected_files=count_rejected(session, dataset_id=dataset.id),
                first_look=looking.id if looking else None,
                notes=report.notes,
            )
            if pending := pending_changes(session, dataset_id=dataset.id).words:
                typer.echo(f"{pending}; the next training or freeze takes in what is new.")
            count = count_rejected(session, dataset_id=dataset.id)
            for file in rejected_files(session, dataset_id=dataset.id, limit=20):
                typer.echo(f"  rejected {file.path}: {file.reason}")
        if count > 20:  # noqa: PLR2004
            typer.echo(f"  … and {count - 20} more, listed on the data set's page.")


def _source(
    path: str,
    settings: "Settings",
    folders: "StatedLayout | None",
    labels: str | None,
    columns: "StatedColumns",
    zip_encoding: str | None,
    *,
    links: bool,
) -> "tuple[Origin, StatedLayout | None]":
    """The origin of what is imported, and how it is read, if this is said. Raises Invalid."""
    from app.datasets.layout_choice import StatedLayout
    from app.datasets.sources import named_labels, resolve_images, resolve_list
    from app.datasets.urls import is_list
    from app.errors import Invalid

    uploads_dir = settings.uploads_dir
    if is_list(path):
        source, stated = resolve_list(path, uploads_dir=uploads_dir, columns=columns)
        return source, StatedLayout(labels=stated)
    if labels:
        stated = named_labels(labels, source=path, uploads_dir=uploads_dir, columns=columns)
        folders = StatedLayout(labels=stated)
    source, inside = resolve_images(
        path,
        uploads_dir=uploads_dir,
        zip_encoding=zip_encoding,
        follow_links=links,
        label_column=columns.label,
    )
    folders = StatedLayout(labels=inside) if inside else folders
    if columns.label and (folders is None or folders.labels is None):
        raise Invalid("Name the label file with --labels, too.")
    return source, folders


def _known(database: "Database", name: str, source: "Origin") -> "Dataset | None":
    """The data set of this name that a zip is a further delivery for; None: it is none."""
    from app.datasets.catalog import known_dataset
    from app.datasets.completing import has_version

    with database.read() as session:
        known = known_dataset(session, name=name)
        if known is None or known.source == source.source or not source.source.endswith(".zip"):
            return None
        return known if has_version(session, dataset_id=known.id) else None
