"""The comparison page and its images, and the same numbers for scripts."""

import re
import uuid

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.training.models import Run
from tests.factories import CLASSES, Made, make_run
from tests.measuring.reviewed import frozen
from tests.web.html import flat

API = "/api/v1/datasets/faces/compare"


def hold_out(made: Made) -> list[int]:
    return [
        sample for sample, path in zip(made.sample_ids, made.paths, strict=True) if path.startswith("valid/")
    ]


def relabel(browser: TestClient, sample: int, label: str, **more: str) -> None:
    form = {"sample": sample, "answer": f"relabel:{label}", "client_id": str(uuid.uuid4()), **more}
    assert browser.post("/d/faces/review/decisions", data=form).status_code == 303


def unchanged_twins(database: Database, made: Made, browser: TestClient, **more: str) -> tuple[int, int]:
    """A run with three errors, people who agree with the run on each of them, and the same network again."""
    valid = hold_out(made)
    says = {valid[0]: 1, valid[2]: 2, valid[4]: 0}
    old = make_run(database, made.dataset_id, made.version_id, says=says, seed=1)
    for sample, position in says.items():
        relabel(browser, sample, CLASSES[position], **more)
    return old, make_run(database, made.dataset_id, frozen(database, made), says=says, parent_id=old)


def test_the_page_warns_where_a_model_chose_what_was_reviewed(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    old, new = unchanged_twins(database, made, browser_of["ann"])
    page = flat(browser_of["ann"].get(f"/d/faces/results?old={old}&new={new}").text)
    warning = page.split("Reviewing only what a model flags lowers the measured error by itself")[1].split(
        "</section>"
    )[0]
    assert (
        "Of 3 reviewed hold-out images 3 were looked at because a model’s ranking showed them, none was "
        "drawn at random" in warning
    )
    assert re.findall(r"<b>([\d.]+ %)</b>", warning) == ["50.0 %", "0.0 %"]  # the same network


def test_a_single_image_is_told_in_the_singular(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    ann, deleted = browser_of["ann"], hold_out(made)[1]
    form = {"sample": deleted, "answer": "delete", "client_id": str(uuid.uuid4())}
    assert ann.post("/d/faces/review/decisions", data=form).status_code == 303
    old, new = unchanged_twins(database, made, ann)
    page = flat(ann.get(f"/d/faces/results?old={old}&new={new}").text)
    assert "1 deleted hold-out image is left out" in page
    assert "3 relabels and 1 deletion of these" in page
    relabel(ann, hold_out(made)[3], "cat")
    page = flat(ann.get(f"/d/faces/results?old={old}&new={new}").text)
    assert "1 label has changed since the newest version; it counts here once <a" in page


def test_the_page_does_not_warn_where_chance_chose(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    old, new = unchanged_twins(database, made, browser_of["ann"], queue="order=random")
    page = flat(browser_of["ann"].get(f"/d/faces/results?old={old}&new={new}").text)
    assert "Error by the given labels (6 images)" in page
    assert "lowers the measured error by itself" not in page


def test_the_answer_comes_first_then_its_picture_and_the_computation_is_closed(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    new = make_run(database, made.dataset_id, made.version_id, wrong=1, parent_id=made.run_id, seed=1)
    page = flat(browser_of["ann"].get("/d/faces/results").text)
    answer, _, rest = page.partition('<details class="computed">')
    main = answer.partition("<h1>Did it help?</h1>")[2]
    assert '<p class="answer">' in main
    assert "this says nothing of cleaning" in main
    assert main.index("answer") < main.index('<table class="intervals">')
    links = [f'<a href="/d/faces/models/{run}">Model {run}</a>' for run in (made.run_id, new)]
    assert main.index(links[0]) < main.index(links[1])
    for text in (
        f"Before: Model {made.run_id}",
        f"After: Model {new}",
        "Read down a column, not across",
        "McNemar’s exact test",
        "What they do not say",
        "both models trained on the same labels",
        "By class",
    ):
        assert text in rest, text
        assert text not in main, text
    assert rest.count('<table class="matrix">') == 4
    other = browser_of["ann"].get(f"/d/faces/results?old={new}&new={made.run_id}").text
    assert f"Before: Model {new}" in flat(other)


def words_shown(page: str) -> int:
    """The words of a page's main part that are visible: closed details have a summary only."""
    main = page.partition('<main id="main">')[2].partition("</main>")[0]
    main = re.sub(r"<details[^>]*>\s*<summary>(.*?)</summary>.*?</details>", r"\1", main, flags=re.DOTALL)
    return len(re.sub(r"<[^>]+>", " ", main).split())


def test_the_answer_takes_few_words(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    old, new = unchanged_twins(database, made, browser_of["ann"])
    page = browser_of["ann"].get(f"/d/faces/results?old={old}&new={new}").text
    assert 20 < words_shown(page) <= 250


def test_the_images_that_changed_are_shown_beside_the_answer(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    valid = hold_out(made)
    old = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1, valid[1]: 2}, seed=1)
    new = make_run(database, made.dataset_id, made.version_id, says={valid[2]: 0}, seed=2)
    page = flat(browser_of["ann"].get(f"/d/faces/results?old={old}&new={new}").text)
    strips = page.partition('<div class="strips">')[2].partition("<details")[0]
    repaired, _, broken = strips.partition("1 broken")
    assert "2 repaired" in repaired
    shown = r'href="/d/faces/images/(\d+)"'
    assert [int(sample) for sample in re.findall(shown, repaired)] == valid[:2]
    assert [int(sample) for sample in re.findall(shown, broken)] == [valid[2]]
    assert "dog → <b>cat</b>" in repaired


def test_four_cells_are_a_table_once_three_have_a_model(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    ann, heading = browser_of["ann"], "Trained and trained further, by labels"
    make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id)
    assert heading not in ann.get("/d/faces/results").text
    relabel(ann, made.ranked[0], "dog")
    make_run(database, made.dataset_id, frozen(database, made))
    page = flat(ann.get("/d/faces/results").text)
    assert heading in page
    assert page.count(">Train it</a>") == 1


def test_one_model_leads_to_the_review(browser_of: dict[str, TestClient], made: Made) -> None:
    page = flat(browser_of["ann"].get("/d/faces/results").text)
    assert "Review some labels, then retrain." in page
    assert 'class="button primary" href="/d/faces/review"' in page
    assert "<table" not in page


def test_one_model_and_changed_labels_lead_an_admin_to_the_retrain(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    relabel(browser_of["ann"], made.ranked[0], "dog")
    page = flat(browser_of["ada"].get("/d/faces/results").text)
    assert "Labels have changed: retrain on them." in page
    assert 'class="button primary" href="/d/faces/models/retrain"' in page
    assert "Labels have changed" not in flat(browser_of["ann"].get("/d/faces/results").text)


def test_a_model_of_cleaned_labels_alone_needs_one_of_the_given_labels(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    relabel(browser_of["ann"], made.ranked[0], "dog")
    version_id = frozen(database, made)
    with database.write() as session:
        session.get_one(Run, made.run_id).version_id = version_id
    page = flat(browser_of["ada"].get("/d/faces/results").text)
    assert "No model has learnt the labels as they were given." in page
    assert 'href="/d/faces/models/train?version=0">Train on the given labels' in page
    assert "models/train" not in flat(browser_of["ann"].get("/d/faces/results").text)
    started = browser_of["ada"].post("/d/faces/models", data={"recipe": "quick", "version": "0"})
    assert f"Model {made.run_id + 1} is being trained." in flat(
        browser_of["ann"].get("/d/faces/results").text
    )
    assert started.headers["location"] == f"/d/faces/models/{made.run_id + 1}"


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("old=999", 404, "There is no model with the id 999"),
        ("old=1&new=1", 422, "with itself"),
        ("old=1&new=2&labels=9", 404, "no version 9"),
    ],
)
def test_what_cannot_be_compared_is_said_on_the_page(
    browser_of: dict[str, TestClient], made: Made, database: Database, query: str, status: int, words: str
) -> None:
    make_run(database, made.dataset_id, made.version_id, wrong=1, seed=1)
    answer = browser_of["ann"].get(f"/d/faces/results?{query}")
    assert answer.status_code == status
    assert words in flat(answer.text)
    assert "<select" in answer.text  # and another pair can be chosen


def test_the_changed_images_are_a_click_away_and_as_many_as_said(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    valid = hold_out(made)
    new = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1, valid[2]: 2}, seed=1)
    ann = browser_of["ann"]
    page = flat(ann.get(f"/d/faces/results?old={made.run_id}&new={new}").text)
    links = dict(
        re.findall(
            r'href="(/d/faces/results/images\?[^"]*change=(?:broken|all))">.*?<td class="num">(\d+)</td>',
            page.partition('<details class="computed">')[2],
        )
    )
    assert sorted(links.values()) == ["2", "2"]
    for link, number in links.items():
        found = flat(ann.get(link.replace("&amp;", "&")).text)
        assert found.count("<li>") == int(number)
        assert f'href="/d/faces/images/{valid[0]}"' in found
        assert "cat → <b>dog</b>" in found
    assert (
        "No prediction changed in this way"
        in ann.get(f"/d/faces/results/images?old={made.run_id}&new={new}&change=repaired").text
    )
    assert (
        "There is no such page" in ann.get(f"/d/faces/results/images?old={made.run_id}&new={new}&page=7").text
    )
    assert ann.get(f"/d/faces/results/images?old={made.run_id}&new={new}&change=magic").status_code == 422
    assert ann.get(f"/d/faces/results/images?old={made.run_id}&new=77").status_code == 404


def test_scripts_get_all_the_numbers_of_a_comparison(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    old, new = unchanged_twins(database, made, browser_of["ann"])
    found = api["ann"].get(API, params={"old": old, "new": new}).json()
    given, reviewed = found["columns"]
    assert [given["kind"], reviewed["kind"], found["version"]] == ["given", "reviewed", 1]
    assert [given["old"]["error_rate"]["wrong"], reviewed["old"]["error_rate"]["wrong"]] == [3, 0]
    assert reviewed["difference"] == {
        "value": 0.0,
        "low": 0.0,
        "high": 0.0,
        "repaired": 0,
        "broken": 0,
        "p": 1.0,
        "beyond_chance": False,
        "n": 6,
    }
    assert [each["name"] for each in reviewed["per_class"]] == found["classes"] == list(CLASSES)
    assert found["chosen"]["flatters"] is True
    assert found["chosen"]["after_relabels"]["wrong"] == 0
    assert found["changes"] == {"repaired": 0, "broken": 0, "other": 0, "all": 0}
    assert found["seeds"]["spread"] == 0.5  # the run that the data set came with differs by its seed alone
    assert api["ann"].get(API, params={"old": old, "new": old}).status_code == 422
    assert api["ann"].get(API, params={"old": old}).status_code == 422
    assert api["ann"].get(API, params={"old": old, "new": 99}).json()["error"] == "not_found"
