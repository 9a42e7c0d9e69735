"""A POST that is sent again with its key makes nothing twice."""

import io
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.accounts.models import KeptAnswer
from app.db.engine import Database
from app.review.models import Decision
from app.training.models import Run
from tests.factories import Made, write_images

API = "/api/v1"
RUN = {"recipe": "quick", "epochs": 1}


def count(database: Database, table: type) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_training_sent_again_is_the_same_training(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    runs, headers = f"{API}/datasets/faces/runs", {"idempotency-key": "one"}
    before = count(database, Run)
    first = api["ada"].post(runs, json=RUN, headers=headers)
    again = api["ada"].post(runs, json=RUN, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert (again.content, again.headers["content-type"]) == (first.content, first.headers["content-type"])
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert count(database, Run) == before + 1
    other = api["ada"].post(runs, json=RUN | {"epochs": 2}, headers=headers)
    elsewhere = api["ada"].post(f"{API}/datasets/faces/versions", headers=headers)
    assert (other.status_code, elsewhere.status_code) == (422, 422)
    assert "Idempotency-Key" in other.json()["message"]
    assert count(database, Run) == before + 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_zip_sent_again_with_another_boundary_is_the_same_import(
    api: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        images = write_images(tmp_path / "there", per_class=3)
        for path in images.rglob("*.png"):
            archive.write(path, path.relative_to(images))
    headers = {"idempotency-key": "zip"}

    def send(name: str = "pets") -> object:
        files = {"file": ("a.zip", packed.getvalue())}
        return api["ada"].post(f"{API}/datasets", data={"name": name}, files=files, headers=headers)

    first, again, other = send(), send(), send("cats")
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.json()["job"] == first.json()["job"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_key_of_somebody_else_is_another_key(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    headers = {"idempotency-key": "one"}
    decisions = f"{API}/datasets/faces/decisions"
    said = {
        name: {"sample": sample, "verdict": "keep", "client_id": "a"}
        for name, sample in zip(("ann", "bob"), made.ranked, strict=False)
    }
    answers = {name: api[name].post(decisions, json=said[name], headers=headers) for name in said}
    assert [answer.status_code for answer in answers.values()] == [201, 201]
    assert [answer.json()["sample"] for answer in answers.values()] == list(made.ranked[:2])
    assert [answer.headers.get("idempotent-replayed") for answer in answers.values()] == [None, None]
    for name, first in answers.items():
        again = api[name].post(decisions, json=said[name], headers=headers)
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert count(database, Decision) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_refused_can_be_sent_again_corrected(
    api: dict[str, TestClient], visitor: TestClient, database: Database, made: Made
) -> None:
    runs, headers = f"{API}/datasets/faces/runs", {"idempotency-key": "one"}
    assert api["ada"].post(runs, json={"epochs": -1}, headers=headers).status_code == 422
    assert api["ann"].post(runs, json=RUN, headers=headers).status_code == 403
    assert visitor.post(runs, json=RUN, headers=headers).status_code == 401
    assert count(database, KeptAnswer) == 0
    assert api["ada"].post(runs, json=RUN, headers=headers).status_code == 202
    for bad in ("a" * 256, "with space", ""):
        assert api["ada"].post(runs, json=RUN, headers={"idempotency-key": bad}).status_code == 422


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_secret_of_a_webhook_is_shown_once_and_not_kept(
    api: dict[str, TestClient], database: Database
) -> None:
    asked = {"url": "http://8.8.8.8/", "events": ["run.finished"]}
    first, again = (
        api["ada"].post(f"{API}/webhooks", json=asked, headers={"idempotency-key": "one"}) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() | {"secret": None}
    assert len(first.json()["secret"]) > 30
    assert len(api["ada"].get(f"{API}/webhooks").json()["items"]) == 1
    with database.read() as session:
        assert first.json()["secret"].encode() not in session.query(KeptAnswer).one().content


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_keys_of_one_request_are_refused_and_nothing_is_made(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    before = count(database, Run)
    headers = [("idempotency-key", "one"), ("idempotency-key", "two")]
    refused = api["ada"].post(f"{API}/datasets/faces/runs", json=RUN, headers=headers)
    assert (refused.status_code, count(database, Run)) == (422, before)
    assert "more than once" in refused.json()["message"]
