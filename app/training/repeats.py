"""Whether a run that is asked for repeats one that exists."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.ml.recipes import Recipe, to_json
from app.training.models import Run


@dataclass(frozen=True)
class Repeat:
    """A finished run with the same labels, start, recipe and seed, and a seed that no such run has."""

    run_id: int
    name: str  # of its model
    free_seed: int

    @property
    def words(self) -> str:
        """What follows the name of the run in a sentence."""
        return (
            "did exactly this: the same labels, start, recipe and seed. Another seed, such as "
            f"{self.free_seed}, shows what chance makes."
        )


def repeat_of(
    session: Session,
    *,
    dataset_id: int,
    version_id: int,
    recipe: Recipe,
    weights: str,
    parent_id: int | None,
    seed: int,
) -> Repeat | None:
    """The newest finished run that did what is asked for, by the arguments of `request_run`; None: none."""
    asked = json.loads(to_json(recipe))  # in the form that the database returns
    return _repeat(session, dataset_id, (version_id, asked, _start(weights), parent_id), seed)


def repeated_by(session: Session, run: Run) -> Repeat | None:
    """The finished run that this one, which has just been requested, repeats."""
    return _repeat(session, run.dataset_id, _kind(run), run.seed)


def _repeat(session: Session, dataset_id: int, kind: tuple[Any, ...], seed: int) -> Repeat | None:
    query = select(Run).where(Run.dataset_id == dataset_id).order_by(Run.id.desc())
    alike = [run for run in session.scalars(query) if _kind(run) == kind]
    same = next((run for run in alike if run.state == "finished" and run.seed == seed), None)
    used = {run.seed for run in alike} | {seed}
    free = next(number for number in range(len(used) + 1) if number not in used)
    return Repeat(same.id, same.name, free) if same else None


def _kind(run: Run) -> tuple[Any, ...]:
    return run.version_id, run.whole_recipe, _start(run.weights), run.parent_id


def _start(weights: str) -> str:
    """Once a run has started from ImageNet weights, `auto` means these: they are in the data folder then."""
    return "imagenet" if weights == "auto" else weights
