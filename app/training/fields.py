"""The fields of a recipe that people may change: one table with ranges and help, for all interfaces."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.errors import Invalid
from app.ml.recipes import LITE, RESNET34, Phase, Recipe
from app.spelling import places_of

Kind = Literal["whole", "number", "switch", "choice", "weights"]
Value = (
    int | float | bool | str | Mapping[str, float]
)  # weights: `none`, `frequency`, or a number by class name

GROUPS = ("Schedule", "Images", "Augmentation", "Loss and regularisation", "Ranking and stopping")
LIGHTEST, HEAVIEST = 0.01, 1000  # weight of a class
HEAD = Phase(epochs=0, frozen=True, lr_min=1e-4, lr_max=1e-2)  # fastai's usual rates for a new head


@dataclass(frozen=True)
class Field:
    """One number, switch or choice."""

    name: str
    label: str
    help: str
    group: str
    kind: Kind = "number"
    low: float = 0
    high: float = 1
    unit: str = ""
    or_zero: bool = False  # 0 is allowed below `low` and switches it off
    choices: tuple[str, ...] = ()
    from_nothing: bool = False  # only used if the network starts from random weights
    early: bool = False  # or from weights that the recipe is made for
    anew: bool = False  # not used if the network continues its parent's
    network: str = ""  # only used in this network; nothing: in all

    @property
    def range(self) -> str:
        """The allowed values, in words."""
        if self.kind == "weights":
            return f"none, frequency, or a number from {LIGHTEST:g} to {HEAVIEST:g} by class"
        if self.kind in ("switch", "choice"):
            return " or ".join(self.choices or ("yes", "no"))
        numbers = f"{self.low:.10g} to {self.high:.10g}{f' {self.unit}' if self.unit else ''}"
        return f"0 or {numbers}" if self.or_zero else numbers

    @property
    def lowest(self) -> float:
        """The smallest number that the form accepts; numbers between 0 and `low` are refused later."""
        return 0 if self.or_zero else self.low


FIELDS = (
    Field(
        "frozen_epochs",
        "Epochs with a frozen body",
        "First train the head alone; a body of random weights is not frozen.",
        "Schedule",
        "whole",
        0,
        200,
        "epochs",
    ),
    Field(
        "frozen_lr",
        "Learning rate while frozen",
        "Peak rate of the head then; the body’s normalisation gets a hundredth.",
        "Schedule",
        low=1e-7,
        high=1,
    ),
    Field(
        "epochs",
        "Epochs",
        "Of the whole network, after any with a frozen body.",
        "Schedule",
        "whole",
        1,
        1000,
        "epochs",
    ),
    Field(
        "lr",
        "Learning rate",
        "Peak rate of the head; a model’s page shows a learning-rate finder’s curve.",
        "Schedule",
        low=1e-7,
        high=1,
    ),
    Field(
        "early_layers",
        "Rate of the early layers",
        "Share of the learning rate that the earliest layers get; 1 is the same for all.",
        "Schedule",
        low=0.0001,
        high=1,
    ),
    Field(
        "warm_up",
        "Warm-up",
        "Share of the epochs in which the rate rises to its peak.",
        "Schedule",
        low=0.01,
        high=0.9,
    ),
    Field(
        "image_size",
        "Image size",
        "Images are centre-cropped squares. Twice the size takes about four times as long.",
        "Images",
        "whole",
        16,
        512,
        "pixels",
    ),
    Field(
        "batch_size",
        "Batch size",
        "Images between two steps of the optimiser; larger is faster but takes fewer steps and more memory.",
        "Images",
        "whole",
        2,
        1024,
        "images",
    ),
    Field(
        "early_size",
        "First image size",
        "The first epochs see fewer pixels, which is quicker; 0 shows all from the start.",
        "Images",
        "whole",
        16,
        512,
        "pixels",
        or_zero=True,
        from_nothing=True,
        early=True,
    ),
    Field(
        "early_epochs",
        "Epochs at the first size",
        "Fewer than all; left alone, it keeps its share when the epochs change.",
        "Images",
        "whole",
        0,
        1000,
        "epochs",
        from_nothing=True,
        early=True,
    ),
    Field(
        "network",
        "Network",
        "resnet34, or efficientnet-lite0: a small one whose ImageNet weights came with Toploss.",
        "Images",
        "choice",
        choices=(RESNET34, LITE),
        anew=True,
    ),
    Field(
        "stem",
        "First layers",
        "deep: three small convolutions, for images of few pixels; plain: ResNet’s own.",
        "Images",
        "choice",
        choices=("plain", "deep"),
        from_nothing=True,
        network=RESNET34,
    ),
    Field(
        "flip",
        "Mirror",
        "Show images mirrored half of the time; switch it off where left and right matter (text, digits).",
        "Augmentation",
        "switch",
    ),
    Field("rotate", "Rotate", "At most this far, either way.", "Augmentation", high=180, unit="degrees"),
    Field("zoom", "Zoom", "Scale between 1 minus and 1 plus this.", "Augmentation", high=0.5),
    Field("shift", "Shift", "Of the width and height, either way.", "Augmentation", high=0.5),
    Field(
        "lighting",
        "Lighting",
        "Contrast times 1 plus or minus this, brightness by half of it.",
        "Augmentation",
        high=0.9,
    ),
    Field(
        "mixup",
        "Mixup",
        "Blend pairs of images and their labels: alpha of the beta distribution; 0 is none, 0.2 to 0.4 "
        "usual.",
        "Augmentation",
        high=2,
    ),
    Field(
        "class_weights",
        "Class weights",
        "How much a mistake counts by class: all alike, rare classes more, or by hand.",
        "Loss and regularisation",
        "weights",
    ),
    Field(
        "label_smoothing",
        "Label smoothing",
        "Share of each label that is spread over all classes: doubts about every label.",
        "Loss and regularisation",
        high=0.5,
    ),
    Field(
        "self_adaptive",
        "Self-adaptive targets",
        "Share of an image’s label that each later epoch replaces by what the model said of the image, so "
        "wrong labels count less and less. 0 is none, 0.1 is usual; mixup switches it off.",
        "Loss and regularisation",
        high=0.5,
    ),
    Field(
        "weight_decay",
        "Weight decay",
        "How strongly weights are pulled to zero.",
        "Loss and regularisation",
        high=1,
    ),
    Field(
        "dropout",
        "Dropout",
        "Share of the head’s inputs that is switched off at random.",
        "Loss and regularisation",
        high=0.9,
    ),
    Field(
        "averaging",
        "Weight averaging",
        "Decay a batch of the moving average that judges; 0 is none, 0.995 the last 200 batches.",
        "Loss and regularisation",
        high=0.9999,
    ),
    Field(
        "folds",
        "Folds",
        "So many further networks judge training images that they never saw; each takes as long again.",
        "Ranking and stopping",
        "whole",
        2,
        10,
        "networks",
        or_zero=True,
    ),
    Field(
        "patience",
        "Early stop",
        "End a phase after this many epochs without a lower loss on held-out images; 0 never does.",
        "Ranking and stopping",
        "whole",
        0,
        100,
        "epochs",
    ),
    Field(
        "keep",
        "Which epoch judges",
        "last: the network of the last epoch; best: that of the lowest loss on held-out images.",
        "Ranking and stopping",
        "choice",
        choices=("last", "best"),
    ),
    Field(
        "mirror_judging",
        "Judge mirrored too",
        "Average the predictions for an image and for its mirror image; predicting takes twice as long.",
        "Ranking and stopping",
        "switch",
    ),
    Field(
        "shifted_judging",
        "Judge moved",
        "Average the predictions for four views, each moved towards a corner by this share of the side. "
        "Predicting takes four times as long, also if two of them are mirrored.",
        "Ranking and stopping",
        high=0.1,
    ),
)
BY_NAME = {field.name: field for field in FIELDS}
OF_PHASES = ("frozen_epochs", "frozen_lr", "epochs", "lr", "early_layers", "warm_up")


def phases_of(recipe: Recipe, *, tunes: bool) -> tuple[Phase, ...]:
    """The phases of a run that fine-tunes its parent, or of one with another start."""
    return recipe.fine_tune_phases if tunes else recipe.phases


def values_of(recipe: Recipe, *, tunes: bool) -> dict[str, Value]:
    """The recipe's value of every field, in the order of the table."""
    phases = phases_of(recipe, tunes=tunes)
    main = phases[-1]
    frozen = phases[0] if phases[0].frozen and len(phases) > 1 else HEAD
    values: dict[str, Value] = {
        "frozen_epochs": frozen.epochs,
        "frozen_lr": frozen.lr_max,
        "epochs": main.epochs,
        "lr": main.lr_max,
        "early_layers": float(f"{main.lr_min / main.lr_max:.6g}"),
        "warm_up": main.warm_up,
    }
    for field in FIELDS:
        if field.kind == "weights":
            values[field.name] = "none" if recipe.class_weights is None else _by_name(recipe.class_weights)
        elif field.name not in OF_PHASES:
            values[field.name] = getattr(recipe, field.name)
    return {field.name: values[field.name] for field in FIELDS}


