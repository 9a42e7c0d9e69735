"""Images, as they were imported or smaller."""

from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy.exc import OperationalError

from app.datasets.catalog import get_sample, refuse_deleted
from app.datasets.missing import WORDS, Changed, Lost, RecordedFile, mark, read_unchanged, reason_of
from app.datasets.models import Dataset, MissingFile, Sample
from app.datasets.pictures import Size, picture_of
from app.db.engine import Database
from app.deck.table import SampleRow
from app.decoding.budget import TooLarge
from app.decoding.tones import tag
from app.errors import NotFound, Unavailable
from app.review.claims import release_cards
from app.storage import ImageSource, Origin, Unreadable, open_source
from app.web.api.models import Output
from app.web.api.routing import IMAGE_ANSWERS, api_router
from app.web.deps import Config, Db
from app.web.errors import status_of
from app.web.transfer import has_already, whole_or_part

router = api_router("samples")


class SampleOut(Output):
    """A sample: its file, its labels, what people decided, and what the current ranking says of it."""

    sample: int
    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    mode: str
    split: str
    given_label: str  # that came with the image
    label: str | None  # as it stands; null: deleted
    verdict: str | None  # keep, relabel, delete or unsure; null: nobody decided
    status: str  # unreviewed, single, agreed (several people say the same) or adjudicated
    waits: str  # second (look) or adjudication, before the verdict holds; empty: it holds
    in_bulk: bool  # decided for many samples at once
    reviews: int  # people with a decision that stands
    reviewers: list[str]
    decided_at: datetime | None
    run: int | None  # whose ranking the following values are of; null: not ranked
    rank: int | None  # 1: the most suspicious label
    predicted_label: str | None
    confidence: float | None  # probability of the predicted label
    self_confidence: float | None  # probability of the label that was ranked
    loss: float | None
    margin: float | None
    error_probability: float | None  # that the label which was ranked is wrong
    image_url: str


# Long enough for a deck of cards that are loaded ahead; by `Vary`, what a browser keeps answers its own
# log-in only.
KEPT = "private, max-age=900, must-revalidate"


@lru_cache(maxsize=32)
def shared_source(source: Origin) -> ImageSource:
    """The source, opened once per process, so that a large zip's directory is not read for every image."""
    return open_source(source)


def image_url(sample_id: int) -> str:
    """Where the image of a sample is."""
    return f"/api/v1/samples/{sample_id}/image"


def sample_out(row: SampleRow, names: list[str]) -> SampleOut:
    """The sample in the form of the API."""
    sample, said = row.sample, row.prediction
    return SampleOut(
        sample=sample.id,
        path=sample.path,
        sha256=sample.sha256,
        bytes=sample.bytes,
        width=sample.width,
        height=sample.height,
        mode=sample.mode,
        split=sample.split,
        given_label=names[sample.given_label],
        label=None if row.label is None else names[row.label],
        verdict=row.verdict,
        status=row.status,
        waits=row.waits,
        in_bulk=row.in_bulk,
        reviews=row.reviews,
        reviewers=list(row.reviewers),
        decided_at=row.decided_at,
        run=said.run_id if said else None,
        rank=said.rank if said else None,
        predicted_label=names[said.predicted_label] if said else None,
        confidence=said.confidence if said else None,
        self_confidence=said.self_confidence if said else None,
        loss=said.loss if said else None,
        margin=said.margin if said else None,
        error_probability=said.error_probability if said else None,
        image_url=image_url(sample.id),
    )


@router.get("/samples/{sample_id}/image", response_class=Response, responses=IMAGE_ANSWERS)
def show_image(
    sample_id: int,
    request: Request,
    database: Db,
    settings: Config,
    size: Annotated[
        Size, Query(description="`thumbnail`: the longer side at most 320 pixels, `display`: 1,600, upright.")
    ] = "original",
) -> Response:
    """The image. A browser keeps it for a quarter of an hour and for its log-in alone; then it asks again."""
    with database.read() as session:
        sample = get_sample(session, sample_id=sample_id)
        refuse_deleted(session, dataset_id=sample.dataset_id)
        dataset = session.get_one(Dataset, sample.dataset_id)
        source, scales = dataset.origin, dataset.grey_scales
        was_lost = session.get(MissingFile, sample_id) is not None
    kind = "" if size == "original" else f"-{size}"
    etag = f'"{sample.sha256}{kind}{tag(sample.mode, scales)}"'
    headers = {"cache-control": KEPT, "vary": "Cookie, Authorization", "etag": etag}
    if has_already(request, etag):
        return Response(status_code=304, headers=headers)
    file = RecordedFile(sample.id, sample.path, sample.bytes, sample.sha256)
    try:
        if was_lost:  # not out of the cache, before it is there again
            read_unchanged(shared_source(source), file)
            note_found(database, sample)
        picture = picture_of(
            sample,
            size=size,
            read=lambda: read_unchanged(shared_source(source), file),
            cache=settings.pictures_dir,
            scales=scales,
        )
    except TooLarge as error:
        if request.headers.get("sec-fetch-dest") == "image":
            return placeholder("Too large to be shown", status=status_of(error))
        raise
    except (NotFound, Unreadable, Changed) as error:
        lost = Lost(sample.id, sample.path, reason_of(error))
        note_lost(database, shared_source(source), lost, dataset_id=sample.dataset_id)
        if request.headers.get("sec-fetch-dest") == "image":  # a page shows what a 404 looks like, too
            return placeholder(WORDS[lost.reason], status=status_of(error))
        raise
    return whole_or_part(request, picture.content, media_type=picture.media_type, headers=headers)


def placeholder(words: str, *, status: int) -> Response:
    """A picture that says what became of an image, instead of the sign for a broken one."""
    style = 'text-anchor="middle" font-family="sans-serif" font-size="18" fill="#555"'
    text = f'<text x="160" y="166" {style}>{words}</text>'
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320" viewBox="0 0 320 320" role="img">'
        f'<rect width="320" height="320" fill="#ddd"/>{text}</svg>'
    )
    headers = {"cache-control": "no-store"}
    return Response(svg, status_code=status, media_type="image/svg+xml", headers=headers)


def note_lost(database: Database, source: ImageSource, *lost: Lost, dataset_id: int) -> None:
    """Write down that files are lost, unless the source is out of reach; nobody holds their cards any more.

    A picture that is asked for changes nothing else; when the database is busy the next look notices it
    again.
    """
    if not source.is_there():
        return
    with suppress(Unavailable, OperationalError), database.write() as session:
        mark(session, dataset_id=dataset_id, lost=lost)
        release_cards(session, [each.sample_id for each in lost])


def note_found(database: Database, sample: Sample) -> None:
    """Strike a file out that is there again."""
    with suppress(Unavailable, OperationalError), database.write() as session:
        mark(session, dataset_id=sample.dataset_id, lost=(), found=(sample.id,))
