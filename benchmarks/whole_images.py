"""Centre squares beside whole images, with bars or stretched: which the first look understands best.

    .venv/bin/python benchmarks/whole_images.py PHOTOS [--share 0.08] [--seeds 1 2 3 4 5]

PHOTOS is a folder or zip of …/<class>/<file> with true labels. The product scales the short side and crops
the centre. Bars: the long side is scaled, and the rest filled with the mean colour of the weights' images.
Each image is embedded once a way; each seed makes another share of the labels wrong. Printed: how well the
order finds them (AP, AUROC), and how many true classes the head misses out of fold, of all images and of the
most oblong quarter.
"""

import argparse
import io
from contextlib import nullcontext
from unittest.mock import patch

import numpy as np
from first_look import features_of, first_order
from PIL import Image, ImageOps
from ranking_planted import plant
from sklearn.metrics import average_precision_score, roc_auc_score

from app.ml.device import keep_freed_memory, use_threads
from app.ranking.out_of_fold import judge
from app.storage import ImageSource, open_source

FILL = (124, 116, 104)  # the mean of ImageNet


def with_bars(picture: Image.Image, size: tuple[int, int], method: Image.Resampling) -> Image.Image:
    """The whole picture in this size."""
    return ImageOps.pad(picture, size, method, color=FILL)


def stretched(picture: Image.Image, size: tuple[int, int], method: Image.Resampling) -> Image.Image:
    """The whole picture in this size, its shape lost."""
    return picture.resize(size, method)


def shapes_of(source: ImageSource, paths: list[str]) -> np.ndarray:
    """Long side through short side, of each image."""
    shapes = []
    for path in paths:
        with Image.open(io.BytesIO(source.read(path))) as image:
            shapes.append(max(image.size) / min(image.size))
    return np.array(shapes)


def main() -> None:
    """Print the figures of both ways."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images")
    parser.add_argument("--share", type=float, default=0.08)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--size", type=int, default=0, help="pixels; 0: as the product chooses")
    options = parser.parse_args()
    use_threads(0)
    source = open_source(options.images)
    paths = sorted(each.path for each in source.walk() if each.path.lower().endswith((".png", ".jpg")))
    given = [path.split("/")[-2] for path in paths]
    names = sorted(set(given))
    true = np.array([names.index(name) for name in given])
    shapes = shapes_of(source, paths)
    oblong = shapes >= np.quantile(shapes, 0.75)
    print(
        f"{len(paths)} images, {len(names)} classes; the oblong quarter from {shapes[oblong].min():.2f} to 1"
    )
    for name, way in (
        ("centre squares", nullcontext()),
        ("whole with bars", patch("app.decoding.seen.ImageOps.fit", with_bars)),
        ("stretched", patch("app.decoding.seen.ImageOps.fit", stretched)),
    ):
        with way, keep_freed_memory():
            vectors = features_of(source, paths, options)
        rows = []
        for seed in options.seeds:
            labels = plant(true, options.share, "uniform", seed)
            opinion = judge(vectors, labels, len(names))
            quality, missed = (
                first_order(opinion, labels).label_quality,
                opinion.log_probs.argmax(axis=1) != true,
            )
            wrong = labels != true
            found = average_precision_score(wrong, -quality), roc_auc_score(wrong, -quality)
            rows.append((*found, missed.mean(), missed[oblong].mean()))
        for seed, (ap, auroc, all_missed, oblong_missed) in zip(options.seeds, rows, strict=True):
            missed = f"missed {all_missed:.1%}, oblong {oblong_missed:.1%}"
            print(f"  {name}, seed {seed}: AP {ap:.3f}  AUROC {auroc:.3f}  {missed}")
        mean = np.mean(rows, axis=0)
        print(f"{name}: AP {mean[0]:.3f}  AUROC {mean[1]:.3f}  missed {mean[2]:.1%}, oblong {mean[3]:.1%}")


if __name__ == "__main__":
    main()
