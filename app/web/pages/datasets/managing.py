"""Manage a data set: add images, rename it, archive it, see its disk use, delete it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.accounts.activity import nothing_done, tell
from app.datasets.adding import AT_ONCE
from app.datasets.catalog import classes_of, get_dataset
from app.datasets.layout_choice import parse
from app.datasets.models import Dataset
from app.datasets.removing import DiskUse, begin_removal, disk_use, remove_in_time
from app.datasets.renaming import archive_dataset, rename_dataset
from app.deck.losses import lost_with
from app.errors import Invalid, ToplossError
from app.settings import Settings
from app.web.adding import add_files
from app.web.deps import Admin, Config, Db
from app.web.errors import status_of
from app.web.rendering import Page, page_context, render
from app.web.toasts import Undo, say
from app.web.uploading import ImagesRoute

router = APIRouter()

MB = 1_000_000


@dataclass(frozen=True)
class DiskLine:
    """A part of the disk use."""

    words: str
    megabytes: str


@dataclass(frozen=True, kw_only=True)
class ManagePage(Page):
    """The forms that manage a data set."""

    name: str
    archived: bool
    classes: tuple[str, ...]
    at_once: int
    max_megabytes: int
    disk: tuple[DiskLine, ...]
    lost: tuple[str, ...]  # with a deletion, in sentences
    field: str  # the one that the message is about
    message: str
    done: str  # what was done, in a sentence


@router.get("/d/{name}/manage")
def show(request: Request, name: str, database: Db, settings: Config, _admin: Admin) -> Response:
    """The forms."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        return _page(request, session, settings, dataset)


@router.post("/d/{name}/manage/rename")
def rename(
    request: Request,
    name: str,
    database: Db,
    settings: Config,
    _admin: Admin,
    new_name: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Rename the data set; its old addresses lead to the new ones."""
    try:
        with database.write() as session:
            if not rename_dataset(session, get_dataset(session, name=name), name=new_name.strip()):
                nothing_done()
            tell(f"now {new_name.strip()}")
    except ToplossError as error:
        return _refused(request, database, settings, name, "name", error)
    back = RedirectResponse(f"/d/{new_name.strip()}/manage", status_code=303)
    return say(request, back, f"Renamed {name} to {new_name.strip()}")


@router.post("/d/{name}/manage/archive")
def archive(
    request: Request, name: str, database: Db, _admin: Admin, archived: Annotated[bool, Form()]
) -> Response:
    """Hide the data set from lists and the deck, or bring it back."""
    with database.write() as session:
        if not archive_dataset(get_dataset(session, name=name), archived=archived):
            nothing_done()
    words = f"{name} is archived" if archived else f"{name} is back"
    undo = Undo(f"/d/{name}/manage/archive", (("archived", str(not archived).lower()),))
    return say(request, RedirectResponse(f"/d/{name}/manage", status_code=303), words, undo=undo)


@router.post("/d/{name}/manage/delete")
def delete(
    request: Request,
    name: str,
    database: Db,
    settings: Config,
    _admin: Admin,
    typed: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Delete the data set, if its name was typed."""
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        is_meant = typed.strip() == dataset.name
        if is_meant:
            begin_removal(session, dataset)
        else:
            nothing_done()
    if not is_meant:
        wrong = Invalid(f"Type {name}, the name of the data set; nothing was deleted.")
        return _refused(request, database, settings, name, "typed", wrong)
    remove_in_time(database, settings)
    return say(request, RedirectResponse("/", status_code=303), f"{name} is deleted")


def add_images(
    request: Request,
    name: str,
    database: Db,
    settings: Config,
    admin: Admin,
    file: Annotated[list[UploadFile], File()],
    class_name: Annotated[str, Form(max_length=800)] = "",
) -> Response:
    """Add a zip of class folders, or images of one class."""
    try:
        added, job = add_files(
            database,
            settings,
            name=name,
            files=file,
            class_name=class_name.strip(),
            folders=parse([""]),
            user_id=admin.id,
        )
    except ToplossError as error:
        return _refused(request, database, settings, name, "file", error)
    if job or added is None:
        return RedirectResponse(f"/d/{name}", status_code=303)
    rejected = [f"{path}: {why}." for path, why in sorted(added.rejected.items())]
    said = " ".join([added.words, *added.notes, *rejected[:5]])
    with database.read() as session:
        return _page(request, session, settings, get_dataset(session, name=name), done=said)


router.add_api_route(
    "/d/{name}/manage/images", add_images, methods=["POST"], route_class_override=ImagesRoute
)


def _refused(
    request: Request, database: Db, settings: Settings, name: str, field: str, error: ToplossError
) -> Response:
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        return _page(
            request, session, settings, dataset, field=field, message=str(error), status=status_of(error)
        )


def _page(
    request: Request,
    session: Session,
    settings: Settings,
    dataset: Dataset,
    *,
    field: str = "",
    message: str = "",
    done: str = "",
    status: int = 200,
) -> Response:
    disk = disk_use(session, settings, dataset=dataset)
    page = ManagePage(
        **page_context(request, dataset.name),
        name=dataset.name,
        archived=dataset.archived_at is not None,
        classes=tuple(classes_of(session, dataset_id=dataset.id).open_names),
        at_once=AT_ONCE,
        max_megabytes=settings.max_upload_mb,
        disk=_lines(disk),
        lost=tuple(lost_with(session, dataset=dataset, disk=disk)),
        field=field,
        message=message,
        done=done,
    )
    return render("datasets/manage.html", page, status=status)


def _lines(disk: DiskUse) -> tuple[DiskLine, ...]:
    return tuple(
        DiskLine(words, f"{size / MB:,.1f} MB")
        for words, size in (
            ("uploaded zips of its own", disk.uploads),
            ("models: checkpoints and descriptions of images", disk.runs),
            ("photos sent to models", disk.photos),
            ("decoded images, which can be made again", disk.cache),
            ("images elsewhere, which are never touched", disk.outside),
        )
        if size
    )
