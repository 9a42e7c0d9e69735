"""The review without JavaScript, as fragments, and as the overview of one sample."""

import re
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.datasets.models import Dataset, Sample
from app.db.engine import Database
from app.ml.recipes import RECIPES
from app.review.models import Claim, Decision, SampleReview
from app.training.requesting import request_run
from tests.browser.deck import rerank
from tests.factories import Made, make_dataset
from tests.web.html import flat

FRAGMENT = {"hx-request": "true"}
URL = "/d/faces/review"


def cards(html: str) -> list[int]:
    """The samples whose cards are in the page, in their order."""
    return [int(number) for number in re.findall(r'<article class="card" data-sample="(\d+)"', flat(html))]


def first_form(html: str) -> dict[str, str]:
    """The hidden fields of the shown card's form."""
    form = re.findall(r'<form class="panel".*?</form>', flat(html), flags=re.DOTALL)[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def claimed(browser: TestClient) -> str:
    """The review after claiming cards."""
    return browser.post(f"{URL}/claims", headers=FRAGMENT).text


def test_looking_at_the_review_writes_nothing(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    page = browser_of["ann"].get(URL)
    assert page.status_code == 200
    assert cards(page.text) == []
    assert f'action="{URL}/claims" data-at-once' in flat(page.text)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Claim)) == 0


def test_without_javascript_a_button_takes_the_first_cards(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]
    answer = ann.post(f"{URL}/claims")
    assert answer.status_code == 303
    page = flat(ann.get(answer.headers["location"]).text)
    assert cards(page) == list(made.ranked[:6])
    assert page.count(" hidden>") >= 5  # the others wait in the page


def test_a_mixed_review_draws_some_cards_by_chance(browser_of: dict[str, TestClient], made: Made) -> None:
    page = (
        browser_of["ann"]
        .post(f"{URL}/claims", data={"hold": "20", "queue": "order=mixed"}, headers=FRAGMENT)
        .text
    )
    issues = set(made.ranked[:10])
    assert [card for card in cards(page) if card in issues] == list(made.ranked[:10])
    assert set(cards(page)) - issues


def test_two_annotators_never_see_the_same_card(browser_of: dict[str, TestClient], made: Made) -> None:
    assert not set(cards(claimed(browser_of["ann"]))) & set(cards(claimed(browser_of["bob"])))


