"""How much is left, without JavaScript: the audit, the stopping rule, the rounds."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.datasets.gold import gold_ids
from app.db.engine import Database
from app.db.types import now
from app.remaining.report import ChosenRule, report
from app.remaining.stopping import Reached, Rule
from app.review.gold import draw_gold
from app.review.models import Decision
from app.review.orders import publish_order
from app.web.pages.remaining import rule_in_words
from tests.factories import Made, make_dataset
from tests.web.asking import sure
from tests.web.html import flat

REMAINING = "/d/faces/results/errors-left"
LOOK = "/d/faces/results/audits"
Browsers = dict[str, TestClient]


def text(browser: TestClient, url: str = REMAINING) -> str:
    is_part = "/notice" in url
    answer = browser.get(url, headers={"hx-request": "true"} if is_part else {})
    assert answer.status_code == 200, answer.text
    return flat(answer.text)


def answer(browser: TestClient, sample: int, said: str = "keep", queue: str = "") -> None:
    form = {
        "sample": sample,
        "answer": said,
        "client_id": f"{sample}-{said}",
        "queue": queue,
        "milliseconds": "3000",
    }
    assert browser.post("/d/faces/review/decisions", data=form).status_code == 303


def words_shown(page: str) -> int:
    """The words of a page's main part that are visible: closed details have a summary only."""
    main = page.partition('<main id="main">')[2].partition("</main>")[0]
    while "<details" in main:  # the innermost first
        inner = r"<details[^>]*>\s*<summary>([^<]*)</summary>(?:(?!<details).)*?</details>"
        main = re.sub(inner, r"\1", main, flags=re.DOTALL)
    return len(re.sub(r"<[^>]+>", " ", main).split())


def test_before_the_first_card_the_page_says_what_to_do(browser_of: Browsers, made: Made) -> None:
    page = text(browser_of["ada"])
    assert "0 errors found in 0 of 24 labels" in page
    assert '<p class="answer">How many errors are left is not known yet.</p>' in page
    assert '<button class="primary">Look at 24 random images</button>' in page
    assert "data-chart" not in page
    assert words_shown(page) <= 120


def test_the_button_says_how_long_a_look_takes_at_the_persons_own_pace(
    browser_of: Browsers, database: Database, tmp_path: Path
) -> None:
    made = make_dataset(database, tmp_path / "images", per_class=60)
    for browser, sample, seconds in (("ann", 0, 30), ("ada", 1, 2), ("ada", 2, 3), ("ada", 3, 4)):
        form = {
            "sample": made.ranked[sample],
            "answer": "keep",
            "client_id": f"{sample}",
            "milliseconds": f"{seconds}000",
        }
        assert browser_of[browser].post("/d/faces/review/decisions", data=form).status_code == 303
    page = text(browser_of["ada"])
    assert ">Look at 100 random images, about 5 min</button>" in page
    assert words_shown(page) <= 120


def test_an_audit_is_begun_gone_on_with_and_leads_back_to_how_much_is_left(
    browser_of: Browsers, made: Made
) -> None:
    ada, ann = browser_of["ada"], browser_of["ann"]
    begun = sure(ada, LOOK, {"size": "20"})
    assert (begun.status_code, begun.headers["location"]) == (303, "/d/faces/review?order=random")
    page = text(ann)
    assert '<p class="answer">0 of 20 random images are looked at.</p>' in page
    assert 'href="/d/faces/review?order=random">Look at the last 20</a>' in page
    again = ada.post(LOOK, data={"size": "20"})
    assert (
        again.status_code,
        "The look at random images is not done: 20 of its images are left" in again.text,
    ) == (409, True)
    for number in range(20):
        ann.post("/d/faces/review/claims", data={"queue": "order=random"})
        page = flat(ann.get("/d/faces/review?order=random").text)
        sample = int(page.split('<article class="card" data-sample="')[1].split('"')[0])
        answer(ann, sample, "delete" if number < 2 else "keep", queue="order=random")
    ann.post("/d/faces/review/claims", data={"queue": "order=random"})
    rest = text(ann, "/d/faces/review?order=random&asked=true")
    assert '<article class="card"' not in rest  # four images are undecided, but the look has ended
    assert "All 20 random images are looked at" in rest
    assert 'href="/d/faces/results/errors-left"> See how many errors are left </a>' in rest
    page = text(ann)
    assert "errors are left, with 95 % confidence.</p>" in page
    assert '<table class="intervals">' in page
    assert "Look at 4 more random images, about 12 s" in text(ada)
    assert '<td class="num">20</td><td class="num">2</td>' in page
    assert words_shown(text(ada)) <= 120


