"""Data sets are renamed, archived and deleted by REST."""

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.db.types import now
from app.jobs import requests as jobs
from app.training.models import Run
from app.training.requesting import train_anew
from tests.factories import Made

API = "/api/v1/datasets"


def names(client: TestClient, **query: object) -> list[str]:
    return [each["name"] for each in client.get(API, params=query).json()["items"]]


def test_old_addresses_of_a_renamed_data_set_redirect(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = api["ada"]
    renamed = ada.patch(f"{API}/faces", json={"name": "people"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "people")
    moved = ada.get(f"{API}/faces/samples?limit=2", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, f"{API}/people/samples?limit=2")
    assert len(ada.get(f"{API}/faces/samples?limit=2").json()["items"]) == 2
    body = {"sample": made.sample_ids[0], "verdict": "delete", "client_id": "a"}
    assert ada.post(f"{API}/faces/decisions", json=body).status_code == 201  # with its body
    page = browser_of["ann"].get("/d/faces/images?page=1")
    assert (page.status_code, page.headers["location"]) == (308, "/d/people/images?page=1")
    assert browser_of["ann"].post("/d/faces/review/undo").headers["location"] == "/d/people/review/undo"
    assert browser_of["ann"].get("/d/people/review").status_code == 200


def test_an_archived_data_set_is_hidden_from_lists_and_the_deck(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = api["ada"]
    assert ada.patch(f"{API}/faces", json={"archived": True}).json()["archived"] is True
    assert names(ada) == []
    assert names(ada, archived=True) == ["faces"]
    assert "faces" not in browser_of["ann"].get("/").text
    for answer in (
        api["ann"].post(f"{API}/faces/worklist/claims", json={}),
        ada.post(f"{API}/faces/runs", json={"recipe": "quick"}),
        browser_of["ann"].get("/d/faces/review"),
    ):
        assert answer.status_code == 409, answer.text
        assert "archived" in answer.text
    assert ada.get(f"{API}/faces/export?format=csv").status_code == 200
    assert ada.patch(f"{API}/faces", json={"archived": False}).status_code == 200
    assert names(ada) == ["faces"]
    assert api["ann"].post(f"{API}/faces/worklist/claims", json={}).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_of_an_archived_data_set_changes_until_it_is_back(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], made: Made
) -> None:
    ada, faces = api["ada"], f"{API}/faces"
    sample, other = made.ranked[:2]
    first = ada.post(
        f"{faces}/decisions", json={"sample": sample, "verdict": "delete", "client_id": "a"}
    ).json()
    many = {"samples": [other], "verdict": "keep", "expected": 1, "client_id": "m"}
    action = ada.post(f"{faces}/bulk-decisions", json=many).json()
    assert ada.post(f"{faces}/classes", json={"name": "emu"}).status_code == 201
    change = ada.get(f"{faces}/class-changes").json()["items"][0]["id"]
    ada.patch(faces, json={"archived": True})

    def state() -> list[object]:
        kept = ("samples?limit=1000", "classes?all=true", "versions", "decisions", "class-changes", "audits")
        return [ada.get(f"{faces}/{part}").json() for part in kept]

    before = state()
    labels = {"file": ("l.csv", f"path,label\n{made.paths[0]},dog\n{made.paths[1]},dog\n")}
    answers = {
        "decide": ada.post(
            f"{faces}/decisions", json={"sample": sample, "verdict": "keep", "client_id": "b"}
        ),
        "undo": ada.delete(f"/api/v1/decisions/{first['id']}"),
        "many": ada.post(f"{faces}/bulk-decisions", json=many | {"client_id": "n"}),
        "undo many": ada.delete(f"/api/v1/bulk-decisions/{action['id']}"),
        "labels": ada.post(f"{faces}/labels", files=labels),
        "new class": ada.post(f"{faces}/classes", json={"name": "gnu"}),
        "rename": ada.patch(f"{faces}/classes/cat", json={"name": "puss"}),
        "merge": ada.patch(f"{faces}/classes/cat", json={"merge_into": "dog"}),
        "retire": ada.delete(f"{faces}/classes/emu"),
        "undo class": ada.post(f"{faces}/class-changes/{change}/undo"),
        "freeze": ada.post(f"{faces}/versions"),
        "audit": ada.post(f"{faces}/audits", json={"size": 20}),
        "rule": ada.put(f"{faces}/stopping-rule", json={"kind": "left", "amount": 0.1}),
        "gold": ada.post(f"{faces}/gold", json={"size": 2}),
        "page": browser_of["ada"].post("/d/faces/export/versions"),
    }
    for what, answer in answers.items():
        assert (what, answer.status_code) == (what, 409), answer.text
        assert "bring it back" in answer.text, what
    assert state() == before
    assert ada.get(f"{faces}/export?format=csv&version=0").status_code == 200
    ada.patch(faces, json={"archived": False})
    assert ada.post(f"{faces}/versions").status_code == 201
    assert ada.delete(f"/api/v1/decisions/{first['id']}").status_code in (200, 204)


def test_a_data_set_is_deleted_also_while_a_training_waits(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    with database.write() as session:
        train_anew(session, dataset_id=made.dataset_id, version_id=made.version_id, weights="none")
    assert api["ann"].delete(f"{API}/faces").status_code == 403
    disk = api["ann"].get(f"{API}/faces/disk").json()
    assert disk["outside"] > 0 == disk["inside"]
    assert disk["lost"] == []  # it names folders of the server
    lost = " ".join(api["ada"].get(f"{API}/faces/disk").json()["lost"])
    assert "This deletes for ever the labels of" in lost
    assert "it is cancelled first" in lost
    assert api["ada"].delete(f"{API}/faces").status_code == 204
    assert api["ada"].get(f"{API}/faces").status_code == 404
    assert api["ada"].delete(f"{API}/faces").status_code == 404
    assert names(api["ada"]) == []
    assert api["ada"].get(f"/api/v1/runs/{made.run_id}").status_code == 404


def test_what_makes_no_sense_is_refused(api: dict[str, TestClient], made: Made) -> None:
    for body in ({}, {"name": "a b"}, {"name": 3}, {"archived": "yes"}, {"other": 1}):
        assert api["ada"].patch(f"{API}/faces", json=body).status_code == 422, body
    assert api["ann"].patch(f"{API}/faces", json={"name": "mine"}).status_code == 403


def test_runs_and_images_of_a_deleted_data_set_are_gone_while_its_worker_still_stops(
    api: dict[str, TestClient], database: Database, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.datasets.removing.PATIENCE", 0.0)
    with database.write() as session:
        run = train_anew(session, dataset_id=made.dataset_id, version_id=made.version_id, weights="none")
        assert jobs.start(session, job_id=str(run.job_id))
        jobs.beat(session, worker_id="w", started_at=now())
    ada = api["ada"]
    addresses = [
        ("GET", f"/runs/{run.id}"),
        ("POST", f"/runs/{run.id}/cancel"),
        ("GET", f"/runs/{made.run_id}"),
        ("GET", f"/runs/{made.run_id}/top-losses"),
        ("GET", f"/runs/{made.run_id}/photos"),
        ("GET", f"/samples/{made.ranked[0]}/image"),
    ]
    assert ada.get(f"/api/v1/runs/{run.id}").status_code == 200
    answer = ada.delete(f"{API}/faces")
    assert (answer.status_code, answer.json()) == (202, {"dataset": "faces", "is_done": False})
    with database.read() as session:
        assert session.get(Run, run.id) is not None  # it still stops
    for method, path in addresses:
        assert ada.request(method, f"/api/v1{path}").status_code == 404, path
