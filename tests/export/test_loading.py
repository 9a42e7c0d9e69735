"""Every format by every library that reads it, with the lines of the documentation.

The libraries that we do not install ourselves are in an environment of their own (`make readers`).
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert, select

from app.datasets.models import LabelClass, Sample
from app.datasets.versions import labels_of
from app.db.engine import Database
from app.db.migrating import migrate
from app.db.types import now
from app.export.exporting import export_version, write_export
from app.export.formats import FORMATS
from app.export.loading import LOADING
from app.ranking.models import Prediction
from app.training.models import Run
from app.training.numbers import next_number
from tests.export.awkward import awkward, faces
from tests.export.pets import imported, review
from tests.export.readers.answers import ANSWERS

ROOT = Path(__file__).resolve().parents[2]
READERS = ROOT / ".venv-readers" / "bin" / "python"
OURS = ("fastai", "torchvision", "cleanlab")  # libraries of our own environment
needs_readers = pytest.mark.skipif(
    not READERS.exists() and os.environ.get("CI") != "true",
    reason="the libraries that read exports are not installed; `make readers` installs them (1.2 GB)",
)
LIBRARIES = sorted({reader for readers in LOADING.values() for reader in readers})
CELLS = sorted(ANSWERS)


def score(database: Database, version_id: int) -> int:
    """A finished run that gives every class the same probability, but one a little more."""
    with database.write() as session:
        k = len(session.scalars(select(LabelClass.position)).all())
        run = Run(
            dataset_id=1,
            number=next_number(session, dataset_id=1),
            version_id=version_id,
            recipe={},
            weights="none",
            seed=0,
            state="finished",
            finished_at=now(),
        )
        session.add(run)
        session.flush()
        said = np.full(k, 1 / k, np.float32)
        samples = session.execute(select(Sample.id, Sample.given_label).order_by(Sample.id)).all()
        scores = {"loss": 1.5, "self_confidence": 1 / k, "margin": 0.0, "confidence": 1 / k}
        rows = [
            {
                "run_id": run.id,
                "sample_id": sample_id,
                "label": given,
                "predicted_label": sample_id % k,
                "label_quality": 0.5,
                "rank": rank,
                "fold": -1,
                "probabilities": said,
                **scores,
            }
            for rank, (sample_id, given) in enumerate(samples, start=1)
        ]
        session.execute(insert(Prediction), rows)
        return run.id


class Exports:
    """A data set in every format, each in a folder of its own, as the documentation names the files."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        url = f"sqlite:///{folder}/toploss.sqlite"
        migrate(url)
        self.database = Database(url)
        given = imported(self.database, source)
        self.run_id = score(self.database, given)
        self.version_id = self.cleaned()
        for name in FORMATS:
            place = folder / name
            place.mkdir()
            (place / "images").symlink_to(source)
            made = self.export(name)
            file = place / f"labels{made.entry.suffix}"
            write_export(made, file)
            if file.suffix == ".zip":
                with zipfile.ZipFile(file) as zipped:
                    zipped.extractall(place / "labels")
        self.labels = self.expected()

    def cleaned(self) -> int:
        """A version with one label changed and one image deleted."""
        with self.database.read() as session:
            paths = session.scalars(select(Sample.path).where(Sample.split == "train").order_by(Sample.path))
            first, *_, last = (path for path in paths if path.endswith("g"))
            name = session.scalar(select(LabelClass.name).order_by(LabelClass.position.desc()).limit(1))
        assert name
        return review(self.database, {first: name, last: None})

    def export(self, name: str):
        with self.database.read() as session:
            return export_version(session, version_id=self.version_id, format=name, run_id=self.run_id)

    def expected(self) -> Mapping[str, str]:
        """Labels by path, from the database alone."""
        with self.database.read() as session:
            found = labels_of(session, version_id=self.version_id)
            names = session.scalars(select(LabelClass.name).order_by(LabelClass.position)).all()
        return {path: names[label] for path, label in zip(found.paths, found.labels.tolist(), strict=True)}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exports]:
    made = {}
    for name, write in (("faces", faces), ("awkward", awkward)):
        folder = tmp_path_factory.mktemp(name)
        made[name] = Exports(folder, write(tmp_path_factory.mktemp(f"{name}-images")))
    return made


