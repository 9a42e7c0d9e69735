"""The page Errors left: the estimate by looks at random images (audits), and the stopping rule."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from app.accounts.tokens import Person
from app.datasets.catalog import get_dataset, ready_dataset
from app.db.engine import Database
from app.errors import Invalid
from app.remaining.audits import LEAST, MOST, USUAL_SIZE, AuditState, audit_states, start_audit
from app.remaining.estimate import WINDOW
from app.remaining.report import ChosenRule, Report, choose_rule, chosen_rule, report, seconds_of
from app.remaining.stopping import NONE, SHARES
from app.review.models import Audit
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, Db, SignedIn
from app.web.pages.charts import Chart, line_chart
from app.web.pages.estimates import Look, answer_in_words, errors_chart, look_in_words, time_in_words
from app.web.pages.intervals import IntervalChart
from app.web.rendering import UNBROKEN, Page, count, page_context, percent, render, render_part
from app.web.strict import Strict

router = APIRouter()

COUNTED = {  # kinds of rules that go by a number: what is counted
    "cards": "images",
    "minutes": "minutes",
    "keeps": "images in a row without an error",
}
SHARED = {  # kinds that go by a share: of what
    "hit_rate": f"of the last {WINDOW} suspicious images are errors",
    "left": "of all labels are wrong",
}
USUAL = {"cards": 500, "minutes": 60, "keeps": 50, "hit_rate": 5, "left": 2}  # amounts, shares in percent
OF_IMAGES = ("cards", "keeps")  # kinds whose amount cannot exceed the images that are left


def usual(kind: str, undecided: int) -> str:
    """The amount that is proposed for a kind, where so many images are undecided."""
    amount = USUAL.get(kind, "")
    return str(max(1, min(USUAL[kind], undecided)) if kind in OF_IMAGES else amount)


class RuleForm(Strict):
    """A stopping rule as it is sent."""

    kind: str
    amount: str = Field("", description="A share in percent.")
    shown_kind: str = Field("", description="The kind that the amount was shown for.")
    shown_amount: str = Field("", description="The amount as it was shown.")

    def asked(self, undecided: int) -> str:
        """The amount; an unchanged default of another kind is replaced by this kind's default."""
        is_left = self.shown_kind not in ("", self.kind) and self.amount.strip() == self.shown_amount.strip()
        return usual(self.kind, undecided) if is_left else self.amount.strip()

    def number(self, undecided: int) -> float:
        """The amount as a rule has it. Raises Invalid."""
        if self.kind == NONE:
            return 0
        asked = self.asked(undecided)
        try:
            number = float(asked)
        except ValueError as error:
            raise Invalid(f"The amount must be a number, not “{asked[:40]}”.") from error
        return number / 100 if self.kind in SHARES else number


@dataclass(frozen=True)
class RuleInputs:
    """One sentence of the form: the amount and the kinds that it may be of."""

    kinds: dict[str, str]
    kind: str
    amount: str


@dataclass(frozen=True, kw_only=True)
class StopPage(Page):
    """How many errors are left, and when to stop."""

    at: Report
    undecided: int
    audit: AuditState | None  # the newest one
    answer: str
    errors: IntervalChart | None
    look: Look | None  # none: nothing to look at
    go_on: str  # of the button that leads to the rest of a look
    curve: Chart | None
    rule: ChosenRule | None
    rule_words: str
    rule_share: float | None  # how much of it is reached, 0…1; none where that is not known
    counted: RuleInputs
    shared: RuleInputs
    problem: str  # why the rule that was sent cannot be
    sent: str  # the kind of the rule that was sent and refused
    least: int = LEAST

    @property
    def most(self) -> int:
        """How many random images can be looked at."""
        return max(LEAST, min(MOST, self.undecided))

    @property
    def usual_look(self) -> int:
        """How many are proposed to who chooses another number."""
        return min(USUAL_SIZE, self.most)


@dataclass(frozen=True, kw_only=True)
class NoticePage(Page):
    """A few words for the review, or none."""

    words: str


@router.get("/d/{name}/results/errors-left")
def show(request: Request, name: str, database: Db, user: SignedIn) -> Response:
    """How many errors are left."""
    return render("remaining/page.html", _page(request, name, database, user))


