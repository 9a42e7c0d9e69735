"""The checkpoints of a run are deleted: what stays, and what is no longer possible."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.errors import Conflict, NotNow
from app.ml.recipes import RECIPES
from app.settings import Settings
from app.training.networks import delete_checkpoints, remove_networks
from app.training.requesting import request_run
from app.training.runs import finished_run, get_run
from tests.factories import Made, make_first_look


def fill(settings: Settings, run_id: int) -> list[Path]:
    """A network of 4 bytes and a file beside it, which stays."""
    folder = settings.runs_dir / str(run_id)
    files = [folder / "main" / "checkpoint.json", folder / "embedding.f16"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"1234")
    return files


def child(database: Database, made: Made) -> None:
    with database.write() as session:
        request_run(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            recipe=RECIPES["quick"],
            weights="none",
            parent_id=made.run_id,
            seed=3,
            user_id=None,
        )


def test_by_rest_the_ranking_stays_and_what_needs_the_network_is_refused(
    api: dict[str, TestClient], database: Database, settings: Settings, made: Made
) -> None:
    network, embedding = fill(settings, made.run_id)
    ada, address = api["ada"], f"/api/v1/runs/{made.run_id}"
    before = ada.get(f"{address}/top-losses").json()
    assert api["ann"].delete(f"{address}/checkpoints").status_code == 403
    gone = ada.delete(f"{address}/checkpoints")
    assert (gone.status_code, gone.json()["freed_bytes"]) == (200, 4)
    assert len(gone.json()["no_longer"]) == 2
    assert (network.exists(), embedding.exists()) == (False, True)
    assert ada.get(f"{address}/top-losses").json() == before
    assert ada.delete(f"{address}/checkpoints").json()["freed_bytes"] == 0
    refused = ada.post("/api/v1/datasets/faces/runs", json={"retrain": True})
    assert refused.status_code == 409
    assert "were deleted" in refused.json()["message"]
    with database.read() as session, pytest.raises(Conflict, match="were deleted"):
        finished_run(session, run_id=made.run_id)


def test_a_run_that_another_one_starts_from_keeps_them(database: Database, made: Made) -> None:
    child(database, made)
    with database.write() as session, pytest.raises(NotNow, match=f"starts from Model {made.run_id}"):
        delete_checkpoints(session, get_run(session, run_id=made.run_id))


def test_a_first_look_has_none(database: Database, made: Made, tmp_path: Path) -> None:
    look = make_first_look(database, made.dataset_id, made.version_id)
    with database.write() as session, pytest.raises(Conflict, match="has no checkpoints"):
        delete_checkpoints(session, get_run(session, run_id=look))
    assert remove_networks(tmp_path, run_id=look) == 0


def test_the_page_asks_first_and_says_it_afterwards(
    browser_of: dict[str, TestClient], settings: Settings, made: Made
) -> None:
    network, _ = fill(settings, made.run_id)
    ada, page = browser_of["ada"], f"/d/faces/models/{made.run_id}"
    question = ada.post(f"{page}/checkpoints").text
    assert "cannot be trained further" in question
    assert network.exists()
    mark = re.search(r'name="confirmed" value="(\w+)"', question)
    assert mark
    assert ada.post(f"{page}/checkpoints", data={"confirmed": mark[1]}).status_code == 303
    assert not network.exists()
    assert "Its checkpoints were deleted" in ada.get(page).text
