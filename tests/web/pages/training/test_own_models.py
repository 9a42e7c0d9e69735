"""An own model in the pages: shown like a run, and never offered where a network is needed."""

import re
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.rounds.own_models import PredictionFile, import_predictions
from tests.factories import CLASSES, Made, import_folder, write_images
from tests.ranking.prediction_files import as_npz
from tests.web.html import flat


def bring(
    database: Database,
    folder: Path,
    paths: tuple[str, ...],
    *,
    dataset_id: int,
    out_of_sample: bool = True,
) -> int:
    """Predictions that take the first image for another class."""
    given = np.array([CLASSES.index(path.split("/")[1]) for path in paths])
    values = np.eye(3, dtype=np.float32)[given] * 0.7 + 0.1
    values[0] = np.roll(values[0], 1)
    path = as_npz(folder / "mine.npz", values, ids=paths, classes=CLASSES)
    file = PredictionFile(path, "mine.npz", out_of_sample)
    return import_predictions(database, dataset_id=dataset_id, file=file, folder=folder / "temporary").run_id


@pytest.fixture
def own(database: Database, made: Made, tmp_path: Path) -> int:
    return bring(database, tmp_path, made.paths, dataset_id=made.dataset_id, out_of_sample=False)


def test_its_page_says_what_it_is_and_that_it_is_in_sample(
    browser_of: dict[str, TestClient], own: int
) -> None:
    page = flat(browser_of["ada"].get(f"/d/faces/models/{own}").text)
    assert "mine.npz, in sample, your own model" in page
    assert "In sample: the model may have learnt these labels" in page
    assert '<span class="words">given labels</span>' in page
    assert "Most suspicious labels" in page
    assert "Try it on a photo" not in page
    assert "Resume" not in page
    runs = flat(browser_of["ada"].get("/d/faces/models").text)
    assert "your own, given labels" in runs


def test_every_page_about_runs_answers(browser_of: dict[str, TestClient], made: Made, own: int) -> None:
    ada = browser_of["ada"]
    for where in (
        "",
        "/review",
        "/results/history",
        "/models/retrain",
        "/export",
        "/results/errors-left",
        "/images",
        f"/results?old={made.run_id}&new={own}",
        f"/results/images?old={made.run_id}&new={own}",
        f"/images/{made.sample_ids[0]}",
        f"/models/{own}/images?split=valid",
        f"/models/{own}/predictions.csv",
        f"/models/{own}/top-losses.csv",
        f"/models/{own}/confusion.svg",
        f"/models/{own}/calibration.svg",
        f"/models/{own}/epochs.csv",
        f"/models/{own}/learning-rate.csv",
    ):
        assert ada.get(f"/d/faces{where}").status_code == 200, where
    compared = flat(ada.get(f"/d/faces/results?old={made.run_id}&new={own}").text)
    assert f"After: Model {own}" in compared
    assert f"It cannot be told: Model {own} may have learnt these images." in compared
    assert f"Why: Model {own} is an own model, trained elsewhere" in compared
    assert f"That Model {own} makes so few errors: its predictions are in sample" in compared
    assert "both models trained on" not in compared
    assert "by its seed" not in compared


def test_it_predicts_no_photo_and_is_no_parent(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], made: Made, own: int
) -> None:
    ada = browser_of["ada"]
    assert ada.get(f"/d/faces/models/{own}/photos").status_code == 409
    asked = {"retrain": True, "parent": own}
    refused = api["ada"].post("/api/v1/datasets/faces/runs", json=asked)
    assert refused.status_code == 409
    assert f"Model {own} is an own model: its predictions are here" in refused.json()["message"]
    assert api["ada"].post(f"/api/v1/runs/{own}/resume").status_code == 409


def test_rest_lists_it_with_its_kind(api: dict[str, TestClient], made: Made, own: int) -> None:
    listed = api["ann"].get("/api/v1/datasets/faces/runs").json()["items"][0]
    assert (listed["id"], listed["kind"], listed["state"]) == (own, "own model", "finished")
    detail = api["ann"].get(f"/api/v1/runs/{own}").json()
    assert detail["recipe"]["out_of_sample"] is False
    first = api["ann"].get(f"/api/v1/runs/{own}/top-losses").json()["items"][0]
    assert first["path"] == made.paths[0]


