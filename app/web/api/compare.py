"""Two runs compared."""

from typing import Annotated

from fastapi import Query

from app.datasets.catalog import class_names, get_dataset
from app.measuring import comparison
from app.review.gold import gold_labels
from app.web.api.models import ComparisonOut
from app.web.api.routing import api_router
from app.web.deps import Db

router = api_router("runs")


@router.get("/datasets/{name}/compare")
def compare(
    name: str,
    database: Db,
    old: Annotated[int, Query(description="The run before.")],
    new: Annotated[int, Query(description="The run after.")],
    labels: Annotated[
        int | None, Query(ge=0, description="The version whose labels are the reviewed ones; the newest.")
    ] = None,
) -> ComparisonOut:
    """Two finished runs on the same hold-out samples, against the given and the reviewed labels."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        found = comparison.compare(
            session,
            dataset_id=dataset.id,
            old_id=old,
            new_id=new,
            number=labels,
            gold=gold_labels(session, dataset_id=dataset.id),
        )
        names = class_names(session, dataset_id=dataset.id)
    return ComparisonOut.model_validate({"classes": names, "chosen": found.selection, **vars(found)})
