"""Lists of samples, jobs and decisions by REST."""

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.jobs.requests import ask, cancel
from tests.factories import Made

API = "/api/v1"
Scripts = dict[str, TestClient]


def pages(client: TestClient, path: str, limit: int = 2) -> list[dict[str, object]]:
    """Every item, page by page."""
    found, cursor = [], None
    while True:
        more = f"{'&' if '?' in path else '?'}limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        answer = client.get(path + more)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next"]
        if cursor is None:
            return found


def decide(client: TestClient, sample: int, verdict: str, label: str | None = None) -> int:
    said = {"sample": sample, "verdict": verdict, "client_id": f"{sample} {verdict}"}
    answer = client.post(f"{API}/datasets/faces/decisions", json=said | ({"label": label} if label else {}))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def test_a_row_of_the_samples_has_what_a_script_needs(api: Scripts, made: Made) -> None:
    sample = made.ranked[0]
    decide(api["ann"], sample, "relabel", "owl")
    [row] = [
        each for each in pages(api["bob"], f"{API}/datasets/faces/samples", 10) if each["sample"] == sample
    ]
    assert (row["label"], row["verdict"], row["status"]) == ("owl", "relabel", "single")
    assert (row["reviewers"], row["reviews"], row["rank"], row["run"]) == (["ann"], 1, 1, made.run_id)
    for name in (
        "predicted_label",
        "confidence",
        "loss",
        "self_confidence",
        "decided_at",
        "path",
        "sha256",
        "split",
    ):
        assert row[name] is not None, name


def test_the_log_of_decisions_comes_in_pages_with_undos_and_by_person(api: Scripts, made: Made) -> None:
    first, second = made.ranked[:2]
    kept = decide(api["ann"], first, "keep")
    assert api["ann"].delete(f"{API}/decisions/{kept}").status_code == 200
    decide(api["bob"], second, "relabel", "owl")
    log = pages(api["bob"], f"{API}/datasets/faces/decisions")
    assert [(each["verdict"], each["annotator"], each["sample"]) for each in log] == [
        ("keep", "ann", first),
        ("undo", "ann", first),
        ("relabel", "bob", second),
    ]
    assert (log[0]["undone_by"], log[1]["undoes"], log[2]["label"]) == (log[1]["id"], kept, "owl")
    only = pages(api["bob"], f"{API}/datasets/faces/decisions?annotator=bob")
    assert only == log[2:]
    assert api["bob"].get(f"{API}/datasets/faces/decisions?annotator=eve").status_code == 404


def test_the_jobs_come_newest_first_and_by_state(api: Scripts, database: Database, made: Made) -> None:
    with database.write() as session:
        jobs = [
            ask(
                session, task=task, dataset_id=made.dataset_id, arguments={"run": made.run_id}, user_id=None
            ).id
            for task in ("look", "predict", "predict")
        ]
        cancel(session, job_id=jobs[2])
    found = pages(api["ann"], f"{API}/jobs?dataset=faces")
    assert [each["id"] for each in found][:3] == jobs[::-1]
    assert (found[0]["dataset"], found[0]["run"], found[0]["state"]) == ("faces", made.run_id, "cancelled")
    assert [each["id"] for each in pages(api["ann"], f"{API}/jobs?state=queued&task=predict")] == [jobs[1]]
    for wrong, status in (("state=asleep", 422), ("dataset=none", 404), ("open=true", 422)):
        assert api["ann"].get(f"{API}/jobs?{wrong}").status_code == status


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_image_problems_use_the_word_of_the_page_and_the_shell(api: Scripts, made: Made) -> None:
    problems = f"{API}/datasets/faces/image-problems"
    listed = {each["sample"] for each in api["ann"].get(problems).json()["items"]}
    everything = {each["sample"] for each in api["ann"].get(f"{problems}?decided=true").json()["items"]}
    assert listed <= everything
    assert "open" in api["ann"].get(f"{problems}?open=true").json()["message"]
