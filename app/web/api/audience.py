"""Who sees a data set: everybody, or chosen people."""

from pydantic import Field

from app.accounts.activity import nothing_done, tell
from app.datasets.catalog import get_dataset, lock_dataset
from app.datasets.chosen import chosen_people
from app.errors import Invalid
from app.review.audience import change_audience
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
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        lock_dataset(session, dataset_id=dataset.id)
        done = change_audience(session, dataset, people=None if body.everybody else body.people)
        if done.words:
            tell(done.words)
        else:
            nothing_done()
        return _out(dataset.name, chosen_people(session, dataset_id=dataset.id))


def _out(name: str, chosen: list[str] | None) -> AudienceOut:
    return AudienceOut(dataset=name, everybody=chosen is None, people=chosen or [])
