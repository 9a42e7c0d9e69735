"""The page that chooses who sees a data set, and the routes of REST."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from app.accounts.activity import Wanted, list_activity
from app.accounts.models import User
from app.accounts.users import change_user
from app.datasets.catalog import lock_dataset
from app.datasets.chosen import choose_people
from app.datasets.models import Dataset
from app.db.engine import Database
from app.review.models import Claim
from tests.conftest import People
from tests.factories import Made
from tests.web.asking import asked, sure
from tests.web.html import flat, words_of

PAGE = "/d/faces/settings/people"
REST = "/api/v1/datasets/faces/people"


def told(database: Database) -> list[tuple[str, str | None, str, str]]:
    """Who changed it, with what and how, the newest first."""
    with database.read() as session:
        found = list_activity(session, Wanted(kind="data set: who sees it"))
        return [(row.person, row.dataset, row.about, row.via) for row in found]


def seen_by(browsers: dict[str, TestClient]) -> set[str]:
    return {name for name in ("ada", "ann", "bob") if browsers[name].get("/d/faces").status_code == 200}


def shown(page: str) -> str:
    return re.findall(r'name="shown" value="(\w+)"', page)[0]


def test_the_page_shows_everybody_until_people_are_chosen(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = flat(browser_of["ada"].get(PAGE).text)
    assert 'value="everybody" checked' in page
    assert re.findall(r'name="person" value="(\w+)"\s*(checked)?', page) == [("ann", ""), ("bob", "")]
    assert "Admins see every data set: ada." in page
    assert f'href="{PAGE}"' in browser_of["ada"].get("/d/faces/settings").text


def test_nobody_is_shut_out_before_the_question_is_answered(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    browser_of["bob"].post("/d/faces/review/claims", headers={"hx-request": "true"})
    chosen = {"seen_by": "chosen", "person": ["ann"], "shown": shown(ada.get(PAGE).text)}
    question = ada.post(PAGE, data=chosen)
    assert "Hide faces from 1 person?" in question.text
    assert re.search(r"For bob it does not exist from now on.*images they hold", flat(question.text))
    assert seen_by(browser_of) == {"ada", "ann", "bob"}
    assert told(database) == []
    action, fields = asked(question)
    assert ada.post(action, data=fields).headers["location"] == PAGE
    assert seen_by(browser_of) == {"ada", "ann"}
    assert told(database) == [("ada", "faces", "only for admins, ann", "browser")]
    with database.read() as session:
        assert session.scalars(select(Claim)).all() == []
    page = flat(ada.get(PAGE).text)
    assert re.findall(r'name="person" value="(\w+)"\s*(checked)?', page) == [("ann", "checked"), ("bob", "")]
    assert 'value="chosen" checked' in page


def test_letting_people_in_needs_no_question_and_can_be_undone(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    sure(ada, PAGE, {"seen_by": "chosen"})
    assert seen_by(browser_of) == {"ada"}
    assert ada.post(PAGE, data={"seen_by": "chosen", "person": ["ann", "bob"]}).status_code == 303
    undo = '<input type="hidden" name="seen_by" value="chosen">'
    assert undo in ada.get(PAGE).text  # and nobody, as before
    assert seen_by(browser_of) == {"ada", "ann", "bob"}
    assert ada.post(PAGE, data={"seen_by": "everybody"}).status_code == 303
    assert [about for _, _, about, _ in told(database)] == [
        "for everybody again",
        "let in ann, bob",
        "only for admins",
    ]
    assert ada.post(PAGE, data={"seen_by": "everybody", "person": ["ann"]}).status_code == 303
    assert "Nothing was changed" in words_of(ada.get(PAGE).text)
    assert len(told(database)) == 3


def test_a_form_that_was_overtaken_changes_nothing(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    old = {"seen_by": "everybody", "shown": shown(ada.get(PAGE).text)}
    assert api["ada"].put(REST, json={"everybody": False, "people": ["ann"]}).status_code == 200
    refused = ada.post(PAGE, data=old)
    assert (refused.status_code, "was changed in the meantime" in refused.text) == (409, True)
    assert seen_by(browser_of) == {"ada", "ann"}


def test_an_admin_who_was_chosen_before_stays_chosen(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], database: Database, made: Made
) -> None:
    api["ada"].put(REST, json={"everybody": False, "people": ["bob"]})
    with database.write() as session:
        change_user(session, name="bob", role="admin")
    browser_of["ada"].post(PAGE, data={"seen_by": "chosen", "person": ["ann"]})
    assert api["ada"].get(REST).json()["people"] == ["ann", "bob"]


def test_rest_reads_and_replaces_who_sees_it(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = api["ada"]
    everybody = {"dataset": "faces", "everybody": True, "people": []}
    assert ada.get(REST).json() == everybody
    chosen = {"dataset": "faces", "everybody": False, "people": ["bob"]}
    for _ in range(2):
        assert ada.put(REST, json={"everybody": False, "people": ["bob"]}).json() == chosen
    assert told(database) == [("ada", "faces", "only for admins, bob", "token")]
    assert seen_by(browser_of) == {"ada", "bob"}
    for wrong in (
        {"everybody": False, "people": ["zoe"]},
        {"everybody": True, "people": ["ann"]},
        {"people": ["ann"]},
        {"everybody": False, "persons": ["ann"]},
    ):
        assert ada.put(REST, json=wrong).status_code == 422
    assert ada.get(REST).json() == chosen
    assert ada.put(REST, json={"everybody": True}).json() == everybody
    assert api["ann"].get(REST).status_code == 403


@pytest.mark.parametrize("data", [{"active": "false"}, {"role": "viewer"}])
def test_the_cards_of_who_may_decide_no_more_are_free(
    browser_of: dict[str, TestClient], database: Database, people: People, made: Made, data: dict[str, str]
) -> None:
    browser_of["bob"].post("/d/faces/review/claims", headers={"hx-request": "true"})
    with database.read() as session:
        bob = session.scalar(select(User.id).where(User.name == "bob"))
        assert bob in session.scalars(select(Claim.user_id)).all()
    sure(browser_of["ada"], "/people/bob", data)
    with database.read() as session:
        assert session.scalars(select(Claim.user_id)).all() == []


def test_scripts_add_and_remove_people_without_the_list(
    api: dict[str, TestClient], database: Database, made: Made, people: People
) -> None:
    ada = api["ada"]
    assert ada.patch(REST, json={"add": ["bob"]}).json()["people"] == ["bob"]
    assert ada.patch(REST, json={"add": ["ann"], "remove": ["bob"]}).json()["people"] == ["ann"]
    for body, words in (
        ({}, "at least one person"),
        ({"remove": ["bob"]}, "bob is not among the chosen people of faces"),
        ({"add": ["zoe"]}, "no user named zoe"),
        ({"everybody": True}, "no field “everybody”"),
    ):
        refused = ada.patch(REST, json=body)
        assert (refused.status_code, words in refused.json()["message"]) == (422, True)
    assert [about for _, _, about, _ in told(database)] == [
        "let in ann; shut out bob",
        "only for admins, bob",
    ]


@pytest.mark.parametrize(
    ("method", "body", "after"),
    [("PUT", {"everybody": False, "people": ["ann"]}, ["ann"]), ("PATCH", {"add": ["ann"]}, ["ann", "bob"])],
)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_changes_at_once_come_one_after_the_other(
    api: dict[str, TestClient],
    database: Database,
    made: Made,
    people: People,
    method: str,
    body: dict[str, object],
    after: list[str],
) -> None:
    api["ada"].put(REST, json={"everybody": False, "people": []})
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with ThreadPoolExecutor() as threads:
        with database.write() as session:
            lock_dataset(session, dataset_id=made.dataset_id)
            bob = session.scalars(select(User.id).where(User.name == "bob"))
            choose_people(session, session.get_one(Dataset, made.dataset_id), user_ids=list(bob))
            second = threads.submit(api["ada"].request, method, REST, json=body)
            until = time.monotonic() + 60
            while not second.done():
                with database.read() as other:
                    if other.scalar(waits):
                        break
                assert time.monotonic() < until
            assert not second.done()
        assert second.result(timeout=60).status_code == 200
    assert api["ada"].get(REST).json()["people"] == after
