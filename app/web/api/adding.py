"""Add images to a data set."""

from typing import Annotated

from fastapi import File, Form, Response, UploadFile

from app.datasets.catalog import get_dataset
from app.datasets.layout_choice import parse
from app.deck.progress import pending_changes
from app.web.adding import add_files
from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Admin, Config, Db
from app.web.uploading import ImagesRoute

router = api_router("datasets")


class ImagesAdded(Output):
    """What was added, or the job that reads it."""

    dataset: str
    added: int | None  # samples; null: a job reads them
    already_there: int | None  # files of images that the data set has; null: a job reads them
    rejected: dict[str, str]  # the reason of each file that was not added
    notes: list[str]
    job: str | None  # more than 100 images are read by a job
    images_in_no_version: int  # the next training or freeze includes them


def add_images(
    name: str,
    response: Response,
    database: Db,
    settings: Config,
    user: Admin,
    file: Annotated[
        list[UploadFile],
        File(description="A zip of class folders, or up to 100 images of one class, each as “file”."),
    ],
    class_name: Annotated[
        str, Form(alias="class", description="The class of single images; a new one is made.")
    ] = "",
    split_folders: Annotated[
        str, Form(description="How the folders of a zip are read, as for an import.")
    ] = "",
) -> ImagesAdded:
    """Add images at any time: 201 with what was added, or 202 with a job for more than 100 images.

    Nothing that was there is changed. The new images are in no version until the next first
    look, training or freeze.
    """
    added, job = add_files(
        database,
        settings,
        name=name,
        files=file,
        class_name=class_name.strip(),
        folders=parse([split_folders]),
        user_id=user.id,
    )
    response.status_code = 201 if added else 202
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        pending = pending_changes(session, dataset_id=dataset.id)
    return ImagesAdded(
        dataset=dataset.name,
        added=added.samples if added else None,
        already_there=added.known if added else None,
        rejected=added.rejected if added else {},
        notes=list(added.notes) if added else [],
        job=job,
        images_in_no_version=pending.new_images,
    )


router.add_api_route(
    "/datasets/{name}/images",
    add_images,
    methods=["POST"],
    status_code=201,
    responses={202: {"model": ImagesAdded, "description": "A job reads the images"}},
    route_class_override=ImagesRoute,
)
