"""The pages of second opinions, without JavaScript."""

import re

from fastapi.testclient import TestClient

from app.datasets.classes import add_class
from app.db.engine import Database
from app.review.models import SampleReview
from tests.factories import Made
from tests.web.asking import sure
from tests.web.html import flat

FRAGMENT = {"hx-request": "true"}
POLICY = {"annotators": "2", "which": "changes", "share": "10", "who": "anyone"}
REVIEW = "/d/faces/review"


def card_of(html: str, sample: int) -> str:
    [card] = re.findall(
        rf'<article class="card" data-sample="{sample}".*?</article>', flat(html), flags=re.DOTALL
    )
    return str(card)


def test_a_second_look_tells_nothing_but_the_image(browser_of: dict[str, TestClient], made: Made) -> None:
    ada, ann, bob = (browser_of[name] for name in ("ada", "ann", "bob"))
    assert ada.post("/d/faces/settings", data=POLICY).status_code == 303
    sample = made.ranked[0]  # given as a cat, predicted a dog
    ann.post(f"{REVIEW}/decisions", data={"sample": sample, "answer": "relabel:owl", "client_id": "a"})
    card = card_of(bob.post(f"{REVIEW}/claims", headers=FRAGMENT).text, sample)
    assert "A second look" in card
    for word in (
        "train/",
        "Given label",
        "The model says",
        'value="keep"',
        "data-accept",
        "Rank",
        "Why",
        "%",
        ">given<",
        'name="run"',
        "ann",
    ):
        assert word not in card, word
    assert card.count("cat") == card.count("dog") == card.count("owl")
    scripts = bob.post("/api/v1/datasets/faces/worklist/claims", json={"count": 1}).json()["items"][0]
    assert (scripts["blind"], scripts["path"], scripts["given_label"], scripts["predicted_label"]) == (
        True,
        None,
        None,
        None,
    )
    answer = bob.post(
        f"{REVIEW}/decisions",
        headers=FRAGMENT,
        data={"sample": sample, "answer": "relabel:cat", "client_id": "b"},
    )
    assert "→ cat" in answer.text  # what was said, not that it is the given label
    assert "kept" not in flat(answer.text)


def test_the_last_word_is_an_admins(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada, sample = browser_of["ada"], made.ranked[0]
    ada.post("/d/faces/settings", data=POLICY)
    for name, said in (("ann", "relabel:owl"), ("bob", "delete")):
        browser_of[name].post(
            f"{REVIEW}/decisions", data={"sample": sample, "answer": said, "client_id": name}
        )
    assert "1 of them <a" in flat(ada.get("/d/faces/settings").text)
    page = flat(ada.get("/d/faces/images/disputed").text)
    assert "1 image whose annotators disagree" in page
    assert 'class-2">owl</span>' in page
    assert "<b> delete </b>" in page
    assert browser_of["ann"].get("/d/faces/images/disputed").status_code == 403
    form = {"sample": sample, "answer": "relabel:dog", "client_id": "last"}
    assert browser_of["ann"].post("/d/faces/images/disputed", data=form).status_code == 403
    assert sure(ada, "/d/faces/images/disputed", form).status_code == 303
    with database.read() as session:
        review = session.get_one(SampleReview, sample)
        assert (review.verdict, review.label, review.waits) == ("relabel", 1, "")
    assert "Nobody disagrees" in flat(ada.get("/d/faces/images/disputed").text)


def test_the_settings_are_an_admins_and_refuse_nonsense(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    assert browser_of["ann"].get("/d/faces/settings").status_code == 403
    assert browser_of["ann"].post("/d/faces/settings", data=POLICY).status_code == 403
    for change in (
        {"annotators": "9"},
        {"annotators": "x"},
        {"share": "400"},
        {"share": "nan"},
        {"which": "none"},
        {"who": "bob"},
    ):
        assert ada.post("/d/faces/settings", data=POLICY | change).status_code == 422, change
    ada.post("/d/faces/settings", data=POLICY | {"which": "share", "share": "12.5"})
    page = flat(ada.get("/d/faces/settings").text)
    assert 'value="12.5"' in page
    assert '<option value="share" selected>' in page
    assert ' aria-current="page">' in page.partition('href="/d/faces/settings"')[2][:60]
    assert ">Settings</a>" not in flat(browser_of["ann"].get("/d/faces").text)


def test_agreement_is_told_to_admins_only(browser_of: dict[str, TestClient], made: Made) -> None:
    empty = flat(browser_of["ada"].get("/d/faces/results/team").text)
    assert '<p class="answer">Nobody has decided anything yet.</p>' in empty
    for name, said in (("ann", "relabel:owl"), ("bob", "relabel:dog")):
        for sample in made.ranked[:2]:
            browser_of[name].post(
                f"{REVIEW}/decisions", data={"sample": sample, "answer": said, "client_id": f"{name}{sample}"}
            )
    page = flat(browser_of["ada"].get("/d/faces/results/team").text)
    assert "Only 2 images have two answers: too few to tell how far people agree." in page
    assert "2 people, 2 shared images" in page
    assert re.findall(r'<th scope="row">([^<]*)</th><td class="plot">', page) == ["ann and bob", "dog", "owl"]
    cards = page.partition('<ul class="team"')[2].partition("</ul>")[0]
    assert [name in cards for name in ("</span> ann</h2>", "</span> bob</h2>")] == [True, True]
    assert cards.count("<dt>Decisions</dt><dd>2</dd>") == 2
    assert browser_of["ann"].get("/d/faces/results/team").status_code == 403


def test_saved_settings_say_so_and_can_be_undone(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    address = "/d/faces/settings"
    before = flat(ada.get(address).text).partition("<form")[2]
    ada.post(address, data=POLICY)
    page = flat(ada.get(address).text)
    assert "<p>Saved</p>" in page
    undo = re.search(r'<div class="toast">.*?<form method="post" action="([^"]+)">(.*?)</form>', page)
    assert undo
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', undo[2]))
    ada.post(undo[1], data=fields)
    ada.get("/people")  # shows that toast
    assert flat(ada.get(address).text).partition("<form")[2] == before
    ada.post(address, data=fields)
    assert "<p>Nothing was changed</p>" in ada.get(address).text


def test_a_dispute_offers_the_given_answers_first_and_many_other_classes_in_a_list(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    ada, sample = browser_of["ada"], made.ranked[0]
    with database.write() as session:
        for number in range(12):
            add_class(session, dataset_id=made.dataset_id, name=f"bird {number}", user_id=None)
    ada.post("/d/faces/settings", data=POLICY)
    for name, said in (("ann", "delete"), ("bob", "relabel:owl")):
        answer = {"sample": sample, "answer": said, "client_id": name}
        browser_of[name].post(f"{REVIEW}/decisions", data=answer)
    page = flat(ada.get("/d/faces/images/disputed").text)
    form = page.partition('action="/d/faces/images/disputed"')[2].partition("</form>")[0]
    assert re.findall(r'value="((?:relabel|delete)[^"]*)"', form) == ["relabel:owl", "delete", "relabel"]
    assert form.count("<option>") == 14
    last_word = {"sample": sample, "answer": "relabel", "label": "bird 7", "client_id": "last"}
    assert sure(ada, "/d/faces/images/disputed", last_word).status_code == 303
    assert "<p>Settled: bird 7</p>" in ada.get("/d/faces/images/disputed").text
