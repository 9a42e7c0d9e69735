"""Two runs compared."""

from typing import Annotated

from fastapi import Query

from app.datasets.catalog import class_names, get_dataset
from app.measuring import comparison
from app.review.gold import gold_labels
from app.web.api.models import Output, RateOut
from app.web.api.routing import api_router
from app.web.deps import Db

router = api_router("runs")


class DifferenceOut(Output):
    """Error rate of the new run minus that of the old one, with 95 % bootstrap interval and McNemar's p."""

    value: float
    low: float
    high: float
    repaired: int
    broken: int
    p: float
    beyond_chance: bool
    n: int


class ClassChangeOut(Output):
    """A class before and after."""

    name: str
    support: int
    old_recall: float | None
    new_recall: float | None
    repaired: int
    broken: int


class EvaluationOut(Output):
    """A run against one kind of labels."""

    error_rate: RateOut | None
    confusion: list[list[int]]  # rows: labels, columns: predicted


class ColumnOut(Output):
    """Both runs against one kind of labels: given, reviewed or gold.

    Deleted images are left out, and in additional rates counted as wrong.
    """

    kind: str
    version: int | None
    digest: str
    samples: int
    deleted: int
    old: EvaluationOut
    new: EvaluationOut
    old_with_deleted: RateOut | None
    new_with_deleted: RateOut | None
    difference: DifferenceOut | None
    per_class: list[ClassChangeOut]
    open: int  # unsettled images of the gold part; with any, there is no difference and no conclusion


class ComparedRun(Output):
    """Which network a figure is of."""

    id: int
    recipe: str
    epochs: int
    weights: str
    parent_id: int | None
    seed: int
    version: int
    digest: str


class ChangesOut(Output):
    """Samples that the two runs predict differently, by what the reviewed labels say of it."""

    repaired: int
    broken: int
    other: int
    all: int


class ChosenOut(Output):
    """How reviewed hold-out images were selected, and the effect of a model's selection on the error."""

    reviewed: int
    by_model: int
    at_random: int
    relabelled: int
    deleted: int
    flatters: bool
    given: RateOut | None
    after_relabels: RateOut | None
    after_deletions: RateOut | None
    deleted_are_wrong: RateOut | None


class SeedRunOut(Output):
    """A run on the samples of the comparison, against the reviewed labels."""

    id: int
    seed: int
    error: RateOut


class SeedsOut(Output):
    """Runs that are as the old or the new one but for their seed; the spread is null where there are none."""

    old: list[SeedRunOut]
    new: list[SeedRunOut]
    spread: float | None


class ComparisonOut(Output):
    """Two runs on the same hold-out samples."""

    classes: list[str]
    old: ComparedRun
    new: ComparedRun
    version: int  # whose labels the reviewed ones are
    columns: list[ColumnOut]
    left_out: int
    changes: ChangesOut
    chosen: ChosenOut
    seeds: SeedsOut


@router.get("/datasets/{name}/compare")
def compare(
    name: str,
    database: Db,
    old: Annotated[int, Query(description="The run before.")],
    new: Annotated[int, Query(description="The run after.")],
    labels: Annotated[
        int | None, Query(ge=0, description="The version whose labels are the reviewed ones; the newest.")
    ] = None,
) -> ComparisonOut:
    """Two finished runs on the same hold-out samples, against the given and the reviewed labels."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        found = comparison.compare(
            session,
            dataset_id=dataset.id,
            old_id=old,
            new_id=new,
            number=labels,
            gold=gold_labels(session, dataset_id=dataset.id),
        )
        names = class_names(session, dataset_id=dataset.id)
    return ComparisonOut.model_validate({"classes": names, "chosen": found.selection, **vars(found)})
