"""The activity log: every route that changes something is written down, or listed with a reason."""

import json
import re

import pytest
from fastapi.testclient import TestClient

from app.accounts.activity import PAGE, UNKNOWN_NAME, Act, Wanted, list_activity, write_down
from app.accounts.models import Activity
from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from app.web.activity import LOGGED, TAKEN, UNLOGGED
from tests.conftest import PASSWORD, People
from tests.factories import Made
from tests.web.asking import sure
from tests.web.html import flat, words_of
from tests.web.test_security import routes


def rows(database: Database, **wanted: str) -> list[Activity]:
    with database.read() as session:
        return list_activity(session, Wanted(**wanted))  # type: ignore[arg-type]


def last(database: Database) -> tuple[str, str, str | None, str, str]:
    row = rows(database)[0]
    return row.person, row.kind, row.dataset, row.about, row.via


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_route_that_changes_something_is_written_down_or_listed_with_a_reason(
    settings: Settings, database: Database
) -> None:
    there = {f"{method} {path}" for method, path in routes(create_app(settings, database))}
    changing = {each for each in there if not each.startswith(("GET ", "HEAD "))}
    assert len(changing) > 80
    assert changing - set(LOGGED) - set(UNLOGGED) == set(), "add the route to a table of app/web/activity.py"
    assert (set(LOGGED) | set(UNLOGGED)) - changing == set()
    assert set(LOGGED) & set(UNLOGGED) == set()
    assert set(TAKEN) <= there


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_route_changes_the_log(settings: Settings, database: Database) -> None:
    about_it = {each for each in routes(create_app(settings, database)) if "activity" in each[1]}
    assert about_it == {("GET", "/activity"), ("GET", "/api/v1/activity")}