def test_a_card_says_what_the_model_thinks_and_why_it_is_here(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = claimed(browser_of["ann"])
    assert "Rank 1 of 24: the model is" in page
    for text in (
        "Given label",
        "The model says",
        ">Keep <",
        ">Accept <",
        "Delete",
        "Unsure",
        "Skip",
        "Undo",
        'data-key="1"',
        'data-key="3"',
    ):
        assert text in page, text


def test_an_answer_is_recorded_and_the_next_card_comes(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    form = first_form(claimed(ann))
    answer = ann.post(f"{URL}/decisions", data={**form, "answer": "relabel:owl", "milliseconds": "1200"})
    assert answer.status_code == 303
    page = flat(ann.get(answer.headers["location"]).text)
    assert cards(page) == list(made.ranked[1:7])
    assert "→ owl" in page
    with database.read() as session:
        decision = session.scalars(select(Decision)).one()
        assert (decision.sample_id, decision.verdict, decision.run_id, decision.milliseconds) == (
            made.ranked[0],
            "relabel",
            made.run_id,
            1200,
        )


def test_a_form_sent_twice_is_one_answer(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    form = first_form(claimed(ann))
    for _ in range(2):
        assert (
            ann.post(f"{URL}/decisions", data={**form, "answer": "keep"}, headers=FRAGMENT).status_code == 200
        )
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


def test_the_answer_for_a_script_is_the_inside_of_the_page(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]
    answer = ann.post(
        f"{URL}/decisions", data={**first_form(claimed(ann)), "answer": "keep"}, headers=FRAGMENT
    )
    assert flat(answer.text).startswith('<div id="review"')
    for part in ('id="status"', 'id="tray"', 'id="rest"'):
        assert part in flat(answer.text)


def test_a_script_is_sent_the_cards_that_it_does_not_have(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]
    first = cards(ann.post(f"{URL}/claims", data={"hold": "3"}, headers=FRAGMENT).text)
    form = {
        "sample": first[0],
        "answer": "keep",
        "client_id": "1",
        "hold": "3",
        "have": " ".join(map(str, first[1:])),
    }
    answer = flat(ann.post(f"{URL}/decisions", data=form, headers=FRAGMENT).text)
    assert cards(answer) == [made.ranked[3]]
    assert "Loading the next images" in answer  # it has cards, whatever comes in this answer
    assert ann.post(f"{URL}/decisions", data=form | {"have": "1 or 1"}, headers=FRAGMENT).status_code == 422


def test_a_script_that_skipped_cards_can_hold_more(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]
    assert len(cards(ann.post(f"{URL}/claims", data={"hold": "9"}, headers=FRAGMENT).text)) == 9
    assert ann.post(f"{URL}/claims", data={"hold": "10000"}, headers=FRAGMENT).status_code == 422


def test_undo_brings_the_card_back_in_front(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]
    ann.post(f"{URL}/decisions", data={**first_form(claimed(ann)), "answer": "delete"})
    answer = ann.post(f"{URL}/undo")
    page = flat(ann.get(answer.headers["location"]).text)
    assert cards(page)[0] == made.ranked[0]
    assert "Standing answer" not in page


def test_undo_tells_a_script_which_card_came_back(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]
    ann.post(f"{URL}/decisions", data={**first_form(claimed(ann)), "answer": "delete"})
    assert f'data-undone="{made.ranked[0]}"' in ann.post(f"{URL}/undo", headers=FRAGMENT).text
    assert "data-undone" not in ann.post(f"{URL}/undo", headers=FRAGMENT).text  # nothing is left to undo


def test_an_old_answer_can_be_opened_again(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]
    ann.post(f"{URL}/decisions", data={**first_form(claimed(ann)), "answer": "relabel:owl"})
    page = flat(ann.get(f"{URL}?card={made.ranked[0]}").text)
    assert cards(page)[0] == made.ranked[0]
    assert "Standing answer" in page


def answered(ann: TestClient, samples: tuple[int, ...], answer: str = "keep") -> None:
    """Ann's answer for each of these samples."""
    for sample in samples:
        ann.post(f"{URL}/decisions", data={"sample": sample, "answer": answer, "client_id": f"to {sample}"})


def note(html: str) -> str:
    """What the page says of an undo, as text."""
    said = re.search(r'<p class="note" role="status">(.*?)</p>', flat(html), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", said[1]).split()) if said else ""


def test_an_undo_says_which_answer_for_which_image_is_undone(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann, (first, second) = browser_of["ann"], made.ranked[:2]
    answered(ann, (first,))
    answered(ann, (second,), "relabel:owl")
    paths = dict(zip(made.sample_ids, made.paths, strict=True))
    for sample, words in ((second, "→ owl"), (first, "kept as cat")):
        target = ann.post(f"{URL}/undo").headers["location"]
        page = ann.get(target).text
        assert f"card={sample}" in target
        assert cards(page)[0] == sample
        assert f"Your answer “{words}” for {paths[sample]} is undone" in note(page)
        assert f'<a href="{URL}?card={sample}">{paths[sample]}</a>' in flat(page)
    assert note(ann.get(f"{URL}?card={first}").text) == ""


def test_an_undo_of_somebody_else_or_of_none_is_not_told(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    answered(ann, made.ranked[:2])
    target = ann.post(f"{URL}/undo").headers["location"]
    assert note(ann.get(target).text)
    assert note(browser_of["bob"].get(target).text) == ""
    with database.read() as session:
        standing = session.scalars(select(Decision.id).order_by(Decision.id)).first()
    assert note(ann.get(f"{URL}?undone={standing}").text) == ""
    assert note(ann.get(f"{URL}?undone=999999").text) == ""


def test_an_opened_card_undoes_its_own_answer_and_not_the_last_one(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann, (first, second) = browser_of["ann"], made.ranked[:2]
    answered(ann, (first, second), "delete")
    page = flat(ann.get(f"{URL}?card={first}").text)
    button = re.search(r'<button form="undo" name="decision" value="(\d+)"', page)
    assert button, page
    target = ann.post(f"{URL}/undo", data={"decision": button[1]}).headers["location"]
    page = flat(ann.get(target).text)
    assert cards(page)[0] == first
    assert 'name="decision"' not in page
    assert "Standing answer" not in page
    assert "“deleted”" in note(page)
    with database.read() as session:
        assert session.scalars(select(SampleReview.sample_id)).all() == [second]


def test_only_ones_own_answer_in_this_data_set_is_undone(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann, bob, first = browser_of["ann"], browser_of["bob"], made.ranked[0]
    answered(ann, (first,))
    page = flat(bob.get(f"{URL}?card={first}").text)
    assert "Standing answer" in page
    assert 'name="decision"' not in page
    with database.read() as session:
        decision = session.scalars(select(Decision.id)).one()
    assert bob.post(f"{URL}/undo", data={"decision": decision}).status_code == 403
    assert ann.post(f"{URL}/undo", data={"decision": 999999}).status_code == 404
    with database.read() as session:
        assert session.scalars(select(SampleReview.sample_id)).all() == [first]


def test_an_undo_after_a_new_ranking_brings_no_card_of_the_former_one(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    first = cards(ann.post(f"{URL}/claims", data={"hold": "3"}, headers=FRAGMENT).text)
    answered(ann, (first[0],))
    rerank(database, made, gone=[])
    sent = {"hold": "3", "ranking": "former", "have": f"{first[1]} {first[2]}"}
    page = ann.post(f"{URL}/undo", data=sent, headers=FRAGMENT).text
    best_first = [sample for sample in reversed(made.ranked) if sample in made.ranked[:10]]
    assert cards(page) == [first[0], *best_first[:2], first[1]]


def test_the_page_of_somebody_else_neither_takes_nor_undoes(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    bob = browser_of["bob"]
    for action in ("claims", "undo", "redo"):
        assert bob.post(f"{URL}/{action}", data={"viewer": "ann"}, headers=FRAGMENT).status_code == 409


def test_a_card_that_is_still_decided_after_an_undo_is_not_asked_again(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann, sample = browser_of["ann"], made.ranked[0]
    for client_id, answer in (("1", "keep"), ("2", "delete")):
        ann.post(f"{URL}/decisions", data={"sample": str(sample), "answer": answer, "client_id": client_id})
    assert (
        cards(ann.get(ann.post(f"{URL}/undo").headers["location"]).text)[0] == sample
    )  # shown once, as the undone one
    assert sample not in cards(ann.get(URL).text)


def test_without_javascript_skip_leads_to_the_next_card(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]
    page = claimed(ann)
    skip = re.findall(r'data-skip href="([^"]+)"', flat(page))[0]
    assert cards(ann.get(skip).text)[0] == made.ranked[1]


def test_nonsense_is_refused_in_a_sentence_and_changes_nothing(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    form = first_form(claimed(ann))
    for answer in ("relabel:unicorn", "relabel", "burn", "keep:owl"):
        refused = ann.post(f"{URL}/decisions", data={**form, "answer": answer}, headers=FRAGMENT)
        assert refused.status_code == 422
        assert "<html" not in flat(refused.text)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 0


def test_a_finished_worklist_says_so(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]
    page = claimed(ann)
    while cards(page):
        page = ann.post(
            f"{URL}/decisions", data={**first_form(page), "answer": "keep"}, headers=FRAGMENT
        ).text
    assert "Every suspicious label is reviewed" in page
    assert "hx-trigger" not in page


def test_cards_in_other_hands_are_waited_for_without_hammering(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    browser_of["bob"].post(f"{URL}/claims", data={"hold": "60"})
    page = claimed(browser_of["ann"])
    assert "No image is free right now" in page
    assert "load," not in page


def test_a_data_set_without_a_ranking_teaches(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    from app.training.models import Run

    with database.write() as session:
        session.query(Run).update({"state": "failed", "ranked_epochs": None})
    assert "No label is checked yet" in flat(browser_of["ada"].get(URL).text)
    with database.write() as session:
        session.query(Dataset).update({"state": "waiting"})
    page = flat(browser_of["ada"].get(URL).text)
    assert "The images are not imported yet" in page
    assert "Train a model" not in page


def test_a_sample_can_be_looked_at_and_answered_alone(browser_of: dict[str, TestClient], made: Made) -> None:
    ann, url = browser_of["ann"], f"/d/faces/images/{made.ranked[3]}"
    page = flat(ann.get(url).text)
    assert "Nobody has looked at this image yet" in page, page[-1500:]
    answer = ann.post(f"{URL}/decisions", data={**first_form(page), "answer": "delete"})
    assert answer.headers["location"] == url
    page = flat(ann.get(url).text)
    assert "deleted" in page
    assert "Standing answer" in page
    assert cards(ann.get(URL).text) == []  # looking at one sample takes no others


def test_a_sample_of_another_data_set_is_not_found(browser_of: dict[str, TestClient], made: Made) -> None:
    assert browser_of["ann"].get("/d/faces/images/999999").status_code == 404
    assert browser_of["ann"].get(f"{URL}?card=999999").status_code == 404


def test_a_deck_can_be_a_selection_in_an_order_of_its_own(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann, query = browser_of["ann"], "class=dog&order=margin"
    assert 'name="queue" value="class=dog&amp;order=margin"' in flat(ann.get(f"{URL}?{query}").text)
    answer = ann.post(f"{URL}/claims", data={"queue": query})
    assert answer.headers["location"] == f"{URL}?{query}&asked=true"
    page = flat(ann.get(answer.headers["location"]).text)
    with database.read() as session:
        dogs = set(session.scalars(select(Sample.id).where(Sample.given_label == 1)))
    expected = [sample for sample in made.ranked[:10] if sample in dogs]
    assert cards(page) == expected
    form = first_form(page) | {"answer": "keep"}
    answer = ann.post(
        f"{URL}/decisions", data={name: value.replace("&amp;", "&") for name, value in form.items()}
    )
    assert cards(ann.get(answer.headers["location"]).text) == expected[1:]


def test_two_annotators_of_different_selections_share_no_card(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    held = [
        cards(browser_of[name].post(f"{URL}/claims", data={"queue": queue}, headers=FRAGMENT).text)
        for name, queue in (("ann", ""), ("bob", "order=loss"), ("ada", "order=random"))
    ]
    assert all(held)
    assert len(set().union(*held)) == sum(map(len, held))


def test_an_audit_offers_what_nobody_has_decided_by_chance(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    page = flat(
        ann.post(f"{URL}/claims", data={"queue": "order=random", "hold": "60"}, headers=FRAGMENT).text
    )
    with database.read() as session:
        chance = list(session.scalars(select(Sample.id).order_by(Sample.random_key, Sample.id)))
    assert cards(page) == chance
    ann.post(
        f"{URL}/decisions",
        data={"sample": chance[0], "answer": "keep", "client_id": "a", "queue": "order=random"},
    )
    with database.read() as session:
        assert session.scalars(select(Decision.origin)).all() == ["audit"]


def test_a_queue_that_makes_no_sense_is_refused(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]
    for queue in ("order=odd", "class=cow", "state=odd"):
        assert ann.post(f"{URL}/claims", data={"queue": queue}).status_code == 422, queue
        assert ann.get(f"{URL}?{queue}").status_code == 422, queue


def test_who_has_signed_out_decides_no_more(browser_of: dict[str, TestClient], made: Made) -> None:
    client = browser_of["ann"]
    cookie = client.cookies["toploss_session"]

    def decide(sample: int) -> int:
        form = {"sample": sample, "answer": "keep", "client_id": f"decision {sample}"}
        return client.post("/d/faces/review/decisions", data=form, headers={"hx-request": "true"}).status_code

    assert [decide(sample) for sample in made.ranked[:2]] == [200, 200]
    client.post("/logout")
    client.cookies.set("toploss_session", cookie)
    assert decide(made.ranked[2]) == 401


def test_who_is_not_signed_in_is_told_so_before_the_form_is_looked_at(
    visitor: TestClient, made: Made
) -> None:
    assert visitor.post("/d/faces/review/decisions", data={"sample": "no number"}).status_code == 401


def end_of(browser: TestClient, made: Made) -> str:
    """The review after every suspicious label was kept."""
    page = claimed(browser)
    while cards(page):
        page = browser.post(
            f"{URL}/decisions", data={**first_form(page), "answer": "keep"}, headers=FRAGMENT
        ).text
    return flat(page)


def test_the_end_knows_the_training_that_runs_and_waits_for_it(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    with database.write() as session:
        request_run(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            recipe=RECIPES["quick"],
            weights="none",
            parent_id=None,
            seed=0,
            user_id=None,
        )
    page = end_of(browser_of["ann"], made)
    assert "0 errors found in 10 reviewed labels." in page
    assert "A training waits for a worker" in page
    assert re.search(r'id="rest" class="rest" +data-waits', page)
    assert "may find more" not in page  # it runs already


def test_where_no_label_looks_wrong_nothing_is_said_to_be_reviewed(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    made = make_dataset(database, tmp_path / "clean", name="clean", wrong=0)
    page = flat(browser_of["ann"].get("/d/clean/review").text)
    assert "No label looks wrong" in page
    assert f"The model agrees with the labels of all {len(made.sample_ids)} images." in page
    assert "0 errors" not in page
    assert "is reviewed" not in page


def test_the_counters_are_those_of_the_selection(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]
    of_cats = "class=cat"
    page = flat(ann.post(f"{URL}/claims", data={"queue": of_cats}, headers=FRAGMENT).text)
    many = len(cards(page))
    assert 0 < many < 10
    figures = r"<dd>(\d+)</dd>"
    assert re.findall(figures, page)[:3] == ["0", str(many), "0"]
    assert "Suspicious labels of this selection reviewed" in page
    answer = {**first_form(page), "answer": "relabel:owl"}
    page = flat(ann.post(f"{URL}/decisions", data=answer, headers=FRAGMENT).text)
    assert re.findall(figures, page)[:3] == ["1", str(many - 1), "1"]
    assert re.findall(figures, flat(ann.get(URL).text))[:3] == ["1", "9", "1"]


def test_three_hints_are_shown_until_they_are_put_away_and_never_again(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann, bob = browser_of["ann"], browser_of["bob"]
    hints = r'<section class="hints"[^>]*>.*?</section>'
    shown = re.search(hints, flat(ann.get(f"{URL}?class=cat").text))
    assert shown
    assert shown[0].count("<li>") == 3
    answer = ann.post(f"{URL}/hints", data={"queue": "class=cat"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{URL}?class=cat")
    assert not re.search(hints, flat(ann.get(URL).text))
    assert re.search(hints, flat(bob.get(URL).text))
