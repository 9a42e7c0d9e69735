"""The picture at the end of a round, to save and to share."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.datasets.catalog import count_samples, get_dataset
from app.datasets.missing import Changed, RecordedFile, read_unchanged
from app.datasets.models import Dataset
from app.datasets.pictures import picture_of
from app.decoding.budget import TooLarge
from app.errors import NotFound
from app.review.corrections import count_corrections
from app.rounds.fixed import FixedLabel, fixed_labels
from app.rounds.rounds import Round, list_rounds
from app.settings import Settings
from app.storage import Unreadable
from app.web.api.samples import shared_source
from app.web.deps import Config, Db
from app.web.pages.rounds.card_drawing import DARK, LIGHT, MOST_TILES, Tile, can_write, draw_card
from app.web.rendering import plural
from app.web.strict import Strict

router = APIRouter()


class CardQuery(Strict):
    """Which round, by default all of them together, and which colours."""

    round: int | None = Field(None, ge=1, le=1_000_000)
    theme: Literal["light", "dark"] = "light"


@router.get("/d/{name}/results/card.png", response_class=Response)
def show(name: str, database: Db, settings: Config, query: Annotated[CardQuery, Query()]) -> Response:
    """How many errors are fixed, and some of the images with their old and new labels."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        which = _round(session, dataset.id, query.round) if query.round else None
        corrections = which.corrections if which else count_corrections(session, dataset_id=dataset.id)
        fixed = fixed_labels(
            session,
            dataset_id=dataset.id,
            most=MOST_TILES,
            begun=which.begun if which and which.number > 1 else None,
            ended=which.ended if which else None,
        )
        samples = count_samples(session, dataset_id=dataset.id)
        session.expunge_all()
    names = {name for each in fixed for name in (each.before, each.after) if name is not None}
    is_named = all(map(can_write, names))
    below = [
        dataset.name if can_write(dataset.name) else "",
        f"round {which.number}" if which else "",
        plural(samples, "image"),
        "" if is_named else f"labels of {plural(len(names), 'class', 'classes')} corrected",
    ]
    content = draw_card(
        f"{plural(corrections.found, 'error')} fixed" if corrections.found else "No error fixed yet",
        " · ".join(filter(None, below)),
        _tiles(dataset, fixed, settings, is_named=is_named),
        colours=DARK if query.theme == "dark" else LIGHT,
    )
    return Response(content, media_type="image/png", headers={"cache-control": "private, no-cache"})


def _round(session: Session, dataset_id: int, number: int) -> Round:
    """Raises NotFound."""
    found = next(
        (each for each in list_rounds(session, dataset_id=dataset_id) if each.number == number), None
    )
    if found is None:
        raise NotFound(f"There is no round {number} yet; the history lists those that there are.")
    return found


def _tiles(
    dataset: Dataset, fixed: Sequence[FixedLabel], settings: Settings, *, is_named: bool
) -> list[Tile]:
    """The images that can be read; without their labels where the font lacks letters of a name."""
    tiles = []
    for each in fixed:
        sample = each.sample
        file = RecordedFile(sample.id, sample.path, sample.bytes, sample.sha256)
        with suppress(NotFound, Unreadable, Changed, TooLarge):
            picture = picture_of(
                sample,
                size="thumbnail",
                read=partial(read_unchanged, shared_source(dataset.origin), file),
                cache=settings.pictures_dir,
                scales=dataset.grey_scales,
            )
            after = "deleted" if each.after is None else each.after
            tiles.append(Tile(picture.content, *((each.before, after) if is_named else ("", ""))))
    return tiles
