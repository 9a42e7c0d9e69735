"""Recommends a recipe, an image size and epochs: by the images, the start weights and the measured pace."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.datasets.coverage import listed
from app.datasets.models import LabelClass, Sample
from app.ml.imagenet import MEGABYTES
from app.ml.recipes import LITE, NETWORK_NAMES, RECIPES, RESNET34, Recipe, has_own_weights
from app.training.pace import Estimate, Paces, measure_paces
from app.training.recipes import edit
from app.training.starts import Start, Weights, begins, choose_start

SMALL = 96  # pixels of the shorter side: images up to this are small, larger ones are photographs
SIZES = (224, 192, 160, 128)  # pixels, for photographs
RANDOM_SIZES = (128, 96, 64)  # from random weights, which need more epochs
PATIENT = 30 * 60.0  # seconds that a recommended training takes at most, if its epochs allow it
FEW = 10  # training images of a class that are too few
LONG = 1.8  # times as long as wide, or as wide as long: the middle square leaves out much
_STEPS = 1500  # of the optimiser that a network needs to learn photographs from nothing
_FEWEST_EPOCHS = 3
_LIKELY = 1.5  # times the least time: up to this one number says enough
_MEASURED = 4000  # images whose sizes are looked at
Changes = dict[str, int | str]  # of fields of a recipe


@dataclass(frozen=True)
class Shape:
    """The images of a data set."""

    images: int
    train: int  # of the training part
    width: int  # pixels of the median image
    height: int

    @property
    def side(self) -> int:
        """The shorter side of the median image."""
        return min(self.width, self.height)


@dataclass(frozen=True)
class Recommendation:
    """A recipe with changes, and why."""

    recipe: str
    changes: Changes  # fields of the recipe
    edited: Recipe  # the recipe with these
    start: Start
    shape: Shape
    estimate: Estimate | None
    words: str  # one line: recipe, images, start, time
    reason: str  # a sentence
    warnings: tuple[str, ...] = field(default=())  # why there is too little to learn from

    @property
    def told(self) -> str:
        """The line and its reason."""
        return f"{self.words}. {self.reason}"

    @property
    def seconds(self) -> float | None:
        """The expected time."""
        return self.estimate.seconds if self.estimate else None

    @property
    def sent(self) -> dict[str, str]:
        """The fields of a form that asks for it."""
        return {"recipe": self.recipe} | {name: str(value) for name, value in self.changes.items()}


def recommend(
    session: Session, *, dataset_id: int, starting: Weights, start: str | None = None
) -> Recommendation:
    """What to train a new network with; `start` if it is chosen already. Raises Invalid for no start."""
    begin = choose_start(start, setting=starting.setting, parent=False)
    has_weights = begin == "file" or (begin != "none" and starting.offer.can_be)
    shape, paces = _shape(session, dataset_id), measure_paces(session)
    name, changes, reason = _choose(shape, paces, has_weights=has_weights, starting=starting, start=begin)
    edited = edit(RECIPES[name], changes, start=begin, class_names=())
    estimate = paces.expect(edited, start=begins(begin, edited), images=shape.train, samples=shape.images)
    from_ = _start_words(begin, edited, starting, has_weights=has_weights)
    return Recommendation(
        recipe=name,
        changes=changes,
        edited=edited,
        start=begin,
        shape=shape,
        estimate=estimate,
        words=_words(edited, name, shape, from_, estimate),
        reason=reason,
        warnings=tuple(_warnings(session, dataset_id, shape)),
    )


def _choose(
    shape: Shape, paces: Paces, *, has_weights: bool, starting: Weights, start: Start
) -> tuple[str, Changes, str]:
    if shape.side <= SMALL:
        return "default", {}, "These images are small, and the recipe is made for few pixels."
    tuned = 12 if shape.train < 1000 else 8 if shape.train < 10_000 else 4  # noqa: PLR2004
    if has_weights:
        changes = _affordable("photos", SIZES, shape, paces, start, {"epochs": tuned})
        return (
            "photos",
            changes,
            "A model that knows other photographs learns the classes from few of these.",
        )
    if start != "none":
        why = f" ({starting.offer.why})" if starting.offer.why else ""
        changes = _affordable("photos", SIZES, shape, paces, start, {"network": LITE, "epochs": tuned})
        reason = (
            f"There are no ImageNet weights of {NETWORK_NAMES[RESNET34]}{why}; those of the smaller "
            f"{NETWORK_NAMES[LITE]} came with Toploss, and a model that knows other photographs learns the "
            "classes from few of these."
        )
        return "photos", changes, reason
    epochs = min(60, max(18, -(-_STEPS * 32 // max(1, shape.train))))
    changes = _affordable(
        "default", RANDOM_SIZES, shape, paces, "none", {"batch_size": 32, "early_size": 64, "epochs": epochs}
    )
    reason = (
        "It starts from random weights, and from random ones a model learns little from photographs unless "
        "there are many; the first look may be enough."
    )
    return "default", changes, reason


def _affordable(
    name: str, sizes: tuple[int, ...], shape: Shape, paces: Paces, start: Start, changes: Changes
) -> Changes:
    """The changes with the largest image size for which there is time; in the end with fewer epochs.

    There is time if the machine has nothing else to do: whatever runs beside it for a while must not change
    what is recommended.
    """
    usual = RECIPES[name].image_size if name == "photos" else sizes[1]
    possible = [size for size in sizes if size <= max(shape.side, sizes[-1])]
    for size in possible:
        tried = changes | {"image_size": size}
        estimate = _expect(name, tried, shape, paces, start)
        if estimate is None:  # nothing is known of the pace
            return changes | {"image_size": min(usual, possible[0])}
        if estimate.idle <= PATIENT:
            return tried
    least = changes | {"image_size": possible[-1]}
    estimate = _expect(name, least, shape, paces, start)
    share = PATIENT / estimate.idle if estimate else 1.0
    frozen = sum(phase.epochs for phase in RECIPES[name].phases if phase.frozen)
    epochs = int((frozen + int(changes["epochs"])) * share) - frozen
    return least | {"epochs": max(_FEWEST_EPOCHS, epochs)}


def _expect(
    name: str, changes: Mapping[str, int | str], shape: Shape, paces: Paces, start: Start
) -> Estimate | None:
    edited = edit(RECIPES[name], changes, start=start, class_names=())
    return paces.expect(edited, start=begins(start, edited), images=shape.train, samples=shape.images)


def _shape(session: Session, dataset_id: int) -> Shape:
    counted = session.execute(
        select(Sample.split, func.count()).where(Sample.dataset_id == dataset_id).group_by(Sample.split)
    )
    parts: Counter[str] = Counter()
    for split, count in counted:
        parts[split] = count
    images = sum(parts.values())
    sizes = session.execute(
        select(Sample.width, Sample.height)
        .where(Sample.dataset_id == dataset_id, Sample.id % max(1, images // _MEASURED) == 0)
        .limit(2 * _MEASURED)
    ).all()
    width, height = (round(median(each)) for each in zip(*sizes, strict=True)) if sizes else (0, 0)
    return Shape(images, parts["train"], width, height)


def _words(edited: Recipe, name: str, shape: Shape, start: str, estimate: Estimate | None) -> str:
    epochs = sum(phase.epochs for phase in edited.phases)
    time = likely_time(estimate) if estimate else "the time is not known yet"
    images = "1 image" if shape.images == 1 else f"{shape.images:,} images"
    return (
        f"{name}: {images} of about {shape.width} x {shape.height}, {start}, {edited.image_size} pixels, "
        f"{epochs} epochs, {time}"
    )


def _start_words(start: Start, edited: Recipe, starting: Weights, *, has_weights: bool) -> str:
    if has_own_weights(edited):
        return f"ImageNet start of {NETWORK_NAMES[edited.network]}"
    if begins(start, edited) == "none" or not has_weights:
        return "random start"
    if start == "file":
        return "start from a file"
    here = starting.offer.state == "here"
    return "ImageNet start" if here else f"ImageNet start (a download of {MEGABYTES} MB)"


def likely_time(estimate: Estimate) -> str:
    """The likely time; both ends where it may well be another one."""
    if estimate.high <= _LIKELY * estimate.low:
        return f"about {_duration(estimate.seconds)}"
    return f"{_duration(estimate.low)} to {_duration(estimate.high)}"


def _duration(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"  # noqa: PLR2004


def _warnings(session: Session, dataset_id: int, shape: Shape) -> list[str]:
    rows = session.execute(
        select(LabelClass.name, func.count(Sample.id))
        .outerjoin(
            Sample,
            (Sample.dataset_id == LabelClass.dataset_id)
            & (Sample.given_now == LabelClass.position)
            & (Sample.split == "train"),
        )
        .where(LabelClass.dataset_id == dataset_id)
        .group_by(LabelClass.position, LabelClass.name)
        .order_by(LabelClass.position)
    ).all()
    said = []
    if few := [name for name, count in rows if 0 < count < FEW]:
        said.append(
            f"{listed(few)}: fewer than {FEW} training images each, which is too little to learn from; wrong "
            "labels among them are hard to find."
        )
    if shape.images and not session.scalar(
        select(exists().where(Sample.dataset_id == dataset_id, Sample.split == "valid"))
    ):
        said.append(
            "No image is held out from the training, so the error of a model cannot be measured. Put some "
            "images of each class into a folder named valid, and import again."
        )
    if shape.side and max(shape.width, shape.height) >= LONG * shape.side:
        said.append(
            f"The images are about {shape.width} x {shape.height}: a model sees the middle square only, "
            "which leaves out much of each."
        )
    return said
