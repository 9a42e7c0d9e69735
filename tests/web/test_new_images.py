"""Images that were imported after the newest version: said everywhere, and in the next training."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.datasets.importing import import_images
from app.datasets.versions import labels_of
from app.db.engine import Database
from app.rounds.retraining import freeze_labels
from tests.factories import Made, write_images
from tests.servers import Server, environment

API = "/api/v1/datasets/faces"
TOLD = "6 new images are in no version"


@pytest.fixture
def grown(database: Database, made: Made, tmp_path: Path) -> Made:
    """The data set, its folder imported again with six more images in it."""
    write_images(tmp_path / "images", per_class=8, seed=7, splits=("train",))
    write_images(tmp_path / "images", per_class=6, splits=("train",))  # the old ones as they were
    import_images(
        database,
        dataset_id=made.dataset_id,
        max_pixels=20_000_000,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    return made


def test_every_page_that_speaks_of_versions_says_so(browser_of: dict[str, TestClient], grown: Made) -> None:
    ada = browser_of["ada"]
    for place in ("", "/models", "/models/train", "/models/retrain", "/export"):
        page = ada.get(f"/d/faces{place}").text
        assert "6 new images" in page, place
        assert "All of it is in version" not in page, place
        assert "nothing new to freeze" not in page, place
    ada.post("/d/faces/export/versions")
    for place in ("", "/models", "/models/train", "/export"):
        assert "new image" not in ada.get(f"/d/faces{place}").text, place


def test_a_training_from_the_form_has_them_unless_a_version_is_chosen(
    browser_of: dict[str, TestClient], database: Database, grown: Made
) -> None:
    ada = browser_of["ada"]
    assert ada.post("/d/faces/models", data={"recipe": "quick", "version": "0"}).status_code == 303
    assert [each["version"] for each in runs(ada)] == [0, 0]
    assert ada.post("/d/faces/models", data={"recipe": "quick", "version": ""}).status_code == 303
    assert [each["version"] for each in runs(ada)] == [1, 0, 0]
    assert {each["images_since"] for each in ada.get(f"{API}/versions").json()["items"]} == {0, 6}
    with database.write() as session:
        version, is_new = freeze_labels(session, dataset_id=grown.dataset_id)
        assert (version.number, is_new, len(labels_of(session, version_id=version.id).paths)) == (
            1,
            False,
            30,
        )


def runs(client: TestClient) -> list[dict[str, int]]:
    return list(client.get(f"{API}/runs").json()["items"])


@pytest.mark.parametrize("body", [{"recipe": "quick"}, {"retrain": True}])
def test_a_run_from_a_script_has_them(
    api: dict[str, TestClient], grown: Made, body: dict[str, object]
) -> None:
    before = api["ann"].get(API).json()
    assert (before["version"], before["images_in_no_version"], before["labels_in_no_version"]) == (0, 6, 0)
    asked = api["ada"].post(f"{API}/runs", json=body).json()
    assert (asked["version"], asked["nothing_changed"]) == (1, False)
    after = api["ann"].get(API).json()
    assert (after["version"], after["images_in_no_version"]) == (1, 0)
    found = api["ann"].get(f"{API}/versions").json()["items"]
    assert [(each["samples"], each["images_since"]) for each in found] == [(24, 6), (30, 0)]


def test_a_changed_label_of_a_new_image_counts_once(
    api: dict[str, TestClient], grown: Made, database: Database
) -> None:
    newest = max(each["sample"] for each in api["ann"].get(f"{API}/samples?limit=1000").json()["items"])
    body = {"sample": newest, "verdict": "delete", "client_id": "1"}
    assert api["ann"].post(f"{API}/decisions", json=body).status_code == 201
    told = api["ann"].get(API).json()
    assert (told["images_in_no_version"], told["labels_in_no_version"]) == (6, 0)


def test_the_shell_says_so_and_trains_on_them(sqlite_url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shell = Server(None, "", data, environment(data, database_url=sqlite_url), data / "log")  # type: ignore[arg-type]
    folder = write_images(tmp_path / "images", per_class=3)
    assert "in no version" not in shell.command("import", str(folder), "--name", "pets").stdout
    write_images(folder, per_class=5, splits=("train",))
    assert TOLD in shell.command("import", str(folder), "--name", "pets").stdout
    out = str(tmp_path / "a.csv")
    assert f"{TOLD}, so not in this file" in shell.command("export", "pets", "-o", out).stderr
    assert "in no version" not in shell.command("export", "pets", "--version", "0", "-o", out).stderr
    told = shell.command("train", "pets", "--recipe", "quick").stdout
    assert "Version 1 is frozen: it has 6 new images that no version had." in told
    assert "version 1" in told
    assert "in no version" not in shell.command("export", "pets", "-o", out).stderr
