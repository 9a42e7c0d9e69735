"""Frozen versions and their export."""

import json
from datetime import datetime
from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator
from sqlalchemy.orm import Session

from app.accounts.activity import nothing_done
from app.datasets.catalog import count_samples, get_dataset, ready_dataset
from app.datasets.models import DatasetVersion
from app.datasets.versions import get_version, latest_version, list_versions
from app.errors import Invalid
from app.export.checking import checked
from app.export.exporting import export_version
from app.export.formats import FORMATS, VALID_FOLDERS
from app.rounds.retraining import freeze_labels
from app.web.api.models import Listing, Output
from app.web.api.routing import Cursor, Limit, api_router, file_answers, following, position
from app.web.deps import Admin, Db
from app.web.transfer import has_already

router = api_router("versions")


class VersionOut(Output):
    """A frozen version."""

    number: int
    digest: str
    samples: int
    relabelled: int
    deleted: int
    images_since: int  # imported since, so not in it
    created_at: datetime


@router.get("/datasets/{name}/versions")
def index(name: str, database: Db, limit: Limit = 100, cursor: Cursor = None) -> Listing[VersionOut]:
    """Every version, the oldest first."""
    start = position(cursor)
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        found = list_versions(session, dataset_id=dataset_id)[start : start + limit]
        images = count_samples(session, dataset_id=dataset_id)
    return Listing(
        items=[_version_out(version, images) for version in found],
        next=following(found, limit, start + limit),
    )


@router.post(
    "/datasets/{name}/versions",
    status_code=201,
    responses={200: {"model": VersionOut, "description": "Nothing has changed"}},
)
def create(name: str, response: Response, database: Db, _user: Admin) -> VersionOut:
    """Freeze the labels as they stand; 200 and the same version when no label has changed."""
    with database.write() as session:
        version, is_new = freeze_labels(session, dataset_id=ready_dataset(session, name=name).id)
        response.status_code = 201 if is_new else 200
        if not is_new:
            nothing_done()
        return _version_out(version, count_samples(session, dataset_id=version.dataset_id))


@router.get(
    "/datasets/{name}/export",
    response_class=StreamingResponse,
    responses=file_answers(*sorted({entry.media_type.partition(";")[0] for entry in FORMATS.values()})),
)
def export(
    name: str,
    request: Request,
    database: Db,
    format: Annotated[str, Query(description=f"One of {', '.join(FORMATS)}")] = "csv",  # noqa: A002
    version: Annotated[str, Query(description="`latest` or a number")] = "latest",
    include_deleted: Annotated[bool, Query(description="Keep deleted samples in, without a label.")] = False,
    run: Annotated[
        int | None,
        BeforeValidator(lambda sent: None if sent == "" else sent),  # a form's empty choice
        Query(description="Whose scores to add, instead of the ranking at the time of the freeze."),
    ] = None,
    probabilities: Annotated[
        bool, Query(description="Add a column with the run's probability of each class to a table.")
    ] = False,
    valid_folder: Annotated[
        str, Query(description="The folder of the validation part: valid, val or validation.")
    ] = VALID_FOLDERS[0],
    skip_missing: Annotated[
        bool,
        Query(description="Leave out images whose files are missing or changed; missing.csv lists them."),
    ] = False,
) -> Response:
    """The labels of a frozen version, always the same bytes. 409 names missing or changed image files.

    What has to be known of the file is in the header `x-toploss-notes`, a list of sentences in JSON.
    """
    with database.read() as session:
        chosen = _version(session, ready_dataset(session, name=name).id, version)
        made = export_version(
            session,
            version_id=chosen.id,
            format=format,
            run_id=run,
            include_deleted=include_deleted,
            probabilities=probabilities,
            valid_folder=valid_folder,
        )
    if not has_already(request, made.etag):
        made = checked(database, made, skip_missing=skip_missing)
    if has_already(request, made.etag):
        return Response(status_code=304, headers={"etag": made.etag})
    headers = {
        "etag": made.etag,
        "content-disposition": f'attachment; filename="{made.filename}"',
        "x-toploss-version": str(chosen.number),
        "x-toploss-digest": chosen.digest,
    }
    if notes := made.entry.notes(made.plan):
        headers["x-toploss-notes"] = json.dumps(notes)  # ASCII alone, as a header must be
    return StreamingResponse(made.chunks, media_type=made.media_type, headers=headers)


def _version_out(version: DatasetVersion, images: int) -> VersionOut:
    """The version in the form of the API, in a data set of so many images."""
    return VersionOut(
        number=version.number,
        digest=version.digest,
        samples=version.samples,
        relabelled=version.relabelled,
        deleted=version.deleted,
        images_since=images - version.samples - version.deleted,
        created_at=version.created_at,
    )


def _version(session: Session, dataset_id: int, text: str) -> DatasetVersion:
    if text == "latest":
        return latest_version(session, dataset_id=dataset_id)
    if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 - an int32
        raise Invalid(f"“{text}” is no version; use latest or a number.")
    return get_version(session, dataset_id=dataset_id, number=int(text))
