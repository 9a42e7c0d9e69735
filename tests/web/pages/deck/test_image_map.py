"""The page of the map, its points by REST, and the way from a selection to the page Images."""

import html
import re

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.jobs.models import Job
from app.jobs.requests import finish, list_jobs, report, start
from app.settings import Settings
from tests.factories import Made
from tests.ranking.test_maps import draw, embed
from tests.web.asking import sure
from tests.web.html import flat

URL, POINTS = "/d/faces/images/map", "/api/v1/datasets/faces/map"


def jobs(database: Database) -> list[Job]:
    with database.read() as session:
        return [job for job in list_jobs(session) if job.task == "map"]


def test_without_a_model_the_page_says_what_a_map_needs(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    page = flat(browser_of["ann"].get(URL).text)
    assert "The map is not drawn yet" in page
    assert "It needs a first look or a training" in page
    refused = browser_of["ann"].post(f"{URL}/draw")
    assert refused.status_code == 409
    assert "A map needs a first look or a training" in flat(refused.text)
    assert jobs(database) == []


def test_a_button_draws_it_and_the_page_shows_how_far_it_is(
    browser_of: dict[str, TestClient], database: Database, made: Made, settings: Settings
) -> None:
    embed(settings.runs_dir, made.run_id, made.sample_ids)
    ann, ada = browser_of["ann"], browser_of["ada"]
    assert "Draw the map, about 5 s" in flat(ann.get(URL).text)
    assert ann.post(f"{URL}/draw").status_code == 303
    assert ann.post(f"{URL}/draw").status_code == 303  # pressed twice
    (job,) = jobs(database)
    assert "Waiting for the worker" in flat(ann.get(URL).text)
    with database.write() as session:
        start(session, job_id=job.id)
        report(session, job_id=job.id, stage="Drawing the map", done=100, total=400)
    live = ann.get(f"{URL}/progress", headers={"hx-request": "true"})
    assert '<progress aria-label="Drawing the map" value="100" max="400">' in flat(live.text)
    assert "hx-refresh" not in live.headers
    assert f'action="{URL}/cancel"' in ada.get("/jobs").text
    header = re.findall(r'<a href="([^"]+)" data-job="[^"]+">([^<]+)', ann.get("/account").text)
    assert (URL, "Map of faces") in [(address, words.strip()) for address, words in header]
    assert ann.post(f"{URL}/cancel").status_code == 403
    assert sure(ada, f"{URL}/cancel", {}).status_code == 303
    with database.write() as session:
        finish(session, job_id=job.id, state="cancelled", message="Cancelled.")
    assert ann.get(f"{URL}/progress", headers={"hx-request": "true"}).headers["hx-refresh"] == "true"
    assert "The last try has ended: Cancelled." in flat(ann.get(URL).text)


def test_the_classes_of_the_map_lead_to_their_images_without_a_script(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    draw(database, made)
    page = browser_of["ann"].get(URL).text
    assert "switched off here" in page
    legend = page.partition('id="legend"')[2].partition("</ul>")[0]
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', legend)]
    counts = [int(number) for number in re.findall(r'class="num muted">(\d+)<', legend)]
    assert links == [f"/d/faces/images?class={name}" for name in ("cat", "dog", "owl")]
    assert sum(counts) == len(made.sample_ids)
    assert f"{counts[0]} images that match" in flat(browser_of["ann"].get(links[0]).text)


def test_a_newer_model_or_newer_images_are_told_with_a_button(
    browser_of: dict[str, TestClient], database: Database, made: Made, settings: Settings
) -> None:
    draw(database, made)
    assert "Draw it anew" not in browser_of["ann"].get(URL).text  # nothing to draw it from
    embed(settings.runs_dir, made.run_id, made.sample_ids)
    assert "Draw it anew" not in browser_of["ann"].get(URL).text
    embed(settings.runs_dir, made.run_id, made.sample_ids[:-2])
    page = flat(browser_of["ann"].get(URL).text)
    assert "There is a newer model than the map." in page
    assert "Draw it anew" in page


def test_points_are_sent_once_for_as_long_as_they_are_true(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    assert api["ann"].get(POINTS).status_code == 404
    map_id = draw(database, made)
    answer = api["ann"].get(POINTS)
    body = answer.json()
    assert (body["map"], body["run"], body["classes"]) == (map_id, made.run_id, ["cat", "dog", "owl"])
    assert body["samples"] == list(made.sample_ids)
    assert {len(body[name]) for name in ("x", "y", "label", "standing")} == {len(made.sample_ids)}
    tag = {"if-none-match": answer.headers["etag"]}
    again = api["ann"].get(POINTS, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    draw(database, made)
    assert api["ann"].get(POINTS, headers=tag).status_code == 200


def test_a_selection_is_a_filter_of_the_page_images_and_of_rest(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], database: Database, made: Made
) -> None:
    area = f"{draw(database, made)}_150.150_550.150_550.550_150.550"
    page = browser_of["ann"].get(f"/d/faces/images?within={area}").text
    shown = [int(number) for number in re.findall(r'name="shown" value="(\d+)"', page)]
    assert set(shown) == set(made.sample_ids[2:6])
    assert f'name="within" value="{area}"' in page  # another filter keeps it
    found = api["ann"].get("/api/v1/datasets/faces/samples", params={"within": area}).json()
    assert [item["sample"] for item in found["items"]] == list(made.sample_ids[2:6])
    form = {
        "answer": "delete",
        "everything": "true",
        "matching": "4",
        "selection": f"within={area}",
        "client_id": "map",
    }
    done = browser_of["ann"].post("/d/faces/images/verdicts", data=form)
    assert (done.status_code, done.headers["location"]) == (303, f"/d/faces/images?within={area}")
    labels = api["ann"].get("/api/v1/datasets/faces/samples", params={"within": area}).json()["items"]
    assert {item["verdict"] for item in labels} == {"delete"}


@pytest.mark.parametrize("area", ["", "9_", "99999_1.1_2.2_3.1", "1_1.1_2.2"])
def test_what_is_no_area_is_answered_in_words(
    browser_of: dict[str, TestClient], made: Made, area: str
) -> None:
    answer = browser_of["ann"].get("/d/faces/images", params={"within": area})
    assert answer.status_code == (422 if area else 200)
    if area:
        assert "on the map" in flat(answer.text)
