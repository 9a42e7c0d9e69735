"""What nobody should send: always a sentence, never a 500, nothing changed."""

import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.accounts.users import change_user, count_admins
from app.db.engine import Database
from app.errors import Conflict
from app.review.models import Claim, Decision
from tests.conftest import PASSWORD, People
from tests.factories import Made

API = "/api/v1"
HUGE = 2**70


@pytest.mark.parametrize(
    "path",
    [
        "/d/a%00b",
        "/d/a%00b/review",
        f"{API}/datasets/a%00b",
        f"{API}/jobs/a%00b",
        f"{API}/samples/{HUGE}/image",
        f"{API}/runs/{HUGE}",
        f"{API}/runs/{2**40}/top-losses",
        f"/d/faces/images/{HUGE}",
        f"/d/faces/models/{2**40}",
        f"/d/faces/review?card={HUGE}",
        f"{API}/datasets/faces/export?version={'9' * 5000}",
        f"{API}/datasets/faces/export?version={2**40}",
        f"{API}/datasets/faces/export?run={HUGE}",
        f"{API}/datasets/faces/samples?cursor={2**50}",
    ],
)
def test_an_address_that_names_nothing_is_answered_in_words(
    browser_of: dict[str, TestClient], made: Made, path: str
) -> None:
    answer = browser_of["ada"].get(path)
    assert answer.status_code in (200, 404, 422), answer.text
    assert answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"sample": HUGE, "verdict": "keep", "client_id": "x"},
        {"sample": 1, "verdict": "keep", "client_id": "a\0b"},
        {"sample": 1, "verdict": "keep", "client_id": "x", "run": HUGE},
        {"sample": 1, "verdict": "k\0", "client_id": "x"},
        {"sample": 1, "verdict": "keep", "client_id": "x", "milliseconds": HUGE},
    ],
)
def test_a_decision_that_cannot_be_stored_is_refused(
    api: dict[str, TestClient], database: Database, made: Made, body: dict[str, object]
) -> None:
    answer = api["ann"].post(f"{API}/datasets/faces/decisions", json=body)
    stored_whole = answer.status_code == 201  # SQLite keeps any text
    assert stored_whole or answer.status_code in (404, 422), answer.text
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == int(stored_whole)


def test_text_that_is_no_text_is_refused(api: dict[str, TestClient], made: Made) -> None:
    for field in ("verdict", "client_id", "label"):
        body = {"sample": "1", "verdict": '"relabel"', "client_id": '"x"', "label": '"owl"'} | {
            field: '"\\ud800"'
        }
        content = "{" + ", ".join(f'"{key}": {value}' for key, value in body.items()) + "}"
        answer = api["ann"].post(
            f"{API}/datasets/faces/decisions", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422, (field, answer.text)


def test_a_log_in_with_a_nul_byte_is_no_log_in(visitor: TestClient, people: People) -> None:
    assert visitor.post("/login", data={"name": "a\0b", "password": PASSWORD}).status_code in (401, 422)


def test_strangers_cannot_make_the_server_read_large_bodies(
    visitor: TestClient, api: dict[str, TestClient], made: Made
) -> None:
    large = b"x" * 2_000_000
    assert visitor.post("/datasets/new", content=large).status_code == 413
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert visitor.post("/login", content=iter([b"name=" + large]), headers=form).status_code in (400, 413)
    assert api["ann"].post(f"{API}/datasets/faces/decisions", content=large).status_code == 413


def test_an_image_that_changed_after_the_import_is_not_passed_off_as_the_old_one(
    api: dict[str, TestClient], made: Made, tmp_path: Path
) -> None:
    path = tmp_path / "images" / made.paths[0]
    path.write_bytes((tmp_path / "images" / made.paths[-1]).read_bytes())
    answer = api["ann"].get(f"{API}/samples/{made.sample_ids[0]}/image")
    assert (answer.status_code, "has changed" in answer.json()["message"]) == (409, True)


def test_signing_out_gives_the_cards_back(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    browser_of["ann"].post("/d/faces/review/claims")
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Claim)) > 0
    browser_of["ann"].post("/logout")
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Claim)) == 0


def test_an_answer_given_in_anns_page_is_not_recorded_for_bob(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    form = {"sample": str(made.ranked[0]), "answer": "keep", "client_id": "x", "viewer": "ann"}
    assert browser_of["bob"].post("/d/faces/review/decisions", data=form).status_code == 409
    assert browser_of["ann"].post("/d/faces/review/decisions", data=form).status_code == 303
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


def test_two_admins_cannot_demote_each_other_at_once(database: Database, people: People) -> None:
    with database.write() as session:
        change_user(session, name="ann", role="admin")
    outcomes: list[object] = []

    def demote(name: str) -> None:
        try:
            with database.write() as session:
                change_user(session, name=name, role="annotator")
            outcomes.append("done")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=demote, args=(name,)) for name in ("ada", "ann")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["done", "refused"]
    with database.write() as session:
        assert count_admins(session) == 1


def test_a_client_id_cannot_stand_in_the_way_of_an_undo(api: dict[str, TestClient], made: Made) -> None:
    first = (
        api["ann"]
        .post(
            f"{API}/datasets/faces/decisions",
            json={"sample": made.ranked[0], "verdict": "delete", "client_id": "a"},
        )
        .json()
    )
    trap = {"sample": made.ranked[0], "verdict": "delete", "client_id": f"undo-{first['id'] + 1}"}
    second = api["ann"].post(f"{API}/datasets/faces/decisions", json=trap).json()
    api["ann"].delete(f"{API}/decisions/{second['id']}")
    assert api["ann"].delete(f"{API}/decisions/{first['id']}").json()["verdict"] is None
