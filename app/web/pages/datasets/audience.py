"""Who sees a data set: everybody, or chosen people."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.accounts.activity import nothing_done, tell
from app.accounts.roles import ADMIN
from app.accounts.users import list_users
from app.datasets.catalog import get_dataset, lock_dataset
from app.datasets.chosen import chosen_people
from app.errors import Conflict
from app.review.audience import NewAudience, change_audience
from app.web.asking import Question, confirm
from app.web.deps import Admin, Db
from app.web.rendering import Page, page_context, plural, render
from app.web.strict import Strict
from app.web.toasts import Undo, say

router = APIRouter()

EVERYBODY, CHOSEN = "everybody", "chosen"
MOST_NAMED = 5  # people that a question names one by one


class AudienceForm(Strict):
    """Who sees it from now on; `person` counts only where `seen_by` is “chosen”."""

    seen_by: Literal["everybody", "chosen"]
    person: list[str] = Field(default_factory=list)
    shown: str = ""  # the mark of what the form showed
    confirmed: str = ""


@dataclass(frozen=True)
class Choice:
    """A person who can be chosen."""

    name: str
    role: str
    note: str  # such as “deactivated”
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class AudiencePage(Page):
    """Who sees the data set."""

    for_chosen: bool
    choices: tuple[Choice, ...]
    admins: tuple[str, ...]  # who see every data set
    shown: str


@router.get("/d/{name}/settings/people")
def show_audience(request: Request, name: str, database: Db, _admin: Admin) -> Response:
    """Who sees it, as a form."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        chosen = chosen_people(session, dataset_id=dataset.id)
        people = list_users(session)
    page = AudiencePage(
        **page_context(request, dataset.name),
        for_chosen=chosen is not None,
        choices=tuple(
            Choice(
                each.name,
                each.role,
                "deactivated" if not each.active else "invited" if each.is_invited else "",
                each.name in (chosen or ()),
            )
            for each in people
            if each.role != ADMIN and (each.active or each.name in (chosen or ()))
        ),
        admins=tuple(each.name for each in people if each.role == ADMIN and each.active),
        shown=_mark(chosen),
    )
    return render("datasets/audience.html", page)


@router.post("/d/{name}/settings/people")
def save_audience(
    request: Request, name: str, database: Db, _admin: Admin, form: Annotated[AudienceForm, Form()]
) -> Response:
    """Choose who sees it; where that shuts somebody out, it is asked first."""
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        lock_dataset(session, dataset_id=dataset.id)
        now = chosen_people(session, dataset_id=dataset.id)
        if form.shown and form.shown != _mark(now):
            raise Conflict(f"Who sees {dataset.name} was changed in the meantime; look again, then save.")
        people = None if form.seen_by == EVERYBODY else [*form.person, *_chosen_admins(session, now)]
        done = change_audience(session, dataset, people=people)
        if done.shut_out:
            confirm(_question(dataset.name, done), form.confirmed)
        if done.words:
            tell(done.words)
        else:
            nothing_done()
    address = f"/d/{name}/settings/people"
    back = RedirectResponse(address, status_code=303)
    if not done.words:
        return say(request, back, "Nothing was changed")
    return say(request, back, "Saved", undo=Undo(address, _fields(done.before)))


def _mark(chosen: list[str] | None) -> str:
    """A digest of who is chosen, by which a form that was overtaken is known."""
    names = EVERYBODY if chosen is None else "\n".join([CHOSEN, *chosen])
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def _chosen_admins(session: Session, chosen: list[str] | None) -> list[str]:
    """Admins who were chosen before they became one stay chosen, although the form does not list them."""
    return [each.name for each in list_users(session) if each.role == ADMIN and each.name in (chosen or ())]


def _fields(people: tuple[str, ...] | None) -> tuple[tuple[str, str], ...]:
    """The fields of the form that chooses these people."""
    if people is None:
        return (("seen_by", EVERYBODY),)
    return (("seen_by", CHOSEN), *(("person", name) for name in people))


def _question(name: str, done: NewAudience) -> Question:
    named = list(done.shut_out[:MOST_NAMED])
    if more := len(done.shut_out) - len(named):
        named.append(f"{more} more")
    who = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    facts = [
        f"For {who} it does not exist from now on: no list names it, and its addresses answer 404.",
        "What they decided stays. You can let them in again.",
    ]
    if done.cards:
        facts.insert(1, f"{plural(done.cards, 'image')} they hold in the review can be reviewed by others.")
    if not done.after:
        facts.insert(0, "Only admins see it then, because nobody is chosen.")
    return Question(
        f"Hide {name} from {plural(len(done.shut_out), 'person', 'people')}?",
        tuple(facts),
        "Hide it",
        f"/d/{name}/settings/people",
    )
