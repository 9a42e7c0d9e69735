"""How a network is trained: four recipes, as data.

Imports no torch, so that the web process can show them.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.spelling import by_name

Stem = Literal["plain", "deep"]
Network = Literal["resnet34", "efficientnet-lite0"]
RESNET34: Network = "resnet34"
LITE: Network = "efficientnet-lite0"  # that of the first look, whose ImageNet weights come with its package
NETWORK_NAMES: dict[Network, str] = {RESNET34: "ResNet34", LITE: "EfficientNet-Lite0"}


@dataclass(frozen=True)
class Phase:
    """Some epochs under one one-cycle schedule.

    `lr_min` is the peak rate of the earliest layers and `lr_max` that of the head (discriminative rates:
    fastai spreads the layer groups between them geometrically); the same number twice means one rate for all.
    `frozen` trains the head and the normalisation layers only.
    """

    epochs: int
    frozen: bool
    lr_min: float
    lr_max: float
    warm_up: float = 0.25  # share of the phase in which the rate rises; fastai's default


@dataclass(frozen=True)
class Recipe:
    """Everything about a training except its data, start and seed; a run stores the one it used.

    `phases` are for a start from random weights, ImageNet or a file, `fine_tune_phases` for a start from a
    parent run.
    """

    name: str
    image_size: int  # pixels; images are centre-cropped squares
    batch_size: int
    phases: tuple[Phase, ...]
    fine_tune_phases: tuple[Phase, ...]
    network: Network = RESNET34
    folds: int = 0  # additional networks for out-of-sample predictions of the training part
    # in the loss: by class name, `frequency` for higher weights of rare classes, None for equal weights
    class_weights: tuple[tuple[str, float], ...] | Literal["frequency"] | None = None
    label_smoothing: float = 0.0
    # share of an image's target that each later epoch replaces by what the network said of it; 0 is none
    self_adaptive: float = 0.0
    mixup: float = 0.0  # alpha of mixup's beta distribution; 0 is none
    weight_decay: float = 0.01  # fastai's default
    dropout: float = 0.5  # of the head; fastai's default
    flip: bool = True  # mirror left and right; switch off where that changes the class (text, digits)
    rotate: float = 10.0  # degrees, either way
    zoom: float = 0.1  # scale between 1 - zoom and 1 + zoom
    shift: float = 0.05  # of the image's width and height, either way
    lighting: float = 0.2  # contrast times 1 ± this, brightness ± half of this
    stem: Stem = "plain"  # `deep`: three 3x3 convolutions, for images of few pixels; random weights only
    early_size: int = 0  # image size of the first epochs without a parent; 0: `image_size`
    early_epochs: int = 0  # how many those are, see `early_epochs_of`
    averaging: float = 0.0  # decay per batch of the moving average of the weights, which predicts; 0 is none
    patience: int = 0  # epochs without a lower validation loss that end a phase; 0 never does
    keep: Literal["last", "best"] = (
        "last"  # which epoch's network predicts; the best has the lowest validation loss
    )
    mirror_judging: bool = False  # average the predictions for an image and its mirror image
    shifted_judging: float = 0.0  # average those for four views, each moved by this share of the side


@dataclass(frozen=True)
class StartFrom:
    """The source of the weights: ImageNet, a local file, a parent run, or none.

    `auto` stands for ImageNet or none; it is settled before a training begins.
    """

    kind: Literal["auto", "imagenet", "file", "parent", "none"]
    path: Path | None = None  # of the file, or of the parent's checkpoint folder
    why: str = ""  # the reason for random weights, if nobody chose them; it ends the run's note

    @classmethod
    def from_setting(cls, text: str) -> "StartFrom":
        """`auto`, `imagenet`, `none` or the path of a `.safetensors` or `.pth` file (setting `weights`)."""
        match text.strip():
            case "auto" | "":
                return cls("auto")
            case "imagenet":
                return cls("imagenet")
            case "none":
                return cls("none")
            case path:
                return cls("file", Path(path))

    @classmethod
    def from_parent(cls, folder: Path) -> "StartFrom":
        """The checkpoint folder of a finished run."""
        return cls("parent", folder)


# The demo: from random weights to a ranking of 1,500 pictures in under 100 seconds on two cores.
_QUICK = Recipe(
    name="quick",
    image_size=64,  # 48: AP 0.79 instead of 0.97 on the same faces; 96 takes twice as long
    batch_size=32,  # 16 updates the 21 million weights too often, 64 makes too few steps in three epochs
    # Twice this rate and half of it both find less (AP 0.77 and 0.75 against 0.81); a fourth epoch would find
    # a little
    # more and take too long.
    phases=(Phase(epochs=3, frozen=False, lr_min=3e-3, lr_max=3e-3),),
    # The parent has learnt most: one epoch less at a third of the rate, and lower rates for early layers.
    fine_tune_phases=(Phase(epochs=2, frozen=False, lr_min=1e-4, lr_max=1e-3),),
    dropout=0.1,  # three epochs cannot memorise the images; fastai's 0.5 only makes learning slower
    rotate=0.0,
    zoom=0.0,
    shift=0.0,
    lighting=0.0,  # for the same reason; mirroring stays, because it takes no time
)

# Tens of thousands of small images: 28,000 faces take half an hour on two idle cores.
_DEFAULT = Recipe(
    name="default",
    image_size=48,  # what FER2013 has; 64 takes 1.7 times as long
    batch_size=128,  # as good as 64 per epoch and faster: 210 images per second, not 145
    # From random weights. Half and twice the rate were alike after two epochs.
    phases=(Phase(epochs=18, frozen=False, lr_min=4e-3, lr_max=4e-3, warm_up=0.15),),
    # A few epochs at low rates learn the few per cent of relabelled images without forgetting the rest.
    fine_tune_phases=(Phase(epochs=3, frozen=False, lr_min=5e-5, lr_max=5e-4),),
    stem="deep",
    early_size=32,  # an epoch takes half as long and teaches as much until about 42 % errors
    early_epochs=8,
    averaging=0.995,  # the last 200 batches, about an epoch of FER2013
    mirror_judging=True,
    shifted_judging=0.025,  # FER2013: 1.3 points fewer errors than mirrored only, judging takes twice as long
    label_smoothing=0.1,
    weight_decay=0.05,
    dropout=0.3,
)

# Photographs: transfer learning as in the paper, with more pixels, higher rates and no class weights.
# `recommend` (app/training/recommending.py) adapts image size and epochs to the images and the machine.
_PHOTOS = Recipe(
    name="photos",
    image_size=160,
    batch_size=32,  # hundreds of images have to make enough steps
    phases=(
        Phase(epochs=2, frozen=True, lr_min=1e-4, lr_max=1e-2),  # fastai's usual rates for a new head
        Phase(epochs=8, frozen=False, lr_min=1e-5, lr_max=1e-3),  # the body knows most of what it needs
    ),
    fine_tune_phases=(Phase(epochs=3, frozen=False, lr_min=1e-5, lr_max=3e-4),),
    early_size=128,  # two thirds of the pixels while the head and the first rates are coarse
    early_epochs=5,
    mirror_judging=True,
    label_smoothing=0.1,
    zoom=0.15,
)

# The paper: the head on a frozen body first, then everything at low rates, rare and hard classes weighing
# more.
# It needs weights to start from (setting `weights`); from random weights its rates are too low to get far.
_PAPER = Recipe(
    name="paper",
    image_size=48,
    batch_size=64,
    phases=(
        Phase(epochs=4, frozen=True, lr_min=1e-4, lr_max=1e-2),  # fastai's usual rates for a new head
        Phase(epochs=4, frozen=False, lr_min=1e-5, lr_max=1e-4),  # the paper's slice
    ),
    fine_tune_phases=(Phase(epochs=4, frozen=False, lr_min=1e-5, lr_max=1e-4),),
    # In per cent, by class name; classes that are not named here get the mean of those that are.
    class_weights=(("angry", 10), ("fear", 30), ("happy", 5), ("neutral", 15), ("sad", 20), ("surprise", 20)),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (_QUICK, _DEFAULT, _PHOTOS, _PAPER)}


def takes_weights(recipe: Recipe) -> bool:
    """Whether the recipe is made for a network that has learnt before: it trains the head alone at first."""
    return has_own_weights(recipe) or (
        recipe.stem == "plain" and any(phase.frozen for phase in recipe.phases)
    )


def has_own_weights(recipe: Recipe) -> bool:
    """Whether the network's ImageNet weights came with Toploss, so that none are downloaded."""
    return recipe.network == LITE


