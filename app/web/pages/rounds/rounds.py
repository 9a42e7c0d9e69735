"""History: what each round of review and retraining found, as a picture and in numbers."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.datasets.catalog import get_dataset
from app.review.corrections import Corrections, count_corrections
from app.rounds.rounds import Round, list_rounds
from app.web.deps import Db
from app.web.pages.trend import Trend, trend
from app.web.rendering import Page, page_context, render

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class RoundsPage(Page):
    """Every round."""

    rounds: tuple[Round, ...]
    measures: tuple[str, ...]  # what each error rate of a round is counted by, for people
    corrections: Corrections  # of the whole data set: the sum over the rounds
    chart: Trend | None  # none: there is nothing to draw


@router.get("/d/{name}/results/history")
def index(request: Request, name: str, database: Db) -> Response:
    """Every round, the first one first."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        rounds = tuple(list_rounds(session, dataset_id=dataset_id))
        corrections = count_corrections(session, dataset_id=dataset_id)
    page = RoundsPage(
        **page_context(request, name),
        rounds=rounds,
        measures=_measures(rounds),
        corrections=corrections,
        chart=_chart(rounds),
    )
    return render("rounds/page.html", page)


def _measures(rounds: tuple[Round, ...]) -> tuple[str, ...]:
    """The sets of labels that the error rates of the rounds are counted by."""
    return tuple(
        measure.against.removeprefix("same model, ")
        .replace(", the newest version", " (newest)")
        .replace("gold part", "checked test set")
        .replace("settled", "agreed")
        for measure in (rounds[0].measures if rounds else ())
    )


def _chart(rounds: tuple[Round, ...]) -> Trend | None:
    """Each set of labels as a line over the rounds, and the errors that each round found as bars."""
    lines = {
        words: [each.measures[i].error_rate for each in rounds]
        for i, words in enumerate(_measures(rounds))
        if not words.startswith("labels of version 0")  # these are the given ones
    }
    looks = [place for place, each in enumerate(rounds) if not each.is_trained]
    return trend(
        [f"Round {each.number}" if each.is_trained else "First look" for each in rounds],
        lines,
        [each.corrections.found for each in rounds],
        apart=looks,
    )
