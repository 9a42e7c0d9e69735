"""What another seed makes: runs that differ from one another by nothing else."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.measuring.hold_out import UNKNOWN, HoldOut, predicted
from app.training.evaluation import Rate, rate
from app.training.models import Run
from app.training.runs import list_runs


@dataclass(frozen=True)
class SeedRun:
    """A run that differs from another by its seed alone, or that other itself, on the samples of a comparison."""

    id: int
    seed: int
    error: Rate


@dataclass(frozen=True)
class Seeds:
    """The runs that are as the old or as the new one but for their seed, each with that one; empty where there are none."""

    old: tuple[SeedRun, ...]
    new: tuple[SeedRun, ...]

    @property
    def spread(self) -> float | None:
        """The largest distance between two error rates on the reviewed labels that only the seed makes; none: not known."""
        known = [
            max(rates) - min(rates)
            for group in (self.old, self.new)
            if (rates := [run.error.value for run in group])
        ]
        return max(known, default=None)

    @property
    def runs(self) -> int:
        """How many runs the spread is of."""
        return len({run.id for run in (*self.old, *self.new)})


def alike(session: Session, run: Run, *, held: HoldOut, kept: NDArray[np.bool_]) -> tuple[SeedRun, ...]:
    """The run and those that differ from it by the seed alone, each on those of the `kept` hold-out samples (n,) that it predicted."""
    finished = {
        other.id: other
        for other in list_runs(session, dataset_id=run.dataset_id)
        if other.state == "finished"
    }
    same = [other for other in finished.values() if _is_alike(run, other, finished)]
    found = (_seed_run(session, other, held, kept) for other in same if len(same) > 1)
    return tuple(each for each in found if each)


def _seed_run(session: Session, run: Run, held: HoldOut, kept: NDArray[np.bool_]) -> SeedRun | None:
    said = predicted(session, run_id=run.id, ids=held.ids)
    there = kept & (said != UNKNOWN)
    error = rate(int((held.reviewed[there] != said[there]).sum()), int(there.sum()))
    return SeedRun(run.id, run.seed, error) if error else None


def _is_alike(run: Run, other: Run, known: dict[int, Run]) -> bool:
    """Whether nothing but seeds tells two runs apart, their parents' and so on included."""
    if (run.version_id, run.recipe, run.weights) != (other.version_id, other.recipe, other.weights):
        return False
    if run.parent_id == other.parent_id:
        return True
    parent, others = known.get(run.parent_id or 0), known.get(other.parent_id or 0)
    return parent is not None and others is not None and _is_alike(parent, others, known)
