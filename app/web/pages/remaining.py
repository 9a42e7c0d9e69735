"""The page Remaining: the time for more review, the remaining errors by audits, and the stopping rule."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from app.datasets.catalog import get_dataset, ready_dataset
from app.db.engine import Database
from app.errors import Invalid
from app.remaining.audits import LEAST, MOST, USUAL_SIZE, AuditState, audit_states, start_audit
from app.remaining.estimate import WINDOW
from app.remaining.report import ChosenRule, Report, choose_rule, chosen_rule, report
from app.remaining.stopping import NONE, SHARES
from app.review.models import Audit
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, Db
from app.web.pages.charts import Chart, line_chart
from app.web.rendering import Page, count, page_context, percent, render, render_part
from app.web.strict import Strict

router = APIRouter()

RULES = {
    "cards": "so many cards are looked at",
    "minutes": "so many minutes are spent on cards",
    "keeps": "so many cards of the worklist in a row are no error",
    "hit_rate": f"fewer than so many % of the worklist's last {WINDOW} cards are errors",
    "left": "at most so many % of all labels are wrong, with 95 % confidence",
    NONE: "never: no rule",
}
USUAL = {
    "cards": "500",
    "minutes": "60",
    "keeps": "50",
    "hit_rate": "5",
    "left": "2",
}  # amounts, shares in percent
UNITS = {"cards": "cards", "minutes": "minutes", "keeps": "cards in a row", "hit_rate": "%", "left": "%"}


class RuleForm(Strict):
    """A stopping rule as it is sent."""

    kind: str
    amount: str = Field("", description="A share in percent.")
    shown_kind: str = Field("", description="The kind that the amount was shown for.")
    shown_amount: str = Field("", description="The amount as it was shown.")

    @property
    def asked(self) -> str:
        """The amount; an unchanged default of another kind is replaced by this kind's default."""
        is_left = self.shown_kind not in ("", self.kind) and self.amount.strip() == self.shown_amount.strip()
        return USUAL.get(self.kind, "") if is_left else self.amount.strip()

    @property
    def number(self) -> float:
        """The amount as a rule has it. Raises Invalid."""
        if self.kind == NONE:
            return 0
        try:
            number = float(self.asked)
        except ValueError as error:
            raise Invalid(f"The amount must be a number, not “{self.asked[:40]}”.") from error
        return number / 100 if self.kind in SHARES else number


@dataclass(frozen=True, kw_only=True)
class StopPage(Page):
    """How much is left, and when to stop."""

    at: Report
    undecided: int
    audit: AuditState | None  # the newest one
    left: str  # how many errors are left
    chart: Chart | None
    rule: ChosenRule | None
    rule_words: str
    rules: dict[str, str]
    kind: str  # in the form
    amount: str
    problem: str  # why the rule that was sent cannot be
    proposed: int  # images for the next audit
    least: int = LEAST
    most: int = MOST


@dataclass(frozen=True, kw_only=True)
class NoticePage(Page):
    """A few words for the review, or none."""

    words: str


@router.get("/d/{name}/results/errors-left")
def show(request: Request, name: str, database: Db) -> Response:
    """How much is left."""
    return render("remaining/page.html", _page(request, name, database))


def _page(
    request: Request, name: str, database: Database, *, sent: RuleForm | None = None, problem: str = ""
) -> StopPage:
    """The page, with a rule that was sent and refused in its form."""
    with database.read() as session:
        at = report(session, dataset_id=get_dataset(session, name=name).id)
    kind, amount = _form(at.rule) if sent is None else (sent.kind, sent.asked)
    return StopPage(
        **page_context(request, name),
        at=at,
        undecided=at.samples - at.reviewed,
        audit=at.audits[-1] if at.audits else None,
        left=left_in_words(at),
        chart=_chart(at) if at.looked_at else None,
        rule=at.rule,
        rule_words=rule_in_words(at.rule) if at.rule else "",
        rules={kind: f"{words}{_usual(kind)}" for kind, words in RULES.items()},
        kind=kind,
        amount=amount,
        problem=problem,
        proposed=max(LEAST, min(USUAL_SIZE, at.samples - at.reviewed)),
    )


