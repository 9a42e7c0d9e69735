"""Team: what each annotator did, and how far their answers agree."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.datasets.catalog import get_dataset
from app.measuring.agreement import FEW, Agreement, agreement_of
from app.training.evaluation import rate
from app.web.deps import Admin, Db
from app.web.pages.intervals import Given, IntervalChart, interval_chart
from app.web.rendering import Page, page_context, percent, plural, render

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class TeamPage(Page):
    """The annotators and their agreement."""

    agreement: Agreement
    answer: str
    chart: IntervalChart | None  # of equal answers, by pair and by class
    few: int = FEW  # samples; figures of fewer say little


@router.get("/d/{name}/results/team")
def show(request: Request, name: str, database: Db, _admin: Admin) -> Response:
    """How far the annotators agree, and what each of them did."""
    with database.read() as session:
        found = agreement_of(session, dataset_id=get_dataset(session, name=name).id)
    page = TeamPage(
        **page_context(request, name), agreement=found, answer=answer_in_words(found), chart=_chart(found)
    )
    return render("measuring/team.html", page)


def answer_in_words(found: Agreement) -> str:
    """How far people agree, in a sentence."""
    if not found.people:
        return "Nobody has decided anything yet."
    if not found.shared:
        return "No image has two answers yet."
    images = plural(found.shared, "image has", "images have")
    if found.shared < FEW:
        return f"Only {images} two answers: too few to tell how far people agree."
    if found.alpha is None:
        return f"{images[0].upper()}{images[1:]} two answers, and all are one and the same class."
    of = plural(found.shared, "image")
    return f"Agreement on {of}: {found.alpha:.2f} (1 is full, 0 is chance).".replace("-", "−")


def _chart(found: Agreement) -> IntervalChart | None:
    """The share of equal answers with Wilson's interval; None without an image that two people answered."""
    counted = [
        (f"{pair.first} and {pair.second}", pair.agreed, pair.samples, "Equal answers, by pair")
        for pair in found.pairs
    ] + [
        (each.name, each.agreed, each.samples, "Equal answers, where one of two said")
        for each in found.classes
    ]
    rows, before = [], ""
    for name, agreed, samples, heading in counted:
        if share := rate(round(agreed * samples), samples):
            rows.append(
                Given(
                    name,
                    share.low,
                    share.high,
                    percent(share.value, 0),
                    f"of {plural(samples, 'image')}",
                    value=share.value,
                    kind="new",
                    heading=heading if heading != before else "",
                )
            )
            before = heading
    return interval_chart("Equal answers of two annotators", rows) if rows else None
