"""Second opinions: who gives them for which images, and adjudication where people disagree."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from app.accounts.activity import nothing_done
from app.datasets.catalog import class_names, class_position, classes_of, get_dataset, ready_dataset
from app.deck.adjudication import Disagreement, count_disagreements, disagreements
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.policy import count_waiting, get_policy
from app.review.standing import PolicyEffect, set_policy
from app.web.asking import Question, confirm
from app.web.deps import Admin, Db, Settles
from app.web.pages.deck.grid import MOST_BUTTONS
from app.web.rendering import Page, count, page_context, render
from app.web.strict import Strict
from app.web.toasts import Undo, say

router = APIRouter()

A_PAGE = 20
WHICH = {
    "unsure": "those that somebody is unsure of",
    "changes": "every relabel and delete, and the unsure ones",
    "share": "a random share of all, and the unsure ones",
    "all": "all",
}
WHO = {"anyone": "any other annotator", "admins": "reviewers and admins only"}


class PolicyForm(Strict):
    """A policy as it is sent."""

    annotators: int
    which: str
    share: float = Field(description="In percent.")
    who: str
    confirmed: str = Field("", max_length=64)


class LastWord(Strict):
    """An adjudication."""

    sample: int
    answer: str  # delete, relabel:CLASS, or relabel with `label`
    label: str = ""
    client_id: str = Field(min_length=1, max_length=64)
    confirmed: str = Field("", max_length=64)


@dataclass(frozen=True, kw_only=True)
class SettingsPage(Page):
    """The settings of a data set."""

    policy: Policy
    waiting: int  # samples that wait for another opinion
    draws: int  # those of them that wait for adjudication
    which: dict[str, str]
    who: dict[str, str]


@dataclass(frozen=True)
class Draw:
    """A disagreement with an id for the answer."""

    sample: Disagreement
    client_id: str


@dataclass(frozen=True, kw_only=True)
class AdjudicationPage(Page):
    """Answers that disagree."""

    draws: tuple[Draw, ...]
    count: int
    classes: tuple[str, ...]
    places: dict[str, int]  # positions of the classes: their colours

    most_buttons = MOST_BUTTONS


@router.get("/d/{name}/settings")
def show_settings(request: Request, name: str, database: Db, _admin: Admin) -> Response:
    """Who looks a second time, and at what."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        page = SettingsPage(
            **page_context(request, name),
            policy=get_policy(session, dataset_id=dataset_id),
            which=WHICH,
            who=WHO,
            waiting=count_waiting(session, dataset_id=dataset_id),
            draws=count_disagreements(session, dataset_id=dataset_id),
        )
    return render("review/settings.html", page)


@router.post("/d/{name}/settings")
def change_settings(
    request: Request, name: str, database: Db, _admin: Admin, form: Annotated[PolicyForm, Form()]
) -> Response:
    """Set the policy of second opinions; a change of current labels needs a confirmation."""
    with database.write() as session:
        dataset_id = get_dataset(session, name=name).id
        before = get_policy(session, dataset_id=dataset_id)
        policy = Policy(form.annotators, form.which, form.share / 100, form.who)
        effect = set_policy(session, dataset_id=dataset_id, policy=policy)
        if not effect.is_none:
            confirm(_policy_question(name, effect), form.confirmed)
        if policy == before:
            nothing_done()
    address = f"/d/{name}/settings"
    back = RedirectResponse(address, status_code=303)
    if policy == before:
        return say(request, back, "Nothing was changed")
    return say(request, back, "Saved", undo=Undo(address, _fields(before)))


def _fields(policy: Policy) -> tuple[tuple[str, str], ...]:
    """The policy as its form sends it."""
    return (
        ("annotators", str(policy.annotators)),
        ("which", policy.which),
        ("share", f"{100 * policy.share:g}"),
        ("who", policy.who),
    )


def _policy_question(name: str, effect: PolicyEffect) -> Question:
    """The effect of the new policy on earlier answers; the transaction is rolled back unless confirmed."""
    facts = [
        _fact(
            effect.taken_back,
            "1 accepted correction waits again: its image has its given label until enough people say the "
            "same.",
            "{} accepted corrections wait again: their images have their given labels until enough people "
            "say the same.",
        ),
        _fact(
            effect.asked_again,
            "1 accepted image whose label was kept waits for another look.",
            "{} accepted images whose labels were kept wait for another look.",
        ),
        _fact(
            effect.accepted,
            "1 correction that waits now is accepted, so the label of its image changes.",
            "{} corrections that wait now are accepted, so the labels of their images change.",
        ),
        _fact(
            effect.settled,
            "1 image that waits now is settled with its given label.",
            "{} images that wait now are settled with their given labels.",
        ),
        _fact(
            effect.moved,
            "1 settled image gets another answer, because other answers of its annotators count.",
            "{} settled images get another answer, because other answers of their annotators count.",
        ),
        "All answers stay. With the settings of before, the labels are again as they are now.",
    ]
    return Question(
        "Change the second opinions?",
        tuple(fact for fact in facts if fact),
        "Change the second opinions",
        f"/d/{name}/settings",
    )


def _fact(number: int, one: str, more: str) -> str:
    """The sentence for so many images; empty for none."""
    return "" if not number else one if number == 1 else more.format(count(number))


@router.get("/d/{name}/images/disputed")
def show_draws(request: Request, name: str, database: Db, _user: Settles) -> Response:
    """The samples whose annotators disagree."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        page = AdjudicationPage(
            **page_context(request, name),
            count=count_disagreements(session, dataset_id=dataset_id),
            draws=tuple(
                Draw(each, str(uuid.uuid4()))
                for each in disagreements(session, dataset_id=dataset_id, limit=A_PAGE)
            ),
            classes=tuple(classes_of(session, dataset_id=dataset_id).open_names),
            places={each: i for i, each in enumerate(class_names(session, dataset_id=dataset_id))},
        )
    return render("deck/adjudication.html", page)


@router.post("/d/{name}/images/disputed")
def adjudicate(
    request: Request, name: str, database: Db, user: Settles, form: Annotated[LastWord, Form()]
) -> Response:
    """Adjudicate a sample: the person's decision is final."""
    verdict, _, label = form.answer.partition(":")
    label = (label or form.label) if verdict == "relabel" else ""
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        decide(
            session,
            Answer(
                sample_id=form.sample,
                verdict=verdict,
                label=label or None,
                client_id=form.client_id,
                origin="adjudication",
                blind=False,
            ),
            dataset_id=dataset.id,
            user_id=user.id,
        )
        if label:  # as the data set spells it
            names = class_names(session, dataset_id=dataset.id)
            label = names[class_position(session, dataset_id=dataset.id, name=label)]
        confirm(_last_word(name, label), form.confirmed)
    response = RedirectResponse(f"/d/{name}/images/disputed", status_code=303)
    return say(request, response, f"Settled: {label or 'deleted'}")


def _last_word(name: str, label: str) -> Question:
    settles = "It settles this image against the answers of its annotators: nobody is asked about it again."
    return Question(
        f"Say that it is {label}?" if label else "Delete this image from the labels?",
        (settles, "This page cannot take it back."),
        f"It is {label}" if label else "Delete it",
        f"/d/{name}/images/disputed",
    )
