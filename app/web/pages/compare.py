"""Before and after: two runs on the same hold-out samples."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset
from app.errors import Conflict, ToplossError
from app.ranking.evaluations import Comparison, Evaluation, RunSummary, compare_runs, run_summaries
from app.training.runs import get_run
from app.web.deps import Db
from app.web.rendering import Page, page_context, percent, render

router = APIRouter()


@dataclass(frozen=True)
class Verdict:
    """A column of the four cells in words."""

    labels: str
    words: str


@dataclass(frozen=True, kw_only=True)
class ComparePage(Page):
    """Before and after; without a comparison, why there is none."""

    runs: tuple[RunSummary, ...]
    old: int | None
    new: int | None
    comparison: Comparison | None
    verdicts: tuple[Verdict, ...]
    problem: str


@router.get("/d/{name}/compare")
def compare(request: Request, name: str, database: Db, old: int | None = None, new: int | None = None) -> Response:
    """Two runs on the same hold-out samples, by default the newest one and its parent."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        runs = tuple(run for run in run_summaries(session, dataset_id=dataset.id) if run.state == "finished")
        old, new = _pair(runs, old, new)
        comparison, problem = _compared(session, dataset.id, old, new)
    page = ComparePage(
        **page_context(request, name), runs=runs, old=old, new=new, comparison=comparison, problem=problem,
        verdicts=_verdicts(comparison) if comparison else (),
    )  # fmt: skip
    return render(request, "runs/compare.html", page)


def _pair(runs: tuple[RunSummary, ...], old: int | None, new: int | None) -> tuple[int | None, int | None]:
    """The runs asked for, or the newest one that has a parent and that parent, or the two newest."""
    known = {run.id for run in runs}
    child = next((run for run in runs if run.parent_id in known), None)
    if new is None:
        new = child.id if child else runs[0].id if runs else None
    if old is None:
        parent = next((run.parent_id for run in runs if run.id == new), None)
        old = parent if parent in known else next((run.id for run in runs if run.id != new), None)
    return old, new


def _compared(session: Session, dataset_id: int, old: int | None, new: int | None) -> tuple[Comparison | None, str]:
    if old is None or new is None:
        return None, ""
    try:
        for run_id in (old, new):
            if get_run(session, run_id=run_id, dataset_id=dataset_id).state != "finished":
                raise Conflict(f"Run {run_id} has not finished; only finished runs can be compared.")
        return compare_runs(session, old_id=old, new_id=new), ""
    except ToplossError as error:
        return None, str(error)


def _verdicts(comparison: Comparison) -> tuple[Verdict, ...]:
    given = _verdict(comparison.old_given, comparison.new_given)
    cleaned = _verdict(comparison.old_cleaned, comparison.new_cleaned)
    return (Verdict("given labels", given), Verdict("cleaned labels", cleaned))


def _verdict(old: Evaluation, new: Evaluation) -> str:
    before, after = old.error_rate, new.error_rate
    if before is None or after is None:
        return "There are no hold-out images to measure on."
    moved = f"{percent(before.value)} → {percent(after.value)}"
    if before.low <= after.high and after.low <= before.high:
        return f"{moved}. The intervals overlap: on this many images it may be chance."
    return f"{moved}. The intervals do not overlap: the {'new' if after.value < before.value else 'old'} run is better here."
