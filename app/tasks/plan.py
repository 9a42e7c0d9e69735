"""The plan of a training job, read once at its beginning."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.datasets.gold import gold_ids
from app.datasets.models import Dataset
from app.datasets.versions import VersionSamples, frozen_names, labels_of
from app.errors import Invalid
from app.jobs.engine import JobContext
from app.ml import checkpoints
from app.ml.recipes import Recipe, StartFrom, recipe_from_json
from app.storage import Origin
from app.tasks.start import settle_start
from app.training.first_looks import newest_first_look
from app.training.folds import NEVER_TRAINED, WHOLE, assign_folds
from app.training.models import Run
from app.training.runs import get_run, newest_finished


@dataclass(frozen=True)
class Plan:
    """Everything a run needs, read once; arrays are over all samples of its version."""

    run_id: int
    dataset_id: int
    source: Origin
    names: tuple[str, ...]
    samples: VersionSamples
    held_out: np.ndarray  # (n,) whether a sample is never trained on
    gold: (
        np.ndarray
    )  # (n,) whether it is in the gold part at the time of the request; not used to choose anything
    folds: (
        np.ndarray
    )  # (n,) the fold of a sample; WHOLE for the hold-out, and for all where there are no folds
    recipe: Recipe
    start: StartFrom
    parent_run: int | None
    parent: Path | None  # its run folder
    is_first: bool  # there is no ranking yet, so an early one is useful
    seed: int
    folder: Path
    cache: Path

    def only(self, rows: np.ndarray) -> "Plan":
        """The plan for these samples (m,) alone."""
        return replace(
            self,
            samples=self.samples.only(rows),
            held_out=self.held_out[rows],
            gold=self.gold[rows],
            folds=self.folds[rows],
        )

    @property
    def networks(self) -> list[int]:
        """The networks to train: the one on everything, then one per fold."""
        return [WHOLE, *range(self.recipe.folds)]

    def train_index(self, fold: int) -> np.ndarray:
        """Rows that the fold's network trains on."""
        return np.flatnonzero(~self.held_out & ((self.folds != fold) | (fold == WHOLE)))

    def fold_index(self, fold: int) -> np.ndarray:
        """Rows of a fold, which its network judges."""
        return np.flatnonzero(self.folds == fold)

    @property
    def untrained(self) -> list[int]:
        """The positions of classes that have samples, but none to train on."""
        labels = self.samples.labels
        return sorted(int(label) for label in set(labels) - set(labels[~self.held_out]))

    def folder_of(self, fold: int) -> Path:
        """The checkpoint folder of the fold's network."""
        return self.folder / network_name(fold)

    def start_of(self, fold: int) -> StartFrom:
        """The start of a fold's network: its parent's network of the same fold, which never saw it either."""
        if self.start.kind != "parent":
            return self.start
        return StartFrom.from_parent((self.parent or self.folder) / network_name(fold))


def make_plan(context: JobContext, started: Run) -> Plan:
    """The plan of a run that was started. Raises Invalid when there is nothing to train on.

    The run's start is settled, which may download weights. Raises WeightsUnavailable and Cancelled.
    """
    settings = context.settings
    with context.database.read() as session:
        dataset = session.get_one(Dataset, started.dataset_id)
        samples = labels_of(session, version_id=started.version_id)
        names = frozen_names(session, version_id=started.version_id)
        parent = get_run(session, run_id=started.parent_id) if started.parent_id else None
        gold = (
            gold_ids(session, dataset_id=dataset.id) if started.facts.get("gold") else np.empty(0, np.int64)
        )
        first = (
            newest_finished(session, dataset_id=dataset.id) is None
            and newest_first_look(session, dataset_id=dataset.id) is None
        )
    folder = settings.runs_dir / str(started.id)
    has_begun = checkpoints.exists(folder / network_name(WHOLE))
    if has_begun:  # a class that an import was renamed or added since keeps its place in the network
        names = list(checkpoints.load(folder / network_name(WHOLE)).class_names)
    recipe = recipe_from_json(started.recipe)
    held_out = np.isin(np.array(samples.splits), NEVER_TRAINED)
    folds = np.where(held_out, WHOLE, assign_folds(samples.sha256, folds=recipe.folds))
    if held_out.all():
        raise Invalid(
            "This data set has no training part; put images into a folder named train and import again."
        )
    parent_folder = settings.runs_dir / str(parent.id) if parent else None
    start = (
        StartFrom.from_parent(parent_folder / network_name(WHOLE))
        if parent_folder
        else settle_start(context, started, has_begun=has_begun)
    )
    return Plan(
        run_id=started.id,
        dataset_id=dataset.id,
        source=dataset.origin,
        names=tuple(names),
        samples=samples,
        held_out=held_out,
        gold=np.isin(samples.sample_ids, gold),
        folds=folds,
        recipe=recipe,
        start=start,
        parent_run=started.parent_id,
        parent=parent_folder,
        is_first=first,
        seed=started.seed,
        folder=folder,
        cache=settings.cache_dir,
    )


def network_name(fold: int) -> str:
    """Of a network of a run: its folder within the run's."""
    return "main" if fold == WHOLE else f"fold-{fold}"
