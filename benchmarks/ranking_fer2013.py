"""Ranking of real label errors: FER2013 against the ten votes of FER+, ours beside the two usual ways.

    .venv/bin/python benchmarks/ranking_fer2013.py --images fer2013 --votes votes.csv --seeds 1 2 3 --work
    /tmp/ranking

`--images` is a folder or zip with train/<class>/… and valid/<class>/…; `--votes` has a line an image: its
`path`, and ten votes by emotion. An image counts when its votes have one top answer of at least five, and is
an error when that answer is not its label. All three ways use the same recipe, seed, network and number of
images seen:

- toploss: the default ranking, from what one training said along the way and what its network says in the end
- fastai's cleaner: the loss of that same network on the images it was trained on
- cleanlab: self-confidence out-of-sample, two networks on half of the training part each

`--memorise` trains until the labels are known by heart instead (32 pixels, nothing that regularises), without
cleanlab's networks: there a loss in the end says least. Everything that is trained stays in `--work`, so that
a run that was cut off goes on. `--epochs` shortens the trainings.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from cleanlab.rank import get_self_confidence_for_each_label
from sklearn.metrics import average_precision_score, roc_auc_score

from app.ml.checkpoints import load
from app.ml.device import keep_freed_memory, use_threads
from app.ml.dynamics import read_epochs
from app.ml.images import prepare_images
from app.ml.recipes import RECIPES, Recipe, StartFrom, with_epochs
from app.ml.scorer import predict_log_probs
from app.ml.trainer import train
from app.ranking.networks import hear
from app.ranking.opinions import Opinion
from app.ranking.scoring import area_under_margin, mean_margin, score
from app.ranking.starting import start
from app.storage import open_source
from app.training.evaluation import calibration_error, fit_temperature, tempered

CLASSES = ("angry", "fear", "happy", "neutral", "sad", "surprise")
VOTES = {
    "anger": "angry",
    "fear": "fear",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprise": "surprise",
}
ENOUGH = 5
MEMORISED_AFTER = 12  # epochs


def crowd_answers(path: Path) -> dict[str, str]:
    """The crowd's answer by path, where it has one; an answer outside the six classes stays as it is."""
    answers = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            votes = {name: int(value) for name, value in row.items() if name not in ("path", "given_label")}
            most = max(votes.values())
            leaders = [name for name, value in votes.items() if value == most]
            if most >= ENOUGH and len(leaders) == 1:
                answers[row["path"]] = VOTES.get(leaders[0], leaders[0])
    return answers


def figures(suspicion: np.ndarray, wrong: np.ndarray) -> str:
    """Average precision, AUROC, and the share of errors in the first 500 and the first tenth."""
    hits = wrong[np.argsort(-suspicion, kind="stable")]
    return (
        f"AP {average_precision_score(wrong, suspicion):.3f}  AUROC {roc_auc_score(wrong, suspicion):.3f}  "
        f"P@500 {hits[:500].mean():.3f}  P@10% {hits[: len(hits) // 10].mean():.3f}"
    )


def memorising(recipe: Recipe) -> Recipe:
    """The recipe on small images without all that keeps a network from learning single images."""
    return replace(
        recipe,
        early_size=32,
        early_epochs=99,
        averaging=0.0,
        label_smoothing=0.0,
        weight_decay=0.0,
        dropout=0.0,
        flip=False,
        rotate=0.0,
        zoom=0.0,
        shift=0.0,
        lighting=0.0,
        mirror_judging=False,
        shifted_judging=0.0,
    )


