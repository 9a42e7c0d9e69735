"""Rounds of review and retraining: what each changed."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.datasets.catalog import get_dataset
from app.review.corrections import Corrections, count_corrections
from app.rounds.rounds import Round, list_rounds
from app.web.deps import Db
from app.web.pages.charts import Chart, line_chart
from app.web.rendering import Page, page_context, render

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class RoundsPage(Page):
    """Every round."""

    rounds: tuple[Round, ...]
    corrections: Corrections  # of the whole data set: the sum over the rounds
    chart: Chart | None  # none: a line needs two points


@router.get("/d/{name}/results/history")
def index(request: Request, name: str, database: Db) -> Response:
    """Every round, the first one first."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        rounds = tuple(list_rounds(session, dataset_id=dataset_id))
        corrections = count_corrections(session, dataset_id=dataset_id)
    page = RoundsPage(
        **page_context(request, name), rounds=rounds, corrections=corrections, chart=_chart(rounds)
    )
    return render("rounds/page.html", page)


def _chart(rounds: tuple[Round, ...]) -> Chart | None:
    """Each set of labels as a line over the rounds; None if there is nothing to compare."""
    lines = {
        measure.against: [
            None if (rate := each.measures[i].error_rate) is None else 100 * rate.value for each in rounds
        ]
        for i, measure in enumerate(rounds[0].measures if rounds else ())
    }
    if len(rounds) < 2 or all(value is None for line in lines.values() for value in line):  # noqa: PLR2004
        return None
    return line_chart(
        "Hold-out error by round, in %", "round", [each.number for each in rounds], lines, digits=1
    )
