"""Confirms final or large actions: a page shows their effect in numbers and works without JavaScript.

A person confirms exactly these numbers: the form carries a digest of the question. If the question has
changed in the meantime, nothing is done and it is asked again.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import Response

from app.web.rendering import Page, page_context, render

ASK_FROM = 100  # images; a verdict for fewer is given at once, and undone at once
CONFIRMED = "confirmed"
Confirmed = Annotated[str, Form(max_length=64, description="The mark of the question that was said yes to.")]


@dataclass(frozen=True)
class Question:
    """A question to confirm an action."""

    title: str
    facts: tuple[str, ...]  # sentences: what ends, how many, whether it can be undone
    yes: str  # the text of the button, which begins with a verb
    back: str  # the address for the answer no
    danger: bool = True  # final action: the button that goes back has the focus

    @property
    def mark(self) -> str:
        """A digest that distinguishes this question from the same one with other numbers."""
        return hashlib.sha256("\n".join((self.title, *self.facts)).encode()).hexdigest()[:32]


class Unconfirmed(Exception):
    """The action needs an answer to this question first; the transaction is rolled back."""

    def __init__(self, question: Question, *, changed: bool) -> None:
        super().__init__(question.title)
        self.question = question
        self.changed = changed


@dataclass(frozen=True, kw_only=True)
class QuestionPage(Page):
    """A question with the form that confirms it."""

    question: Question
    fields: tuple[tuple[str, str], ...]  # what was sent, to be sent again
    changed: bool  # it was confirmed, but for other numbers
    action: str


def confirm(question: Question, confirmed: str) -> None:
    """Return if this question was confirmed. Raises Unconfirmed."""
    if confirmed != question.mark:
        raise Unconfirmed(question, changed=bool(confirmed))


async def ask(request: Request, error: Exception) -> Response:
    """The page with the question."""
    assert isinstance(error, Unconfirmed)  # noqa: S101 - registered for this class only
    sent = (await request.form()).multi_items()
    page = QuestionPage(
        **page_context(
            request, request.path_params.get("name") if request.scope["path"].startswith("/d/") else None
        ),
        question=error.question,
        fields=tuple((name, value) for name, value in sent if isinstance(value, str) and name != CONFIRMED),
        changed=error.changed,
        action=request.scope["path"],
    )
    return render("asking/page.html", page, status=409 if error.changed else 200)
