"""The map: where the images lie."""

from fastapi import Request
from fastapi.responses import Response

from app.datasets.catalog import get_dataset
from app.deck.image_map import STANDINGS, map_points, points_tag
from app.errors import NotFound
from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Db

router = api_router("samples")
_NOT_DRAWN = "No map is drawn yet. Draw it on the page Map; it needs a first look or a training."


class MapOut(Output):
    """The places of all images on the map; the lists have one entry per image, in the order of the ids."""

    map: int  # number of the map, for the filter `within`
    run: int  # whose network says what is alike
    classes: list[str]
    standings: list[str]
    samples: list[int]
    x: list[int]  # 0…9999, across
    y: list[int]  # 0…9999, down
    label: list[int]  # position in `classes` of the label as it stands; -1: deleted
    standing: list[int]  # position in `standings`: does the label agree with the model?


@router.get(
    "/datasets/{name}/map",
    response_model=MapOut,
    responses={304: {"description": "Not modified: the client has it already"}},
)
def show_map(name: str, request: Request, database: Db) -> Response:
    """Where each image lies on a plane in which images that are alike are near each other.

    Send the `ETag` as `If-None-Match`, and nothing is sent again while it is still true. 404 until a map is
    drawn.
    """
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        tag = f'"{points_tag(session, dataset_id=dataset_id)}"'
        headers = {"cache-control": "private, no-cache", "vary": "Cookie, Authorization", "etag": tag}
        if tag.strip('"') in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        points = map_points(session, dataset_id=dataset_id)
    if points is None:
        raise NotFound(_NOT_DRAWN)
    answer = MapOut(
        map=points.map_id,
        run=points.run_id,
        classes=list(points.classes),
        standings=list(STANDINGS),
        samples=points.samples,
        x=points.x,
        y=points.y,
        label=points.labels,
        standing=points.standings,
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)
