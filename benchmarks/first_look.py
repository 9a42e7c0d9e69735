"""The order before any training, against the truth: ours beside cleanlab's scores, out of fold.

    export OPENBLAS_NUM_THREADS=1  # as in a worker
    .venv/bin/python benchmarks/first_look.py --images photos/images --truth photos/truth.csv
    .venv/bin/python benchmarks/first_look.py --images fer2013.zip --votes votes.csv
    .venv/bin/python benchmarks/first_look.py --digits 8

`--images` is a folder or zip of …/<class>/<file>; `--truth` has the columns path, given and true, `--votes`
is that of `ranking_fer2013.py`. The modules are those of the product's job, without its database. All scores
are of the same predictions: self-confidence is cleanlab's default, the normalized margin its other score, and
the noise is the estimated share of wrong labels of the class, which is subtracted. Brier score and expected
calibration error (ten groups of equal size) are those of the probability of an error; the base is that of the
true share for every image. `--only-judged` looks only at images with a truth, `--limit` at a sample of them.

`--digits` are scikit-learn's, as PNG files with sides of so many pixels, a tenth under a wrong label; nothing
else is needed. Then each of `--seeds` is another draw of wrong labels, else another draw of the folds. Of the
descriptions of an image (backbone, whitened patches, both) the loss out of fold on the given labels and the
AP of the odds are printed, and what the product would choose by the loss. It tries patches up to a median
short side of 128 pixels; here they are always tried.
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
from ranking_planted import plant
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, roc_auc_score

from app.ml.backbone import Embedder
from app.ml.device import keep_freed_memory, use_threads
from app.ml.features import affords_mirrors, choose_size, compute_features, measure_pace, reading_size
from app.ml.images import StreamedImages
from app.ml.patches import SIDE
from app.ranking.combining import combine
from app.ranking.opinions import Opinion
from app.ranking.out_of_fold import OutOfFold, judge
from app.ranking.scoring import class_noise
from app.ranking.starting import Start, start
from app.storage import ImageSource, open_source
from app.tasks.patches import SmallImages, features_file, with_patches

GROUPS = 10  # of the calibration error


def true_classes(options: argparse.Namespace) -> dict[str, str]:
    """The true class by path, where it is known."""
    if options.votes:
        return crowd_answers(options.votes)
    with options.truth.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {row[0]: row[2] for row in rows}


def write_digits(folder: Path, side: int) -> None:
    """The digits as folder/<class>/<number>.png."""
    digits = load_digits()
    for row, (values, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(label) / f"{row:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray((values * (255 / 16)).round().astype(np.uint8))
        image.resize((side, side), Image.Resampling.BICUBIC).save(path)


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


def choose_description(
    source: ImageSource, paths: list[str], vectors: np.ndarray, labels: np.ndarray, classes: int
) -> tuple[dict[str, OutOfFold], str]:
    """The opinion from each description, and the name of the one that the product chooses; prints figures."""
    first = judge(vectors, labels, classes)
    images = StreamedImages(lambda row: source.read(paths[row]), len(paths), size=SIDE)
    with tempfile.TemporaryDirectory() as folder:
        started, spent = time.monotonic(), time.process_time()
        small = SmallImages(images, {}, Path(folder), None, lambda *_: None, lambda: False)
        everything = np.arange(len(paths))
        _, facts = with_patches(
            first, vectors, rows=everything, labels=labels, groups=everything, classes=classes, small=small
        )
        found = {"backbone": first}
        if (stored := features_file(Path(folder))).exists():
            numbers = np.fromfile(stored, np.float16).reshape(len(paths), -1)
            second = judge(numbers, labels, classes)
            found |= {"patches": second, "both": combine(first, second, labels).opinion}
        seconds, busy = time.monotonic() - started, time.process_time() - spent
        print(f"patches in {seconds:.0f} s ({busy:.0f} s of processor time): {facts}", flush=True)
    return found, "both" if facts["used"] else "backbone"


def first_order(opinion: OutOfFold, labels: np.ndarray) -> Start:
    """The order that the product starts with."""
    said = Opinion("first look", opinion.log_probs)
    return start([said], labels, classes=opinion.log_probs.shape[1], unjudged=~opinion.judged)


def compare_scores(opinion: OutOfFold, labels: np.ndarray, wrong: np.ndarray, known: np.ndarray) -> None:
    """Print what the product makes of an opinion beside cleanlab's scores."""
    first = first_order(opinion, labels)
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


