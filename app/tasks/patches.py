"""A further description of small images in a first look: patches of them, used where they rank labels better.

Which is better is said by the given labels alone: by the loss out of fold, first of a sample, then of all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.ml.features import compute_features, open_features, take_readable
from app.ml.images import Images
from app.ml.patches import SIDE, Filters, PatchEmbedder
from app.ranking.combining import combine, sample_of
from app.ranking.out_of_fold import OutOfFold, judge
from app.ranking.scoring import Ints
from app.training.phases import LOOKS_AT_PATCHES

LARGEST = 128  # pixels of the median short side up to which patches are tried
TRIED = 2000  # images that they are tried on first
STAGE = f"{LOOKS_AT_PATCHES} of every image"
BACKBONE, BOTH = "backbone", "backbone and patches"  # what `Run.recipe` calls the descriptions

Facts = dict[str, object]


@dataclass(frozen=True)
class SmallImages:
    """The images of a first look at `SIDE` pixels, and where the numbers of their patches are kept."""

    images: Images
    problems: Mapping[int, Exception]  # by row, of the images that could not be read
    folder: Path  # of the run
    before: tuple[Path, Ints] | None  # the folder of the first look before, and its row of each row or -1
    report: Callable[[str, int, int], None]
    should_stop: Callable[[], bool]


def features_file(folder: Path) -> Path:
    """The file of the numbers of a run with this folder."""
    return folder / f"features-patches-{SIDE}.f16"


def filters_file(folder: Path) -> Path:
    """The file of the filters that made these numbers."""
    return folder / f"patches-{SIDE}.npz"


def with_patches(
    first: OutOfFold,
    vectors: NDArray[np.float32],
    *,
    rows: Ints,
    labels: NDArray[np.integer],
    groups: Ints,
    classes: int,
    small: SmallImages,
) -> tuple[OutOfFold, Facts]:
    """The opinion of backbone and patches if that is surely better, and the figures behind the choice.

    `first` is the backbone's about these rows (m,) of the images, `vectors` (m, 1280) its features; labels
    and groups (m,) are as in `judge`. Raises Cancelled; what was computed is kept.
    """
    tried = sample_of(labels, TRIED)
    small.report(STAGE, 0, len(small.images))
    filters = _filters(small, rows[tried] if len(tried) else rows[:TRIED])
    embedder = PatchEmbedder(filters)
    if len(labels) > TRIED:
        own, them = labels[tried], groups[tried]
        patches = embedder.embed(small.images[rows[tried]])
        one, other = (judge(each, own, classes, groups=them) for each in (vectors[tried], patches))
        trial = combine(one, other, own)
        if not trial.is_better:
            return first, _facts(one, other, trial.opinion, trial.weights, images=len(tried))
    out = features_file(small.folder)
    features = compute_features(
        small.images,
        out,
        embedder=embedder,
        problems=small.problems,
        known=take_readable(out) or _known(small, filters),
        on_progress=lambda done, total: small.report(STAGE, done, total),
        should_stop=small.should_stop,
    )
    second = judge(features[rows], labels, classes, groups=groups)
    both = combine(first, second, labels)
    facts = _facts(first, second, both.opinion, both.weights, images=len(labels))
    return (both.opinion if both.is_better else first), facts | {"used": both.is_better}


def _facts(
    first: OutOfFold, second: OutOfFold, both: OutOfFold, weights: tuple[float, float], *, images: int
) -> Facts:
    return {
        "used": False,
        "images": images,
        "loss_of_backbone": round(first.loss, 4),
        "loss_of_patches": round(second.loss, 4),
        "loss_of_both": round(both.loss, 4),
        "weights": [round(weight, 3) for weight in weights],
    }


def _filters(small: SmallImages, rows: Ints) -> Filters:
    """Those of this run, else of the first look before, so that its numbers hold, else of these rows."""
    own = Filters.read(filters_file(small.folder))
    if own is not None:
        return own
    features_file(small.folder).unlink(missing_ok=True)  # of filters that are lost
    found = Filters.read(filters_file(small.before[0])) if small.before else None
    found = found or Filters.of(small.images[rows])
    found.write(filters_file(small.folder))
    return found


def _known(small: SmallImages, filters: Filters) -> dict[int, NDArray[np.float16]]:
    """By row, the numbers that the first look before has found with the same filters."""
    if small.before is None:
        return {}
    folder, rows = small.before
    others = Filters.read(filters_file(folder))
    if others is None or not np.array_equal(others.kernels, filters.kernels):
        return {}
    there = open_features(features_file(folder))
    known = np.flatnonzero((rows >= 0) & (rows < len(there))).tolist()
    return {row: there[rows[row]] for row in known if not np.isnan(there[rows[row], 0])}