def early_epochs_of(recipe: Recipe, start: str) -> int:
    """How many epochs see images of `early_size` with this start; a file is any word but the kinds' own.

    From weights only in a recipe that is made for them: the early epochs of others teach what weights know.
    """
    if not recipe.early_size or start == "parent" or (start != "none" and not takes_weights(recipe)):
        return 0
    return recipe.early_epochs


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """The same recipe with `epochs` (at least 1) in its last phase of either kind; earlier phases stay.

    The epochs with smaller images keep their share of all epochs.
    """
    if epochs < 1:
        raise ValueError(f"a training needs at least one epoch, not {epochs}")
    phases = (*recipe.phases[:-1], dataclasses.replace(recipe.phases[-1], epochs=epochs))
    tuned = (*recipe.fine_tune_phases[:-1], dataclasses.replace(recipe.fine_tune_phases[-1], epochs=epochs))
    share = recipe.early_epochs / max(1, sum(phase.epochs for phase in recipe.phases))
    early = int(share * sum(phase.epochs for phase in phases))
    return dataclasses.replace(recipe, phases=phases, fine_tune_phases=tuned, early_epochs=early)


def weights_by_position(
    recipe: Recipe, class_names: tuple[str, ...], counts: Sequence[int]
) -> list[float] | None:
    """The weight of each class in the loss, by position, with a mean of 1; None for equal weights.

    A class that the recipe does not name gets the mean of the named classes of the data set. By frequency, a
    class has the weight 1 / `counts`, the number of its training images; a class without training images has
    the mean of the remaining classes.
    """
    if recipe.class_weights is None:
        return None
    if recipe.class_weights == "frequency":
        inverse = [1 / count for count in counts if count]
        usual = sum(inverse) / max(1, len(inverse))
        weights = [1 / count if count else usual for count in counts]
        return [weight * len(weights) / sum(weights) for weight in weights]
    named = by_name(recipe.class_weights, class_names)
    if not named:
        return None
    usual = sum(named.values()) / len(named)
    weights = [named.get(name, usual) for name in class_names]
    return [weight * len(weights) / sum(weights) for weight in weights]


def to_json(recipe: Recipe) -> str:
    """The recipe as one line of JSON, keys in the order of the fields."""
    return json.dumps(dataclasses.asdict(recipe))


def complete(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored recipe with the fields that later versions added, to compare it with one of today."""
    found: dict[str, Any] = json.loads(to_json(recipe_from_json(stored)))
    return found


def recipe_from_json(text: str | Mapping[str, Any]) -> Recipe:
    """The recipe that `to_json` wrote (or its parsed form).

    Fields that a later version added take their defaults.

    Raises ValueError when a needed field is missing or one is unknown.
    """
    data = dict(json.loads(text) if isinstance(text, str) else text)
    try:
        for key in ("phases", "fine_tune_phases"):
            data[key] = tuple(Phase(**phase) for phase in data[key])
        if data.get("class_weights") not in (None, "frequency"):
            data["class_weights"] = tuple(
                (str(name), float(weight)) for name, weight in data["class_weights"]
            )
        return Recipe(**data)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a recipe: {error}") from error
