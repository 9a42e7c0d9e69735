"""Duplicates with different labels, side by side, resolved by one click."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from app.datasets.models import MissingFile, Sample
from app.db.engine import Database
from app.review.models import Decision, SampleReview
from tests.factories import Made
from tests.web.html import flat

URL = "/d/faces/images/duplicates"


@pytest.fixture
def torn(database: Database, made: Made) -> tuple[int, int, int]:
    """A cat and a dog that are the same file, and an owl of the hold-out that looks like them."""
    cat, dog, owl = (
        made.sample_ids[made.paths.index(path)]
        for path in ("train/cat/000.png", "train/dog/000.png", "valid/owl/000.png")
    )
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id.in_((cat, dog))).values(sha256="a" * 64))
        session.execute(update(Sample).where(Sample.id.in_((cat, dog, owl))).values(lookalikes=cat))
    return cat, dog, owl


def standing(database: Database) -> dict[int, tuple[str, int | None]]:
    with database.read() as session:
        return {row.sample_id: (row.verdict, row.label) for row in session.scalars(select(SampleReview))}


def answer(browser: TestClient, said: str, **more: str) -> str:
    form = re.findall(
        r'<form method="post" action="/d/faces/images/duplicates">.*?</form>',
        browser.get(URL).text,
        flags=re.DOTALL,
    )[0]
    fields = {
        "samples": re.findall(r'name="samples" value="(\d+)"', form),
        "client_id": re.findall(r'name="client_id" value="([^"]+)"', form)[0],
    }
    got = browser.post(URL, data={**fields, "answer": said, **more})
    assert got.status_code == 303
    return str(got.headers["location"])


def test_a_group_is_shown_with_its_labels_and_its_leak(
    browser_of: dict[str, TestClient], torn: tuple[int, int, int]
) -> None:
    page = flat(browser_of["ann"].get(URL).text)
    assert "1 group to look at, 3 images" in page
    assert "They look the same" in page
    assert "in training and validation" in page
    sides = re.findall(r'<div class="side">.*?</div>', page)
    for side, name in zip(sides, ("cat", "dog", "owl"), strict=True):
        assert side.count("<img") == 1
        assert f"All are {name}<" in side  # its button is below its picture
    assert sum("the model’s choice" in side for side in sides) == 1


def test_one_click_gives_all_of_them_one_label_and_one_takes_it_back(
    browser_of: dict[str, TestClient], database: Database, torn: tuple[int, int, int]
) -> None:
    ann, (cat, dog, owl) = browser_of["ann"], torn
    done = answer(ann, "relabel:dog")
    assert standing(database) == {cat: ("relabel", 1), dog: ("keep", 1), owl: ("relabel", 1)}
    with database.read() as session:
        assert set(session.scalars(select(Decision.origin))) == {"duplicates"}
    page = flat(ann.get(done).text)
    assert "No duplicates disagree" in page
    client_id = re.findall(r'name="client_id" value="([^"]+)"', flat(page))[0]
    assert browser_of["bob"].post(f"{URL}/undo", data={"client_id": client_id}).status_code == 409
    assert ann.post(f"{URL}/undo", data={"client_id": client_id}).status_code == 303
    assert standing(database) == {}


def test_a_class_that_none_of_them_has_can_be_picked(
    browser_of: dict[str, TestClient], database: Database, torn: tuple[int, int, int]
) -> None:
    answer(browser_of["ann"], "relabel", label="owl")
    assert {label for _, label in standing(database).values()} == {2}


def test_what_differs_on_purpose_is_not_asked_again(
    browser_of: dict[str, TestClient], torn: tuple[int, int, int]
) -> None:
    ann = browser_of["ann"]
    answer(ann, "keep")
    page = flat(ann.get(URL).text)
    assert "0 groups to look at, 0 images; 1 left different on purpose" in page


def test_a_deleted_copy_disagrees_with_nobody(
    browser_of: dict[str, TestClient], torn: tuple[int, int, int]
) -> None:
    answer(browser_of["ann"], "delete")
    assert "No duplicates disagree" in flat(browser_of["ann"].get(URL).text)


def test_nonsense_is_refused_and_changes_nothing(
    browser_of: dict[str, TestClient], database: Database, torn: tuple[int, int, int]
) -> None:
    ann, samples = browser_of["ann"], list(torn)
    for form, status in (
        ({"samples": samples, "answer": "unsure"}, 422),
        ({"samples": samples, "answer": "relabel:cow"}, 422),
        ({"samples": [*samples, 10**6], "answer": "keep"}, 404),
        ({"samples": [], "answer": "keep"}, 422),
        ({"samples": samples, "answer": "keep", "client_id": "x" * 80}, 422),
    ):
        assert ann.post(URL, data={"client_id": "one", **form}).status_code == status, form
    assert standing(database) == {}
    assert ann.post(f"{URL}/undo", data={"client_id": "%"}).status_code == 409
    assert ann.get(f"{URL}?page=99").status_code == 200
    assert ann.get("/d/none/images/duplicates").status_code == 404


def test_a_lost_file_does_not_keep_the_others_of_its_group_from_being_judged(
    browser_of: dict[str, TestClient], database: Database, torn: tuple[int, int, int]
) -> None:
    cat, dog, owl = torn
    with database.write() as session:
        dataset_id = session.scalars(select(Sample.dataset_id)).first()
        session.add(MissingFile(sample_id=owl, dataset_id=dataset_id, reason="missing"))
    page = flat(browser_of["ann"].get(URL).text)
    assert "The file of 1 is missing or changed: unless you delete all, its label stays" in page
    answer(browser_of["ann"], "relabel:dog")
    verdicts = {sample: verdict for sample, (verdict, _) in standing(database).items()}
    assert verdicts == {cat: "relabel", dog: "keep"}
    assert "0 groups to look at" in flat(browser_of["ann"].get(URL).text)
    answer(browser_of["ann"], "delete")
    assert {verdict for verdict, _ in standing(database).values()} == {"delete"}
    assert owl in standing(database)


def test_a_group_whose_files_are_all_lost_is_refused_with_the_reason(
    browser_of: dict[str, TestClient], database: Database, torn: tuple[int, int, int]
) -> None:
    with database.write() as session:
        dataset_id = session.scalars(select(Sample.dataset_id)).first()
        session.add_all(MissingFile(sample_id=each, dataset_id=dataset_id, reason="missing") for each in torn)
    form = {"samples": list(torn), "answer": "keep", "client_id": "x"}
    got = browser_of["ann"].post(URL, data=form)
    assert (got.status_code, "so nobody can see whether its label is right" in got.text) == (409, True)
    assert standing(database) == {}
