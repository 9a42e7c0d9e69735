"""The navigation around every page: tabs with counts, and only what the viewer may open."""

import re
import uuid

from fastapi.testclient import TestClient
from sqlalchemy import update

from app.datasets.models import ImageProblem, Sample
from app.db.engine import Database
from app.jobs.models import Job
from app.jobs.requests import ask, finish, report, start
from app.review.checks import Answer
from app.review.decisions import decide
from app.training.phases import DRAWS
from app.web.navigation import TABS, SlowCounts, place_of
from tests.conftest import People
from tests.factories import Made
from tests.web.html import flat, words_of


def tabs_of(page: str, kind: str = "tabs") -> dict[str, str]:
    """The links of a row of tabs: their words with their counts, and where they lead."""
    row = re.search(rf'<nav class="{kind}".*?</nav>', page, re.DOTALL)
    links = re.findall(r'<a href="([^"]+)"[^>]*>(.*?)</a>', row[0], re.DOTALL) if row else []
    return {words_of(words): url for url, words in links}


def current(page: str, kind: str = "tabs") -> str:
    row = re.search(rf'<nav class="{kind}".*?</nav>', page, re.DOTALL)
    found = re.search(r'<a [^>]*aria-current="page"[^>]*>(.*?)</a>', row[0] if row else "", re.DOTALL)
    return words_of(found[1]) if found else ""


def test_the_tabs_of_a_data_set_have_counts(browser_of: dict[str, TestClient], made: Made) -> None:
    page = browser_of["ada"].get("/d/faces").text
    assert tabs_of(page) == {
        "Overview": "/d/faces",
        "Review 10": "/d/faces/review",
        "Images 24": "/d/faces/images",
        "Models 1": "/d/faces/models",
        "Results": "/d/faces/results",
        "Export": "/d/faces/export",
        "Settings": "/d/faces/settings",
    }
    assert current(page) == "Overview"


def test_an_answer_takes_one_from_the_count_of_the_review(
    browser_of: dict[str, TestClient], database: Database, people: People, made: Made
) -> None:
    with database.write() as session:
        answer = Answer(sample_id=made.ranked[0], verdict="keep", client_id=str(uuid.uuid4()))
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert "Review 9" in tabs_of(browser_of["ann"].get("/d/faces").text)


