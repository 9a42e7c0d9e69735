"""Estimates how long a training takes from earlier ones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.models import DatasetVersion, Sample
from app.jobs.requests import live_workers
from app.ml.recipes import RESNET34, Network, Recipe, early_epochs_of, recipe_from_json
from app.training.fields import phases_of
from app.training.folds import WHOLE
from app.training.models import FIRST_LOOK, Epoch, Run

BEFORE = "seconds_before"  # in `Run.facts`: the time of a run before it was resumed
_RUNS = 10  # earlier runs that are used
_MACHINE = ("device", "threads")  # facts of a run that distinguish machines
_WORKER = "worker"  # the worker of a run; runs of older versions have none
_ONE_RUN = (
    1.5  # factor for the upper end if only one run was measured, because the machine may have been idle
)
FIRST_LOOK_PACE = "pace"  # in the facts of a first look: images of 96 pixels per second
_LOOKED_AT = 96
_TRAINING = (
    12.0  # times as long as a first look takes a training per image, epoch and pixel, on two CPU cores
)
_ROUGH = 2.0  # factor for both ends if only that is known
_OTHER_SIZE = 2.0  # factor for both ends if no epoch of this network at this image size was measured


@dataclass(frozen=True)
class Measured:
    """An epoch of an earlier run; `pace` is in seconds per image and squared pixel."""

    run_id: int
    size: int
    pace: float
    network: Network = RESNET34


@dataclass(frozen=True)
class Estimate:
    """The expected time of a training, including its ranking."""

    seconds: float
    idle: float  # seconds, at the fastest measured pace, which other work on the machine changes least
    low: float  # seconds, if all epochs are as fast as the fastest measured one; less if little was measured
    high: float  # seconds, if they are as slow as the slowest one; more if little was measured
    pace: float  # mean seconds per image and epoch
    run_ids: tuple[int, ...]  # the runs it was measured on; none: it is rough, by the pace of a first look


def epoch_sizes(recipe: Recipe, *, start: str) -> list[int]:
    """Pixels per side of the images in each epoch of a run with this start."""
    epochs = sum(phase.epochs for phase in phases_of(recipe, tunes=start == "parent"))
    early = early_epochs_of(recipe, start)
    return [recipe.early_size if epoch < early else recipe.image_size for epoch in range(epochs)]


def network_shares(recipe: Recipe) -> dict[int, float]:
    """The share of the training images that each network of a run trains on, by fold."""
    return {WHOLE: 1.0} | dict.fromkeys(range(recipe.folds), 1 - 1 / max(1, recipe.folds))


def epochs_share(recipe: Recipe, *, start: str, done: Iterable[tuple[int, int]]) -> float:
    """The finished share of all networks' epochs, counted in images; `done` are (fold, epoch)."""
    epochs, shares = len(epoch_sizes(recipe, start=start)), network_shares(recipe)
    finished = sum(shares[fold] for fold, epoch in done if fold in shares and epoch < epochs)
    return finished / (epochs * sum(shares.values())) if epochs else 0.0


def seconds_left(
    recipe: Recipe, *, start: str, done: Iterable[tuple[int, int, float]], fraction: float
) -> float | None:
    """Remaining seconds at the pace of the finished epochs (fold, epoch, seconds).

    `fraction` is the finished share of the work, if that is more than the finished epochs.
    """
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
    """The time of a training on `images`; `rest` are the other seconds. None without measurements.

    An epoch takes the median pace of its network at its image size. If that was not measured, it takes that
    of all sizes, and if nothing of its network was, that of all networks.
    """
    if not measured or not images:
        return None
    alike = [each for each in measured if each.network == recipe.network]
    known, measured = bool(alike), alike or measured
    paces: dict[int, list[float]] = defaultdict(list)
    for each in measured:
        paces[each.size].append(each.pace)
    usual = median(each.pace for each in measured)
    sizes = epoch_sizes(recipe, start=start)
    an_image = sum(size**2 * (median(paces[size]) if size in paces else usual) for size in sizes)
    seconds = images * an_image * sum(network_shares(recipe).values())
    ratios = [each.pace / median(paces[each.size]) for each in measured]
    unseen = 1.0 if known and all(size in paces for size in sizes) else _OTHER_SIZE
    one = _ONE_RUN if len({each.run_id for each in measured}) == 1 else 1.0
    used = {each.run_id for each in measured if each.size in sizes} or {each.run_id for each in measured}
    return Estimate(
        seconds + rest,
        idle=(seconds + rest) * min(ratios),
        low=(seconds + rest) * min(ratios) / unseen,
        high=(seconds + rest) * max(ratios) * unseen * one,
        pace=an_image / len(sizes),
        run_ids=tuple(sorted(used)),
    )


