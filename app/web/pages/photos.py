"""Photos and a run's predictions for them: send, follow, show and remove them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, File, Query, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.accounts.tokens import Person
from app.datasets.catalog import get_dataset
from app.db.engine import Database
from app.errors import Invalid, ToplossError
from app.jobs.requests import live_workers
from app.photos.photos import (
    AT_ONCE,
    KEPT,
    MAX_BYTES,
    Seen,
    count_photos,
    count_waiting,
    get_photo,
    list_photos,
    may_remove,
    remove_photo,
)
from app.training.runs import finished_run, get_run
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Config, Db, SignedIn, get_database
from app.web.pages.deck.cards import TINY
from app.web.photos import image_url, take_photos
from app.web.rendering import Page, page_context, render, render_part
from app.web.toasts import say
from app.web.uploading import PhotosRoute

router = APIRouter()

A_PAGE = 20  # photos
MOST_CLASSES = 10  # shown at once; the others can be unfolded
PageNumber = Annotated[int, Query(ge=1, le=KEPT // A_PAGE, alias="page")]


@dataclass(frozen=True)
class ClassLine:
    """A class with its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class PhotoView:
    """A photo, and every class with its probability, the most probable first."""

    seen: Seen
    image: str
    tiny: bool
    may_remove: bool
    first: tuple[ClassLine, ...]
    others: tuple[ClassLine, ...]


@dataclass(frozen=True, kw_only=True)
class PhotosPage(Page):
    """The form, and the photos that were sent."""

    run_id: int
    model: str  # its name
    side: int  # pixels of the square that the network sees
    photos: tuple[PhotoView, ...]
    count: int
    waiting: int
    has_worker: bool
    number: int  # of this page of photos
    pages: int
    problem: str
    at_once: int = AT_ONCE
    megabytes: int = MAX_BYTES // 1_000_000
    kept: int = KEPT

    @property
    def moment(self) -> str:
        """A digest of the state of the waiting photos."""
        return f"{self.waiting}.{int(self.has_worker)}"


@router.get("/d/{name}/models/{run_id:int}/photos")
def index(request: Request, name: str, run_id: int, database: Db, number: PageNumber = 1) -> Response:
    """The form, and the predictions so far."""
    with database.read() as session:
        page = _page(request, session, name, run_id, number=number)
    return render("photos/page.html", page)


def send(
    request: Request,
    name: str,
    run_id: int,
    database: Db,
    settings: Config,
    user: SignedIn,
    files: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:
    """Keep the photos and request predictions; if refused, the form is shown again with the reason."""
    with database.read() as session:
        finished_run(session, run_id=run_id, dataset_id=get_dataset(session, name=name).id)
    try:
        take_photos(database, settings, run_id=run_id, files=files or [], user_id=user.id)
    except Invalid as refusal:
        return _refused(request, database, name, run_id, problem=str(refusal))
    return RedirectResponse(f"/d/{name}/models/{run_id}/photos", status_code=303)


class _FormRoute(PhotosRoute):
    async def refused(self, request: Request, fields: Mapping[str, str], error: ToplossError) -> Response:
        """The form with the reason."""
        del fields
        name, run_id = request.path_params["name"], request.path_params["run_id"]
        if not isinstance(error, Invalid):
            return await super().refused(request, {}, error)
        database = await get_database(request)
        return await run_in_threadpool(_refused, request, database, name, run_id, problem=str(error))


router.add_api_route(
    "/d/{name}/models/{run_id:int}/photos", send, methods=["POST"], route_class_override=_FormRoute
)


@router.get("/d/{name}/models/{run_id:int}/photos/seen")
def seen(
    request: Request, name: str, run_id: int, database: Db, number: PageNumber = 1, moment: str = ""
) -> Response:
    """The photos, if something has changed; when no photo waits, the answer stops the polling."""
    with database.read() as session:
        page = _page(request, session, name, run_id, number=number)
    return (
        Response(status_code=204)
        if page.moment == moment
        else render_part(request, "photos/_photos.html", page)
    )


@router.post("/d/{name}/models/{run_id:int}/photos/{photo_id}/remove")
def remove(
    request: Request,
    name: str,
    run_id: int,
    photo_id: int,
    database: Db,
    settings: Config,
    user: SignedIn,
    confirmed: Confirmed = "",
) -> Response:
    """Remove a photo of one's own and its file; an admin removes any."""
    with database.write() as session:
        get_run(session, run_id=run_id, dataset_id=get_dataset(session, name=name).id)
        photo = get_photo(session, photo_id=photo_id, run_id=run_id)
        if may_remove(photo, by=user):  # else the removal says why not
            confirm(_removal(photo.name, back=f"/d/{name}/models/{run_id}/photos"), confirmed)
        remove_photo(
            session,
            photo_id=photo_id,
            by=user,
            run_id=run_id,
            folder=settings.photos_dir,
            cache=settings.pictures_dir,
        )
    answer = RedirectResponse(f"/d/{name}/models/{run_id}/photos", status_code=303)
    return say(request, answer, "Photo removed")


def _removal(photo: str, *, back: str) -> Question:
    gone = "The photo, its file and its prediction are removed for good."
    return Question(f"Remove {photo}?", (gone,), "Remove the photo", back)


def _refused(request: Request, database: Database, name: str, run_id: int, *, problem: str) -> Response:
    with database.read() as session:
        page = _page(request, session, name, run_id, problem=problem)
    return render("photos/page.html", page, status=422)


def _page(
    request: Request, session: Session, name: str, run_id: int, *, number: int = 1, problem: str = ""
) -> PhotosPage:
    run = finished_run(session, run_id=run_id, dataset_id=get_dataset(session, name=name).id)
    count = count_photos(session, run_id=run_id)
    found = list_photos(session, run_id=run_id, after=A_PAGE * (number - 1), limit=A_PAGE)
    return PhotosPage(
        **page_context(request, name),
        run_id=run_id,
        model=run.name,
        side=run.recipe["image_size"],
        photos=tuple(_view(each, request.state.user) for each in found),
        count=count,
        waiting=count_waiting(session, run_id=run_id),
        has_worker=bool(live_workers(session)),
        number=number,
        pages=max(1, -(-count // A_PAGE)),
        problem=problem,
    )


def _view(seen: Seen, viewer: Person) -> PhotoView:
    lines = tuple(ClassLine(name, probability) for name, probability in seen.probabilities.items())
    shown = (
        MOST_CLASSES if len(lines) > MOST_CLASSES + 1 else len(lines)
    )  # one more takes no more room than a fold
    tiny = max(seen.photo.width, seen.photo.height) <= TINY
    may = may_remove(seen.photo, by=viewer)
    return PhotoView(seen, image_url(seen.photo.id), tiny, may, lines[:shown], lines[shown:])
