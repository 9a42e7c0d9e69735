"""Rename, archive and delete a data set, and look at its disk use."""

from fastapi import Response
from pydantic import Field

from app.accounts.activity import nothing_done
from app.datasets.catalog import get_dataset
from app.datasets.removing import begin_removal, disk_use, remove_in_time
from app.datasets.renaming import archive_dataset, rename_dataset
from app.deck.losses import lost_with
from app.errors import Invalid
from app.web.api.datasets import DatasetDetail, detail
from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Admin, Config, Db, SignedIn
from app.web.strict import StrictBody

router = api_router("datasets")


class DatasetPatch(StrictBody):
    """What changes."""

    name: str | None = Field(None, description="The new name; addresses with the old one lead to it.")
    archived: bool | None = Field(None, description="Whether lists and the deck hide it.")


class DiskOut(Output):
    """Bytes on the disk."""

    uploads: int
    runs: int
    photos: int
    cache: int
    inside: int  # all of these: what a deletion frees
    outside: int  # images that lie elsewhere and are never touched
    lost: list[str]  # for admins: what a deletion removes and what it does not touch, in sentences


class Deleted(Output):
    """A data set that is gone for people; what is left is removed when its jobs have stopped."""

    dataset: str
    is_done: bool


@router.patch("/datasets/{name}")
def change_dataset(name: str, database: Db, user: Admin, body: DatasetPatch) -> DatasetDetail:
    """Rename a data set, archive it or bring it back; the answer is the data set now."""
    if body.name is None and body.archived is None:
        raise Invalid("Send “name”, to rename the data set, or “archived”.")
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        changes = [
            body.name is not None and rename_dataset(session, dataset, name=body.name),
            body.archived is not None and archive_dataset(dataset, archived=body.archived),
        ]
        if not any(changes):
            nothing_done()
        session.flush()
        return detail(session, dataset, user.id)


@router.delete(
    "/datasets/{name}",
    status_code=204,
    responses={
        202: {"model": Deleted, "description": "Gone; the rest is removed when its jobs have stopped"}
    },
)
def delete_dataset(name: str, database: Db, settings: Config, _user: Admin) -> Response:
    """Delete a data set for ever: labels, decisions, versions, runs with their checkpoints, stored zips.

    Images that lie in a folder or bucket of yours are never touched. A training or import of it is cancelled
    first; then the answer is 202, and what is left is removed when it has stopped. There is no undo.
    """
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        before = dataset.name
        begin_removal(session, dataset)
    if remove_in_time(database, settings):
        return Response(status_code=204)
    told = Deleted(dataset=before, is_done=False)
    return Response(told.model_dump_json(), status_code=202, media_type="application/json")


@router.get("/datasets/{name}/disk")
def show_disk(name: str, database: Db, settings: Config, user: SignedIn) -> DiskOut:
    """How much of the disk the data set uses: look at this before you delete it."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        found = disk_use(session, settings, dataset=dataset)
        lost = lost_with(session, dataset=dataset, disk=found) if user.is_admin else []
    return DiskOut(
        uploads=found.uploads,
        runs=found.runs,
        photos=found.photos,
        cache=found.cache,
        inside=found.inside,
        outside=found.outside,
        lost=lost,
    )
