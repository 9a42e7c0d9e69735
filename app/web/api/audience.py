"""Who sees a data set: everybody, or chosen people."""

from collections.abc import Callable
from functools import partial

from pydantic import Field
from sqlalchemy.orm import Session

from app.accounts.activity import nothing_done, tell
from app.datasets.catalog import get_dataset, lock_dataset
from app.datasets.chosen import chosen_people
from app.datasets.models import Dataset
from app.db.engine import Database
from app.errors import Invalid
from app.review.audience import NewAudience, change_audience, let_in_and_out
from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Admin, Db
from app.web.strict import StrictBody

router = api_router("datasets")


class AudienceOut(Output):
    """Who sees a data set, beside admins."""

    dataset: str
    everybody: bool
    people: list[str]  # names of those who are chosen; empty where everybody sees it


class AudienceRequest(StrictBody):
    """Who is to see it, beside admins."""

    everybody: bool = Field(description="False: only `people` and admins see it.")
    people: list[str] = Field([], description="Names; all that are not named are shut out.")


class AudiencePatch(StrictBody):
    """Whom to add to those who see it, and whom to remove."""

    add: list[str] = Field(
        [], description="Names of people who are let in; the first one shuts out the rest."
    )
    remove: list[str] = Field([], description="Names of chosen people who are shut out.")


@router.get("/datasets/{name}/people")
def show_audience(name: str, database: Db, _user: Admin) -> AudienceOut:
    """Who sees the data set."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        return _out(dataset.name, chosen_people(session, dataset_id=dataset.id))


@router.put("/datasets/{name}/people")
def put_audience(name: str, body: AudienceRequest, database: Db, _user: Admin) -> AudienceOut:
    """Choose who sees the data set, instead of those who do now. For everybody else it does not exist."""
    if body.everybody and body.people:
        raise Invalid("Send people, or that everybody sees it, not both.")
    people = None if body.everybody else body.people
    return _change(database, name, partial(change_audience, people=people))


@router.patch("/datasets/{name}/people")
def patch_audience(name: str, body: AudiencePatch, database: Db, _user: Admin) -> AudienceOut:
    """Add people to those who see the data set, or remove some of them; others may do so at the same time."""
    return _change(database, name, partial(let_in_and_out, let_in=body.add, shut_out=body.remove))


def _change(database: Database, name: str, act: Callable[[Session, Dataset], NewAudience]) -> AudienceOut:
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        lock_dataset(session, dataset_id=dataset.id)
        done = act(session, dataset)
        if done.words:
            tell(done.words)
        else:
            nothing_done()
        return _out(dataset.name, chosen_people(session, dataset_id=dataset.id))


def _out(name: str, chosen: list[str] | None) -> AudienceOut:
    return AudienceOut(dataset=name, everybody=chosen is None, people=chosen or [])