class Readings:
    """What each library reads of all its formats and data sets: one process each, started once."""

    def __init__(self, exports: dict[str, Exports], folder: Path) -> None:
        self.exports, self.folder = exports, folder
        self.done: dict[str, dict[str, dict[str, object]]] = {}

    def of(self, library: str) -> dict[str, dict[str, object]]:
        if library not in self.done:
            jobs = {
                f"{data} {form}": {
                    "folder": str(made.folder / form),
                    "lines": LOADING[form][library],
                    "answer": answer,
                }
                for data, made in self.exports.items()
                for (form, reader), answer in ANSWERS.items()
                if reader == library
            }
            asked, said = self.folder / f"{library}.json", self.folder / f"{library}-said.json"
            asked.write_text(json.dumps(jobs))
            python = sys.executable if library in OURS else READERS
            script = Path(__file__).parent / "readers" / "run_lines.py"
            home = {"HOME": str(self.folder), "HF_HOME": str(self.folder), "FIFTYONE_DO_NOT_TRACK": "1"}
            offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "DO_NOT_TRACK": "1"}
            ended = subprocess.run(
                [python, "-W", "ignore", script, asked, said],
                env={**os.environ, **home, **offline},
                capture_output=True,
                text=True,
                check=False,
            )
            assert ended.returncode == 0, ended.stderr
            self.done[library] = json.loads(said.read_text())
        return self.done[library]


@pytest.fixture(scope="module")
def readings(exports: dict[str, Exports], tmp_path_factory: pytest.TempPathFactory) -> Readings:
    return Readings(exports, tmp_path_factory.mktemp("readings"))


@pytest.mark.parametrize("data", ["faces", "awkward"])
@pytest.mark.parametrize(
    ("form", "library"),
    [pytest.param(*cell, marks=() if cell[1] in OURS else needs_readers) for cell in CELLS],
)
def test_a_library_reads_every_label_with_the_documented_lines(
    exports: dict[str, Exports], readings: Readings, data: str, form: str, library: str
) -> None:
    answer = readings.of(library)[f"{data} {form}"]
    assert "raised" not in answer, answer["raised"]
    assert answer["read"] == exports[data].labels


def test_every_documented_reader_is_tried_but_that_of_the_log() -> None:
    documented = {(form, reader) for form, readers in LOADING.items() for reader in readers}
    assert documented - set(ANSWERS) == {("events", "pandas")}  # its rows have a test of their own
    assert set(LOADING) == set(FORMATS)


def test_what_a_reader_has_to_know_is_said(exports: dict[str, Exports]) -> None:
    made = exports["awkward"].export("imagefolder")
    said = " ".join(made.entry.notes(made.plan))
    assert "“CLASS” and “class”" in said
    assert "valid: no images of “Grün” and “True”" in said
    assert "leave as PNG" in said
    assert "1 GIF" in said
    plain = exports["faces"].export("imagefolder")
    assert plain.entry.notes(plain.plan) == []


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_made_twice_is_the_same_bytes(exports: dict[str, Exports], form: str) -> None:
    made = exports["awkward"]
    file = made.folder / form / f"labels{FORMATS[form].suffix}"
    assert b"".join(made.export(form).chunks) == file.read_bytes()


@pytest.mark.parametrize("data", ["faces", "awkward"])
def test_class_folders_that_are_imported_again_have_the_same_labels_and_parts(
    exports: dict[str, Exports], data: str, tmp_path: Path
) -> None:
    made = exports[data]
    folder = made.folder / "imagefolder" / "labels"
    images = shutil.copytree(
        folder, tmp_path / "images", ignore=shutil.ignore_patterns("*.csv", "*.txt", "*.json")
    )
    again = tmp_path / "again"
    again.mkdir()
    second = Exports.__new__(Exports)
    url = f"sqlite:///{again}/toploss.sqlite"
    migrate(url)
    second.database = Database(url)
    second.version_id = imported(second.database, images)
    manifest = folder / "manifest.csv"
    with manifest.open(encoding="utf-8", newline="") as file:
        paths = {row["file"]: row["path"] for row in csv.DictReader(file) if row["file"]}
    assert {paths[path]: label for path, label in second.expected().items()} == made.labels
    second.database.close()
