"""The home page: a card for each data set, the first steps where there is none, and the demo."""

import re
from pathlib import Path

from sqlalchemy import select
from starlette.testclient import TestClient

from app.db.engine import Database
from app.jobs.models import Job
from app.jobs.requests import ask, finish, report, start
from app.measuring.headline import headline
from app.rounds.home import SHOWN
from app.training.models import Run
from tests.factories import Made, import_folder, make_first_look, make_run, write_images
from tests.web.html import flat, words_of

ANSWERS = "/d/faces/review/decisions"


def shown(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'src="/api/v1/samples/(\d+)/image\?size=thumbnail"', page)]


def test_a_card_says_how_far_the_review_is_and_shows_the_most_suspicious_open_images(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    ann = browser_of["ann"]
    page = flat(ann.get("/").text)
    assert "<b>10</b> suspicious labels left, <b>0</b> reviewed" in page
    assert shown(page) == list(made.ranked[:SHOWN])
    for number, sample in enumerate(made.ranked[:4]):
        answer = {"sample": str(sample), "client_id": str(number), "answer": "keep"}
        assert ann.post(ANSWERS, data=answer).status_code == 303
    page = flat(ann.get("/").text)
    assert "<b>6</b> suspicious labels left, <b>4</b> reviewed" in page
    assert 'aria-label="Labels reviewed" value="4" max="10"' in page
    assert shown(page)[:6] == list(made.ranked[4:10])
    assert 'href="/d/faces/review"' in page
    with database.read() as session:
        best = headline(session, dataset_id=made.dataset_id)
    assert best
    assert best.given
    assert f"best error {100 * best.given.value:.1f} %" in page


def test_the_best_error_is_that_of_the_first_look_until_a_training_is_better(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "pictures"), name="pets")

    def best() -> list[tuple[str, str]]:
        page = flat(browser_of["ann"].get("/").text)
        return re.findall(r'title="of the ([\w ]+), on the given labels: [^"]*">best error ([\d.]+) %', page)

    assert best() == []
    make_first_look(database, dataset_id, 1, wrong=3)
    looks = best()
    assert [whose for whose, _ in looks] == ["first look"]
    run_id = make_run(database, dataset_id, 1, wrong=20)
    (trained,) = best()
    assert trained[0] == "best model"
    assert float(trained[1]) > float(looks[0][1])
    with database.write() as session:
        session.get_one(Run, run_id).is_behind = True
    assert best() == looks
    make_run(database, dataset_id, 1, wrong=0, seed=2)
    assert best() == [("best model", "0.0")]


def test_a_data_set_that_nothing_has_ranked_shows_some_of_its_images(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "pictures"), name="cats")
    page = flat(browser_of["ann"].get("/").text)
    assert len(set(shown(page))) == SHOWN
    assert "suspicious" not in page


def test_what_runs_is_shown_with_its_bar_and_the_page_asks_again(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    with database.write() as session:
        for open_job in session.scalars(select(Job)):  # of the run that was made by hand
            finish(session, job_id=open_job.id, state="finished")
    assert "hx-get" not in browser_of["ann"].get("/").text
    with database.write() as session:
        arguments = {"dataset": made.dataset_id}
        job = ask(session, task="import", dataset_id=made.dataset_id, arguments=arguments, user_id=None)
    page = flat(browser_of["ann"].get("/").text)
    assert "Import: waits" in page
    assert 'hx-select="#shelf"' in page
    with database.write() as session:
        start(session, job_id=job.id)
        report(session, job_id=job.id, stage="Reading images", done=3, total=12)
    page = flat(browser_of["ann"].get("/").text)
    assert "Reading images 25 %" in words_of(page)
    assert 'value="0.25" max="1"' in page
    with database.write() as session:
        finish(session, job_id=job.id, state="finished")
    assert "hx-get" not in browser_of["ann"].get("/").text


def test_without_a_data_set_the_page_shows_the_steps_and_two_ways_to_begin(
    browser_of: dict[str, TestClient], people: object
) -> None:
    page = flat(browser_of["ada"].get("/").text)
    assert 'class="drop" href="/datasets/new"' in page
    assert 'action="/demo"' in page
    assert "toploss demo" not in page
    assert page.count("<svg") >= 3
    annotators = browser_of["ann"].get("/").text
    assert "Ask an admin" in annotators
    assert "/demo" not in annotators
    assert browser_of["ann"].post("/demo").status_code == 403
