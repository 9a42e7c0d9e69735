"""Seed twins: runs that differ in their seed, or their parent's, and in nothing else."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.measuring.hold_out import UNKNOWN, HoldOut, predicted
from app.training.evaluation import Rate, rate
from app.training.models import Run
from app.training.runs import list_trainings


@dataclass(frozen=True)
class SeedRun:
    """A run of a group of seed twins, with its error on the samples of a comparison."""

    id: int
    name: str  # of its model
    seed: int
    error: Rate


@dataclass(frozen=True)
class Seeds:
    """The seed twins of the old and of the new run, each group with that run itself; empty without twins."""

    old: tuple[SeedRun, ...]
    new: tuple[SeedRun, ...]

    @property
    def spread(self) -> float | None:
        """The largest difference in error rate (0…1, by reviewed labels) among twins; None without twins."""
        known = [
            max(rates) - min(rates)
            for group in (self.old, self.new)
            if (rates := [run.error.value for run in group])
        ]
        return max(known, default=None)

    @property
    def runs(self) -> int:
        """How many runs the spread is measured on."""
        return len({run.id for run in (*self.old, *self.new)})


def seed_twins(session: Session, run: Run, *, held: HoldOut, kept: NDArray[np.bool_]) -> tuple[SeedRun, ...]:
    """The run and its seed twins, on the `kept` hold-out samples (n,), newest first; empty without twins.

    Runs with the same seeds do not show what a seed makes, so one of them counts: the run itself, or the
    newest.
    """
    finished = {
        other.id: other
        for other in list_trainings(session, dataset_id=run.dataset_id)
        if other.state == "finished"
    }
    by_seeds = {_seeds(run, finished): run}
    for other in finished.values():
        if _are_twins(run, other, finished):
            by_seeds.setdefault(_seeds(other, finished), other)
    if len(by_seeds) == 1:
        return ()
    newest_first = sorted(by_seeds.values(), key=lambda each: -each.id)
    found = tuple(each for other in newest_first if (each := _seed_run(session, other, held, kept)))
    return found if len(found) > 1 else ()


def _seeds(run: Run, known: dict[int, Run]) -> tuple[int, ...]:
    """The run's seed, its parent's and so on."""
    parent = known.get(run.parent_id or 0)
    return (run.seed, *(_seeds(parent, known) if parent else ()))


def _seed_run(session: Session, run: Run, held: HoldOut, kept: NDArray[np.bool_]) -> SeedRun | None:
    said = predicted(session, run_id=run.id, ids=held.ids)
    there = kept & (said != UNKNOWN)
    error = rate(int((held.reviewed[there] != said[there]).sum()), int(there.sum()))
    return SeedRun(run.id, run.name, run.seed, error) if error else None


def _are_twins(run: Run, other: Run, known: dict[int, Run]) -> bool:
    """Whether two runs differ only in seeds; their parents and so on too."""
    if (run.version_id, run.recipe, run.weights) != (other.version_id, other.recipe, other.weights):
        return False
    if run.parent_id == other.parent_id:
        return True
    parent, others = known.get(run.parent_id or 0), known.get(other.parent_id or 0)
    return parent is not None and others is not None and _are_twins(parent, others, known)
