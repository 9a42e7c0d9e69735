"""The gold part as people see it: drawn by an admin, labelled blind, hidden until it is settled."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.accounts.models import User
from app.datasets.gold import gold_ids
from app.datasets.models import Sample
from app.db.engine import Database
from app.ranking.models import Prediction
from app.review.checks import Answer
from app.review.decisions import decide
from app.training.models import Run
from tests.conftest import People
from tests.factories import CLASSES, Made, make_dataset, make_run
from tests.web.asking import asked, sure
from tests.web.html import flat

Browsers = dict[str, TestClient]


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """A data set of 120 images, 30 of them in the hold-out, whose run doubts every label."""
    return make_dataset(database, tmp_path / "images", per_class=30, wrong=120)


def draw(browser: TestClient, **changed: str) -> int:
    answer = browser.post(
        "/d/faces/results/test-set", data={"size": "20", "looks": "2", "seed": "3"} | changed
    )
    if answer.status_code == 200:  # nothing speaks against it, so it is asked about
        action, fields = asked(answer)
        answer = browser.post(action, data=fields)
    return answer.status_code


def members(database: Database, made: Made) -> list[int]:
    with database.read() as session:
        return [int(sample) for sample in gold_ids(session, dataset_id=made.dataset_id)]


def settle_by(database: Database, made: Made, user_id: int, sample: int, label: str) -> None:
    answer = Answer(sample_id=sample, verdict="relabel", label=label, client_id=f"{sample}")
    with database.write() as session:
        decide(session, answer, dataset_id=made.dataset_id, user_id=user_id)


def settle(database: Database, made: Made, people: People, sample: int, label: str | None) -> None:
    for user in (people.annotator, people.other):
        with database.write() as session:
            decide(
                session,
                Answer(
                    sample_id=sample,
                    verdict="relabel" if label else "delete",
                    label=label,
                    client_id=f"{sample}",
                ),
                dataset_id=made.dataset_id,
                user_id=user.id,
            )


def test_the_page_proposes_a_size_and_an_admin_draws_it(browser_of: Browsers, made: Made) -> None:
    page = flat(browser_of["ada"].get("/d/faces/results/test-set").text)
    assert "There is no checked test set yet." in page
    # the run gets all wrong, so the usual rate is reckoned with
    assert "With 30 images an error of 37 % is known to ± 17.3 points." in page
    assert draw(browser_of["ada"]) == 303
    page = flat(browser_of["ada"].get("/d/faces/results/test-set").text)
    assert "0 of 20 images are agreed" in page
    assert "with the seed 3" in page
    assert f"after Model {made.run_id} was requested" in page
    assert 'href="/d/faces/review?order=gold"' in page
    assert draw(browser_of["ada"]) == 409


def test_annotators_see_the_gold_part_and_do_not_draw_it(browser_of: Browsers, made: Made) -> None:
    assert "Ask an admin to create it" in flat(browser_of["ann"].get("/d/faces/results/test-set").text)
    assert draw(browser_of["ann"]) == 403
    draw(browser_of["ada"])
    assert "Label 20 images" in flat(browser_of["ann"].get("/d/faces/results/test-set").text)


@pytest.mark.parametrize(
    ("field", "value"), [("size", "3"), ("size", "3000"), ("size", "many"), ("looks", "9"), ("seed", "-1")]
)
def test_a_draw_that_makes_no_sense_is_refused(
    browser_of: Browsers, made: Made, field: str, value: str
) -> None:
    assert draw(browser_of["ada"], **{field: value}) == 422


def test_without_a_hold_out_the_page_says_what_to_do(
    browser_of: Browsers, made: Made, database: Database
) -> None:
    with database.write() as session:
        session.execute(update(Sample).where(Sample.split == "valid").values(split="train"))
    page = flat(browser_of["ada"].get("/d/faces/results/test-set").text)
    assert "put some into a folder named valid" in page
    assert '<form class="flow"' not in page


def test_a_gold_card_tells_nothing_but_the_image_and_the_classes(
    browser_of: Browsers, made: Made, database: Database
) -> None:
    draw(browser_of["ada"])
    ann, paths = browser_of["ann"], dict(zip(made.sample_ids, made.paths, strict=True))
    assert "20 images of the checked test set to label" in ann.get("/d/faces/review?order=gold").text
    assert (
        ann.post("/d/faces/review/claims", data={"queue": "order=gold"}).headers["location"]
        == "/d/faces/review?order=gold&asked=true"
    )
    page = flat(ann.get("/d/faces/review?order=gold").text)
    assert "Which class do you see?" in page
    shown = [sample for sample in members(database, made) if f'data-sample="{sample}"' in page]
    assert len(shown) == 6
    for sample in shown:
        for address in (
            f"/d/faces/review?order=gold&card={sample}",
            f"/d/faces/review?card={sample}",
            f"/d/faces/images/{sample}",
        ):
            told = flat(ann.get(address).text)
            assert paths[sample] not in told
            assert "Given label" not in told
            assert 'value="keep"' not in told
            assert "The model says" not in told.split('id="keys"')[0]
        assert "nothing else is shown" in flat(ann.get(f"/d/faces/images/{sample}/why").text)
        assert f"/samples/{sample}/" not in ann.get("/d/faces/images?size=100&page=1").text


def test_answers_go_through_the_same_deck_with_undo(
    browser_of: Browsers, made: Made, database: Database
) -> None:
    draw(browser_of["ada"])
    sample = members(database, made)[0]
    answer = {"sample": sample, "client_id": "one", "queue": "order=gold", "answer": "relabel:owl"}
    assert (
        browser_of["ann"].post("/d/faces/review/decisions", data=answer | {"answer": "keep"}).status_code
        == 422
    )
    assert browser_of["ann"].post("/d/faces/review/decisions", data=answer).status_code == 303
    page = flat(browser_of["ann"].get("/d/faces/review?order=gold").text)
    assert "Of the checked test set: → owl" in page
    assert f'data-sample="{sample}"' not in page
    browser_of["ann"].post("/d/faces/review/undo", data={"client_id": "two", "queue": "order=gold"})
    assert (
        f'data-sample="{sample}"' in browser_of["ann"].get(f"/d/faces/review?order=gold&card={sample}").text
    )


def test_when_nothing_is_left_for_me_the_deck_says_who_is_asked(
    browser_of: Browsers, made: Made, database: Database, people: People
) -> None:
    draw(browser_of["ada"])
    ann = people.annotator.id
    for sample in members(database, made):
        with database.write() as session:
            decide(
                session,
                Answer(sample_id=sample, verdict="delete", client_id=str(sample)),
                dataset_id=made.dataset_id,
                user_id=ann,
            )
    assert "20 images wait for somebody else" in browser_of["ann"].get("/d/faces/review?order=gold").text
    assert (
        "Nothing waits for you: 20 images need somebody else"
        in browser_of["ann"].get("/d/faces/results/test-set").text
    )


def test_the_queue_of_a_gold_part_that_was_not_drawn_leads_to_it(browser_of: Browsers, made: Made) -> None:
    page = flat(browser_of["ann"].get("/d/faces/review?order=gold").text)
    assert "No checked test set yet" in page
    assert 'value="gold"' not in page


def test_the_figures_stand_where_the_best_run_is_named(
    browser_of: Browsers, made: Made, database: Database, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.measuring.best.ENOUGH", 3)
    draw(browser_of["ada"])
    chosen = members(database, made)
    for sample, label in zip(chosen[:5], ("cat", "cat", "cat", "cat", None), strict=True):
        settle(database, made, people, sample, label)
    for address in ("/d/faces/models", "/d/faces/results/test-set"):
        assert (
            "By the checked test set once all its images are agreed: 15 of 20 are not."
            in browser_of["ada"].get(address).text
        )
    newer = make_run(database, made.dataset_id, made.version_id, wrong=0, seed=2)
    for address in (
        "/d/faces/results/test-set",
        f"/d/faces/models/{made.run_id}",
        f"/d/faces/results?old={made.run_id}&new={newer}",
        "/d/faces/results/history",
    ):
        assert "15 images not agreed, the hard ones: the error is " in flat(
            browser_of["ada"].get(address).text
        )
    assert (
        "once all images are agreed"
        in browser_of["ada"].get(f"/d/faces/results?old={made.run_id}&new={newer}").text
    )
    with database.read() as session:  # the first run is right
        said = {
            sample: CLASSES[session.get_one(Prediction, (made.run_id, sample)).predicted_label]
            for sample in chosen[5:]
        }
    for sample, label in said.items():
        settle(database, made, people, sample, label)
    for address in ("/d/faces/models", "/d/faces/results/test-set"):
        assert "Best by the checked test set" in flat(browser_of["ada"].get(address).text)
    page = flat(browser_of["ada"].get("/d/faces/results/test-set").text)
    answer = page.split('<p class="answer">')[1].split("</p>")[0]
    assert re.fullmatch(rf"[0-9.]+ % error of Model {made.run_id}, [0-9.]+ % to [0-9.]+ %\.", answer.strip())
    assert "20 of 20 images are agreed" in page
    assert "not settled" not in page
    assert "Deleted ones counted as wrong" in page
    assert "before this set was created" in page
    assert "checked test set" in flat(browser_of["ada"].get(f"/d/faces/models/{made.run_id}").text)
    run_id = make_run(database, made.dataset_id, made.version_id, wrong=0, seed=1)
    with database.read() as session:
        digest = session.get_one(Run, run_id).facts["gold"]
    assert digest in flat(browser_of["ada"].get(f"/d/faces/models/{run_id}").text)


def test_a_settled_image_is_shown_with_all_that_is_known(
    browser_of: Browsers, made: Made, database: Database, people: People
) -> None:
    draw(browser_of["ada"])
    sample = members(database, made)[0]
    settle(database, made, people, sample, "owl")
    page = flat(browser_of["ann"].get(f"/d/faces/images/{sample}").text)
    assert "as it stands <b>owl</b>" in page
    assert "checked test set, blind" in page


def test_who_disagrees_about_a_gold_image_is_judged_without_the_models_opinion(
    browser_of: Browsers, made: Made, database: Database, people: People
) -> None:
    draw(browser_of["ada"])
    sample = members(database, made)[0]
    for user, verdict in ((people.annotator, "delete"), (people.other, "unsure")):
        with database.write() as session:
            decide(
                session,
                Answer(sample_id=sample, verdict=verdict, client_id=verdict),
                dataset_id=made.dataset_id,
                user_id=user.id,
            )
    page = flat(browser_of["ada"].get("/d/faces/images/disputed").text)
    assert 'Of the <a href="/d/faces/results/test-set">checked test set</a>' in page
    assert "Given label" not in page
    form = {"sample": sample, "answer": "relabel:owl", "client_id": "last"}
    assert sure(browser_of["ada"], "/d/faces/images/disputed", form).status_code == 303
    assert "1 of 20 images are agreed" in flat(browser_of["ada"].get("/d/faces/results/test-set").text)


def test_what_the_draw_takes_back_is_said_before_and_after_and_where_labels_leave(
    browser_of: Browsers, made: Made, database: Database, people: People
) -> None:
    ada, addresses = browser_of["ada"], ("/d/faces/export", "/d/faces/models/retrain")
    held = [
        sample for sample, path in zip(made.sample_ids, made.paths, strict=True) if path.startswith("valid/")
    ]
    answers = [(sample, "delete") for sample in held[:9]] + [
        (held[9], "keep"),
        (made.sample_ids[0], "delete"),
    ]
    for sample, verdict in answers:
        with database.write() as session:
            decide(
                session,
                Answer(sample_id=sample, verdict=verdict, client_id=f"{sample}"),
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
            )
    page = flat(ada.get("/d/faces/results/test-set").text)
    assert (
        "9 images of the hold-out have their label corrected. Images that are drawn have their given labels "
        "again until people agree on them: about 9 of these. You see the number before anything is done."
        in page
    )
    assert not any("given label until" in ada.get(address).text for address in addresses)
    drawn = sure(ada, "/d/faces/results/test-set", {"size": "20", "looks": "2", "seed": "3"})
    chosen = members(database, made)
    hit = len(set(held[:9]) & set(chosen))
    assert 0 < hit < 9
    assert f"{hit} correction" in flat(ada.get(drawn.headers["location"]).text)
    assert "taken back" not in flat(ada.get("/d/faces/results/test-set").text)
    for address in addresses:
        link = '20 images of the <a href="/d/faces/results/test-set">checked test set</a>'
        assert f"{link} carry their given label until they are agreed" in flat(ada.get(address).text)
    for sample in chosen:
        for user in (people.admin, people.other):
            with database.write() as session:
                decide(
                    session,
                    Answer(sample_id=sample, verdict="relabel", label="cat", client_id=f"blind-{sample}"),
                    dataset_id=made.dataset_id,
                    user_id=user.id,
                )
    assert not any("given label until" in ada.get(address).text for address in addresses)


def test_who_is_too_few_to_agree_is_said_before_and_after(
    browser_of: Browsers, made: Made, database: Database
) -> None:
    ada, page = browser_of["ada"], "/d/faces/results/test-set"
    assert "can label" not in flat(ada.get(page).text)
    with database.write() as session:
        session.execute(update(User).where(User.name != "ada").values(active=False))
    assert "2 people look at each image, and only 1 person can label" in flat(ada.get(page).text)
    asking = ada.post(page, data={"size": "20", "looks": "2", "seed": "3"})
    assert "Create a test set of 20 images, for good?" in asking.text
    assert "These are too few: nothing would be agreed. Add people first." in asking.text
    assert draw(ada) == 303
    assert "1 person can label, and 2 must look at each image" in flat(ada.get(page).text)


def test_agreed_and_disputed_images_are_counted_apart(
    browser_of: Browsers, made: Made, database: Database, people: People
) -> None:
    draw(browser_of["ada"], looks="1")
    chosen = members(database, made)
    for sample, label in ((chosen[0], "cat"), (chosen[1], "owl")):
        settle_by(database, made, people.annotator.id, sample, label)
    page = flat(browser_of["ada"].get("/d/faces/results/test-set").text)
    assert '<p class="answer">2 of 20 images are agreed.</p>' in page
    assert "2 agreed </span>" in page
    assert "disputed </span>" not in page
    assert "18 waiting, 18 for you" in page
    assert page.count('<tr><th scope="row">By the') == 2  # the chart, by the agreed and the given labels