@dataclass(frozen=True)
class Paces:
    """The measured epochs of earlier runs, and what else is known of the pace here."""

    measured: tuple[Measured, ...]
    rest: float  # seconds per sample of everything but the epochs
    looking: float  # images per second of a first look; 0 if there was none

    def expect(self, recipe: Recipe, *, start: str, images: int, samples: int) -> Estimate | None:
        """The time of a training; before any epoch has ended a rough one, by the pace of a first look."""
        if self.measured:
            rest = samples * self.rest
            return estimate(recipe, start=start, images=images, measured=self.measured, rest=rest)
        if not (self.looking and images):
            return None
        pace = _TRAINING / (self.looking * _LOOKED_AT**2)
        rough = estimate(recipe, start=start, images=images, measured=[Measured(0, 0, pace)])
        if rough is None:
            return None
        span = (rough.seconds / _ROUGH, rough.seconds * _ROUGH)
        return Estimate(rough.seconds, rough.seconds, *span, pace=rough.pace, run_ids=())


def expect_run(session: Session, *, run: Run) -> Estimate | None:
    """The expected time of a requested run."""
    samples = session.get_one(DatasetVersion, run.version_id).samples
    images = round(samples * _train_shares(session, {run.dataset_id})[run.dataset_id])
    return expect(
        session, recipe=recipe_from_json(run.recipe), start=run.weights, images=images, samples=samples
    )


def expect(session: Session, *, recipe: Recipe, start: str, images: int, samples: int) -> Estimate | None:
    """The expected time of a training on `images` of a version's `samples`; None if nothing was measured."""
    return measure_paces(session).expect(recipe, start=start, images=images, samples=samples)


def measure_paces(session: Session) -> Paces:
    """What earlier runs tell of the pace here.

    It uses the last runs of all data sets on the same kind of machine as the newest run, and only those of
    workers that run now, if there are any: times of other machines do not apply to this one.
    """
    live = {worker.id for worker in live_workers(session)}
    found = session.execute(
        select(Run, DatasetVersion.samples)
        .join(DatasetVersion, DatasetVersion.id == Run.version_id)
        .where(select(Epoch.run_id).where(Epoch.run_id == Run.id).exists())
        .order_by(Run.id.desc())
        .limit(_RUNS)
    ).all()
    here = [(run, n) for run, n in found if _is_here(run, live)]
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
    looks = session.scalars(
        select(Run).where(Run.kind == FIRST_LOOK).order_by(Run.id.desc()).limit(_RUNS)
    ).all()
    looking = next(
        (run.facts[FIRST_LOOK_PACE] for run in looks if FIRST_LOOK_PACE in run.facts and _is_here(run, live)),
        0.0,
    )
    return Paces(tuple(measured), max(0.0, median(beside) if beside else 0.0), looking)


def _is_here(run: Run, live: set[str]) -> bool:
    return not live or run.facts.get(_WORKER, "") in live | {""}


def seconds_of(run: Run) -> float | None:
    """Seconds that a finished run took, including the times before it was resumed."""
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
            recipe.network,
        )
        for epoch in epochs
        if images and epoch.fold in shares and epoch.epoch < len(sizes)
    ]


def _train_shares(session: Session, dataset_ids: set[int]) -> dict[int, float]:
    """The share of each data set's samples in the training part."""
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
