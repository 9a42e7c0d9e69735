"""Image problems by kind, with one verdict for many, as a page and by REST."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, update

from app.datasets.models import ImageProblem, Sample
from app.db.engine import Database
from app.review.models import SampleReview
from tests.factories import Made
from tests.web.html import flat

URL = "/d/faces/images/problems"


@pytest.fixture
def dark(database: Database, made: Made) -> list[int]:
    """Three dark images, the darkest first, and a blurry one."""
    ids = [made.sample_ids[place] for place in (4, 2, 7)]
    with database.write() as session:
        session.execute(
            insert(ImageProblem),
            [
                {
                    "sample_id": sample_id,
                    "dataset_id": made.dataset_id,
                    "kind": "dark",
                    "score": 0.99 - place / 100,
                    "value": 0.01 + place / 100,
                    "usual": 0.5,
                }
                for place, sample_id in enumerate(ids)
            ]
            + [
                {
                    "sample_id": made.sample_ids[0],
                    "dataset_id": made.dataset_id,
                    "kind": "blurry",
                    "score": -1.0,
                    "value": 1.0,
                    "usual": 5.0,
                }
            ],
        )
    return ids


def shown(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'name="shown" value="(\d+)"', page)]


def say(
    browser: TestClient, answer: str, samples: list[int], *, query: str = "kind=dark", **more: str
) -> str:
    page = browser.get(f"{URL}?{query}").text
    client_id = re.findall(r'name="client_id" value="([^"]+)">\s*<ul', page)[0]
    fields = {
        "answer": answer,
        "samples": [str(each) for each in samples],
        "shown": [str(each) for each in shown(page)],
        "selection": query,
        "matching": str(len(shown(page))),
        "client_id": client_id,
    }
    got = browser.post(f"{URL}/verdicts", data=fields | more)
    assert got.status_code == 303
    return str(got.headers["location"])


def verdicts(database: Database) -> dict[int, str]:
    with database.read() as session:
        return dict(session.execute(select(SampleReview.sample_id, SampleReview.verdict)).all())


def test_the_first_kind_with_images_is_shown_the_worst_first_with_reasons(
    browser_of: dict[str, TestClient], dark: list[int]
) -> None:
    page = flat(browser_of["ann"].get(URL).text)
    assert shown(page) == dark
    assert "brightness 1 %, usually 50 %" in page
    assert "Dark 3" in flat(re.sub("<[^>]*>", " ", page))
    assert "Blurry 1" in flat(re.sub("<[^>]*>", " ", page))


def test_deleted_images_are_gone_and_undo_brings_them_back(
    browser_of: dict[str, TestClient], database: Database, dark: list[int]
) -> None:
    browser = browser_of["ann"]
    assert say(browser, "delete", dark[:2]) == f"{URL}?kind=dark"
    assert verdicts(database) == dict.fromkeys(dark[:2], "delete")
    page = browser.get(f"{URL}?kind=dark").text
    assert shown(page) == dark[2:]
    assert shown(browser.get(f"{URL}?kind=dark&decided=true").text) == dark
    form = re.findall(r'action="/d/faces/images/problems/undo">.*?</form>', page, flags=re.DOTALL)[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert browser.post(f"{URL}/undo", data=fields).status_code == 303
    assert shown(browser.get(f"{URL}?kind=dark").text) == dark


def test_what_is_not_marked_is_kept_and_so_is_all_of_a_kind(
    browser_of: dict[str, TestClient], database: Database, dark: list[int]
) -> None:
    say(browser_of["ann"], "rest", dark[:1])
    assert verdicts(database) == dict.fromkeys(dark[1:], "keep")
    say(browser_of["ann"], "keep", [], everything="true")
    assert verdicts(database) == dict.fromkeys(dark, "keep")


def test_another_number_than_the_page_showed_changes_nothing(
    browser_of: dict[str, TestClient], database: Database, dark: list[int]
) -> None:
    browser = browser_of["ann"]
    got = browser.post(
        f"{URL}/verdicts",
        data={
            "answer": "delete",
            "everything": "true",
            "matching": "2",
            "selection": "kind=dark",
            "client_id": "x",
        },
    )
    assert got.status_code == 409
    assert verdicts(database) == {}


def test_a_kind_without_images_says_what_to_do(browser_of: dict[str, TestClient], made: Made) -> None:
    assert "a first look finds them" in browser_of["ann"].get(f"{URL}?kind=off_topic").text.lower()
    assert "There is nothing to do here" in browser_of["ann"].get(f"{URL}?kind=dark").text


def test_rest_lists_kind_after_kind_in_pages(
    api: dict[str, TestClient], database: Database, made: Made, dark: list[int]
) -> None:
    with database.write() as session:
        pair = (made.sample_ids[0], made.sample_ids[made.paths.index("valid/owl/000.png")])
        session.execute(update(Sample).where(Sample.id.in_(pair)).values(lookalikes=pair[0]))
    address, found, cursor = "/api/v1/datasets/faces/image-problems?limit=2", [], ""
    while True:
        answer = api["ann"].get(address + cursor).json()
        found += answer["items"]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert [(each["kind"], each["sample"]) for each in found] == [
        *(("dark", sample) for sample in dark),
        ("blurry", made.sample_ids[0]),
        *(("leak", sample) for sample in pair),
    ]
    assert [each["twin"] for each in found[-2:]] == [pair[1], pair[0]]
    counts = {each["kind"]: each["images"] for each in answer["counts"]}
    assert (counts["dark"], counts["blurry"], counts["leak"], counts["bright"]) == (3, 1, 2, 0)
    one = api["ann"].get("/api/v1/datasets/faces/image-problems?kind=blurry").json()["items"]
    assert one[0]["reason"] == "sharpness 1.0, usually 5.0"
    assert api["ann"].get("/api/v1/datasets/faces/image-problems?kind=ugly").status_code == 422


def test_the_grid_filters_by_problem(browser_of: dict[str, TestClient], dark: list[int]) -> None:
    page = browser_of["ann"].get("/d/faces/images?problem=dark").text
    assert sorted(shown(page)) == sorted(dark)