def compare_descriptions(
    found: dict[str, OutOfFold], chosen: str, labels: np.ndarray, wrong: np.ndarray, known: np.ndarray
) -> None:
    """Print loss and figures of each description, and of the chosen one all scores."""
    for name, opinion in found.items():
        quality = first_order(opinion, labels).label_quality
        print(f"  {name:10s} loss {opinion.loss:.3f}  {figures(-quality[known], wrong)}")
    print(f"  chosen: {chosen}")
    compare_scores(found[chosen], labels, wrong, known)


def look_at_digits(options: argparse.Namespace) -> None:
    """Draw wrong labels for each seed; the backbone looks once."""
    with tempfile.TemporaryDirectory() as folder:
        write_digits(Path(folder), options.digits)
        source = open_source(folder)
        paths = sorted(entry.path for entry in source.walk())
        true = np.array([int(path.split("/")[-2]) for path in paths])
        vectors = features_of(source, paths, options)
        for seed in options.seeds:
            labels = plant(true, 0.1, "uniform", seed)
            print(f"wrong labels by seed {seed}")
            found, chosen = choose_description(source, paths, vectors, labels, 10)
            compare_descriptions(found, chosen, labels, labels != true, np.ones(len(true), bool))


def look_at_files(options: argparse.Namespace) -> None:
    """Images with a truth in a file."""
    answers = true_classes(options)
    source = open_source(str(options.images))
    paths = sorted(
        entry.path for entry in source.walk() if entry.path.lower().endswith((".png", ".jpg", ".jpeg"))
    )
    if options.only_judged:
        paths = [path for path in paths if path in answers]
    if options.limit:
        chosen = np.random.default_rng(0).permutation(len(paths))[: options.limit]
        paths = [paths[row] for row in np.sort(chosen)]
    given = [path.split("/")[-2] for path in paths]
    names = sorted(set(given))
    labels = np.array([names.index(name) for name in given])
    known = np.array([path in answers for path in paths])
    is_wrong = [answers.get(path, name) != name for path, name in zip(paths, given, strict=True)]
    wrong = np.array(is_wrong)[known]
    vectors = features_of(source, paths, options)
    found, best = choose_description(source, paths, vectors, labels, len(names))
    print(f"{wrong.mean():.1%} wrong")
    compare_descriptions(found, best, labels, wrong, known)
    for seed in options.seeds[1:] if best == "backbone" else []:
        started = time.monotonic()
        opinion = judge(vectors, labels, len(names), seed=seed)
        print(f"folds by seed {seed}: ranked in {time.monotonic() - started:.1f} s")
        compare_scores(opinion, labels, wrong, known)


def main() -> None:
    """Look, judge, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--images", type=Path)
    what.add_argument("--digits", type=int, metavar="PIXELS")
    truth = parser.add_mutually_exclusive_group()
    truth.add_argument("--truth", type=Path)
    truth.add_argument("--votes", type=Path)
    parser.add_argument("--only-judged", action="store_true")
    parser.add_argument("--limit", type=int, default=0, help="look at so many images, drawn at random")
    parser.add_argument("--size", type=int, help="pixels instead of the size that the product chooses")
    parser.add_argument("--threads", type=int, default=0, help="0 for every core")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of folds, or of wrong labels")
    options = parser.parse_args()
    if options.images and not (options.truth or options.votes):
        parser.error("--images needs --truth or --votes")
    use_threads(options.threads)
    with keep_freed_memory():
        look_at_digits(options) if options.digits else look_at_files(options)


if __name__ == "__main__":
    main()
