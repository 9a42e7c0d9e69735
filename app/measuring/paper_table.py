"""The paper's table: networks trained and fine-tuned, on original and on cleaned labels, on one hold-out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy.orm import Session

from app.datasets.models import DatasetVersion
from app.datasets.versions import DELETED, latest_version, list_versions
from app.measuring.hold_out import UNKNOWN, hold_out, predicted
from app.training.evaluation import Rate, rate
from app.training.models import Run
from app.training.runs import list_trainings

Labels = Literal["original", "cleaned"]
Training = Literal["trained", "fine-tuned"]


@dataclass(frozen=True)
class Cell:
    """One network; without a run there is none yet that fits."""

    labels: Labels
    training: Training
    run_id: int | None = None
    name: str = ""  # of its model
    parent_id: int | None = None
    seed: int | None = None
    version: int | None = None  # that it trained on
    digest: str = ""
    samples: int | None = None  # of that version
    given: Rate | None = None  # error on the hold-out against the given labels
    reviewed: Rate | None = None


@dataclass(frozen=True)
class PaperTable:
    """All four on the same hold-out samples."""

    version: int  # whose labels the reviewed ones are
    samples: int  # hold-out samples that every run here predicted and that are not deleted
    cells: tuple[Cell, ...]  # original trained, original fine-tuned, cleaned trained, cleaned fine-tuned

    @property
    def filled(self) -> int:
        """How many cells have a run."""
        return sum(cell.run_id is not None for cell in self.cells)


def paper_table(session: Session, *, dataset_id: int) -> PaperTable:
    """The newest finished runs that fit, each fine-tuned one with its parent run.

    A fine-tuned network on cleaned labels is compared with a fine-tuned one on the original labels, which has
    trained as long.
    """
    newest = latest_version(session, dataset_id=dataset_id)
    versions = {version.id: version for version in list_versions(session, dataset_id=dataset_id)}
    runs = {run.id: run for run in list_trainings(session, dataset_id=dataset_id) if run.state == "finished"}

    def is_cleaned(run: Run) -> bool:
        return versions[run.version_id].relabelled + versions[run.version_id].deleted > 0

    original = _pair(runs, lambda run: not is_cleaned(run), lambda run: run.parent_id is None)
    cleaned = _pair(
        runs,
        is_cleaned,
        lambda run: run.parent_id is None or (run.parent_id in runs and not is_cleaned(runs[run.parent_id])),
    )
    held = hold_out(session, dataset_id=dataset_id, version_id=newest.id)
    chosen = (*original, *cleaned)
    said = {run.id: predicted(session, run_id=run.id, ids=held.ids) for run in chosen if run}
    there = np.logical_and.reduce([held.reviewed != DELETED, *(each != UNKNOWN for each in said.values())])
    n = int(there.sum())

    def cell(labels: Labels, training: Training, run: Run | None) -> Cell:
        if run is None:
            return Cell(labels, training)
        version: DatasetVersion = versions[run.version_id]
        given, reviewed = (
            rate(int((known[there] != said[run.id][there]).sum()), n) for known in (held.given, held.reviewed)
        )
        return Cell(
            labels,
            training,
            run_id=run.id,
            name=run.name,
            parent_id=run.parent_id,
            seed=run.seed,
            version=version.number,
            digest=version.digest,
            samples=version.samples,
            given=given,
            reviewed=reviewed,
        )

    places: tuple[tuple[Labels, Training], ...] = (
        ("original", "trained"),
        ("original", "fine-tuned"),
        ("cleaned", "trained"),
        ("cleaned", "fine-tuned"),
    )
    return PaperTable(
        newest.number, n, tuple(cell(*place, run) for place, run in zip(places, chosen, strict=True))
    )


def _pair(
    runs: dict[int, Run], fits: Callable[[Run], bool], is_first: Callable[[Run], bool]
) -> tuple[Run | None, Run | None]:
    """The newest fine-tuned run with its parent on such labels; without one the newest first run alone."""
    first = {run.id: run for run in runs.values() if fits(run) and is_first(run)}
    for run in runs.values():  # the newest first
        if fits(run) and run.parent_id in first and not is_first(run):
            return first[run.parent_id], run
    return next(iter(first.values()), None), None
