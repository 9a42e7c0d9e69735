"""The order before any training, against the truth: ours beside cleanlab's scores, out of fold.

    export OPENBLAS_NUM_THREADS=1  # as in a worker
    .venv/bin/python benchmarks/first_look.py --images photos/images --truth photos/truth.csv
    .venv/bin/python benchmarks/first_look.py --images fer2013.zip --votes votes.csv

`--images` is a folder or zip of …/<class>/<file>; `--truth` has the columns path, given and true, `--votes`
is that of `ranking_fer2013.py`. The modules are those of the product's job, without its database. All scores
are of the same predictions: self-confidence is cleanlab's default, the normalized margin its other score, and
the noise is the estimated share of wrong labels of the class, which is subtracted. Brier score and expected
calibration error (ten groups of equal size) are those of the probability of an error; the base is that of the
true share for every image. `--only-judged` looks only at images with a truth.
"""

import argparse
import csv
import io
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from cleanlab.rank import get_normalized_margin_for_each_label, get_self_confidence_for_each_label
from PIL import Image
from ranking_fer2013 import crowd_answers
from sklearn.metrics import average_precision_score, roc_auc_score

from app.ml.backbone import Embedder
from app.ml.device import keep_freed_memory, use_threads
from app.ml.features import affords_mirrors, choose_size, compute_features, measure_pace, reading_size
from app.ml.images import StreamedImages
from app.ranking.out_of_fold import judge
from app.ranking.scoring import class_noise
from app.ranking.starting import start
from app.storage import ImageSource, open_source

GROUPS = 10  # of the calibration error


def true_classes(options: argparse.Namespace) -> dict[str, str]:
    """The true class by path, where it is known."""
    if options.votes:
        return crowd_answers(options.votes)
    with options.truth.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {row[0]: row[2] for row in rows}


def short_sides(source: ImageSource, paths: list[str]) -> list[int]:
    """Pixels of the shorter side, of at most a thousand images; the product knows them from the import."""
    sides = []
    for path in paths[:: max(1, len(paths) // 1000)]:
        with Image.open(io.BytesIO(source.read(path))) as image:
            sides.append(min(image.size))
    return sides


def features_of(source: ImageSource, paths: list[str], options: argparse.Namespace) -> np.ndarray:
    """Features (n, 1280), with a line on size and time."""
    started = time.monotonic()
    embedder = Embedder(96)
    sides = short_sides(source, paths)
    all_sides = [round(statistics.median(sides))] * len(paths)
    pace = measure_pace(embedder)
    size = options.size or choose_size(all_sides, pace=pace)
    reading, mirrored = reading_size(all_sides, size=size), affords_mirrors(len(paths), size=size, pace=pace)
    images = StreamedImages(lambda row: source.read(paths[row]), len(paths), size=reading)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = compute_features(
            images, Path(folder) / "features", embedder=embedder.at(size, mirrored=mirrored)
        )
        result = np.array(found, np.float32)
    ended = time.monotonic()
    print(
        f"{len(paths)} images, squares of {size} pixels in {reading}, mirrored {mirrored}; "
        f"{ended - started:.0f} s, of which start {begun - started:.0f} s; "
        f"at 96 pixels {pace:.0f} images per second",
        flush=True,
    )
    return result


def figures(suspicion: np.ndarray, wrong: np.ndarray) -> str:
    """Average precision, AUROC and the share of errors in the first 500."""
    first = wrong[np.argsort(-suspicion, kind="stable")[:500]]
    return (
        f"AP {average_precision_score(wrong, suspicion):.3f}  AUROC {roc_auc_score(wrong, suspicion):.3f}  "
        f"P@500 {first.mean():.3f}"
    )


def calibration(probability: np.ndarray, wrong: np.ndarray) -> str:
    """Brier score and expected calibration error of probabilities."""
    order = np.argsort(probability, kind="stable")
    gaps = [
        len(part) * abs(probability[part].mean() - wrong[part].mean())
        for part in np.array_split(order, GROUPS)
    ]
    brier, base = ((probability - wrong) ** 2).mean(), wrong.mean() * (1 - wrong.mean())
    return (
        f"Brier {brier:.3f} (base {base:.3f})  calibration error {sum(gaps) / len(wrong):.3f}  "
        f"errors expected {probability.sum():.0f}, true {wrong.sum():.0f}"
    )


def main() -> None:
    """Look, judge, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--truth", type=Path)
    truth.add_argument("--votes", type=Path)
    parser.add_argument("--only-judged", action="store_true")
    parser.add_argument("--size", type=int, help="pixels instead of the size that the product chooses")
    parser.add_argument("--threads", type=int, default=0, help="0 for every core")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the folds")
    options = parser.parse_args()
    use_threads(options.threads)
    answers = true_classes(options)
    source = open_source(str(options.images))
    paths = sorted(
        entry.path for entry in source.walk() if entry.path.lower().endswith((".png", ".jpg", ".jpeg"))
    )
    if options.only_judged:
        paths = [path for path in paths if path in answers]
    given = [path.split("/")[-2] for path in paths]
    names = sorted(set(given))
    labels = np.array([names.index(name) for name in given])
    known = np.array([path in answers for path in paths])
    wrong = np.array([answers.get(path, name) != name for path, name in zip(paths, given, strict=True)])[
        known
    ]
    with keep_freed_memory():
        features = features_of(source, paths, options)
        for seed in options.seeds:
            started = time.monotonic()
            opinion = judge(features, labels, len(names), seed=seed)
            first = start(opinion, labels)
            spent = time.monotonic() - started
            print(f"folds by seed {seed}: ranked in {spent:.1f} s, {wrong.mean():.1%} wrong")
            probabilities = np.exp(opinion.log_probs.astype(np.float64))
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            noise = class_noise(opinion.log_probs, labels)[labels]
            scores = {
                "first look": first.label_quality,
                "self-confidence": get_self_confidence_for_each_label(labels, probabilities),
                "normalized margin": get_normalized_margin_for_each_label(labels, probabilities),
            }
            for name, quality in scores.items():
                print(f"  {name:32s} {figures(-quality[known], wrong)}")
                if name != "first look":
                    print(f"  {name + ' minus noise':32s} {figures((noise - quality)[known], wrong)}")
            print(f"  {calibration(first.error_probability[known].astype(np.float64), wrong)}", flush=True)


if __name__ == "__main__":
    main()
