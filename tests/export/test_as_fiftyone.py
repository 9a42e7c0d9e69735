"""The folders for FiftyOne: each key has one file."""

import io
import json
import zipfile
from pathlib import Path

from PIL import Image

from app.db.engine import Database
from tests.export.pets import content, imported, png, rank, write


def test_keys_of_files_that_differ_in_their_suffix_alone_do_not_collide(
    database: Database, tmp_path: Path
) -> None:
    out = io.BytesIO()
    Image.new("L", (4, 4), 77).save(out, "JPEG")
    files = {"train/cat/a.png": png(1), "train/cat/a.jpg": out.getvalue(), "train/cat/b.png": png(2)}
    files |= {"train/dog/a.png": png(3), "valid/cat/a.png": png(4), "valid/dog/a.png": png(5)}
    version = imported(database, write(tmp_path / "pets", files))
    archive = zipfile.ZipFile(io.BytesIO(content(database, version, "fiftyone")))
    labels = json.loads(archive.read("train/labels.json"))["labels"]
    assert {each["path"] for each in labels.values()} == {path for path in files if path.startswith("train")}
    assert {"cat/b", "dog/a"} < set(labels)
    stems = [name.rpartition(".")[0] for name in archive.namelist() if name.startswith("train/data/")]
    assert sorted(stems) == sorted(f"train/data/{key}" for key in labels)


def test_the_confidence_is_the_runs_probability_of_the_label(database: Database, given_labels: int) -> None:
    run_id = rank(database, given_labels, finished_ago=1)
    archive = zipfile.ZipFile(io.BytesIO(content(database, given_labels, "fiftyone", run_id=run_id)))
    said = json.loads(archive.read("train/labels.json"))
    assert said["classes"] == ["=cat", "a/b", "con"]
    assert {each["confidence"] for each in said["labels"].values()} == {0.25}
