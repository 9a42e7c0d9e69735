"""Checked test set (the gold part): drawn by an admin, labelled blind by all, the best run's error on it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset, ready_dataset
from app.measuring.best import BestRun, GoldEvaluation, choose_best, evaluate_on_gold
from app.review.drawing import Drawn, count_people, draw_counted
from app.review.gold import (
    FEWEST,
    LOOKS,
    MOST_LOOKS,
    PROPOSED,
    USUAL_ERROR,
    GoldStanding,
    Precision,
    count_copies,
    count_corrected_hold_out,
    gold_standing,
    half_width,
    hold_out_size,
    precisions,
)
from app.training.runs import get_run
from app.web.asking import Question, confirm
from app.web.deps import Admin, Db, SignedIn
from app.web.pages.intervals import Given, IntervalChart, interval_chart
from app.web.rendering import Page, count, page_context, percent, plural, render
from app.web.strict import Strict

router = APIRouter()


class DrawForm(Strict):
    """What to draw."""

    size: int
    looks: int = LOOKS
    seed: int = Field(0, ge=0, lt=2**31)
    confirmed: str = Field("", max_length=64)


@dataclass(frozen=True, kw_only=True)
class GoldPage(Page):
    """The gold part; before it is drawn, what could be."""

    standing: GoldStanding | None
    after_model: str  # the newest one when it was drawn; empty: there was none
    best: BestRun | None
    evaluation: GoldEvaluation | None  # of the best run
    chart: IntervalChart | None  # of that evaluation
    people: int  # who may label
    corrections: int  # current corrections of hold-out images, which a draw can revert
    taken_back: int  # of these, by the draw that led here
    copies: int  # images of it that look like one that the networks learn from
    hold_out: int
    error: float  # that the sizes are reckoned with: the best run's, or a usual one
    is_measured: bool  # it is the best run's
    sizes: tuple[Precision, ...]
    proposed: Precision | None  # none: the hold-out is too small
    width: float  # half of the interval that the whole part will have

    fewest = FEWEST
    usual_looks = LOOKS
    most_looks = MOST_LOOKS


@router.get("/d/{name}/results/test-set")
def show(
    request: Request,
    name: str,
    database: Db,
    user: SignedIn,
    taken_back: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> Response:
    """The progress of the gold part, or the form that draws it."""
    with database.read() as session:
        page = _page(request, session, name, user.id, taken_back=taken_back)
    return render("review/gold.html", page)


@router.post("/d/{name}/results/test-set")
def draw(name: str, database: Db, admin: Admin, form: Annotated[DrawForm, Form()]) -> Response:
    """Draw the gold part, which is final."""
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        drawn = draw_counted(
            session, dataset_id=dataset.id, size=form.size, seed=form.seed, looks=form.looks, user_id=admin.id
        )
        confirm(_question(name, drawn), form.confirmed)
        taken_back = drawn.corrections
    return RedirectResponse(
        f"/d/{name}/results/test-set{f'?taken_back={taken_back}' if taken_back > 0 else ''}", status_code=303
    )


def _question(name: str, drawn: Drawn) -> Question:
    """The question with the numbers of the draw, which was done and is rolled back unless it is confirmed."""
    size, looks, people = drawn.part.size, drawn.part.looks, drawn.people
    facts = [
        f"{count(size)} images of the hold-out are drawn at random. This is final and cannot be repeated.",
        f"The answers to {count(drawn.decided)} of them no longer count."
        if drawn.decided
        else "Nobody has decided about any of them, so no decision is lost.",
    ]
    if drawn.corrections == 1:
        facts.append("1 correction is taken back: its image has its given label again until people agree.")
    elif drawn.corrections:
        facts.append(
            f"{count(drawn.corrections)} corrections are taken back: "
            "their images have their given labels again until people agree."
        )
    who = "1 person can label" if people == 1 else f"{count(people)} people can label"
    each = "1 person looks" if looks == 1 else f"{looks} people look"
    facts.append(
        f"{each} at each image, and {who}."
        + (" These are too few: nothing would be agreed. Add people first." if people < looks else "")
    )
    return Question(
        f"Create a test set of {count(size)} images, for good?",
        tuple(facts),
        "Create test set",
        f"/d/{name}/results/test-set",
    )


def _page(request: Request, session: Session, name: str, user_id: int, *, taken_back: int) -> GoldPage:
    dataset_id = get_dataset(session, name=name).id
    standing, best = (
        gold_standing(session, dataset_id=dataset_id, user_id=user_id),
        choose_best(session, dataset_id=dataset_id),
    )
    hold_out = hold_out_size(session, dataset_id=dataset_id)
    measured = (
        best.rate.value if best and best.rate and 0 < best.rate.value < 1 else None
    )  # of none or all the interval tells nothing
    error = measured or USUAL_ERROR
    proposed = min(PROPOSED, hold_out)
    evaluation = evaluate_on_gold(session, run_id=best.run.id) if best else None
    return GoldPage(
        **page_context(request, name),
        standing=standing,
        after_model=get_run(session, run_id=standing.after_run).name
        if standing and standing.after_run
        else "",
        best=best,
        hold_out=hold_out,
        error=error,
        is_measured=measured is not None,
        evaluation=evaluation,
        chart=_chart(evaluation) if evaluation else None,
        people=count_people(session),
        corrections=count_corrected_hold_out(session, dataset_id=dataset_id),
        taken_back=taken_back if standing else 0,
        copies=count_copies(session, dataset_id=dataset_id) if standing else 0,
        sizes=precisions(hold_out, error=error) if hold_out >= FEWEST else (),
        proposed=Precision(proposed, half_width(proposed, error=error)) if hold_out >= FEWEST else None,
        width=half_width(standing.size if standing else max(1, proposed), error=error),
    )


def _newest_then(session: Session, standing: GoldStanding | None) -> str:
    if standing is None or standing.after_run is None:
        return ""
    return get_run(session, run_id=standing.after_run).name


def _chart(found: GoldEvaluation) -> IntervalChart | None:
    """The model's error by the blind labels, and by others on the same images; None before the first one."""
    counted = [
        ("By the agreed labels", found.error_rate, "new"),
        ("Deleted ones counted as wrong", found.with_deleted if found.deleted else None, ""),
        ("By the given labels", found.given, "old"),
    ]
    rows = [
        Given(
            name,
            rate.low,
            rate.high,
            percent(rate.value),
            f"{percent(rate.low)} to {percent(rate.high)}, {plural(rate.n, 'image')}",
            value=rate.value,
            kind=kind,
        )
        for name, rate, kind in counted
        if rate
    ]
    return interval_chart("Error on the checked test set", rows) if rows else None