def test_a_person_for_whom_no_random_image_is_free_is_told_who_has_them(
    browser_of: Browsers, made: Made
) -> None:
    ada, ann = browser_of["ada"], browser_of["ann"]
    sure(ada, LOOK, {"size": "20"})
    for _ in range(4):
        ann.post("/d/faces/review/claims", data={"queue": "order=random", "hold": "60"})
    ada.post("/d/faces/review/claims", data={"queue": "order=random"})
    rest = text(ada, "/d/faces/review?order=random&asked=true")
    assert "0 of 20 random images are looked at" in rest
    assert "Somebody else holds the others" in rest


def test_an_audit_has_cards_when_no_label_issue_is_open(browser_of: Browsers, made: Made) -> None:
    ann = browser_of["ann"]
    for sample in made.ranked[:10]:
        ann.post("/d/faces/review/claims", data={"queue": ""})
        answer(ann, sample)
    assert "Every suspicious label is reviewed" in ann.get("/d/faces/review").text
    page = ann.get("/d/faces/review?order=random").text
    assert "A random audit" in page
    assert "Every suspicious label is reviewed" not in page
    assert "data-at-once" in page  # the page fetches its cards by itself
    ann.post("/d/faces/review/claims", data={"queue": "order=random"})
    assert '<article class="card"' in flat(ann.get("/d/faces/review?order=random").text)


def test_a_worklist_that_has_learnt_forecasts_the_next_cards_and_the_rest(
    browser_of: Browsers, database: Database, made: Made
) -> None:
    with database.write() as session:
        publish_order(
            session,
            run_id=made.run_id,
            probabilities={},
            decision_id=0,
            answers=20,
            wrong=9.0,
            model={},
            facts={
                "next": {"cards": 5, "wrong": 3.2, "low": 2, "high": 5},
                "left": {"cards": 8, "wrong": 4.4, "low": 2, "high": 7},
            },
        )
    page = flat(text(browser_of["ann"]))
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>.*?<b>(.*?)</b> ?<span[^>]*>(.*?)</span>', page)
    assert rows == [
        ("In 8 suspicious labels", "2 to 7", "expected"),
        ("In the next 5", "2 to 5", "expected"),
    ]
    assert "How many errors are left is not known yet." in page  # a forecast is no measurement


def test_an_audit_is_an_admins_to_start(browser_of: Browsers, made: Made) -> None:
    assert browser_of["ann"].post("/d/faces/results/audits", data={"size": "20"}).status_code == 403
    assert "/d/faces/results/audits" not in flat(browser_of["ann"].get(REMAINING).text)
    assert "An admin can start a look at random images." in text(browser_of["ann"])
    assert "/d/faces/results/audits" in flat(browser_of["ada"].get(REMAINING).text)


def test_cards_of_the_gold_part_say_nothing_of_the_worklist(
    browser_of: Browsers, database: Database, tmp_path: Path
) -> None:
    made = make_dataset(database, tmp_path / "images", per_class=30)
    with database.write() as session:
        draw_gold(session, dataset_id=made.dataset_id, size=20, looks=1)
        gold = gold_ids(session, dataset_id=made.dataset_id).tolist()
    answer(browser_of["ann"], gold[0], "relabel:owl", queue="order=gold")
    with database.read() as session:
        found = report(session, dataset_id=made.dataset_id)
    assert (found.looked_at, found.hit_rates[0][1]) == (1, None)


def test_the_size_of_an_audit_is_refused_in_words(browser_of: Browsers, made: Made) -> None:
    for size in ("3", "1000000", "x"):
        assert browser_of["ada"].post("/d/faces/results/audits", data={"size": size}).status_code == 422
    assert (
        "A look at random images draws 20 to 5,000 images."
        in browser_of["ada"].post("/d/faces/results/audits", data={"size": "3"}).text
    )


