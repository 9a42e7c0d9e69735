"""What start weights are worth for few photographs: the recipe `photos` from a file against random weights.

    .venv/bin/python benchmarks/start_weights.py PHOTOS SMALL_IMAGES [--size 96] [--epochs 12] [--seeds 1 2 3]

PHOTOS has images/{train,val}/CLASS/* and truth.csv (path, given, true). SMALL_IMAGES is a folder
train/CLASS/* of other small images; a network with torchvision's stem is trained on them first by the recipe
`default`, and its weights are the file. `--weights` names the file, which is made if it is not there.
Prints the hold-out error by the true labels, and the average precision (AP) of the loss at finding the wrong
labels of all photographs, with the recipes `photos` and `default`, both of the same size, batch size and
number of epochs, each from the file and from random weights; from the file `default` has torchvision's stem.
"""

import argparse
import csv
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from app.ml.device import keep_freed_memory, use_threads
from app.ml.images import decode_square
from app.ml.recipes import RECIPES, Recipe, StartFrom, with_epochs
from app.ml.scorer import predict_log_probs
from app.ml.trainer import train

STARTS = ("photos-file", "photos-random", "default-file", "default-random")


def small_images(folder: Path, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """So many images of the folder and their class positions."""
    files = sorted(path for path in folder.glob("train/*/*") if path.is_file())
    files = [files[place] for place in np.random.default_rng(0).permutation(len(files))[:count]]
    names = sorted({path.parent.name for path in files})
    images = np.stack([decode_square(path.read_bytes(), size) for path in files])
    return images, np.array([names.index(path.parent.name) for path in files])


def photographs(folder: Path, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images, given and true class positions, and whether they are of the hold-out."""
    rows = list(csv.DictReader((folder / "truth.csv").open(newline="")))
    names = sorted({row["true"] for row in rows})
    images = np.stack([decode_square((folder / "images" / row["path"]).read_bytes(), size) for row in rows])
    given, true = (np.array([names.index(row[which]) for row in rows]) for which in ("given", "true"))
    return images, given, true, np.array([row["path"].startswith("val/") for row in rows])


def fit(
    images: np.ndarray,
    labels: np.ndarray,
    index: np.ndarray,
    recipe: Recipe,
    start: StartFrom,
    seed: int,
    folder: Path,
) -> Path:
    """The folder of a network that is trained on these rows."""
    return train(
        images,
        labels,
        train_index=index,
        valid_index=np.empty(0, np.int64),
        class_names=tuple(map(str, range(int(labels.max()) + 1))),
        recipe=recipe,
        start=start,
        seed=seed,
        folder=folder,
    ).folder


def pretrain(options: argparse.Namespace, folder: Path) -> None:
    """Train a network on the small images and keep its weights."""
    started = time.monotonic()
    small, labels = small_images(options.small, options.pretrained_on, options.pretrained_size)
    recipe = with_epochs(
        replace(RECIPES["default"], stem="plain", image_size=options.pretrained_size),
        options.pretrained_epochs,
    )
    begun = fit(small, labels, np.arange(len(small)), recipe, StartFrom("none"), 0, folder)
    shutil.copyfile(begun / "model.safetensors", options.weights)
    print(f"pretrained on {len(small)} images in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """Print a line for each start and seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("small", type=Path)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--early-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--weights", type=Path, default=Path("pretrained.safetensors"))
    parser.add_argument("--pretrained-on", type=int, default=12_000)
    parser.add_argument("--pretrained-size", type=int, default=48)
    parser.add_argument("--pretrained-epochs", type=int, default=18)
    parser.add_argument("--body-rate", type=float, help="The highest rate of the body in `photos`.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    options = parser.parse_args()
    use_threads()
    keep_freed_memory()
    images, given, true, held_out = photographs(options.photos, options.size)
    sizes = {"image_size": options.size, "early_size": options.early_size}
    photos = with_epochs(replace(RECIPES["photos"], **sizes), options.epochs)
    total = sum(phase.epochs for phase in photos.phases)
    default = with_epochs(
        replace(RECIPES["default"], **sizes, batch_size=photos.batch_size, averaging=0.9), total
    )
    if options.body_rate:
        *head, body = photos.phases
        photos = replace(photos, phases=(*head, replace(body, lr_max=options.body_rate)))
    with tempfile.TemporaryDirectory() as folder:
        if not options.weights.exists():
            pretrain(options, Path(folder, "first"))
        tried = {
            "photos-file": (photos, StartFrom("file", options.weights)),
            "photos-random": (photos, StartFrom("none")),
            "default-file": (replace(default, stem="plain"), StartFrom("file", options.weights)),
            "default-random": (default, StartFrom("none")),
        }
        for seed in options.seeds:
            for name in options.starts:
                (recipe, start), place = tried[name], Path(folder, f"{seed}-{name}")
                started = time.monotonic()
                trained = fit(images, given, np.flatnonzero(~held_out), recipe, start, seed, place)
                log_probs = predict_log_probs(trained, images, np.arange(len(images)))
                error = float((log_probs.argmax(axis=1) != true)[held_out].mean())
                loss = -log_probs[np.arange(len(given)), given]
                found = average_precision_score(given != true, loss)
                took = time.monotonic() - started
                print(f"seed {seed}, {name}: error {error:.1%}, AP {found:.3f}, {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