def probably_wrong(
    final: np.ndarray, epochs: list[np.ndarray], labels: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """What the product ranks by, without a first look: the probability (n,) that each label is wrong."""
    said = hear(final, epochs).log_probs
    said[held] = final[held]
    learnt = ~np.isin(np.arange(len(labels)), held)
    opinion = Opinion("along the training", said, learnt)
    return start([opinion], labels, classes=final.shape[1], hold_out=~learnt).error_probability


def run_seed(seed: int, options: argparse.Namespace, images: np.ndarray, paths: list[str]) -> Iterator[str]:
    """Lines of figures."""
    labels = np.array([CLASSES.index(path.split("/")[1]) for path in paths])
    train_index = np.flatnonzero([path.startswith("train/") for path in paths])
    valid_index = np.flatnonzero([not path.startswith("train/") for path in paths])
    answers = crowd_answers(options.votes)
    known = np.array([path in answers for path in paths])
    wrong = np.array(
        [
            path in answers and answers[path] != CLASSES[label]
            for path, label in zip(paths, labels, strict=True)
        ]
    )
    recipe = (
        RECIPES[options.recipe]
        if options.epochs is None
        else with_epochs(RECIPES[options.recipe], options.epochs)
    )
    name_of = options.recipe
    if options.memorise:
        name_of, recipe = "memorised", with_epochs(memorising(recipe), options.epochs or MEMORISED_AFTER)

    def fit(name: str, rows: np.ndarray, held: np.ndarray) -> Path:
        started, told = time.monotonic(), 0

        def tell(progress) -> None:  # noqa: ANN001
            nonlocal told
            if len(progress.history) > told:
                told, last = len(progress.history), progress.history[-1]
                print(
                    f"  {name} epoch {told}: error {last.error_rate}, {time.monotonic() - started:.0f} s",
                    flush=True,
                )

        train(
            images,
            labels,
            train_index=rows,
            valid_index=held,
            class_names=CLASSES,
            recipe=recipe,
            start=StartFrom("none"),
            seed=seed,
            folder=options.work / f"{name_of}-{seed}-{name}",
            on_progress=tell,
        )
        return options.work / f"{name_of}-{seed}-{name}"

    started = time.monotonic()
    folder = fit("main", train_index, valid_index)
    final = predict_log_probs(folder, images, np.arange(len(paths)))
    epochs = list(read_epochs(folder, load(folder).history[-1].epoch))
    seconds = time.monotonic() - started
    ours = probably_wrong(final, epochs, labels, valid_index)
    held, given = final[valid_index], labels[valid_index]
    asked = known[valid_index] & np.isin([answers.get(paths[i], "") for i in valid_index], CLASSES)
    crowd = np.array([CLASSES.index(answers[paths[i]]) for i in valid_index[asked]])
    fitted = (final[train_index].argmax(axis=1) == labels[train_index]).mean()
    yield f"seed {seed}: {seconds:.0f} s; right on the training part {fitted:.3f}"
    said = held.argmax(axis=1)
    yield (
        f"  hold-out error on given labels {(said != given).mean():.4f}, on the crowd's "
        f"{(said[asked] != crowd).mean():.4f}"
    )
    odd, even = np.arange(len(given)) % 2 == 1, np.arange(len(given)) % 2 == 0
    temperature = fit_temperature(held[odd], given[odd])  # fitted on one half, judged on the other
    after = calibration_error(tempered(held[even], temperature), given[even])
    yield (
        f"  expected calibration error {calibration_error(held, given):.4f}, at temperature "
        f"{temperature:.2f} {after:.4f}"
    )
    yield f"  toploss, all images           {figures(ours[known], wrong[known])}"
    part = train_index[known[train_index]]
    yield f"  toploss, training part        {figures(ours[part], wrong[part])}"
    along = mean_margin([(epoch, 1.0) for epoch in epochs], labels)
    yield f"  margin along the training     {figures(-along[part], wrong[part])}"
    yield f"  area under the margin         {figures(-area_under_margin(epochs, labels)[part], wrong[part])}"
    yield f"  fastai's cleaner              {figures(score(final[part], labels[part]).loss, wrong[part])}"
    if options.folds and not options.memorise:
        halves = np.random.default_rng(seed).permutation(len(train_index)) % 2
        probabilities = np.full(final.shape, np.nan)
        for half in (0, 1):
            rest, own = train_index[halves != half], train_index[halves == half]
            probabilities[own] = np.exp(predict_log_probs(fit(f"half-{half}", rest, own[:0]), images, own))
        theirs = get_self_confidence_for_each_label(labels[part], probabilities[part])
        yield f"  cleanlab, out-of-sample       {figures(-theirs, wrong[part])}"


def main() -> None:
    """Train what is not there yet and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--votes", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--recipe", default="default", choices=list(RECIPES))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=0, help="0 for every core")
    parser.add_argument(
        "--folds",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="train cleanlab's two networks too",
    )
    parser.add_argument("--memorise", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    use_threads(options.threads)
    keep_freed_memory()
    source = open_source(str(options.images))
    paths = sorted(entry.path for entry in source.walk() if entry.path.endswith((".png", ".jpg")))
    size = RECIPES[options.recipe].image_size
    images = prepare_images(
        lambda i: source.read(paths[i]), len(paths), options.work / f"images-{size}.npy", size=size
    )
    for seed in options.seeds:
        for line in run_seed(seed, options, images, paths):
            print(line, flush=True)


if __name__ == "__main__":
    main()