def _usual(kind: str) -> str:
    return f" (usually {USUAL[kind]} {UNITS[kind]})" if kind in USUAL else ""


def _form(chosen: ChosenRule | None) -> tuple[str, str]:
    """Kind and amount as the form has them."""
    if chosen is None:
        return "cards", USUAL["cards"]
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
            choose_rule(session, dataset_id=dataset_id, user_id=user.id, kind=form.kind, amount=form.number)
    except Invalid as refusal:
        return render(
            "remaining/page.html",
            _page(request, name, database, sent=form, problem=str(refusal)),
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
        "The audit gives an estimate when all of them are decided. It cannot be cancelled, and until then no "
        "other audit can begin."
    )
    return Question(
        f"Draw {count(audit.size)} images for audit {audit.number}?",
        (drawn, until),
        f"Draw {count(audit.size)} images",
        f"/d/{name}/results/errors-left",
        danger=False,
    )


def left_in_words(at: Report) -> str:
    """How many errors remain, by the finished audits."""
    if at.left is None:
        return ""
    if at.left.high == 0:
        return "No error is left among the labels that the audits speak for."
    number = (
        count(at.left.low)
        if at.left.low == at.left.high
        else f"{count(at.left.low)} to {count(at.left.high)}"
    )
    errors = (
        "error that nobody has found is"
        if at.left.low == at.left.high == 1
        else "errors that nobody has found are"
    )
    most = percent(at.left.high / at.samples)
    return f"{number} {errors} left, with 95 % confidence: at most {most} of all labels."


def rule_in_words(chosen: ChosenRule) -> str:
    """A stopping rule and its state, as a sentence."""
    rule, so_far, after = chosen.rule, chosen.reached.so_far, chosen.reached.after_cards
    amount = f"{100 * rule.amount:g} %" if rule.kind in SHARES else f"{rule.amount:,.10g}"
    words = {
        "cards": f"Stop after {amount} cards",
        "minutes": f"Stop after {amount} minutes",
        "keeps": f"Stop after {amount} cards of the worklist in a row without an error",
        "hit_rate": f"Stop when fewer than {amount} of the worklist’s last {WINDOW} cards are errors",
        "left": f"Stop when at most {amount} of all labels are wrong, with 95 % confidence",
    }[rule.kind]
    if after is not None:
        return f"{words}: reached after {count(after)}." if rule.kind != "cards" else f"{words}: reached."
    if rule.kind == "left":
        state = "reached" if chosen.reached.is_reached else "not reached yet"
        if so_far is None:
            return f"{words}: no audit is done yet."
        return f"{words}: {state}, at most {percent(so_far)} by the audits."
    if rule.kind == "hit_rate":
        return f"{words}: {f'not {WINDOW} cards yet' if so_far is None else f'{percent(so_far)} now'}."
    return f"{words}: {so_far or 0:,.0f} {'now' if rule.kind == 'keeps' else 'so far'}."


def notice_in_words(rule: ChosenRule | None, audit: AuditState | None, *, by_chance: bool) -> str:
    """For the review page: the progress of the audit for random cards, else the stopping rule's state."""
    if by_chance and audit is None:
        return "No audit has begun"
    if by_chance and audit:
        return (
            f"Audit {audit.number} is done"
            if audit.is_done
            else f"Audit {audit.number}: {count(audit.decided)} of {count(audit.size)}"
        )
    return "Stopping rule reached" if rule and rule.reached.is_reached else ""


def _chart(at: Report) -> Chart:
    """The budget curve."""
    x: list[float] = [point.cards for point in at.curve]
    found: list[float | None] = [float(point.errors) for point in at.curve]
    return line_chart("Errors found by cards looked at", "cards", x, {"errors found": found}, digits=0, low=0)
