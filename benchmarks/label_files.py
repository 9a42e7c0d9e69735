"""Time and memory of an import whose labels are in a file of a million rows, of which few name an image.

    .venv/bin/python benchmarks/label_files.py [--rows 1000000] [--images 2000] [--formats csv jsonl parquet]

The images are small pictures, all different, in one folder; the other rows of the file name files that are
not there, as a label file of a whole collection does beside a part of its images. Each import is a process
of its own with a data folder of its own; memory is the most that was resident (VmHWM), the interpreter and
all libraries included. Linux only (/proc).
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def write_images(folder: Path, images: int) -> None:
    """Grey noise of 48 x 48 pixels."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(images):
        pixels = random.integers(0, 256, (48, 48), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:07}.png", compress_level=1)


def write_labels(file: Path, rows: int) -> None:
    """One row per path, with a class and a part."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    numbers = range(rows)
    table = pa.table(
        {
            "path": [f"{number:07}.png" for number in numbers],
            "label": [CLASSES[number % len(CLASSES)] for number in numbers],
            "split": ["valid" if number % 5 == 0 else "train" for number in numbers],
        }
    )
    if file.suffix == ".csv":
        csv.write_csv(table, file)
    elif file.suffix == ".parquet":
        parquet.write_table(table, file)
    else:
        with file.open("w") as out:
            out.writelines(json.dumps(row) + "\n" for row in table.to_pylist())


def import_once(folder: Path, labels: Path, data: Path) -> None:
    """Import as the shell does, and print the figures as JSON."""
    import app.db.tables  # noqa: F401 - registers them
    from app.commands.folders import chooser
    from app.datasets.creating import create_dataset
    from app.datasets.importing import import_images
    from app.datasets.label_reading import StatedColumns
    from app.datasets.layout_choice import StatedLayout
    from app.datasets.sources import named_labels, resolve_source
    from app.db.engine import Database
    from app.db.migrating import migrate

    url = f"sqlite:///{data}/toploss.sqlite"
    migrate(url)
    database = Database(url)
    clock, processor = time.perf_counter(), time.process_time()
    stated = named_labels(str(labels), source=str(folder), uploads_dir=data / "up", columns=StatedColumns())
    with database.write() as session:
        source = resolve_source(str(folder), uploads_dir=data / "up")
        dataset = create_dataset(session, name="faces", source=source)
    report = import_images(
        database,
        dataset_id=dataset.id,
        max_pixels=10**6,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
        choose=chooser(StatedLayout(labels=stated), yes=True, before=lambda: None),
    )
    status = Path("/proc/self/status").read_text()
    figures = {
        "seconds": time.perf_counter() - clock,
        "processor": time.process_time() - processor,
        "peak": int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024,  # type: ignore[index]
        "samples": report.samples,
        "notes": report.notes,
    }
    print(json.dumps(figures), file=sys.stderr)
    database.close()


def main() -> None:
    """Print a line per format."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--formats", nargs="+", default=["csv", "jsonl", "parquet"])
    parser.add_argument("--only", nargs=3, default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        import_once(*map(Path, options.only))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        write_images(folder, options.images)
        for form in options.formats:
            labels, data = Path(name) / f"labels.{form}", Path(name) / f"data-{form}"
            data.mkdir()
            write_labels(labels, options.rows)
            command = [sys.executable, __file__, "--only", str(folder), str(labels), str(data)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            got = json.loads(done.stderr.splitlines()[-1])
            print(
                f"{form}: {options.rows:,} rows in {labels.stat().st_size / 1e6:.0f} MB, {got['samples']:,} "
                f"samples: {got['processor']:.0f} processor seconds ({got['seconds']:.0f} s on the clock), "
                f"{got['peak']:.0f} MB. {' '.join(got['notes'])[:300]}",
                flush=True,
            )


if __name__ == "__main__":
    main()