def _page(
    request: Request,
    name: str,
    database: Database,
    user: Person,
    *,
    sent: RuleForm | None = None,
    problem: str = "",
) -> StopPage:
    """The page, with a rule that was sent and refused in its form."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        at = report(session, dataset_id=dataset_id)
        seconds = seconds_of(session, dataset_id=dataset_id, user_id=user.id) or at.seconds_per_decision
    undecided = at.samples - at.reviewed
    kind, amount = _form(at.rule, undecided) if sent is None else (sent.kind, sent.asked(undecided))
    audit = at.audits[-1] if at.audits else None
    rest = audit.size - audit.decided if audit else 0
    return StopPage(
        **page_context(request, name),
        at=at,
        undecided=undecided,
        audit=audit,
        answer=answer_in_words(at, audit),
        errors=errors_chart(at),
        look=look_in_words(at, seconds=seconds, is_first=audit is None),
        go_on=f"Look at the last {count(rest)}{time_in_words(rest, seconds)}" if rest else "",
        curve=_chart(at) if at.looked_at else None,
        rule=at.rule,
        rule_words=rule_in_words(at.rule) if at.rule else "",
        rule_share=_share(at.rule) if at.rule else None,
        counted=_inputs(COUNTED, kind, amount, undecided),
        shared=_inputs(SHARED, kind, amount, undecided),
        problem=problem,
        sent=sent.kind if sent else "",
    )


def _inputs(kinds: dict[str, str], kind: str, amount: str, undecided: int) -> RuleInputs:
    """The sentence with the chosen rule in it, or with the first of its kinds and its usual amount."""
    if kind in kinds:
        return RuleInputs(kinds, kind, amount)
    first = next(iter(kinds))
    return RuleInputs(kinds, first, usual(first, undecided))


def _share(chosen: ChosenRule) -> float | None:
    """How much of a rule that counts is reached."""
    if chosen.rule.kind not in COUNTED:
        return None
    return 1.0 if chosen.reached.is_reached else min(1.0, (chosen.reached.so_far or 0) / chosen.rule.amount)


def _form(chosen: ChosenRule | None, undecided: int) -> tuple[str, str]:
    """Kind and amount as the form has them."""
    if chosen is None:
        return "cards", usual("cards", undecided)
    return chosen.rule.kind, f"{chosen.rule.amount * (100 if chosen.rule.kind in SHARES else 1):.10g}"


@router.get("/d/{name}/results/errors-left/notice")
def notice(request: Request, name: str, database: Db, order: str = "") -> Response:
    """A short note about the audit and the stopping rule for the review page."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        rule, audits = (
            chosen_rule(session, dataset_id=dataset_id),
            audit_states(session, dataset_id=dataset_id),
        )
    words = notice_in_words(rule, audits[-1] if audits else None, by_chance=order == "random")
    return render_part(
        request, "remaining/_notice.html", NoticePage(**page_context(request, name), words=words)
    )


@router.post("/d/{name}/results/errors-left")
def change_rule(
    request: Request, name: str, database: Db, user: Admin, form: Annotated[RuleForm, Form()]
) -> Response:
    """Choose when the review is to end."""
    try:
        with database.write() as session:
            dataset_id = ready_dataset(session, name=name).id
            at = report(session, dataset_id=dataset_id)
            amount = form.number(at.samples - at.reviewed)
            choose_rule(session, dataset_id=dataset_id, user_id=user.id, kind=form.kind, amount=amount)
    except Invalid as refusal:
        return render(
            "remaining/page.html",
            _page(request, name, database, user, sent=form, problem=str(refusal)),
            status=422,
        )
    return RedirectResponse(f"/d/{name}/results/errors-left#rule", status_code=303)


@router.get("/d/{name}/results/audits")
def show_audits(name: str) -> Response:
    """Lead to the page that has them."""
    return RedirectResponse(f"/d/{name}/results/errors-left", status_code=303)


@router.post("/d/{name}/results/audits")
def begin_audit(
    name: str,
    database: Db,
    user: Admin,
    size: Annotated[int, Form()] = USUAL_SIZE,
    confirmed: Confirmed = "",
) -> Response:
    """Draw the images of an audit, and go to the first one."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        audit = start_audit(session, dataset_id=dataset_id, user_id=user.id, size=size)
        confirm(_draw(name, audit), confirmed)
    return RedirectResponse(f"/d/{name}/review?order=random", status_code=303)


def _draw(name: str, audit: Audit) -> Question:
    drawn = f"{count(audit.size)} of the {count(audit.population)} undecided images are drawn at random."
    until = (
        "The estimate comes when all of them are decided. The look cannot be cancelled, and until then no "
        "other one can begin."
    )
    return Question(
        f"Look at {count(audit.size)} random images?",
        (drawn, until),
        f"Look at {count(audit.size)} images",
        f"/d/{name}/results/errors-left",
        danger=False,
    )


def rule_in_words(chosen: ChosenRule) -> str:
    """A stopping rule and its state, as a sentence."""
    rule, so_far, after = chosen.rule, chosen.reached.so_far, chosen.reached.after_cards
    amount = f"{100 * rule.amount:g}{UNBROKEN}%" if rule.kind in SHARES else f"{rule.amount:,.10g}"
    words = {
        "cards": f"Stop after {amount} images",
        "minutes": f"Stop after {amount} minutes",
        "keeps": f"Stop after {amount} suspicious images in a row without an error",
        "hit_rate": f"Stop when under {amount} of the last {WINDOW} suspicious images are errors",
        "left": f"Stop when at most {amount} of all labels are wrong, with 95\u00a0% confidence",
    }[rule.kind]
    if after is not None:
        return f"{words}: reached after {count(after)}." if rule.kind != "cards" else f"{words}: reached."
    if rule.kind == "left":
        state = "reached" if chosen.reached.is_reached else "not reached yet"
        if so_far is None:
            return f"{words}: no random look is done yet."
        return f"{words}: {state}, up to {percent(so_far)} may be wrong by the random looks."
    if rule.kind == "hit_rate":
        return f"{words}: {f'not {WINDOW} yet' if so_far is None else f'{percent(so_far)} now'}."
    return f"{words}: {so_far or 0:,.0f} {'now' if rule.kind == 'keeps' else 'so far'}."


def notice_in_words(rule: ChosenRule | None, audit: AuditState | None, *, by_chance: bool) -> str:
    """For the review page: the progress of the audit for random cards, else the stopping rule's state."""
    if by_chance and audit is None:
        return "No random look has begun"
    if by_chance and audit:
        return (
            "The random look is done"
            if audit.is_done
            else f"Random look: {count(audit.decided)} of {count(audit.size)}"
        )
    return "Stopping rule reached" if rule and rule.reached.is_reached else ""


def _chart(at: Report) -> Chart:
    """The budget curve."""
    x: list[float] = [point.cards for point in at.curve]
    found: list[float | None] = [float(point.errors) for point in at.curve]
    return line_chart(
        "Errors found by images looked at", "images", x, {"errors found": found}, digits=0, low=0
    )
