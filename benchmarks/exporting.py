"""Rows per second and memory of the exports without images, beside pandas writing the same rows.

    .venv/bin/python benchmarks/exporting.py [--rows 1000000] [--reviewed 0.05] [--database URL]

The samples, decisions and predictions are written straight to the tables: no image exists. Each export and
each pandas run is a process of its own; memory is the most that was resident (VmHWM), the interpreter and
all libraries included. pandas writes a frame that it already holds, so its seconds are of writing alone.
The ratio is of
processor time, because it hardly depends on what else the machine does. Linux only (/proc).
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Table, insert

FORMATS = ("csv", "jsonl", "parquet")
CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
AT_ONCE = 20_000


def peak() -> float:
    """The most megabytes of this process that were ever resident."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]


def fill(url: str, rows: int, reviewed: float) -> None:
    """A data set of so many samples, a finished run, and a version with decisions on a share."""
    from app.datasets.models import Dataset, DatasetVersion, LabelClass, Sample, VersionLabel
    from app.db.engine import Database
    from app.db.migrating import migrate
    from app.ranking.models import Prediction
    from app.training.models import Run
    from app.training.numbers import next_number

    migrate(url)
    database, random, moment = Database(url), np.random.default_rng(0), datetime(2026, 1, 2, tzinfo=UTC)
    with database.write() as session:
        dataset = Dataset(name="faces", source="/nowhere", state="ready")
        session.add(dataset)
        session.flush()
        names = [LabelClass(dataset_id=dataset.id, position=i, name=name) for i, name in enumerate(CLASSES)]
        version = DatasetVersion(
            dataset_id=dataset.id,
            classes=list(CLASSES),
            number=0,
            digest="0" * 64,
            samples=rows,
            relabelled=0,
            deleted=0,
        )
        session.add_all([*names, version])
        session.flush()
        run = Run(
            dataset_id=dataset.id,
            number=next_number(session, dataset_id=dataset.id),
            version_id=version.id,
            recipe={},
            weights="none",
            seed=0,
            state="finished",
            finished_at=moment,
        )
        session.add(run)
        session.flush()
        said = random.dirichlet(np.ones(len(CLASSES)), AT_ONCE).astype("<f4")
        write: Callable[[Any, list[dict[str, Any]]], object] = lambda model, page: (  # noqa: E731
            page and session.execute(insert(_table(model)), page)
        )
        for start in range(0, rows, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, rows))
            given = random.integers(0, len(CLASSES), len(numbers)).tolist()
            seen = random.random(len(numbers)) < reviewed
            write(
                Sample,
                [
                    {
                        "id": i + 1,
                        "dataset_id": dataset.id,
                        "path": f"train/{CLASSES[label]}/{i:07}.jpg",
                        "sha256": f"{i:064x}",
                        "bytes": 2000 + i % 500,
                        "width": 48,
                        "height": 48,
                        "mode": "L",
                        "format": "JPEG",
                        "split": "valid" if i % 5 == 0 else "train",
                        "given_label": label,
                        "random_key": i,
                    }
                    for i, label in zip(numbers, given, strict=True)
                ],
            )
            write(
                VersionLabel,
                [
                    {
                        "version_id": version.id,
                        "sample_id": i + 1,
                        "label": int(said[i - start].argmax()),
                        "verdict": "relabel",
                        "reviews": 1,
                        "reviewers": "ann",
                        "decided_at": moment,
                    }
                    for i in numbers
                    if seen[i - start]
                ],
            )
            scores = random.random((len(numbers), 5)).tolist()
            write(
                Prediction,
                [
                    {
                        "run_id": run.id,
                        "sample_id": i + 1,
                        "label": label,
                        "predicted_label": int(said[i - start].argmax()),
                        "loss": 5 * s[0],
                        "self_confidence": s[1],
                        "margin": s[2],
                        "confidence": s[3],
                        "label_quality": s[4],
                        "error_probability": s[0],
                        "rank": i + 1,
                        "fold": 0,
                        "probabilities": said[i - start],
                    }
                    for i, label, s in zip(numbers, given, scores, strict=True)
                ],
            )
    database.close()


def _table(model: Any) -> Table:
    return model.__table__  # type: ignore[no-any-return]


def measured(work: Callable[[], object]) -> dict[str, float]:
    """Seconds on the clock and of the processor, and the peak of memory afterwards."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": time.perf_counter() - clock,
        "processor": time.process_time() - processor,
        "peak": peak(),
    }


def export(url: str, form: str, output: Path) -> None:
    """Write one export and print its figures as JSON."""
    from app.datasets.versions import get_version
    from app.db.engine import Database
    from app.export.exporting import export_version, write_export

    database = Database(url)
    with database.read() as session:
        version = get_version(session, dataset_id=1, number=0)
        made = export_version(session, version_id=version.id, format=form, run_id=1)
    print(json.dumps(measured(lambda: write_export(made, output))))
    database.close()


def with_pandas(form: str, source: Path, output: Path) -> None:
    """Let pandas write the frame of a Parquet export, and print its figures as JSON."""
    import pandas as pd

    frame = pd.read_parquet(source)
    writers: dict[str, Callable[[], object]] = {
        "csv": lambda: frame.to_csv(output, index=False),
        "jsonl": lambda: frame.to_json(output, orient="records", lines=True),
        "parquet": lambda: frame.to_parquet(output, index=False),
    }
    print(json.dumps(measured(writers[form])))


def apart(*arguments: str) -> dict[str, float]:
    """The figures of this script in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # type: ignore[no-any-return]


def main() -> None:
    """Fill a database and print a line per format."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--reviewed", type=float, default=0.05)
    parser.add_argument("--database", help="an empty database; without it SQLite in a temporary folder")
    parser.add_argument("--only", nargs="+", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        kind, form, source, output = options.only
        if kind == "ours":
            export(source, form, Path(output))
        else:
            with_pandas(form, Path(source), Path(output))
        return
    with tempfile.TemporaryDirectory() as name:
        url = options.database or f"sqlite:///{name}/toploss.sqlite"
        fill(url, options.rows, options.reviewed)
        parquet = f"{name}/parquet"
        for form in reversed(FORMATS):
            ours = apart("--only", "ours", form, url, f"{name}/{form}")
            theirs = apart("--only", "pandas", form, parquet, f"{name}/pandas-{form}")
            print(
                f"{form}: {options.rows / ours['processor']:,.0f} rows per processor second "
                f"({ours['seconds']:.0f} s on the clock), {ours['peak']:.0f} MB; pandas "
                f"{options.rows / theirs['processor']:,.0f} ({theirs['seconds']:.0f} s), "
                f"{theirs['peak']:.0f} MB; ratio {theirs['processor'] / ours['processor']:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
