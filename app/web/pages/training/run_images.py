"""The images of a cell of a model's confusion matrix."""

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from app.datasets.versions import names_of, position_in
from app.ranking.rankings import confused
from app.web.deps import Db
from app.web.pages.training.run import run_here
from app.web.pages.training.tiles import Tile, tile_of
from app.web.rendering import Page, page_context, render
from app.web.strict import Strict

router = APIRouter()

TILES = 48  # a page


@dataclass(frozen=True, kw_only=True)
class ImagesPage(Page):
    """The images of a cell of the confusion matrix."""

    run_id: int
    model: str  # its name
    title: str
    total: int
    first: int
    samples: tuple[Tile, ...]
    before: str | None  # queries of the pages around
    after: str | None


class CellQuery(Strict):
    """Which cell; without a class all of its row, its column or of the matrix."""

    label: str = Field("", alias="class", max_length=500)
    predicted: str = Field("", max_length=500)
    split: Literal["train", "valid", "test"] = "valid"
    page: int = Field(1, ge=1, le=1_000_000)

    def address(self, **more: object) -> str:
        """The query with these fields changed."""
        return urlencode(
            {name: value for name, value in (self.model_dump(by_alias=True) | more).items() if value != ""}
        )


@router.get("/d/{name}/models/{run_id:int}/images")
def images(
    request: Request, name: str, run_id: int, database: Db, query: Annotated[CellQuery, Query()]
) -> Response:
    """The images of a cell of the confusion matrix, by the labels of the run's version."""
    with database.read() as session:
        run = run_here(session, name, run_id)
        names = names_of(session, version_id=run.version_id)
        label, predicted = (
            position_in(session, version_id=run.version_id, name=word) if word else None
            for word in (query.label, query.predicted)
        )
        total, found = confused(
            session,
            run_id=run_id,
            split=query.split,
            label=label,
            predicted=predicted,
            limit=TILES,
            offset=(query.page - 1) * TILES,
        )
    page = ImagesPage(
        **page_context(request, name),
        run_id=run_id,
        model=run.name,
        total=total,
        samples=tuple(tile_of(sample, names) for sample in found),
        title=_title(query),
        first=(query.page - 1) * TILES + 1,
        before=query.address(page=query.page - 1) if query.page > 1 else None,
        after=query.address(page=query.page + 1) if query.page * TILES < total else None,
    )
    return render("training/images.html", page)


def _title(query: CellQuery) -> str:
    """Which images these are: of a part, of a row, of a column or of one cell."""
    parts = {"train": "Training images", "valid": "Held-out images", "test": "Test images"}
    said = ", ".join(
        f"{word} {name}" for word, name in (("labelled", query.label), ("looks", query.predicted)) if name
    )
    return f"{parts[query.split]} {said}".rstrip()
