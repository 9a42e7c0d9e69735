"""How long a training takes, from what earlier ones took."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.models import DatasetVersion, Sample
from app.jobs.requests import live_workers
from app.ml.recipes import Recipe, recipe_from_json
from app.training.fields import phases_of
from app.training.folds import WHOLE
from app.training.models import Epoch, Run

BEFORE = "seconds_before"  # of `Run.facts`: what a run took before it was resumed
_RUNS = 10  # that are looked back on
_MACHINE = ("device", "threads")  # facts of a run that tell machines apart
_WORKER = "worker"  # the fact that says whose run it was; runs of before have none
_ONE_RUN = (
    1.5  # how much longer it may take where a single run was measured: the machine may have been idle then
)
_OTHER_SIZE = 2.0  # how much less or more where no epoch at the image's size was


@dataclass(frozen=True)
class Measured:
    """An epoch of an earlier run; `pace` is in seconds an image and squared pixel."""

    run_id: int
    size: int
    pace: float


@dataclass(frozen=True)
class Estimate:
    """What a training is expected to take, ranking included."""

    seconds: float
    low: float  # seconds: if all goes as fast as the fastest epoch that was measured
    high: float  # seconds: as slow as the slowest, and more where little was measured
    pace: float  # seconds an image and epoch, on average
    run_ids: tuple[int, ...]  # the runs it was measured on


def epoch_sizes(recipe: Recipe, *, start: str) -> list[int]:
    """Pixels of an image's side in each epoch that a run with this start goes through."""
    epochs = sum(phase.epochs for phase in phases_of(recipe, tunes=start == "parent"))
    early = recipe.early_epochs if start == "none" and recipe.early_size else 0
    return [recipe.early_size if epoch < early else recipe.image_size for epoch in range(epochs)]


def network_shares(recipe: Recipe) -> dict[int, float]:
    """The share of the training images that each network of a run learns from, by fold."""
    return {WHOLE: 1.0} | dict.fromkeys(range(recipe.folds), 1 - 1 / max(1, recipe.folds))


def seconds_left(
    recipe: Recipe, *, start: str, done: Iterable[tuple[int, int, float]], fraction: float
) -> float | None:
    """What remains when `fraction` of the work is done, or at least the finished epochs (fold, epoch, seconds), at their pace."""
    sizes, shares = epoch_sizes(recipe, start=start), network_shares(recipe)
    work = seconds = 0.0
    for fold, epoch, took in done:
        if fold in shares and epoch < len(sizes):
            work += shares[fold] * sizes[epoch] ** 2
            seconds += took
    if not work:
        return None
    whole = sum(shares.values()) * sum(size**2 for size in sizes)
    return max(0.0, min((1 - fraction) * whole, whole - work)) * seconds / work


def estimate(
    recipe: Recipe, *, start: str, images: int, measured: Sequence[Measured], rest: float = 0.0
) -> Estimate | None:
    """What a training on `images` takes; `rest` is what comes beside the epochs, in seconds.

    None where nothing was measured.

    An epoch goes by the median pace at its own image size, or of all where that size has not been seen.
    """
    if not measured or not images:
        return None
    paces: dict[int, list[float]] = defaultdict(list)
    for each in measured:
        paces[each.size].append(each.pace)
    usual = median(each.pace for each in measured)
    sizes = epoch_sizes(recipe, start=start)
    an_image = sum(size**2 * (median(paces[size]) if size in paces else usual) for size in sizes)
    seconds = images * an_image * sum(network_shares(recipe).values())
    ratios = [each.pace / median(paces[each.size]) for each in measured]
    unseen = 1.0 if all(size in paces for size in sizes) else _OTHER_SIZE
    one = _ONE_RUN if len({each.run_id for each in measured}) == 1 else 1.0
    used = {each.run_id for each in measured if each.size in sizes} or {each.run_id for each in measured}
    return Estimate(
        seconds + rest,
        low=(seconds + rest) * min(ratios) / unseen,
        high=(seconds + rest) * max(ratios) * unseen * one,
        pace=an_image / len(sizes),
        run_ids=tuple(sorted(used)),
    )


def expect_run(session: Session, *, run: Run) -> Estimate | None:
    """What a run that has been asked for takes."""
    samples = session.get_one(DatasetVersion, run.version_id).samples
    images = round(samples * _train_shares(session, {run.dataset_id})[run.dataset_id])
    return expect(
        session, recipe=recipe_from_json(run.recipe), start=run.weights, images=images, samples=samples
    )


def expect(session: Session, *, recipe: Recipe, start: str, images: int, samples: int) -> Estimate | None:
    """What a training on `images` of a version's `samples` takes here; none before a first epoch has ended.

    The last runs of any data set count, as long as they ran on what the last one ran on, and by a worker that
    is there if any is: what another machine took says nothing of this one.
    """
    live = {worker.id for worker in live_workers(session)}
    found = session.execute(
        select(Run, DatasetVersion.samples)
        .join(DatasetVersion, DatasetVersion.id == Run.version_id)
        .where(select(Epoch.run_id).where(Epoch.run_id == Run.id).exists())
        .order_by(Run.id.desc())
        .limit(_RUNS)
    ).all()
    here = [(run, n) for run, n in found if not live or run.facts.get(_WORKER, "") in live | {""}]
    rows = [(run, n) for run, n in here if _machine(run.facts) == _machine(here[0][0].facts)]
    shares = _train_shares(session, {run.dataset_id for run, _ in rows})
    epochs: dict[int, list[Epoch]] = defaultdict(list)
    for epoch in session.scalars(select(Epoch).where(Epoch.run_id.in_([run.id for run, _ in rows]))):
        epochs[epoch.run_id].append(epoch)
    measured = [
        each for run, n in rows for each in _measured(run, n * shares[run.dataset_id], epochs[run.id])
    ]
    beside = [
        (seconds - sum(epoch.seconds for epoch in epochs[run.id])) / n
        for run, n in rows
        if (seconds := seconds_of(run)) and n
    ]
    return estimate(
        recipe,
        start=start,
        images=images,
        measured=measured,
        rest=samples * max(0.0, median(beside) if beside else 0.0),
    )


def seconds_of(run: Run) -> float | None:
    """How long a finished run took, the times before it was resumed included."""
    if run.state != "finished" or run.finished_at is None or run.started_at is None:
        return None
    return (run.finished_at - run.started_at).total_seconds() + float(run.facts.get(BEFORE, 0.0))


def _measured(run: Run, images: float, epochs: Sequence[Epoch]) -> list[Measured]:
    recipe = recipe_from_json(run.recipe)
    sizes, shares = epoch_sizes(recipe, start=run.weights), network_shares(recipe)
    return [
        Measured(
            run.id,
            sizes[epoch.epoch],
            epoch.seconds / (images * shares[epoch.fold] * sizes[epoch.epoch] ** 2),
        )
        for epoch in epochs
        if images and epoch.fold in shares and epoch.epoch < len(sizes)
    ]


def _train_shares(session: Session, dataset_ids: set[int]) -> dict[int, float]:
    """The share of each data set's samples that networks learn from."""
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    query = select(Sample.dataset_id, Sample.split, func.count()).where(Sample.dataset_id.in_(dataset_ids))
    for dataset_id, split, n in session.execute(query.group_by(Sample.dataset_id, Sample.split)):
        counts[dataset_id][split] = n
    return {
        dataset_id: counts[dataset_id].get("train", 0) / max(1, sum(counts[dataset_id].values()))
        for dataset_id in dataset_ids
    }


def _machine(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(facts.get(name) for name in _MACHINE)
