"""Data sets and their samples."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Literal

from fastapi import File, Form, Query, UploadFile
from pydantic import Field
from sqlalchemy.orm import Session

from app.accounts.activity import tell_dataset
from app.datasets import catalog
from app.datasets.catalog import DatasetSummary
from app.datasets.label_reading import StatedColumns
from app.datasets.layout_choice import StatedLayout, as_text, parse
from app.datasets.layout_reading import Reading
from app.datasets.missing import count_missing, missing_files
from app.datasets.models import Dataset
from app.datasets.proposals import waiting_proposal
from app.datasets.sources import look, request_import, uploaded_images
from app.datasets.surveying import Survey, choice_of
from app.datasets.upload_use import names_in, storing
from app.datasets.versions import list_versions
from app.deck.filters import count_matching
from app.deck.progress import pending_changes, review_progress
from app.deck.table import rows
from app.errors import Invalid
from app.review.corrections import count_corrections
from app.settings import Settings
from app.storage import Origin
from app.training.runs import newest_ranked
from app.web.api.models import Listing, Output
from app.web.api.routing import Cursor, Limit, api_router, following, position
from app.web.api.samples import SampleOut, sample_out
from app.web.deps import Admin, Config, Db, SignedIn
from app.web.filters import SampleFilter
from app.web.imports import place_named, with_labels
from app.web.uploading import ImportRoute

router = api_router("datasets")


class DatasetOut(Output):
    """A data set."""

    name: str
    state: str
    samples: int
    classes: int


class LabelsOut(Output):
    """Files that have the labels of a source, and the columns of a table."""

    files: list[str]
    kind: str  # table, label-studio or fiftyone
    columns: list[str]  # all of them
    path_column: str | None
    label_column: str | None
    split_column: str | None
    class_columns: list[str]  # columns of 0 and 1 that are classes, in place of one column of classes


class LayoutOut(Output):
    """One way to read the folders of a source, and what an import makes of them."""

    split_folders: str  # what to send to choose it; a `?` stands for a part that is to be named
    labels: LabelsOut | None  # the files that have the labels; none: the folders are the classes
    is_complete: bool  # whether every part is named
    classes: dict[str, dict[str, int]]  # files by part, of each class
    left_out: dict[str, int]  # files in no class, by their topmost folder
    refused: dict[str, int]  # files that are refused before they are read, by the reason
    notes: list[str]  # the same in sentences


class DatasetDetail(DatasetOut):
    """A data set with how far its review is."""

    split_folders: str | None  # how its folders are read; none: not known yet
    choices: list[
        LayoutOut
    ]  # while its state is `waiting`: how they can be read; import it again with one of them
    rejected_files: int
    missing_files: int  # samples left out because their files are missing or changed
    notes: list[str]  # what the newest import noticed, in sentences
    archived: bool  # lists and the deck do not show it
    version: int | None
    images_in_no_version: int  # imported since the newest version; the next training or freeze includes them
    labels_in_no_version: int  # labels of the newest version that are other ones by now
    run: int | None  # whose ranking is the current one
    label_issues: int
    reviewed: int
    remaining: int
    errors_found: int  # samples that are relabelled or deleted now
    corrections_waiting: int  # samples that somebody would correct, but that wait for another look


class MissingFileOut(Output):
    """A sample that is left out, because its file is not as it was imported."""

    sample: int
    path: str
    reason: str  # missing, changed or unreadable
    noticed_at: datetime


class ImportAccepted(Output):
    """An import was queued."""

    dataset: str
    job: str
    layout: (
        LayoutOut | None
    )  # what its folders are taken for; none: the source cannot be looked at, and the job says why


class SamplesOut(Listing[SampleOut]):
    """A page of samples."""

    matching: int  # in all; what a bulk decision about them states as `expected`


@router.get("/datasets")
def list_datasets(
    database: Db,
    user: SignedIn,
    limit: Limit = 100,
    cursor: Cursor = None,
    archived: Annotated[bool, Query(description="The archived ones instead of the others.")] = False,
) -> Listing[DatasetOut]:
    """Every data set that is not archived and that its user sees, by name."""
    start = position(cursor)
    with database.read() as session:
        found = catalog.list_datasets(session, archived=archived, hidden=user.hidden)[start : start + limit]
    return Listing(items=[_out(item) for item in found], next=following(found, limit, start + limit))


def create_dataset(
    database: Db,
    settings: Config,
    user: Admin,
    name: Annotated[str, Form()],
    file: Annotated[
        UploadFile | None, File(description="A zip of class folders, or a Parquet file with images.")
    ] = None,
    path: Annotated[
        str | None,
        Form(
            description="Or a folder or zip on the server, below TOPLOSS_IMPORT_ROOTS, or the URL of a "
            "folder (s3://, gs://, https://, http://) or of a label file of URLs."
        ),
    ] = None,
    zip_encoding: Annotated[
        str | None,
        Form(description="The code page of unmarked file names in a zip, such as gbk, cp932 or cp850."),
    ] = None,
    split_folders: Annotated[
        str,
        Form(
            description="Which folder is which part, where that is not clear: "
            "“train=training_set,valid=dev,skip=masks” (“*/name” for a folder in the classes), or “none” "
            "if every folder is a class; “labels=train.csv” takes the classes from a file in the source."
        ),
    ] = "",
    labels: Annotated[
        UploadFile | None,
        File(
            description="A file with the labels of the images: CSV, TSV, JSON Lines, JSON or Parquet, an "
            "export of Label Studio, or labels.json of FiftyOne."
        ),
    ] = None,
    path_column: Annotated[str, Form(description="Its column that names the images.")] = "",
    label_column: Annotated[str, Form(description="Its column that has the classes.")] = "",
    split_column: Annotated[
        str, Form(description="Its column that has the parts; “none”: there is no such column.")
    ] = "",
) -> ImportAccepted:
    """Import a data set: a job of the worker.

    The answer shows how the folders are read. If they can be read in several ways, it is 422 with the error
    `ambiguous_layout` and `choices`, each with the `split_folders` to send to choose it; nothing is imported
    then. If no file of the source can become a sample, it is 422 with the reason of most of its files.
    """
    columns = StatedColumns(path_column, label_column, split_column)
    folders = parse([split_folders])
    with storing(database, settings) as stored:
        source, listed = _source(settings, file, path, zip_encoding, columns)
        stored.update(names_in(source.source))
        if listed is None:
            folders = with_labels(settings, folders, labels, columns)
        folders = listed or folders
        stored.update(names_in(folders.labels.stored if folders and folders.labels else ""))
        found = look(source)
        with database.write() as session:
            dataset, job = request_import(
                session, name=name, source=source, user_id=user.id, found=found, folders=folders
            )
            tell_dataset(dataset.name)
            return ImportAccepted(dataset=dataset.name, job=job.id, layout=_layout(dataset, found))


# By this route a name that cannot be is refused before the zip behind it is read.
router.add_api_route(
    "/datasets", create_dataset, methods=["POST"], status_code=202, route_class_override=ImportRoute
)


@router.get("/datasets/{name}")
def show_dataset(name: str, database: Db, user: SignedIn) -> DatasetDetail:
    """One data set and how far its review is."""
    with database.read() as session:
        return detail(session, catalog.get_dataset(session, name=name), user.id)


@router.get("/datasets/{name}/missing")
def list_missing(
    name: str, database: Db, limit: Limit = 100, cursor: Cursor = None
) -> Listing[MissingFileOut]:
    """Samples whose files are missing or changed, by id. They come back when the original files are back."""
    start = position(cursor)
    with database.read() as session:
        dataset = catalog.get_dataset(session, name=name)
        found = missing_files(session, dataset_id=dataset.id, after=start, limit=limit)
    items = [
        MissingFileOut(sample=each.sample_id, path=path, reason=each.reason, noticed_at=each.noticed_at)
        for each, path in found
    ]
    return Listing(items=items, next=following(found, limit, items[-1].sample if items else 0))


class SampleQuery(SampleFilter):
    """A page of the samples that match."""

    order: Literal["id", "rank"] = Field(
        "id", description="id, or rank: only samples of the current ranking, the most suspicious first."
    )
    limit: int = Field(100, ge=1, le=1000, description="Results a page.")
    cursor: str | None = Field(None, description="`next` of the page before.")


@router.get("/datasets/{name}/samples")
def list_samples(name: str, database: Db, query: Annotated[SampleQuery, Query()]) -> SamplesOut:
    """The samples that match, with labels, decisions and scores."""
    with database.read() as session:
        dataset = catalog.get_dataset(session, name=name)
        names = catalog.class_names(session, dataset_id=dataset.id)
        matching = count_matching(session, dataset_id=dataset.id, which=query.which)
        found = rows(
            session,
            dataset_id=dataset.id,
            which=query.which,
            after=position(query.cursor),
            limit=query.limit,
            by_rank=query.order == "rank",
        )
    return SamplesOut(
        matching=matching,
        items=[sample_out(each, names) for each in found],
        next=following(found, query.limit, found[-1].place if found else 0),
    )


def _out(item: DatasetSummary) -> DatasetOut:
    return DatasetOut(name=item.name, state=item.state, samples=item.samples, classes=item.classes)


def _layout(dataset: Dataset, found: Survey | None) -> LayoutOut | None:
    if found is None or dataset.layout is None:
        return None
    made = found.outline(Reading.from_json(dataset.layout))
    refused = Counter(made.refused) + Counter(found.rejected.values())
    return LayoutOut.model_validate(choice_of(made) | {"refused": dict(refused)})


def _source(
    settings: Settings,
    file: UploadFile | None,
    path: str | None,
    zip_encoding: str | None,
    columns: StatedColumns,
) -> tuple[Origin, StatedLayout | None]:
    if (file is None) == (path is None):
        raise Invalid("Send either a zip as the form field “file”, or a place on the server as “path”.")
    if file is not None:
        zipped, inside = uploaded_images(
            file.file,
            filename=file.filename or "",
            uploads_dir=settings.uploads_dir,
            max_bytes=settings.max_upload_mb * 1_000_000,
            zip_encoding=zip_encoding,
            label_column=columns.label,
        )
        return zipped, StatedLayout(labels=inside) if inside else None
    return place_named(settings, path or "", zip_encoding=zip_encoding, columns=columns)


def detail(session: Session, dataset: Dataset, user_id: int) -> DatasetDetail:
    """The data set in the form of the API."""
    line, waiting = catalog.summarise(session, dataset), waiting_proposal(dataset)
    progress = review_progress(session, dataset_id=dataset.id, user_id=user_id)
    versions = list_versions(session, dataset_id=dataset.id)
    run = newest_ranked(session, dataset_id=dataset.id)
    pending = pending_changes(session, dataset_id=dataset.id)
    corrections = count_corrections(session, dataset_id=dataset.id)
    return DatasetDetail(
        **_out(line).model_dump(),
        notes=dataset.notes,
        split_folders=as_text(Reading.from_json(dataset.layout)) if dataset.layout else None,
        choices=[
            LayoutOut.model_validate(choice_of(choice)) for choice in (waiting.choices if waiting else ())
        ],
        missing_files=count_missing(session, dataset_id=dataset.id),
        rejected_files=catalog.count_rejected(session, dataset_id=dataset.id),
        archived=line.archived,
        version=versions[-1].number if versions else None,
        images_in_no_version=pending.new_images,
        labels_in_no_version=pending.since_version,
        run=run.id if run else None,
        label_issues=progress.label_issues,
        reviewed=progress.reviewed,
        remaining=progress.remaining,
        errors_found=corrections.found,
        corrections_waiting=corrections.waiting,
    )
