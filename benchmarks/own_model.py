"""Published probabilities through the product: import, ranking, export, against the truth.

    .venv/bin/python benchmarks/own_model.py --probabilities aggregate-resnet18.npz --work /tmp/own-model

The .npz has `pred_probs`, `given_labels` and `true_labels`. Predictions need no pictures, so an image of
3 x 3 random pixels is drawn for each row; every step is a command of the product. Average precision and AUROC
are of the rank in the exported CSV, Brier score and calibration error (ten groups of equal size) of its
probability of an error. `--images ZIP --truth CSV` imports these images instead; row 123 is of img00123.
"""

import argparse
import csv
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def toploss(work: Path, *words: str) -> None:
    """Run a command with the data folder of this benchmark, and print its time and memory."""
    began = time.monotonic()
    environment = {"TOPLOSS_DATA_DIR": str(work / "data"), "TOPLOSS_FIRST_LOOK": "off"}
    command = ["/usr/bin/time", "-f", "  peak %M KB", Path(sys.executable).with_name("toploss"), *words]
    subprocess.run(command, check=True, env=environment | {"PATH": "/usr/bin:/bin"})
    print(f"  {words[0]}: {time.monotonic() - began:.1f} s", flush=True)


def draw(folder: Path, labels: np.ndarray) -> list[str]:
    """An image for each label; their paths."""
    rng, paths = np.random.default_rng(0), []
    for name in CLASSES:
        (folder / "train" / name).mkdir(parents=True)
    for row, label in enumerate(labels):
        paths.append(f"train/{CLASSES[label]}/img{row:05}.png")
        pixels = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / paths[-1], compress_level=0)
    return paths


def measure(scores: Path, is_wrong: dict[str, bool]) -> None:
    """Print how well the exported ranking finds the wrong labels."""
    with scores.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"] in is_wrong]
    wrong = np.array([is_wrong[row["path"]] for row in rows])
    rank = np.array([int(row["rank"]) for row in rows])
    probability = np.array([float(row["error_probability"]) for row in rows])
    groups = np.array_split(np.argsort(probability), 10)
    off = sum(abs(probability[group].mean() - wrong[group].mean()) * len(group) for group in groups)
    print(
        f"{len(rows):,} images, {wrong.sum():,} wrong: AP {average_precision_score(wrong, -rank):.4f}, AUROC "
        f"{roc_auc_score(wrong, -rank):.4f}, P@1000 {wrong[rank <= 1000].mean():.3f}; "  # noqa: PLR2004
        f"probability of an error: mean {probability.mean():.3f} (truth {wrong.mean():.3f}), Brier "
        f"{((probability - wrong) ** 2).mean():.4f} (base {wrong.mean() * (1 - wrong.mean()):.4f}), "
        f"calibration error {off / len(rows):.3f}"
    )


def main() -> None:
    """Import, rank, export, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--probabilities", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="a new folder")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--truth", type=Path)
    options = parser.parse_args()
    work: Path = options.work
    work.mkdir(parents=True)
    known = np.load(options.probabilities)
    p = known["pred_probs"]
    if options.images:
        with options.truth.open(newline="") as file:
            rows = list(csv.DictReader(file))
        paths = [row["path"] for row in rows]
        p = p[[int(re.findall(r"img(\d+)", path)[0]) for path in paths]]
        is_wrong = {row["path"]: row["given"] != row["clean"] for row in rows}
        source = options.images
    else:
        source = work / "images"
        paths = draw(source, known["given_labels"])
        is_wrong = dict(zip(paths, known["given_labels"] != known["true_labels"], strict=True))
    np.savez(work / "probs.npz", pred_probs=p, ids=np.array(paths), classes=np.array(CLASSES))
    toploss(work, "import", str(source), "--name", "cifar")
    toploss(work, "predictions", "import", "cifar", str(work / "probs.npz"), "--out-of-sample")
    toploss(work, "export", "cifar", "--run", "1", "-o", str(work / "scores.csv"))
    measure(work / "scores.csv", is_wrong)
    toploss(work, "export", "cifar", "--format", "cleanlab", "--run", "1", "-o", str(work / "run1.zip"))
    back = np.load(work / "run1.zip")["pred_probs"]
    order = np.argsort(paths)
    print("probabilities come back unchanged:", bool((back == p[order]).all()))


if __name__ == "__main__":
    main()
