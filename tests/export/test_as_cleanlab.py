"""The arrays for cleanlab: what numpy and cleanlab read, and what is imported again."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_self_confidence_for_each_label

from app.datasets.models import LabelClass
from app.db.engine import Database
from app.errors import Invalid
from app.export.exporting import export_version, write_export
from app.ranking.rankings import top_losses
from app.rounds.own_models import PredictionFile, import_predictions
from app.settings import Settings
from app.training.models import Run
from tests.export.pets import content, rank, review
from tests.factories import CLASSES, Made


@pytest.fixture
def zipped(database: Database, made: Made, tmp_path: Path) -> Path:
    path = tmp_path / "faces.zip"
    with database.read() as session:
        export = export_version(session, version_id=made.version_id, format="cleanlab", run_id=made.run_id)
    write_export(export, path)
    return path


def test_numpy_reads_the_arrays_and_each_row_has_its_id(database: Database, made: Made, zipped: Path) -> None:
    with zipfile.ZipFile(zipped) as file:
        assert file.namelist() == ["pred_probs.npy", "labels.npy", "ids.csv", "classes.txt"]
        assert file.testzip() is None
        ids = list(csv.DictReader(io.StringIO(file.read("ids.csv").decode())))
        assert file.read("classes.txt").decode().split() == list(CLASSES)
    arrays = np.load(zipped, allow_pickle=False)
    assert arrays["pred_probs"].dtype == np.float32
    assert arrays["labels"].dtype == np.int64
    with database.read() as session:
        known = {each.sample_id: each for each in top_losses(session, run_id=made.run_id, limit=1000)}
    assert [row["path"] for row in ids] == sorted(made.paths)
    for row, p, label in zip(ids, arrays["pred_probs"], arrays["labels"], strict=True):
        sample = known[int(row["sample_id"])]
        assert (sample.path, sample.label) == (row["path"], label)
        assert (sample.probabilities == p).all()


def test_cleanlab_finds_the_labels_that_the_run_doubts(zipped: Path) -> None:
    arrays = np.load(zipped)
    issues = find_label_issues(
        arrays["labels"], arrays["pred_probs"], filter_by="predicted_neq_given", n_jobs=1
    )
    assert issues.sum() == 10  # as many as the run is made to take for another class


def test_it_comes_back_as_an_own_model_in_the_order_of_the_self_confidence(
    database: Database, settings: Settings, made: Made, zipped: Path
) -> None:
    arrays = np.load(zipped)
    own = get_self_confidence_for_each_label(arrays["labels"], arrays["pred_probs"])
    imported = import_predictions(
        database,
        dataset_id=made.dataset_id,
        file=PredictionFile(zipped, "faces.zip", out_of_sample=True),
        folder=settings.runs_dir,
    )
    assert imported.notes == ()
    with database.read() as session:
        found = top_losses(session, run_id=imported.run_id, limit=1000)
        again = export_version(session, version_id=made.version_id, format="cleanlab", run_id=imported.run_id)
    paths = sorted(made.paths)
    assert [each.path for each in found] == [paths[i] for i in np.argsort(own, kind="stable")]
    assert b"".join(again.chunks) == zipped.read_bytes()


def test_two_exports_are_the_same_bytes_and_deleted_images_have_no_row(
    database: Database, given_labels: int
) -> None:
    run_id = rank(database, given_labels, finished_ago=1)
    version = review(database, {"=cat/0.png": "a/b", "=cat/1.png": None})
    first = content(database, version, "cleanlab", run_id=run_id)
    assert content(database, version, "cleanlab", run_id=run_id) == first
    arrays = np.load(io.BytesIO(first))
    assert arrays["pred_probs"].shape == (11, 3)
    classes = arrays["classes.txt"].decode().split("\n")
    ids = arrays["ids.csv"].decode().split("\n")[1:]
    row = [each.partition(",")[2] for each in ids].index("=cat/0.png")
    assert classes[arrays["labels"][row]] == "a/b"


def test_a_class_that_is_newer_than_the_run_is_a_column_of_zeros_once_a_label_is_of_it(
    database: Database, given_labels: int
) -> None:
    run_id = rank(database, given_labels, finished_ago=1)
    with database.write() as session:
        dataset_id = session.get_one(Run, run_id).dataset_id
        session.add(LabelClass(dataset_id=dataset_id, position=3, name="new"))
    before = np.load(io.BytesIO(content(database, given_labels, "cleanlab", run_id=run_id)))["pred_probs"]
    assert before.shape == (12, 3)
    version = review(database, {"=cat/0.png": "new"})
    table = np.load(io.BytesIO(content(database, version, "cleanlab", run_id=run_id)))["pred_probs"]
    assert table.shape == (12, 4)
    assert (table[:, 3] == 0).all()


def test_without_a_run_it_says_that_one_is_needed(database: Database, given_labels: int) -> None:
    with pytest.raises(Invalid, match="the probabilities of a model, and none has finished yet; train first"):
        content(database, given_labels, "cleanlab")


def test_a_version_that_is_older_than_all_runs_goes_with_the_first_of_them(
    database: Database, given_labels: int
) -> None:
    first = rank(database, given_labels, finished_ago=-10)
    before = content(database, given_labels, "cleanlab")
    assert before == content(database, given_labels, "cleanlab", run_id=first)
    rank(database, given_labels, finished_ago=-20)
    assert content(database, given_labels, "cleanlab") == before