def as_text(value: Value) -> str:
    """A value as text, for forms and the command line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    return f"{value:.10g}" if isinstance(value, int | float) else value


def parse(field: Field, given: object, *, class_names: Sequence[str] = ()) -> Value:
    """Parse a value of the field from a form, a script or the command line.

    Raises Invalid, naming the field and its range.
    """
    if field.kind == "weights":
        return _weights(given, class_names)
    if field.kind == "switch":
        return _switch(field, given)
    if field.kind == "choice":
        if given not in field.choices:
            raise _out_of_range(field, given)
        return str(given)
    number = _number(field, given)
    if not (field.low <= number <= field.high or (field.or_zero and number == 0)):
        raise _out_of_range(field, given)
    return int(number) if field.kind == "whole" else number


def _number(field: Field, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise _out_of_range(field, given)
    try:
        number = float(given)
    except (ValueError, OverflowError) as error:
        raise _out_of_range(field, given) from error
    if not math.isfinite(number) or (field.kind == "whole" and number != int(number)):
        raise _out_of_range(field, given)
    return number


def _switch(field: Field, given: object) -> bool:
    words = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
    if isinstance(given, bool):
        return given
    if not isinstance(given, str) or given.strip().casefold() not in words:
        raise _out_of_range(field, given)
    return words[given.strip().casefold()]


def _out_of_range(field: Field, given: object) -> Invalid:
    whole = "a whole number, " if field.kind == "whole" else ""
    return Invalid(f"{field.label} ({field.name}) must be {whole}{field.range}, not “{str(given)[:40]}”.")


def _by_name(weights: tuple[tuple[str, float], ...] | Literal["frequency"]) -> Value:
    return weights if isinstance(weights, str) else dict(weights)


def _weights(given: object, class_names: Sequence[str]) -> Value:
    field = BY_NAME["class_weights"]
    if given is None or (isinstance(given, str) and given.strip().casefold() in ("none", "frequency")):
        return "none" if given is None else str(given).strip().casefold()
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError as error:
            raise _out_of_range(field, given) from error
    if not isinstance(given, Mapping) or not given:
        raise _out_of_range(field, given)
    weights: dict[str, float] = {}
    for name, weight in given.items():
        found = places_of(str(name), class_names)
        if not found:
            raise Invalid(
                f"{field.label} ({field.name}): “{name}” is no class of this data set; its classes are "
                f"{', '.join(class_names)}."
            )
        for own in (class_names[place] for place in found):
            weights[own] = parse_weight(own, weight)
    return weights


def parse_weight(class_name: str, given: object) -> float:
    """The weight of one class. Raises Invalid."""
    one = Field("class_weights", f"The weight of {class_name}", "", "", low=LIGHTEST, high=HEAVIEST)
    number = _number(one, given)
    if not LIGHTEST <= number <= HEAVIEST:
        raise _out_of_range(one, given)
    return number