def test_the_stopping_rule_is_an_admins_and_the_overview_announces_it(
    browser_of: Browsers, made: Made
) -> None:
    ada, ann = browser_of["ada"], browser_of["ann"]
    rule = {"kind": "cards", "amount": "3"}
    assert ann.post(REMAINING, data=rule).status_code == 403
    answer(ann, made.ranked[0], "delete")
    assert ada.post(REMAINING, data=rule).headers["location"] == "/d/faces/results/errors-left#rule"
    page = text(ann)
    assert "Stop after 3 images: 0 so far." in page
    assert "with 1 label reviewed by then (entry 1 of the log)" in page
    assert "Change the rule" not in page
    for sample in made.ranked[1:4]:
        assert "The stopping rule is reached" not in text(ann, "/d/faces")
        answer(ann, sample)
    assert "Time to stop" in text(ann)
    assert "Stop after 3 images: reached." in text(ann)
    page = text(ada, "/d/faces")
    assert "The stopping rule is reached" in page
    assert 'href="/d/faces/models/retrain"' in page
    assert 'href="/d/faces/results/errors-left">Errors left' in page
    ada.post(REMAINING, data={"kind": "none"})
    assert "The stopping rule is reached" not in text(ann, "/d/faces")
    assert "An admin can set a rule." in text(ann)


def test_a_share_is_given_in_percent_and_shown_so(browser_of: Browsers, made: Made) -> None:
    ada = browser_of["ada"]
    ada.post(REMAINING, data={"kind": "left", "amount": "2.5"})
    page = text(ada)
    assert (
        "Stop when at most 2.5 % of all labels are wrong, with 95 % confidence: no random look is done yet."
        in page
    )
    assert 'value="2.5"' in page
    for wrong in (
        {"kind": "left", "amount": "250"},
        {"kind": "luck", "amount": "1"},
        {"kind": "cards", "amount": "x"},
        {"kind": "cards"},
    ):
        assert ada.post(REMAINING, data=wrong).status_code == 422, wrong


def test_a_number_left_as_it_was_for_another_kind_of_rule_is_that_kinds_usual_one(
    browser_of: Browsers, made: Made
) -> None:
    ada = browser_of["ada"]
    shown = {"shown_kind": "cards", "shown_amount": "24", "amount": "24"}  # all images that there are
    assert 'name="shown_amount" value="24"' in text(ada)
    assert ada.post(REMAINING, data=shown | {"kind": "left"}).status_code == 303
    page = text(ada)
    assert "Stop when at most 2 % of all labels are wrong" in page
    assert 'name="shown_kind" value="left"' in page
    assert '<option value="left" selected>' in page
    for sent, words in (
        ({"kind": "minutes"}, "Stop after 60 minutes"),
        ({"kind": "cards"}, "Stop after 24 images"),
        ({"kind": "left", "amount": "3"}, "Stop when at most 3 %"),
        ({"kind": "minutes", "shown_kind": "minutes"}, "Stop after 24 minutes"),
    ):
        assert ada.post(REMAINING, data=shown | sent).status_code == 303
        assert words in text(ada)


def test_no_more_images_are_proposed_than_there_are(browser_of: Browsers, made: Made) -> None:
    page = text(browser_of["ada"])
    assert '<input id="amount-number" type="number" name="amount" min="0" step="any" value="24"' in page
    assert '<input id="size" type="number" name="size" min="20" max="24" value="24"' in page
    for sample in made.ranked[:2]:
        answer(browser_of["ann"], sample)
    assert 'name="amount" min="0" step="any" value="22"' in text(browser_of["ada"])
    kept = {"kind": "keeps", "shown_kind": "cards", "shown_amount": "22", "amount": "22"}
    assert browser_of["ada"].post(REMAINING, data=kept).status_code == 303
    assert "Stop after 22 suspicious images in a row without an error" in text(browser_of["ada"])


def test_a_refused_rule_comes_back_on_its_page_with_the_reason(browser_of: Browsers, made: Made) -> None:
    refused = browser_of["ada"].post(REMAINING, data={"kind": "hit_rate", "amount": "500"})
    assert refused.status_code == 422
    assert (
        '<p class="problem" id="rule-problem" role="alert">'
        "Choose a share of more than 0 % and less than 100 %.</p>" in refused.text
    )
    assert 'aria-label="Data set faces"' in flat(refused.text)
    assert '<option value="hit_rate" selected>' in flat(refused.text)
    assert 'value="500" required aria-invalid="true" aria-describedby="rule-problem"' in flat(refused.text)
    assert (
        "The amount must be a number, not “x”."
        in browser_of["ada"].post(REMAINING, data={"kind": "cards", "amount": "x"}).text
    )


