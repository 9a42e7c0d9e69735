"""Cost against size: time and memory of import, freezing a version, preparing, scoring and storing a ranking.

    .venv/bin/python benchmarks/size.py [--sizes 1000 10000 100000]

Drawn noise of 48 pixels in six classes, as a zip, on SQLite. Every size runs in a process of its own; memory
is the most that was resident while the step ran, above what it was before. The network is a ResNet34 with
random weights: its answers mean nothing, its cost is the same. Linux only (/proc).
"""

import argparse
import io
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from sqlalchemy import func, select

if TYPE_CHECKING:
    from app.db.engine import Database

STEPS = ("import", "freeze", "prepare", "score", "rank and store")


def resident() -> float:
    """Megabytes of this process that are in memory and not a mapped file."""
    return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and megabytes above the start at the highest."""
    before, highest, done = resident(), [resident()], threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            highest.append(resident())

    watcher = threading.Thread(target=look)
    watcher.start()
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    return seconds, max(highest) - before


def write_zip(path: Path, count: int) -> None:
    """`count` different pictures."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as file:
        for i in range(count):
            out = io.BytesIO()
            Image.fromarray(random.integers(0, 256, (48, 48), dtype=np.uint8)).save(
                out, "PNG", compress_level=1
            )
            file.writestr(f"train/class-{i % 6}/{i:07d}.png", out.getvalue())


def freeze_and_read(database: "Database", dataset_id: int) -> None:
    """A version with one label changed, and all of its labels."""
    from app.datasets.models import Sample
    from app.datasets.versions import FrozenLabel, freeze, labels_of
    from app.db.types import now

    with database.write() as session:
        first = session.scalar(select(func.min(Sample.id))) or 0
        reviewed = {first: FrozenLabel(5, "relabel", 1, "ann", now())}
        version, _ = freeze(session, dataset_id=dataset_id, reviewed=reviewed)
        labels_of(session, version_id=version.id)


def one_size(count: int) -> dict[str, tuple[float, float]]:
    """Every step once."""
    from app.datasets.creating import create_dataset
    from app.datasets.importing import import_images
    from app.datasets.versions import labels_of, latest_version
    from app.db.engine import Database
    from app.db.migrating import migrate
    from app.ml import checkpoints
    from app.ml.batches import IMAGENET
    from app.ml.checkpoints import Checkpoint, EpochMetrics
    from app.ml.images import prepare_images
    from app.ml.network import build_model
    from app.ml.recipes import RECIPES
    from app.ml.scorer import predict_log_probs
    from app.ranking.rankings import ranking_rows, stage_ranking
    from app.review.issues import publish
    from app.storage import open_source
    from app.training.requesting import request_run

    found: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_zip(folder / "images.zip", count)
        url = f"sqlite:///{folder / 'toploss.db'}"
        migrate(url)
        database = Database(url)
        with database.write() as session:
            dataset_id = create_dataset(session, name="size", source=str(folder / "images.zip")).id
        found["import"] = measure(
            lambda: import_images(
                database,
                dataset_id=dataset_id,
                max_pixels=10**8,
                on_progress=lambda *_: None,
                should_stop=lambda: False,
            )
        )
        found["freeze"] = measure(partial(freeze_and_read, database, dataset_id))
        with database.write() as session:
            version = latest_version(session, dataset_id=dataset_id)
            samples = labels_of(session, version_id=version.id)
            run_id = request_run(
                session,
                dataset_id=dataset_id,
                version_id=version.id,
                recipe=RECIPES["default"],
                weights="none",
                parent_id=None,
                seed=0,
                user_id=None,
            ).id
        source = open_source(str(folder / "images.zip"))
        images: list[np.ndarray] = []
        found["prepare"] = measure(
            lambda: images.append(
                prepare_images(lambda i: source.read(samples.paths[i]), count, folder / "images.npy", size=48)
            )
        )
        stored = Checkpoint(
            class_names=tuple("abcdef"),
            recipe=replace(RECIPES["default"], mirror_judging=False, shifted_judging=0.0),
            normalisation=IMAGENET,
            seed=0,
            fingerprint="",
            history=(EpochMetrics(1, 1, 0.0, None, None, 0.0),),
            finished=True,
            phase=1,
            phase_epoch=1,
            notes=(),
            weights="",
            optimiser=None,
            versions={},
            saved_at="",
        )
        checkpoints.save(folder / "network", stored, build_model(6))
        predict_log_probs(
            folder / "network", images[0], np.arange(256)
        )  # what the libraries set up once is not the sizes' cost
        said: list[np.ndarray] = []
        found["score"] = measure(
            lambda: said.append(predict_log_probs(folder / "network", images[0], np.arange(count)))
        )
        rows = ranking_rows(
            run_id,
            sample_ids=samples.sample_ids,
            paths=samples.paths,
            labels=samples.labels,
            log_probs=said[0],
            folds=np.zeros(count, np.int64),
        )

        def store() -> None:
            stage_ranking(database, run_id=run_id, rows=rows)
            with database.write() as session:
                publish(session, run_id=run_id, epochs=1)

        found["rank and store"] = measure(store)
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one_size(options.one)))
        return
    print("| images | " + " | ".join(STEPS) + " |\n| --- |" + " --- |" * len(STEPS), flush=True)
    for size in options.sizes:
        answer = subprocess.run(
            [sys.executable, __file__, "--one", str(size)], check=True, capture_output=True, text=True
        ).stdout
        found = json.loads(answer.splitlines()[-1])
        cells = [f"{found[step][0]:.1f} s, {found[step][1]:.0f} MB" for step in STEPS]
        print(f"| {size:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
