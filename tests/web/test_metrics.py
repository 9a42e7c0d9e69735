"""What Prometheus reads: requests under their route's pattern, jobs, workers, disk; for who may read."""

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from app.db.engine import Database
from app.db.types import now
from app.jobs import requests
from app.settings import Settings
from tests.factories import Made


def read(client: TestClient) -> dict[str, list[Sample]]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {family.name: family.samples for family in text_string_to_metric_families(answer.text)}


def counts(client: TestClient) -> dict[tuple[str, str, str], float]:
    """Requests by method, route and status."""
    return {
        (each.labels["method"], each.labels["route"], each.labels["status"]): each.value
        for each in read(client).get("toploss_request_seconds", [])
        if each.name.endswith("_count")
    }


def test_requests_are_counted_under_their_pattern_by_status(api: dict[str, TestClient], made: Made) -> None:
    for path in ("/d/faces/images", "/d/faces/images?class=cat", "/d/nothing/images", "/static/app.css"):
        api["ada"].get(path)
    api["ann"].post(
        "/api/v1/datasets/faces/decisions",
        json={"sample": made.sample_ids[0], "verdict": "keep", "client_id": "a"},
    )
    found = counts(api["ada"])
    assert found["GET", "/d/{name}/images", "200"] == 2
    assert found["GET", "/d/{name}/images", "404"] == 1
    assert found["GET", "/static", "200"] == 1
    assert found["POST", "/api/v1/datasets/{name}/decisions", "201"] == 1


def test_addresses_that_no_route_has_make_one_series(api: dict[str, TestClient]) -> None:
    for number in range(5):
        api["ada"].get(f"/no-such-page-{number}")
        api["ada"].request(f"VERB{number}", f"/d/faces/{number}/x")
    routes = {route for _method, route, _status in counts(api["ada"])}
    assert not [route for route in routes if "no-such" in route]
    assert {method for method, route, _status in counts(api["ada"]) if route == "other"} == {"other"}


def test_jobs_workers_and_the_free_space_are_shown(
    api: dict[str, TestClient], database: Database, settings: Settings
) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    assert read(api["ada"])["toploss_workers"][0].value == 0
    with database.write() as session:
        requests.beat(session, worker_id="one", started_at=now())
        for _time in range(2):
            requests.ask(session, task="train", dataset_id=None, arguments={}, user_id=None)
    found = read(api["ada"])
    assert found["toploss_workers"][0].value == 1
    assert [(each.labels, each.value) for each in found["toploss_jobs"]] == [
        ({"task": "train", "state": "queued"}, 2)
    ]
    assert found["toploss_database_up"][0].value == 1
    assert found["toploss_data_folder_free_bytes"][0].value > 0
    assert found["process_resident_memory_bytes"][0].value > 1e6


def test_strangers_are_asked_to_sign_in(visitor: TestClient) -> None:
    answer = visitor.get("/metrics", follow_redirects=False)
    assert answer.status_code == 401
    assert "Sign in" in answer.json()["message"]
