"""What a person may not see: whatever leads to a data set for chosen people, by its name or by an id.

It is checked with the log-in, by the address alone, before any route: a route cannot forget it.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from app.datasets.catalog import NO_DATASET
from app.datasets.chosen import is_hidden_name
from app.datasets.models import Sample
from app.db.compiled import Prepared
from app.errors import NotFound
from app.jobs.models import Job
from app.review.models import BulkAction, Decision
from app.training.models import Photo, Run

# Where a data set's name stands in an address: what is before it.
BY_NAME = (("d",), ("api", "v1", "datasets"))
_ID: BindParameter[Any] = bindparam("id")
# What has an id of its own in REST, and the data set that it belongs to.
BY_ID = {
    "samples": Prepared(select(Sample.dataset_id).where(Sample.id == _ID)),
    "runs": Prepared(select(Run.dataset_id).where(Run.id == _ID)),
    "photos": Prepared(select(Run.dataset_id).join(Photo, Photo.run_id == Run.id).where(Photo.id == _ID)),
    "decisions": Prepared(select(Decision.dataset_id).where(Decision.id == _ID)),
    "bulk-decisions": Prepared(select(BulkAction.dataset_id).where(BulkAction.id == _ID)),
    "jobs": Prepared(select(Job.dataset_id).where(Job.id == _ID)),
}
WORDS = frozenset({"jobs"})  # whose ids are no numbers
_NUMBER = TypeAdapter(int)  # reads a number as routes do: “5.0” too


def refuse_hidden(session: Session, request: Request, hidden: Mapping[int, str]) -> None:
    """Raises NotFound where the address leads to one of these data sets."""
    parts = request.scope["path"].split("/")[1:]
    starts = [len(start) for start in BY_NAME if tuple(parts[: len(start)]) == start]
    for name in (*request.query_params.getlist("dataset"), *(parts[at] for at in starts if len(parts) > at)):
        if is_hidden_name(session, hidden, name=name):
            raise NotFound(NO_DATASET.format(name=name))
    if parts[:2] == ["api", "v1"] and len(parts) > 3 and parts[2] in BY_ID:  # noqa: PLR2004
        _refuse_id(session, parts[2], parts[3], hidden)


def _refuse_id(session: Session, kind: str, given: str, hidden: Mapping[int, str]) -> None:
    try:
        wanted = given if kind in WORDS else _NUMBER.validate_python(given)
    except ValidationError:
        return  # the route refuses it
    if BY_ID[kind].scalar(session, id=wanted) in hidden:
        raise NotFound("There is nothing at this address; go back, or start from the list of data sets.")
