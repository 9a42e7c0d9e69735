"""Ranking of labels that were made wrong on purpose, in data that needs no download.

    .venv/bin/python benchmarks/ranking_planted.py [--seeds 1 2 3] [--data digits faces] [--shares 0.05 0.1
    0.2]

scikit-learn's digits (1,797 of 8x8 pixels, brought to 32) and the drawn faces of the demo (600). A share of
the training labels is made wrong, either to any other class (uniform) or always to the next one (pair).
Prints average precision of Toploss's default ranking beside the loss that the same network has in its end
(fastai's cleaner), each the mean of the seeds.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from app.faces.folder import write_demo_folder
from app.ml.device import keep_freed_memory, use_threads
from app.ml.dynamics import read_epochs
from app.ml.images import decode_square
from app.ml.recipes import RECIPES, Recipe, StartFrom
from app.ml.scorer import predict_log_probs
from app.ml.trainer import train
from app.ranking.networks import hear
from app.ranking.opinions import Opinion
from app.ranking.scoring import score
from app.ranking.starting import start
from app.rounds.demo import planted_errors

Data = tuple[np.ndarray, np.ndarray, Recipe]  # images, true class positions, how to train on them


def digits() -> Data:
    """Digits must not be mirrored: a mirrored 2 is no 2."""
    loaded = load_digits()
    grey = (loaded.images * (255 / 16)).astype(np.uint8)
    images = np.stack(
        [
            np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR).convert("RGB"))
            for image in grey
        ]
    )
    return (
        images,
        loaded.target.astype(np.int64),
        replace(RECIPES["quick"], image_size=32, flip=False, mirror_judging=False, shifted_judging=0.0),
    )


def faces() -> Data:
    """The demo's faces, under their true labels."""
    recipe = RECIPES["quick"]
    with tempfile.TemporaryDirectory() as folder:
        write_demo_folder(Path(folder), images=600, on_progress=lambda *_: None)
        wrong = planted_errors(Path(folder))
        files = sorted(path for path in (Path(folder) / "images").rglob("*.png"))
        files = [path for path in files if path.relative_to(Path(folder) / "images").as_posix() not in wrong]
        names = sorted({path.parent.name for path in files})
        images = np.stack([decode_square(path.read_bytes(), recipe.image_size) for path in files])
    return images, np.array([names.index(path.parent.name) for path in files]), recipe


def plant(true: np.ndarray, share: float, kind: str, seed: int) -> np.ndarray:
    """The labels, `share` of them wrong."""
    random, classes = np.random.default_rng(seed), int(true.max()) + 1
    chosen = random.permutation(len(true))[: round(share * len(true))]
    labels = true.copy()
    labels[chosen] += 1 if kind == "pair" else random.integers(1, classes, len(chosen))
    return labels % classes


def measure(data: Data, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Average precision of the default ranking, and of the final loss."""
    images, true, recipe = data
    names = tuple(map(str, range(int(true.max()) + 1)))
    everything, nothing = np.arange(len(true)), np.empty(0, np.int64)
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(
            images,
            labels,
            train_index=everything,
            valid_index=nothing,
            class_names=names,
            recipe=recipe,
            start=StartFrom("none"),
            seed=seed,
            folder=Path(folder),
        )
        final = predict_log_probs(outcome.folder, images, everything)
        said = hear(final, list(read_epochs(outcome.folder, len(outcome.history)))).log_probs
    wrong, learnt = labels != true, np.ones(len(labels), bool)
    first = start([Opinion("along the training", said, learnt)], labels, classes=len(names))
    ours = average_precision_score(wrong, first.error_probability)
    return float(ours), float(average_precision_score(wrong, score(final, labels).loss))


def main() -> None:
    """Print a line for each kind of error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--data", nargs="+", default=["digits", "faces"], choices=["digits", "faces"])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    options = parser.parse_args()
    use_threads()
    keep_freed_memory()
    for name in options.data:
        data = {"digits": digits, "faces": faces}[name]()
        for kind in ("uniform", "pair"):
            for share in options.shares:
                found = [measure(data, plant(data[1], share, kind, seed), seed) for seed in options.seeds]
                ours, final = np.mean(found, axis=0)
                print(
                    f"{name} {kind} {share:.0%}: AP {ours:.3f}, final loss {final:.3f} ({len(found)} seeds)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
