"""Final and large acts are asked about first, and done only for the numbers that were said yes to."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.accounts.models import ApiToken, User
from app.accounts.tokens import create_token
from app.datasets.models import GoldPart, LabelClass, MissingFile
from app.db.engine import Database
from app.review.models import Audit, BulkAction, Decision, ReviewPolicy, SampleReview
from app.settings import Settings
from app.training.models import Photo, Run
from app.web.asking import ASK_FROM
from tests.conftest import People
from tests.factories import Made, make_dataset, photo, show_photo
from tests.web.asking import asked, sure
from tests.web.html import flat


def count(database: Database, kind: type) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


@pytest.fixture
def many(database: Database, tmp_path) -> Made:
    """120 images, 30 of them in the hold-out; all labels are doubted."""
    return make_dataset(database, tmp_path / "many", per_class=30, wrong=120)


def test_a_person_is_deactivated_after_what_ends_was_said(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, people: People
) -> None:
    ada, ann = browser_of["ada"], browser_of["ann"]
    question = ada.post("/people/ann", data={"active": "false"})
    assert "1 log-in ends now, and 1 API token is revoked for good" in flat(question.text)
    assert ann.get("/").status_code == 200
    with database.write() as session:
        create_token(session, user=people.annotator, name="one more", key=settings.secret())
    action, fields = asked(question)
    again = ada.post(action, data=fields)
    assert (again.status_code, "2 API tokens are revoked" in again.text) == (409, True)
    assert ann.get("/").status_code == 200
    action, fields = asked(again)
    assert ada.post(action, data=fields).headers["location"] == "/people"
    assert ann.get("/").status_code == 303
    with database.read() as session:
        assert not session.scalar(select(User.active).where(User.name == "ann"))


def test_a_role_is_changed_after_a_question_and_letting_in_again_needs_none(
    browser_of: dict[str, TestClient], database: Database
) -> None:
    ada = browser_of["ada"]
    assert "Make ann an admin?" in ada.post("/people/ann", data={"role": "admin"}).text
    with database.read() as session:
        assert session.scalar(select(User.role).where(User.name == "ann")) == "annotator"
    assert sure(ada, "/people/ann", {"role": "admin"}).status_code == 303
    sure(ada, "/people/bob", {"active": "false"})
    assert ada.post("/people/bob", data={"active": "true"}).status_code == 303


def test_tokens_and_photos_go_after_a_question(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, made: Made
) -> None:
    ada = browser_of["ada"]
    tokens = count(database, ApiToken)
    [revoke] = re.findall(r'action="(/account/tokens/\d+/revoke)"', ada.get("/account").text)
    show_photo(database, settings, made.run_id, photo())
    remove = f"/d/faces/models/{made.run_id}/photos/1/remove"
    for path, kind, left in ((revoke, ApiToken, tokens - 1), (remove, Photo, 0)):
        before = count(database, kind)
        assert asked(ada.post(path))[0] == path
        assert count(database, kind) == before
        assert sure(ada, path).status_code == 303
        assert count(database, kind) == left


def test_a_run_is_cancelled_and_an_audit_drawn_after_a_question(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    run = ada.post("/d/faces/models", data={"recipe": "quick"}).headers["location"]
    assert "Cancel the training of Model 2?" in flat(ada.post(f"{run}/cancel").text)
    with database.read() as session:
        assert session.get_one(Run, 2).state == "queued"
    assert sure(ada, f"{run}/cancel").headers["location"] == run
    question = ada.post("/d/faces/results/audits", data={"size": "20"})
    assert "20 of the 24 undecided images" in flat(question.text)
    assert count(database, Audit) == 0
    action, fields = asked(question)
    ada.post("/d/faces/review/decisions", data={"sample": "1", "answer": "keep", "client_id": "a"})
    assert "20 of the 23 undecided images" in ada.post(action, data=fields).text
    assert count(database, Audit) == 0
    assert sure(ada, "/d/faces/results/audits", {"size": "20"}).status_code == 303


def test_the_gold_part_is_drawn_after_all_that_it_takes_back_was_said(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], database: Database, many: Made
) -> None:
    ada, form = browser_of["ada"], {"size": "30", "looks": "2", "seed": "3"}
    held_out = [i for i, path in zip(many.sample_ids, many.paths, strict=True) if path.startswith("valid/")]
    for number, answer in enumerate(("delete", "relabel:owl", "keep")):
        said = {"sample": held_out[number], "answer": answer, "client_id": str(number), "alone": "true"}
        assert ada.post("/d/faces/review/decisions", data=said).status_code == 303
    question = ada.post("/d/faces/results/test-set", data=form)
    for words in (
        "30 images of the hold-out are drawn at random. This is final",
        "The answers to 3 of them no longer count.",
        "2 corrections are taken back",
        "2 people look at each image, and 3 people can label.",
    ):
        assert words in question.text, words
    assert count(database, GoldPart) == 0
    last = {"sample": held_out[3], "answer": "delete", "client_id": "3", "alone": "true"}
    ada.post("/d/faces/review/decisions", data=last)
    action, fields = asked(question)
    again = ada.post(action, data=fields)
    assert (again.status_code, "3 corrections are taken back" in again.text) == (409, True)
    assert count(database, GoldPart) == 0
    unsaid = api["ada"].post("/api/v1/datasets/faces/gold", json={"size": 30, "seed": 3})
    assert (unsaid.status_code, "reverts 3 corrections, not 0" in unsaid.json()["message"]) == (409, True)
    assert count(database, GoldPart) == 0
    action, fields = asked(again)
    assert ada.post(action, data=fields).headers["location"] == "/d/faces/results/test-set?taken_back=3"


def test_a_script_draws_the_gold_part_with_the_corrections_that_it_expects(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], many: Made, database: Database
) -> None:
    held_out = many.sample_ids[many.paths.index("valid/cat/000.png")]
    said = {"sample": held_out, "answer": "delete", "client_id": "a", "alone": "true"}
    browser_of["ann"].post("/d/faces/review/decisions", data=said)
    body = {"size": 30, "expected_corrections": 1}
    assert api["ada"].post("/api/v1/datasets/faces/gold", json=body).status_code == 201


def test_a_verdict_for_a_hundred_images_is_asked_about_and_the_undo_of_it(
    browser_of: dict[str, TestClient], database: Database, many: Made
) -> None:
    ann, form = browser_of["ann"], {"everything": "true", "answer": "delete", "client_id": "a"}
    question = ann.post("/d/faces/images/verdicts", data={**form, "matching": "120", "selection": "size=12"})
    assert "Remove 120 images?" in flat(question.text)
    assert '<a class="button" href="/d/faces/images?size=12"' in flat(question.text)
    assert count(database, Decision) == 0
    action, fields = asked(question)
    other = {"samples": [many.ranked[0]], "answer": "keep", "client_id": "b"}
    browser_of["bob"].post("/d/faces/images/verdicts", data=other)
    assert ann.post(action, data=fields).status_code == 303  # as many match: bob kept one among others
    assert count(database, Decision) == 121
    with database.read() as session:
        undo = {"action": str(session.scalar(select(func.max(BulkAction.id)))), "client_id": "u"}
    assert "Take back what was said of 120 images?" in ann.post("/d/faces/images/undo", data=undo).text
    assert count(database, Decision) == 121
    assert sure(ann, "/d/faces/images/undo", undo).status_code == 303
    assert count(database, Decision) == 241


def test_fewer_than_a_hundred_are_judged_at_once_and_a_hundred_marked_ones_are_not(
    browser_of: dict[str, TestClient], database: Database, many: Made
) -> None:
    ann = browser_of["ann"]
    for number in (ASK_FROM - 1, ASK_FROM):
        form = {"samples": many.ranked[:number], "answer": "keep", "client_id": str(number)}
        answer = ann.post("/d/faces/images/verdicts", data=form)
        assert answer.status_code == (303 if number < ASK_FROM else 200)
    assert count(database, Decision) == ASK_FROM - 1
    assert sure(ann, "/d/faces/images/verdicts", form).status_code == 303
    shown = {"shown": many.ranked[:100], "answer": "rest", "client_id": "r"}
    assert "Keep the labels of 100 images?" in ann.post("/d/faces/images/verdicts", data=shown).text


def test_marks_that_a_script_counted_otherwise_are_refused(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    form = {"samples": made.ranked[:3], "expected": "2", "answer": "delete", "client_id": "a"}
    answer = browser_of["ann"].post("/d/faces/images/verdicts", data=form)
    assert (answer.status_code, "3 images are named, not 2" in answer.text) == (409, True)
    assert count(database, Decision) == 0


def test_what_cannot_be_is_refused_without_a_question(browser_of: dict[str, TestClient], many: Made) -> None:
    ada = browser_of["ada"]
    everything = {"everything": "true", "matching": "119", "answer": "delete", "client_id": "a"}
    assert ada.post("/d/faces/images/verdicts", data=everything).status_code == 409
    assert ada.post("/people/ada", data={"active": "false"}).status_code == 409
    assert ada.post("/d/faces/results/test-set", data={"size": "5"}).status_code == 422
    assert browser_of["ann"].post("/d/faces/results/test-set", data={"size": "30"}).status_code == 403


def test_a_verdict_for_many_asks_with_the_images_that_change_and_why_others_are_left_alone(
    browser_of: dict[str, TestClient], database: Database, many: Made
) -> None:
    ann, alone = browser_of["ann"], many.ranked[:3]
    for sample in alone:
        said = {"sample": sample, "answer": "keep", "client_id": str(sample), "alone": "true"}
        assert ann.post("/d/faces/review/decisions", data=said).status_code == 303
    lost = many.ranked[3]
    with database.write() as session:
        session.add(MissingFile(sample_id=lost, dataset_id=many.dataset_id, reason="changed"))
    form = {
        "everything": "true",
        "matching": "120",
        "answer": "relabel",
        "label": " OWL ",
        "client_id": "a",
    }
    question = ann.post("/d/faces/images/verdicts", data=form)
    for words in (
        "Relabel 116 images to owl?",
        "116 of the 120 images that you chose get this verdict.",
        "4 are left alone: somebody looked at 3 of them one by one and the file of 1 is missing or changed.",
    ):
        assert words in question.text, words
    assert count(database, Decision) == 3
    one_more = {"sample": many.ranked[4], "answer": "keep", "client_id": "one more", "alone": "true"}
    ann.post("/d/faces/review/decisions", data=one_more)
    action, fields = asked(question)
    again = ann.post(action, data=fields)
    assert (again.status_code, "Relabel 115 images to owl?" in again.text) == (409, True)
    assert count(database, Decision) == 4
    action, fields = asked(again)
    for why in ("left_lost=1", "left_untold=true"):  # sent twice, it is done once
        assert ann.post(action, data=fields).headers["location"] == f"/d/faces/images?left=5&{why}"
    assert count(database, Decision) == 4 + 115


def test_a_class_with_braces_in_its_name_is_asked_about_as_any_other(
    browser_of: dict[str, TestClient], database: Database, many: Made
) -> None:
    with database.write() as session:
        owl = session.scalars(select(LabelClass).where(LabelClass.name == "owl")).one()
        owl.name = "owl {0} {x}"
    form = {
        "everything": "true",
        "matching": "120",
        "answer": "relabel",
        "label": "owl {0} {x}",
        "client_id": "a",
    }
    page = browser_of["ann"].post("/d/faces/images/verdicts", data=form)
    assert (page.status_code, "Relabel 120 images to owl {0} {x}?" in page.text) == (200, True)


def test_other_second_opinions_are_asked_about_with_the_corrections_that_they_move(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    for sample, answer in zip(made.ranked, ("relabel:owl", "delete", "keep"), strict=False):
        said = {"sample": sample, "answer": answer, "client_id": str(sample), "alone": "true"}
        assert ada.post("/d/faces/review/decisions", data=said).status_code == 303
    two = {"annotators": "2", "which": "all", "share": "10", "who": "anyone"}
    question = ada.post("/d/faces/settings", data=two)
    assert "2 accepted corrections wait again" in flat(question.text)
    assert "1 accepted image whose label was kept waits for another look" in flat(question.text)
    assert "All answers stay." in flat(question.text)

    def held() -> list[str]:
        with database.read() as session:
            return [review.verdict for review in session.scalars(select(SampleReview))]

    assert (sorted(held()), count(database, ReviewPolicy)) == (["delete", "keep", "relabel"], 0)
    said = {"sample": made.ranked[3], "answer": "delete", "client_id": "one more", "alone": "true"}
    ada.post("/d/faces/review/decisions", data=said)
    action, fields = asked(question)
    again = ada.post(action, data=fields)
    assert (again.status_code, "3 accepted corrections wait again" in again.text) == (409, True)
    assert count(database, ReviewPolicy) == 0
    action, fields = asked(again)
    assert ada.post(action, data=fields).headers["location"] == "/d/faces/settings"
    assert held() == ["unsure"] * 4
    assert ada.post("/d/faces/settings", data=two).status_code == 303  # nothing moves, so nothing is asked
    back = ada.post("/d/faces/settings", data={**two, "annotators": "1"})
    assert "3 corrections that wait now are accepted" in flat(back.text)
    assert "1 image that waits now is settled with its given label." in flat(back.text)
