"""Predictions of an own model, sent by a script."""

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.factories import CLASSES, Made
from tests.ranking.prediction_files import as_csv, as_npy, as_npz

URL = "/api/v1/datasets/faces/predictions"


def given(made: Made) -> np.ndarray:
    labels = np.array([CLASSES.index(path.split("/")[1]) for path in made.paths])
    values = np.eye(3, dtype=np.float32)[labels] * 0.7 + 0.1
    values[5] = np.roll(values[5], 1)
    return values


def sent(path: Path) -> tuple[str, bytes]:
    return path.name, path.read_bytes()


def test_they_rank_the_labels_at_once(
    api: dict[str, TestClient], made: Made, tmp_path: Path, settings: Settings
) -> None:
    path = as_npz(tmp_path / "mine.npz", given(made), ids=made.paths, classes=CLASSES)
    answer = api["ada"].post(URL, files={"file": sent(path)}, data={"out_of_sample": "true"})
    assert answer.status_code == 201
    said = answer.json()
    assert said == {
        "id": made.run_id + 1,
        "number": 2,
        "job": None,
        "version": 0,
        "rows": 24,
        "label_issues": 1,
        "notes": [],
    }
    top = api["ann"].get(f"/api/v1/runs/{said['id']}/top-losses").json()["items"]
    assert top[0]["path"] == made.paths[5]
    card = api["ann"].post("/api/v1/datasets/faces/worklist/claims", json={"count": 1}).json()
    assert made.paths[5] in str(card)
    assert not list(settings.runs_dir.rglob("*.part"))


def test_an_array_is_sent_with_its_ids_and_classes(
    api: dict[str, TestClient], made: Made, tmp_path: Path
) -> None:
    path = as_npy(tmp_path / "p.npy", given(made)[:, ::-1])
    files = {
        "file": sent(path),
        "ids": ("ids.csv", "\n".join(made.paths).encode()),
        "classes": ("classes.txt", b"owl\ndog\ncat\n"),
    }
    answer = api["ada"].post(URL, files=files)
    assert answer.json()["label_issues"] == 1
    assert answer.json()["notes"][0].startswith("In sample")


def test_what_is_wrong_is_said_and_nothing_is_kept(
    api: dict[str, TestClient], made: Made, tmp_path: Path, settings: Settings
) -> None:
    runs = api["ada"].get("/api/v1/datasets/faces/runs").json()
    half = as_csv(tmp_path / "p.csv", given(made)[:12], ids=made.paths[:12], head=("path", *CLASSES))
    answer = api["ada"].post(URL, files={"file": sent(half)})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert "12 of 24 images have no row" in answer.json()["message"]
    assert api["ada"].get("/api/v1/datasets/faces/runs").json() == runs
    assert not list(settings.runs_dir.rglob("*.part"))
    assert api["ada"].post(URL, files={"file": sent(half)}, data={"allow_missing": "true"}).status_code == 201
    assert api["ada"].post(URL, data={}).status_code == 422
    assert api["ada"].post(URL, files={"file": sent(half)}, data={"speed": "1"}).status_code == 422
    assert api["ann"].post(URL, files={"file": sent(half)}).status_code == 403
    assert api["ada"].post(URL.replace("faces", "pets"), files={"file": sent(half)}).status_code == 404


def test_the_export_cleanlab_of_a_run_is_sent_back(api: dict[str, TestClient], made: Made) -> None:
    export = f"/api/v1/datasets/faces/export?format=cleanlab&run={made.run_id}"
    answer = api["ann"].get(export)
    assert answer.status_code == 200
    assert "faces-v0-cleanlab.zip" in answer.headers["content-disposition"]
    assert api["ann"].get(export).content == answer.content
    back = api["ada"].post(URL, files={"file": ("faces.zip", answer.content)}).json()
    assert (back["rows"], back["label_issues"]) == (24, 10)
    first = api["ann"].get(
        "/api/v1/datasets/faces/export?format=cleanlab&run="
    )  # of the first run since version 0
    assert first.content == answer.content


def test_those_of_many_images_wait_for_the_worker(
    api: dict[str, TestClient], made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.predictions.MOST_AT_ONCE", 20)
    path = as_npz(tmp_path / "mine.npz", given(made), ids=made.paths, classes=CLASSES)
    answer = api["ada"].post(URL, files={"file": sent(path)})
    assert answer.status_code == 202
    job = api["ada"].get(f"/api/v1/jobs/{answer.json()['job']}").json()
    assert (job["task"], job["state"]) == ("own model", "queued")
    assert api["ada"].get(f"/api/v1/runs/{answer.json()['id']}").json()["state"] == "queued"


def test_the_form_and_rest_take_the_same_fields_beside_the_file() -> None:
    from inspect import signature

    from app.web.api.predictions import import_own_model
    from app.web.pages.training.own_model import send

    by_rest, by_form = signature(import_own_model).parameters, signature(send).parameters
    for field in ("ids", "classes", "out_of_sample", "allow_missing"):
        assert by_rest[field].annotation is by_form[field].annotation
        assert by_rest[field].default == by_form[field].default
