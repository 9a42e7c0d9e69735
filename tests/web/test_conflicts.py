"""Which refusals say that waiting helps: a page’s heading is “Not now”, otherwise “Not possible”."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy.orm import Session

from app.datasets.creating import create_dataset
from app.datasets.sources import request_import
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.errors import Conflict, NotNow
from app.export.exporting import export_version
from app.measuring.comparison import compare
from app.ml.recipes import RECIPES
from app.rounds.retraining import retrain
from app.training.ending import end_run
from app.training.requesting import request_run
from app.training.runs import finished_run
from tests.factories import Made, import_folder, photo, write_images

API = "/api/v1"


def recipe_of(made: Made) -> dict[str, Any]:
    """What the run of `queue_run` is requested with."""
    given = {"dataset_id": made.dataset_id, "version_id": made.version_id, "recipe": RECIPES["quick"]}
    return given | {"weights": "none", "parent_id": None, "seed": 7, "user_id": None}


def queue_run(database: Database, made: Made, *, state: str = "queued") -> int:
    """A run that waits for a worker, or that has ended in this state before it began; its id."""
    with database.write() as session:
        run_id = request_run(session, **recipe_of(made)).id
        if state != "queued":
            end_run(session, run_id=run_id, state=state)
    return run_id


def without_version(database: Database, folder: Path, state: str) -> None:
    """The data set `pets` before its first version.

    `queued` is one whose import failed and is requested again.
    """
    source = str(write_images(folder))
    with database.write() as session:
        dataset = create_dataset(session, name="pets", source=source)
        dataset.state = "failed" if state == "queued" else state
        if state == "queued":
            request_import(session, name="pets", source=source, user_id=None)


def heading(answer: Response) -> str:
    """The heading of a page with the status 409."""
    assert answer.status_code == 409, answer.text
    return answer.text.partition("<h1>")[2].partition("</h1>")[0]


@pytest.mark.parametrize(("state", "title"), [("queued", "Not now"), ("cancelled", "Not possible")])
def test_a_page_refuses_a_run_that_has_not_finished_and_shows_whether_waiting_helps(
    browser_of: dict[str, TestClient],
    api: dict[str, TestClient],
    database: Database,
    made: Made,
    state: str,
    title: str,
) -> None:
    run_id = queue_run(database, made, state=state)
    sent = {"files": ("a.png", photo(), "image/png")}
    ada = browser_of["ada"]
    assert heading(ada.get(f"/d/faces/results/images?old={made.run_id}&new={run_id}")) == title
    assert heading(ada.post(f"/d/faces/models/{run_id}/photos", files=sent)) == title
    for answer in (
        api["ada"].get(f"{API}/datasets/faces/compare?old={made.run_id}&new={run_id}"),
        api["ada"].get(f"{API}/datasets/faces/export?run={run_id}"),
        api["ada"].post(f"{API}/datasets/faces/runs", json={"retrain": True, "parent": run_id}),
        api["ada"].post(f"{API}/runs/{run_id}/photos", files=sent),
    ):
        assert (answer.status_code, answer.json()["error"]) == (409, "conflict"), answer.text


@pytest.mark.parametrize(("state", "error"), [("queued", NotNow), ("cancelled", Conflict)])
def test_whatever_needs_a_finished_run_distinguishes_an_open_one_from_one_that_has_ended(
    database: Database, made: Made, state: str, error: type[Conflict]
) -> None:
    run_id, faces = queue_run(database, made, state=state), made.dataset_id
    needs: tuple[Callable[[Session], object], ...] = (
        lambda session: finished_run(session, run_id=run_id),
        lambda session: compare(session, dataset_id=faces, old_id=made.run_id, new_id=run_id),
        lambda session: export_version(session, version_id=made.version_id, format="csv", run_id=run_id),
        lambda session: retrain(session, dataset_id=faces, user_id=None, weights="none", parent_id=run_id),
    )
    for need in needs:
        with pytest.raises(Conflict) as refused, database.write() as session:
            need(session)
        assert type(refused.value) is error, refused.value


def test_while_the_first_run_works_a_retrain_and_the_same_run_again_are_refused_as_not_now(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images"))
    assert heading(browser_of["ada"].post("/d/faces/models/retrain")) == "Not possible"
    with database.read() as session:
        version_id = latest_version(session, dataset_id=dataset_id).id
    made = Made("faces", dataset_id, version_id, 0, (), (), ())
    queue_run(database, made)
    assert heading(browser_of["ada"].post("/d/faces/models/retrain")) == "Not now"
    with pytest.raises(NotNow, match="wait for it"), database.write() as session:
        request_run(session, **recipe_of(made))


@pytest.mark.parametrize(
    ("state", "title", "words"),
    [
        ("importing", "Not now", "wait for it"),
        ("queued", "Not now", "wait for it"),
        ("failed", "Not possible", "repeat it"),
        ("waiting", "Not possible", "how its folders are read"),
    ],
)
def test_a_data_set_without_a_version_is_refused_with_what_to_do(
    browser_of: dict[str, TestClient],
    api: dict[str, TestClient],
    database: Database,
    tmp_path: Path,
    state: str,
    title: str,
    words: str,
) -> None:
    without_version(database, tmp_path / "pets", state)
    page = browser_of["ada"].post("/d/pets/export/versions")
    assert heading(page) == title
    assert words in page.text
    answer = api["ada"].post(f"{API}/datasets/pets/versions")
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    assert words in answer.json()["message"]


def test_a_second_import_is_refused_as_not_now(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    without_version(database, tmp_path / "pets", "queued")
    assert heading(browser_of["ada"].post("/d/pets/import/repeat")) == "Not now"