def test_before_any_training_overview_proposes_to_review_its_ranking(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "images", per_class=3)
    dataset_id = import_folder(database, folder)
    paths = tuple(sorted(str(each.relative_to(folder)) for each in folder.glob("*/*/*.png")))
    bring(database, tmp_path, paths, dataset_id=dataset_id)
    page = flat(browser_of["ada"].get("/d/faces").text)
    assert "Your own model ranked the labels; after a training both rank them." in page


def test_the_form_imports_a_file_and_shows_the_run_or_what_is_wrong(
    browser_of: dict[str, TestClient], made: Made, tmp_path: Path
) -> None:
    ada, where = browser_of["ada"], "/d/faces/models/import"
    assert f'href="{where}"' in ada.get("/d/faces/models").text
    shown = flat(ada.get(where).text)
    assert '<th scope="col">path</th><th scope="col" class="num">cat</th>' in shown
    assert f"<code>{made.paths[0]}</code>" in shown
    path = as_npz(tmp_path / "p.npz", np.full((24, 3), 0.4), ids=made.paths, classes=CLASSES)
    wrong = {"file": ("p.npz", path.read_bytes()), "ids": ("", b""), "classes": ("", b"")}
    refused = ada.post(where, files=wrong, data={"out_of_sample": "true"})
    assert refused.status_code == 422
    page = flat(refused.text)
    assert "24 rows whose probabilities do not sum to 1" in page
    assert 'name="out_of_sample" value="true" checked' in page
    assert "Choose a file of predictions" in ada.post(where, files={"file": ("", b"")}).text
    path = as_npz(tmp_path / "p.npz", np.full((24, 3), 1 / 3), ids=made.paths, classes=CLASSES)
    taken = ada.post(where, files={"file": ("p.npz", path.read_bytes())}, data={"out_of_sample": "true"})
    assert (taken.status_code, taken.headers["location"]) == (303, f"/d/faces/models/{made.run_id + 1}")
    assert browser_of["ann"].get(where).status_code == 403
    assert where not in browser_of["ann"].get("/d/faces/models").text


def test_the_export_form_offers_the_runs_whose_scores_can_be_added(
    browser_of: dict[str, TestClient], made: Made, own: int
) -> None:
    page = flat(browser_of["ann"].get("/d/faces/export").text)
    assert f'<option value="{own}">of Model {own}: own model</option>' in page
    url = "/api/v1/datasets/faces/export?version=0&format={}&run={}"
    assert browser_of["ann"].get(url.format("csv", "")).status_code == 200
    assert browser_of["ann"].get(url.format("cleanlab", own)).status_code == 200


def test_each_refusal_stands_at_its_field(
    browser_of: dict[str, TestClient], made: Made, tmp_path: Path
) -> None:
    ada, where = browser_of["ada"], "/d/faces/models/import"
    plain = tmp_path / "p.npy"
    np.save(plain, np.full((24, 3), 1 / 3, np.float32))
    array = ("p.npy", plain.read_bytes())
    ids = ("ids.csv", ("path\n" + "\n".join(made.paths)).encode())
    few = as_npz(tmp_path / "few.npz", np.full((9, 3), 1 / 3), ids=made.paths[:9], classes=CLASSES)
    for field, files in (
        ("file", {"file": ("p.csv", b"nothing,here\n1,2\n")}),
        ("file", {}),
        ("ids", {"file": array}),
        ("ids", {"file": array, "ids": ("ids.csv", b"path\ntrain/cat/000.png\n")}),
        ("ids", {"file": array, "ids": ("ids.csv", b"\xff\xfe\xff\n")}),
        ("classes", {"file": array, "ids": ids, "classes": ("classes.txt", b"cat\ndog\n")}),
        ("classes", {"file": array, "ids": ids, "classes": ("classes.txt", b"cat\ndog\nhen\n")}),
        ("allow_missing", {"file": ("few.npz", few.read_bytes())}),
    ):
        answer = ada.post(where, files=files or {"file": ("", b"")})
        assert answer.status_code == 422
        page = flat(answer.text)
        assert re.findall(r'class="problem" id="problem-(\w+)" role="alert">[^<]+', page) == [field]
        [tag] = re.findall(r"<input[^>]*aria-invalid[^>]*>", page)
        assert f'name="{field}"' in tag
        assert f'aria-describedby="problem-{field}"' in tag