def test_every_link_of_the_navigation_opens_for_who_sees_it_and_marks_its_place(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    for name, client in (("ada", browser_of["ada"]), ("ann", browser_of["ann"])):
        for words, url in tabs_of(client.get("/d/faces").text).items():
            answer = client.get(url)
            assert answer.status_code == 200, (name, url)
            assert current(answer.text) == words
            subs = tabs_of(answer.text, "subs")
            for sub, below in subs.items():
                page = client.get(below)
                assert page.status_code == 200, (name, below)
                assert (current(page.text), current(page.text, "subs")) == (words, sub)


def test_a_pages_title_is_the_word_of_its_tab(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    for tab in TABS:
        for sub in (tab, *tab.subs):
            page = ada.get(f"/d/faces{sub.path}").text
            title = re.search(r"<title>(.*?) · faces · Toploss</title>", page)
            heading = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
            assert title, sub.path
            assert heading, sub.path
            # A tab with pages below it is the first of them, and the overview is headed by its data set.
            allowed = {sub.words, tab.words, *([tab.subs[0].words] if tab.subs else [])}
            if sub is not tab and sub is not tab.subs[0]:
                allowed = {sub.words}
            assert title[1] in allowed, sub.path
            assert words_of(heading[1]) in {*allowed, *(["faces", "Review faces"] if not tab.subs else [])}


def test_an_annotator_comes_to_the_classes_from_the_overview(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = browser_of["ann"].get("/d/faces/classes").text
    assert (current(page), tabs_of(page, "subs")) == ("Overview", {})
    page = browser_of["ada"].get("/d/faces/classes").text
    assert (current(page), current(page, "subs")) == ("Settings", "Classes")


def test_an_annotator_sees_no_link_to_what_only_admins_open(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = browser_of["ann"].get("/d/faces/images").text
    assert "Settings" not in tabs_of(page)
    assert set(tabs_of(page, "subs")) == {"All", "Duplicates", "Image problems", "Map"}
    admins = browser_of["ada"].get("/d/faces/images").text
    assert "Disputed" in tabs_of(admins, "subs")
    assert 'href="/people"' in admins
    assert 'href="/people"' not in page


def test_duplicates_and_image_problems_are_counted_until_somebody_decides(
    browser_of: dict[str, TestClient], database: Database, people: People, made: Made
) -> None:
    twins, dark = (made.ranked[0], made.ranked[-1]), made.ranked[1]
    with database.write() as session:
        for sample_id in twins:
            session.get_one(Sample, sample_id).lookalikes = twins[0]
        session.add(
            ImageProblem(
                dataset_id=made.dataset_id, sample_id=dark, kind="dark", score=1.0, value=0.1, usual=0.5
            )
        )
    with database.read() as session:
        labels = {session.get_one(Sample, each).given_label for each in twins}
    assert len(labels) == 2
    ann = browser_of["ann"]
    assert {"Duplicates 1", "Image problems 1"} <= set(tabs_of(ann.get("/d/faces/images").text, "subs"))
    for sample_id in (*twins, dark):
        answer = {"verdict": "keep", "client_id": str(uuid.uuid4())}
        with database.write() as session:
            decide(
                session,
                Answer(sample_id=sample_id, **answer),
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
            )
    assert {"Duplicates", "Image problems"} <= set(tabs_of(ann.get("/d/faces/images").text, "subs"))


def test_a_slow_count_is_asked_again_only_after_a_change(database: Database, made: Made) -> None:
    slow = SlowCounts()
    with database.read() as session:
        first = slow.get(session, "duplicates", dataset_id=made.dataset_id, images=24)
        slow._kept[("duplicates", made.dataset_id)] = (*slow._kept["duplicates", made.dataset_id][:2], 77)
        assert slow.get(session, "duplicates", dataset_id=made.dataset_id, images=24) == 77
        assert slow.get(session, "duplicates", dataset_id=made.dataset_id, images=25) == first


def test_an_address_belongs_to_the_longest_place_that_it_begins_with() -> None:
    def words(path: str) -> tuple[str, str]:
        tab, sub = place_of(path)
        return (tab.words if tab else "", sub.words if sub else "")

    assert words("") == ("Overview", "")
    assert words("/images/12") == ("Images", "All")
    assert words("/images/problems") == ("Images", "Image problems")
    assert words("/images/map") == ("Images", "Map")
    assert words("/imagesque") == ("", "")
    assert words("/models/3/photos") == ("Models", "All models")
    assert words("/class") == ("Settings", "Classes")
    assert len({sub.path for tab in TABS for sub in tab.subs}) == sum(len(tab.subs) for tab in TABS)


def job_of(database: Database, made: Made, task: str = "train") -> str:
    with database.write() as session:
        job = ask(
            session, task=task, dataset_id=made.dataset_id, arguments={"run": made.run_id}, user_id=None
        )
        return job.id


def end_all(database: Database) -> None:
    """The jobs of the runs that a test begins with have no worker, so nobody has ended them."""
    with database.write() as session:
        session.execute(update(Job).values(state="finished"))


def test_what_runs_stands_in_the_header_of_every_page_with_its_share(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    end_all(database)
    assert "data-job" not in ann.get("/").text
    job_id = job_of(database, made)
    with database.write() as session:
        start(session, job_id=job_id)
        report(session, job_id=job_id, stage="Training the network: epoch 2", done=43, total=100)
    job_of(database, made, "webhook")
    page = ann.get("/").text
    menu = re.search(r'<details class="menu jobs">.*?</details>', page, re.DOTALL)
    jobs = words_of(menu[0]) if menu else ""
    assert jobs.startswith("Training 44 % Training of faces 44 %")  # of all phases; the epochs are one
    assert f'href="/d/faces/models/{made.run_id}"' in page


def test_header_home_and_list_of_jobs_say_the_same_share_also_while_the_curve_is_drawn(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    end_all(database)
    job_id = job_of(database, made)
    with database.write() as session:
        start(session, job_id=job_id)
        report(session, job_id=job_id, stage=f"{DRAWS}; drawing", done=20, total=60)
    page = flat(ada.get("/").text)
    assert "<span>Drawing the curve</span> 98 %" in page
    assert f"{DRAWS}; drawing 98 %" in words_of(page)
    assert re.search(
        r'<progress aria-label="The ranking is ready[^>]*value="0.980"', flat(ada.get("/jobs").text)
    )


def test_a_page_that_saw_a_job_run_is_told_when_it_has_ended(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    end_all(database)
    job_id, ann = job_of(database, made), browser_of["ann"]
    asked = {"params": {"known": job_id}, "headers": {"hx-request": "true"}}
    assert f'data-job="{job_id}"' in ann.get("/jobs/now", **asked).text
    with database.write() as session:
        finish(session, job_id=job_id, state="finished")
        assert session.get_one(Job, job_id).state == "finished"
    ended = ann.get("/jobs/now", **asked).text
    assert "Training of faces: finished" in ended
    assert "data-job=" not in ended
    assert "data-ended" not in ann.get("/jobs/now", headers={"hx-request": "true"}).text


def test_a_theme_is_kept_and_drawn_from_the_start(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]

    def colours() -> tuple[str, str]:
        page = ann.get("/d/faces").text
        scheme = re.search(r'name="color-scheme" content="([^"]+)"', page)
        dark = re.search(r'dark\.css"\s+media="([^"]+)"', page)
        return (scheme[1] if scheme else "", dark[1] if dark else "")

    assert colours() == ("light dark", "screen and (prefers-color-scheme: dark)")
    answer = ann.post("/theme", data={"theme": "dark", "back": "/d/faces"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/d/faces")
    assert colours() == ("dark", "screen")
    ann.post("/theme", data={"theme": "light", "back": "/d/faces"})
    assert colours() == ("light", "")
    assert ann.post("/theme", data={"theme": "pink"}).status_code == 422
    elsewhere = ann.post("/theme", data={"theme": "system", "back": "https://example.org/"})
    assert elsewhere.headers["location"] == "/"


def test_a_person_can_go_to_pages_models_and_images_by_a_part_of_their_name(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]

    def found(**query: str) -> dict[str, str]:
        page = ann.get("/go", params=query, headers={"hx-request": "true"}).text
        return {words: url for url, words in re.findall(r'<a href="([^"]+)">([^<]+)</a>', page)}

    everything = found(dataset="faces")
    assert everything["Images: Duplicates"] == "/d/faces/images/duplicates"
    assert everything[f"Model {made.run_id}"] == f"/d/faces/models/{made.run_id}"
    assert everything["faces"] == "/d/faces"
    assert "Settings" not in everything
    assert "People" not in everything
    image = made.paths[0]
    assert found(dataset="faces", text=image) == {image: f"/d/faces/images/{made.sample_ids[0]}"}
    assert found(dataset="faces", text="DUPLI") == {"Images: Duplicates": "/d/faces/images/duplicates"}
    whole = ann.get("/go", params={"dataset": "faces", "text": image})
    assert "<html" in whole.text
    assert image in whole.text
    assert ann.get("/go?dataset=none").status_code == 404


def test_what_a_person_may_not_open_is_no_place_to_go_to(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    for name in ("ada", "ann"):
        page = browser_of[name].get("/go?dataset=faces", headers={"hx-request": "true"}).text
        urls = set(re.findall(r'href="([^"]+)"', page))
        assert len(urls) > 12
        for url in urls:
            assert browser_of[name].get(url).status_code == 200, (name, url)
