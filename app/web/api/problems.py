"""Problems of the images themselves."""

from typing import Annotated

from fastapi import Query

from app.datasets.catalog import get_dataset
from app.datasets.problems import Kind
from app.deck.problems import Count, Problem, count_problems, list_problems
from app.web.api.models import Listing, Output
from app.web.api.routing import Cursor, Limit, api_router, following, position
from app.web.api.samples import image_url
from app.web.deps import Db

router = api_router("samples")


class CountOut(Output):
    """How many images have a problem of a kind."""

    kind: Kind
    images: int
    open: int  # nobody has decided about them


class ProblemOut(Output):
    """An image with a problem, which has nothing to do with its label."""

    sample: int
    path: str
    split: str
    kind: Kind
    score: float  # the higher the worse, among problems of this kind
    value: float | None  # what was measured: brightness, contrast, sharpness, times as long as wide, side
    usual: float | None  # the median of the data set
    reason: str
    twin: int | None  # of a leak: a sample on the other side of the hold-out that looks the same
    twin_path: str | None
    width: int
    height: int
    given_label: str
    label: str | None  # as it stands; null: deleted
    verdict: str | None
    image_url: str


class ProblemsOut(Listing[ProblemOut]):
    """A page of images with problems."""

    counts: list[CountOut]  # of every kind


@router.get("/datasets/{name}/image-problems")
def list_image_problems(
    name: str,
    database: Db,
    kind: Annotated[
        Kind | None, Query(description="One kind only: dark, bright, blank, blurry, odd_shape and so on.")
    ] = None,
    decided: Annotated[bool, Query(description="Also images that somebody has decided about.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ProblemsOut:
    """Images that may be no use whatever their labels: kind after kind, the worst of each first.

    An image with several problems is listed with each. A `leak` is an image that networks learn from and one
    that is held out which look the same; both are listed. Decide about them as about other samples.
    """
    start = skip = position(cursor)
    found: list[Problem] = []
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        counts = count_problems(session, dataset_id=dataset_id)
        for each in counts:
            if len(found) == limit or (kind and each.kind != kind):
                continue
            there = each.images if decided else each.open
            if skip < there:
                found += list_problems(
                    session,
                    dataset_id=dataset_id,
                    kind=each.kind,
                    only_open=not decided,
                    limit=limit - len(found),
                    offset=skip,
                )
            skip = max(0, skip - there)
    return ProblemsOut(
        counts=[_count_out(each) for each in counts],
        items=[_problem_out(each) for each in found],
        next=following(found, limit, start + limit),
    )


def _count_out(count: Count) -> CountOut:
    return CountOut(kind=count.kind, images=count.images, open=count.open)


def _problem_out(problem: Problem) -> ProblemOut:
    tile = problem.tile
    return ProblemOut(
        sample=tile.sample_id,
        path=tile.path,
        split=problem.split,
        kind=problem.kind,
        score=problem.score,
        value=problem.value,
        usual=problem.usual,
        reason=problem.reason,
        twin=problem.twin.sample_id if problem.twin else None,
        twin_path=problem.twin.path if problem.twin else None,
        width=tile.width,
        height=tile.height,
        given_label=tile.given_label,
        label=tile.label,
        verdict=tile.verdict,
        image_url=image_url(tile.sample_id),
    )