def test_what_admins_do_is_written_down_with_its_person_and_address(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    sure(ada, "/people/ann", {"role": "admin"})
    assert last(database) == ("ada", "people: changed", None, "ann, admin", "browser")
    ada.post("/people", data={"name": "eve", "role": "annotator"})
    assert last(database) == ("ada", "people: invited", None, "eve as annotator", "browser")
    sure(ada, "/people/eve/link/withdraw")
    assert last(database)[1:4] == ("people: link withdrawn", None, "eve")
    ada.post("/d/faces/manage/rename", data={"new_name": "people"})
    assert last(database) == ("ada", "data set: renamed", "faces", "now people", "browser")
    assert api["ada"].delete(f"/api/v1/runs/{made.run_id}/checkpoints").status_code == 200
    told = ("ada", "training: checkpoints deleted", "people", f"Model 1 (run {made.run_id})", "token")
    assert last(database) == told
    assert rows(database)[0].address in ("testclient", "127.0.0.1")


def test_what_is_refused_asked_about_or_changes_nothing_is_not_written_down(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    before = len(rows(database))
    assert ada.post("/people/ada", data={"role": "annotator"}).status_code == 409
    assert ada.post("/people/ann", data={"active": "false"}).status_code == 200  # the question
    assert ada.post("/people/ada", data={"role": "admin"}).status_code == 303
    assert ada.post("/d/faces/manage/delete", data={"typed": "face"}).status_code == 422
    assert api["ada"].post("/api/v1/datasets/faces/versions").status_code == 200
    assert ada.post("/d/faces/export/versions").status_code == 303
    assert ada.post("/d/faces/export", data={"version": "now", "format": "csv"}).status_code == 303
    assert ada.post("/d/faces/manage/archive", data={"archived": "false"}).status_code == 303
    assert ada.post("/d/faces/manage/rename", data={"new_name": "faces"}).status_code == 303
    same = {"name": "faces", "archived": False}
    assert api["ada"].patch("/api/v1/datasets/faces", json=same).status_code == 200
    policy = {"annotators": "1", "which": "unsure", "share": "10", "who": "anyone"}
    assert ada.post("/d/faces/settings", data=policy).status_code == 303
    key = {"idempotency-key": "one"}
    refused = api["ada"].post("/api/v1/datasets/faces/classes", json={"name": "cat"}, headers=key)
    assert refused.status_code >= 400
    assert len(rows(database)) == before


def test_log_ins_and_failed_ones_are_written_down_without_what_was_typed(
    visitor: TestClient, people: People, database: Database
) -> None:
    visitor.post("/login", data={"name": "ann", "password": PASSWORD})
    assert last(database)[:2] == ("ann", "sign-in: signed in")
    visitor.post("/login", data={"name": "ann", "password": "wrong horse"})
    assert last(database)[:2] == ("ann", "sign-in: failed")
    visitor.post("/login", data={"name": "my secret phrase", "password": "ann"})
    assert last(database)[:2] == (UNKNOWN_NAME, "sign-in: failed")
    visitor.post("/choose-password", data={"link": "nonsense"})
    assert last(database)[:2] == (UNKNOWN_NAME, "sign-in: failed")
    visitor.post("/logout", headers={"sec-fetch-site": "same-origin"})
    assert last(database)[:2] == ("ann", "account: signed out")
    everything = str([vars(row) for row in rows(database)])
    assert "secret phrase" not in everything
    assert "horse" not in everything


def test_a_download_of_labels_is_written_down(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    assert api["ann"].get("/api/v1/datasets/faces/export?format=nonsense").status_code == 422
    assert api["ann"].get("/api/v1/datasets/faces/export").status_code == 200
    [row] = [each for each in rows(database) if each.kind == "labels: exported"]
    assert (row.person, row.dataset, row.via) == ("ann", "faces", "token")


def fill(database: Database, amount: int) -> None:
    with database.write() as session:
        for number in range(amount):
            write_down(session, act=Act("data set: renamed", "zoe", "browser", about=f"number {number}"))


def test_the_page_shows_a_hundred_rows_and_leads_to_the_older_ones(
    browser_of: dict[str, TestClient], database: Database
) -> None:
    fill(database, PAGE + 3)
    ada = browser_of["ada"]
    page = flat(ada.get("/activity?person=zoe").text)
    assert page.count('<tr><th scope="row">') == PAGE
    older = re.findall(r'href="(/activity\?[^"]+)"[^>]*>Older<', page)[0].replace("&amp;", "&")
    rest = ada.get(older).text
    assert flat(rest).count('<tr><th scope="row">') == 3
    assert "number 0" in words_of(rest)
    assert "Older" not in words_of(rest)
    assert browser_of["ann"].get("/activity").status_code == 403


def test_the_page_filters_by_person_kind_and_day(
    browser_of: dict[str, TestClient], database: Database
) -> None:
    fill(database, 1)
    ada = browser_of["ada"]
    day = rows(database)[0].at.date().isoformat()
    for query, is_there in (
        ("person=zoe", True),
        ("person=ann", False),
        ("kind=data set: renamed", True),
        ("kind=sign-in: failed", False),
        ("dataset=faces", False),
        (f"since={day}", True),
        (f"until={day}", True),
        ("until=2020-01-01", False),
        ("since=2090-01-01", False),
    ):
        assert ("number 0" in ada.get(f"/activity?{query}").text) is is_there, query
    assert ada.get("/activity?since=yesterday").status_code == 422


def test_rest_gives_json_lines_the_oldest_first(api: dict[str, TestClient], database: Database) -> None:
    fill(database, 2003)
    answer = api["ada"].get("/api/v1/activity?person=zoe")
    assert answer.headers["content-type"] == "application/jsonl"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["about"] for each in lines] == [f"number {number}" for number in range(2003)]
    assert lines[0].keys() == {"id", "at", "person", "kind", "dataset", "about", "via", "address"}
    rest = api["ada"].get(f"/api/v1/activity?after={lines[-2]['id']}").text.splitlines()
    assert [json.loads(line)["about"] for line in rest] == ["number 2002"]
    assert api["ann"].get("/api/v1/activity").status_code == 403