def test_the_curve_has_its_numbers_as_a_table(browser_of: Browsers, made: Made) -> None:
    for i, sample in enumerate(made.ranked[:3]):
        answer(browser_of["ann"], sample, "delete" if i < 2 else "keep")
    page = text(browser_of["ann"])
    assert "Errors found by images looked at" in page
    assert '<tr><td class="num">3</td><td class="num">2</td></tr>' in page.replace("> <", "><")
    assert "for the next 7 suspicious images</dt><dd>21 s</dd>" in page


@pytest.mark.parametrize(
    ("kind", "amount", "so_far", "words"),
    [
        ("cards", 1500, 20.0, "Stop after 1,500 images: 20 so far."),
        ("minutes", 90, 12.4, "Stop after 90 minutes: 12 so far."),
        ("keeps", 50, 0.0, "Stop after 50 suspicious images in a row without an error: 0 now."),
        (
            "hit_rate",
            0.05,
            None,
            "Stop when under 5 % of the last 200 suspicious images are errors: not 200 yet.",
        ),
        (
            "hit_rate",
            0.05,
            0.125,
            "Stop when under 5 % of the last 200 suspicious images are errors: 12.5 % now.",
        ),
        (
            "left",
            0.02,
            0.0312,
            (
                "Stop when at most 2 % of all labels are wrong, with 95 % confidence: not reached yet, up to "
                "3.1 % may be wrong by the random looks."
            ),
        ),
    ],
)
def test_a_rule_in_words(kind: str, amount: float, so_far: float | None, words: str) -> None:
    reached = Reached(is_reached=False, so_far=so_far, after_cards=None)
    assert (
        rule_in_words(ChosenRule(Rule(kind, amount), "ada", now(), 0, 0, reached)).replace("\u00a0", " ")
        == words
    )


def test_a_reached_rule_in_words_says_when() -> None:
    reached = Reached(is_reached=True, so_far=0, after_cards=142)
    words = rule_in_words(ChosenRule(Rule("keeps", 20), "ada", now(), 0, 0, reached))
    assert words == "Stop after 20 suspicious images in a row without an error: reached after 142."


def test_the_review_is_told_of_the_audit_and_of_the_rule_by_a_fragment(
    browser_of: Browsers, made: Made
) -> None:
    ada, ann = browser_of["ada"], browser_of["ann"]
    notice = "/d/faces/results/errors-left/notice?order="

    def said(order: str) -> str:
        return flat(ann.get(notice + order, headers={"hx-request": "true"}).text)

    assert f'data-from="{notice}random"' in text(ann, "/d/faces/review?order=random")
    assert "No random look has begun" in said("random")
    assert said("rank").strip() == ""
    sure(ada, "/d/faces/results/audits", {"size": "20"})
    ada.post(REMAINING, data={"kind": "cards", "amount": "1"})
    assert "Random look: 0 of 20" in said("random")
    answer(ann, made.ranked[0])
    assert '<a href="/d/faces/results/errors-left">Stopping rule reached</a>' in said("rank")
    for sample in made.sample_ids:
        answer(ann, sample)
    assert "The random look is done" in said("random")


def test_a_mixed_order_says_what_it_is_and_its_answers_where_they_came_from(
    browser_of: Browsers, database: Database, made: Made
) -> None:
    ann, queue = browser_of["ann"], "order=mixed"
    assert "with images drawn at random in between" in text(ann, f"/d/faces/review?{queue}")
    assert "with images drawn at random in between" in text(ann, f"/d/faces/review?class=cat&{queue}")
    assert ann.get(f"/d/faces/images?{queue}").status_code == 200
    answer(ann, made.ranked[0], queue=queue)
    answer(ann, made.ranked[-1], queue=queue)
    with database.read() as session:
        assert [row.origin for row in session.query(Decision).order_by(Decision.id)] == ["deck", "audit"]
