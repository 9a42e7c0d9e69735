"""The home page: a card for each data set; where there is none, what Toploss does and the first steps."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.datasets.catalog import list_datasets
from app.rounds.demo import request_demo
from app.rounds.home import DatasetCard, dataset_cards
from app.training.progress import job_share
from app.web.api.samples import image_url
from app.web.deps import Admin, Config, Db, SignedIn
from app.web.navigation import JOBS
from app.web.pages.datasets.new_dataset import limits_of
from app.web.rendering import Page, page_context, render

router = APIRouter()


@dataclass(frozen=True)
class CardView:
    """A data set, with the addresses of its images and its job in words."""

    card: DatasetCard
    images: tuple[str, ...]
    work: str  # what its job does; empty: it has none
    waits: bool  # its job has not begun
    share: float | None  # of its job, over all phases; None: not known yet


@dataclass(frozen=True, kw_only=True)
class HomePage(Page):
    """The data sets by name."""

    cards: tuple[CardView, ...]
    archived: tuple[str, ...]  # names of archived ones
    works: bool  # whether the page shows a job, so asks for itself again
    limits: str  # what can be uploaded


@router.get("/")
def show(request: Request, database: Db, settings: Config, user: SignedIn) -> Response:
    """Every data set that the person sees."""
    with database.read() as session:
        cards = tuple(
            _view(card, share=job_share(session, card.job) if card.job else None)
            for card in dataset_cards(session, user_id=user.id, hidden=user.hidden)
        )
        archived = tuple(each.name for each in list_datasets(session, archived=True, hidden=user.hidden))
    page = HomePage(
        **page_context(request),
        cards=cards,
        archived=archived,
        works=any(each.work for each in cards),
        limits=limits_of(settings),
    )
    return render("datasets/home.html", page)


@router.post("/demo")
def try_the_demo(database: Db, settings: Config, user: Admin) -> Response:
    """Ask the worker to draw, import and train the demo; it leads to its overview."""
    with database.write() as session:
        dataset = request_demo(session, settings=settings, user_id=user.id)
    return RedirectResponse(f"/d/{dataset.name}", status_code=303)


def _view(card: DatasetCard, *, share: float | None) -> CardView:
    job = card.job
    return CardView(
        card=card,
        images=tuple(f"{image_url(sample_id)}?size=thumbnail" for sample_id in card.images),
        work=JOBS.get(job.task, job.task.capitalize()) if job else "",
        waits=job is not None and job.state == "queued",
        share=share,
    )
