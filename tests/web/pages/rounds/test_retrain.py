"""Before a run: what changes, what it costs, and a recipe whose numbers can be changed without JavaScript."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, select

from app.datasets.catalog import lock_dataset
from app.datasets.models import Sample
from app.db.engine import Database
from app.ml.recipes import LITE, RECIPES, RESNET34, recipe_from_json
from app.training.ending import end_run
from app.training.fields import FIELDS
from app.training.models import Run
from app.web.pages.training.asking import asked_recipe
from tests.factories import Made, import_folder, make_first_look, make_run, write_images
from tests.web.asking import sure
from tests.web.html import flat


def newest(database: Database) -> Run:
    with database.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert run is not None
        return run


def form_of(page: str) -> dict[str, str]:
    """What a browser sends with the form that starts the run."""
    form = re.search(
        r'<form method="post" action="[^"]*/models(?:/retrain)?".*?</form>', flat(page), re.DOTALL
    )
    assert form, page
    sent = {}
    for tag in re.findall(r"<input [^>]*>", form[0]):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value and ('type="radio"' not in tag or " checked" in tag):
            sent[name[1]] = value[1]
    for name, options in re.findall(r'<select[^>]* name="([^"]+)">(.*?)</select>', form[0], re.DOTALL):
        value = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        assert value, name
        sent[name] = value[1] if value[1] is not None else value[2]
    return sent


def decide(browser: TestClient, sample: int, verdict: str) -> None:
    sent = {"sample": str(sample), "client_id": f"{sample}-{verdict}", "answer": verdict}
    assert browser.post("/d/faces/review/decisions", data=sent).status_code == 303


def test_the_page_shows_what_moved_as_a_picture_and_as_numbers(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    decide(ada, made.ranked[0], "relabel:owl")
    decide(ada, made.ranked[1], "delete")
    decide(ada, made.ranked[2], "unsure")
    page = flat(ada.get("/d/faces/models/retrain").text)
    assert "<b>2 labels</b> changed since version 0" in page
    assert "1 relabelled, 1 deleted" in page
    assert page.split("<main")[1].count('<path class="class-') == 2
    assert '<th scope="row">cat → owl</th><td class="num">1</td>' in page
    assert '→ deleted</th><td class="num">1</td>' in page
    assert "1 image waits for a second opinion and keeps its given label" in page
    assert re.search(rf"Continues from <span class=.term.[^>]*>Model {made.run_id}<", page)
    assert "Best by the hold-out: " in page  # the same words as on the page of the models
    assert "(111 ms per image and epoch)" in page
    assert 'tabindex="0">about 4 s<span' in page  # two epochs, two seconds each as the run before


def test_that_nothing_has_changed_is_said_plainly(browser_of: dict[str, TestClient], made: Made) -> None:
    page = flat(browser_of["ada"].get("/d/faces/models/retrain").text)
    assert "<b>Nothing has changed</b> since version 0" in page
    assert "M0 " not in page.split("<main")[1]


def test_a_run_that_repeats_another_is_named_before_it_is_asked_for(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    said = "</a> did exactly this: the same labels, start, recipe and seed. Another seed, such as "
    assert said not in flat(ada.get("/d/faces/models/retrain").text)
    worse = {made.sample_ids[-1]: 0}  # in the hold-out, so that its parent stays the best run
    child = make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id, says=worse)
    make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id, says=worse, seed=1)
    page = flat(ada.get("/d/faces/models/retrain").text)
    assert f'<a href="/d/faces/models/{child}">Model {child}{said}2,' in page
    for other in ("seed=5", "epochs=9", "start=none&seed=3", "recipe=default"):
        assert said not in flat(ada.get(f"/d/faces/models/retrain?{other}").text), other
    assert f"Model {made.run_id}{said}1," in flat(
        ada.get("/d/faces/models/train?recipe=quick&start=none").text
    )
    decide(ada, made.ranked[0], "delete")
    assert said not in flat(ada.get("/d/faces/models/retrain").text)


def test_without_a_finished_run_the_page_leads_to_the_first(
    browser_of: dict[str, TestClient], database: Database, tmp_path
) -> None:
    import_folder(database, write_images(tmp_path / "images"))
    page = flat(browser_of["ada"].get("/d/faces/models/retrain").text)
    assert "No training has finished yet" in page
    assert browser_of["ada"].post("/d/faces/models/retrain").status_code == 409


def test_where_only_a_first_look_ranked_the_page_offers_to_repeat_it_on_changed_labels(
    browser_of: dict[str, TestClient], database: Database, tmp_path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images"))
    make_first_look(database, dataset_id, 1, wrong=3)
    ada, button = browser_of["ada"], 'action="/d/faces/models/look"'
    assert button not in ada.get("/d/faces/models/retrain").text
    with database.read() as session:
        sample = session.scalars(select(Sample.id).order_by(Sample.id)).first()
    assert sample
    decide(ada, sample, "delete")
    assert button in ada.get("/d/faces/models/retrain").text
    assert button not in browser_of["ann"].get("/d/faces/models/retrain").text


def test_an_annotator_sees_what_a_retrain_would_do_and_starts_none(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = flat(browser_of["ann"].get("/d/faces/models/retrain").text)
    assert "Continues from" in page
    assert "<form" not in page.split("<main")[1]
    assert browser_of["ann"].get("/d/faces/models/train").status_code == 403


def test_the_form_sent_back_as_it_came_is_the_recipe_as_it_is(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    for recipe in RECIPES:
        page = flat(ada.get(f"/d/faces/models/train?recipe={recipe}").text)
        assert ada.post("/d/faces/models", data=form_of(page)).status_code == 303
        assert recipe_from_json(newest(database).recipe) == RECIPES[recipe]
    sent = form_of(ada.get("/d/faces/models/retrain").text)
    assert {field.name for field in FIELDS if not (field.from_nothing or field.anew)} <= set(sent)
    assert ada.post("/d/faces/models/retrain", data=sent).status_code == 303
    assert recipe_from_json(newest(database).recipe) == RECIPES["quick"]


def test_a_changed_number_is_what_the_run_uses_and_its_page_says_so(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    sent = form_of(ada.get("/d/faces/models/retrain?recipe=default").text)
    changed = {
        "epochs": "5",
        "flip": "no",
        "class_weights": "hand",
        "weight.0": "3",
        "weight.2": "1.5",
        "seed": "9",
        "dropout": "",
    }
    where = ada.post("/d/faces/models/retrain", data=sent | changed).headers["location"]
    run = newest(database)
    recipe = recipe_from_json(run.recipe)
    assert (recipe.name, recipe.fine_tune_phases[-1].epochs, recipe.flip, run.seed) == (
        "default, edited",
        5,
        False,
        9,
    )
    assert recipe.class_weights == (("cat", 3.0), ("owl", 1.5))
    assert (recipe.phases, recipe.dropout) == (RECIPES["default"].phases, RECIPES["default"].dropout)
    page = flat(ada.get(where).text)
    assert "The recipe was edited: 3 numbers" in page
    assert '<th scope="row">Epochs</th><td class="num" data-label="This model">5</td>' in page


def test_a_retrain_may_start_anew_on_the_cleaned_labels(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    decide(ada, made.ranked[0], "delete")
    page = flat(ada.get("/d/faces/models/retrain?start=none").text)
    assert "Starts anew" in page
    assert ada.post("/d/faces/models/retrain", data=form_of(page)).status_code == 303
    run = newest(database)
    assert (run.parent_id, run.weights) == (None, "none")
    assert run.version_id != made.version_id


def test_what_cannot_be_is_refused_and_what_was_typed_stays(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    for where, start in (("models/retrain", "/d/faces/models/retrain"), ("models", "/d/faces/models/train")):
        sent = form_of(ada.get(start).text) | {"batch_size": "1", "epochs": "7"}
        answer = ada.post(f"/d/faces/{where}", data=sent)
        assert answer.status_code == 422
        assert "Batch size (batch_size) must be a whole number, 2 to 1024 images, not “1”." in flat(
            answer.text
        )
        assert form_of(answer.text)["epochs"] == "7"
        assert ada.get(start, params=sent).status_code == 422
    assert newest(database).id == made.run_id


@pytest.mark.parametrize(
    ("page", "action"), [("models/retrain", "models/retrain"), ("models/train", "models")]
)
def test_the_recipe_that_is_chosen_in_the_form_is_the_one_that_trains(
    browser_of: dict[str, TestClient], database: Database, made: Made, page: str, action: str
) -> None:
    ada = browser_of["ada"]
    for seed, (shown, chosen) in enumerate([("default", "quick"), ("quick", "default")]):
        form = form_of(ada.get(f"/d/faces/{page}?recipe={shown}").text)
        assert (
            ada.post(f"/d/faces/{action}", data=form | {"recipe": chosen, "seed": str(seed)}).status_code
            == 303
        )
        run = newest(database)
        assert (recipe_from_json(run.recipe), run.seed) == (RECIPES[chosen], seed)


def test_a_start_that_is_chosen_in_the_form_is_the_one_that_trains(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    assert (
        ada.post(
            "/d/faces/models/retrain",
            data=form_of(ada.get("/d/faces/models/retrain").text) | {"start": "none"},
        ).status_code
        == 303
    )
    run = newest(database)
    assert (run.parent_id, recipe_from_json(run.recipe)) == (None, RECIPES["quick"])


@pytest.mark.parametrize(
    ("page", "action"), [("models/retrain", "models/retrain"), ("models/train", "models")]
)
def test_numbers_that_were_changed_for_another_recipe_start_nothing(
    browser_of: dict[str, TestClient], database: Database, made: Made, page: str, action: str
) -> None:
    ada = browser_of["ada"]
    sent = form_of(ada.get(f"/d/faces/{page}?recipe=default&start=none").text) | {
        "epochs": "7",
        "recipe": "quick",
    }
    answer = ada.post(f"/d/faces/{action}", data=sent)
    assert answer.status_code == 422
    assert "Nothing was started: the numbers were changed for another recipe" in flat(answer.text)
    assert newest(database).id == made.run_id
    assert form_of(ada.get(f"/d/faces/{page}", params=sent).text) == form_of(answer.text)
    assert ada.post(f"/d/faces/{action}", data=form_of(answer.text)).status_code == 303
    assert recipe_from_json(newest(database).recipe) == RECIPES["quick"]


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": "magic"},
        {"start": "/etc/passwd"},
        {"start": "file"},
        {"seed": "-1"},
        {"seed": "x"},
        {"epochs": "1e999"},
        {"lr": "nan"},
        {"class_weights": "hand"},
        {"class_weights": "hand", "weight.0": "0"},
        {"class_weights": "{"},
        {"keep": "a\0b"},
        {"flip": "2"},
    ],
)
def test_an_impossible_retrain_is_a_sentence(
    browser_of: dict[str, TestClient], database: Database, made: Made, change: dict[str, str]
) -> None:
    for answer in (
        browser_of["ada"].post("/d/faces/models/retrain", data=change),
        browser_of["ada"].get("/d/faces/models/retrain", params=change),
    ):
        assert answer.status_code == 422
        assert '<p class="message" role="alert">' in flat(answer.text)
    assert newest(database).id == made.run_id


def test_the_numbers_can_be_checked_before_anything_starts(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    sent = form_of(ada.get("/d/faces/models/retrain").text) | {"epochs": "40"}
    page = ada.get("/d/faces/models/retrain", params=sent)
    assert page.status_code == 200
    assert ">about 80 s<span" in flat(page.text)
    assert "The recipe says 2." in flat(page.text)
    assert newest(database).id == made.run_id


def test_after_an_edited_run_the_retrain_offers_its_recipe_again(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    ada.post("/d/faces/models/retrain", data={"dropout": "0.25"})
    edited = newest(database)
    with database.write() as session:
        end_run(session, run_id=edited.id, state="finished")
        session.get_one(Run, made.run_id).state = "failed"
    page = flat(ada.get("/d/faces/models/retrain").text)
    assert f"As {edited.name}" in page
    ada.post("/d/faces/models/retrain", data=form_of(page) | {"seed": "1"})
    assert newest(database).recipe["dropout"] == 0.25


def test_a_retrain_by_any_recipe_continues_the_network_of_its_model() -> None:
    own = replace(RECIPES["photos"], network=LITE)
    asked = [
        asked_recipe(
            {"recipe": "quick", "start": start},
            usual=own,
            setting="none",
            parent=True,
            names=["a", "b"],
            problem="",
        )
        for start in ("parent", "none")
    ]
    assert [each.edited.network for each in asked] == [LITE, RESNET34]


def test_a_run_that_goes_on_says_what_the_next_one_waits_behind(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    where = ada.post("/d/faces/models/retrain").headers["location"]
    page = flat(ada.get("/d/faces/models/retrain").text)
    assert f'<a href="{where}">' in page
    assert "A new one waits behind it; you can review meanwhile." in page
    assert "No worker is there to begin" in flat(ada.get(where).text)


def test_a_cancelled_run_can_be_gone_on_with_and_a_finished_one_not(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    where = ada.post("/d/faces/models/retrain").headers["location"]
    assert ada.post(f"{where}/resume").status_code == 409
    sure(ada, f"{where}/cancel")
    job = newest(database).job_id
    assert f'action="{where}/resume"' in flat(ada.get(where).text)
    assert browser_of["ann"].post(f"{where}/resume").status_code == 403
    assert f'action="{where}/resume"' not in flat(browser_of["ann"].get(where).text)
    assert ada.post(f"{where}/resume").headers["location"] == where
    run = newest(database)
    assert (run.state, run.note, run.finished_at) == ("queued", "", None)
    assert run.job_id != job
    assert ada.post(f"/d/faces/models/{made.run_id}/resume").status_code == 409


def test_the_overview_says_what_a_new_ranking_moved(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    from tests.factories import make_run

    ada = browser_of["ada"]
    assert "What moved" not in flat(ada.get("/d/faces").text)
    child = make_run(database, made.dataset_id, made.version_id, wrong=4, parent_id=made.run_id, seed=1)
    moved = "0 new suspicious labels, 6 of 10 open ones are no longer suspicious"
    assert moved in flat(ada.get("/d/faces").text)
    page = re.sub(r'<span class="tip".*?</span>', "", flat(ada.get(f"/d/faces/models/{child}").text))
    words = re.sub(r"<[^>]*>", "", page)
    assert "0 new suspicious labels, 6 of 10 open ones no longer suspicious" in " ".join(words.split())
    assert "no longer suspicious" not in flat(ada.get(f"/d/faces/models/{made.run_id}").text)


@pytest.mark.parametrize("address", ["/d/faces/models/retrain", "/d/faces/models"])
@pytest.mark.parametrize("wrong", [{"epochs": "many"}, {"seed": "-1"}, {"start": "nowhere"}])
def test_a_refused_form_waits_for_nobody_who_writes(
    browser_of: dict[str, TestClient], database: Database, made: Made, address: str, wrong: dict[str, str]
) -> None:
    ada = browser_of["ada"]
    with database.write() as session:
        lock_dataset(session, dataset_id=made.dataset_id)
        assert ada.post(address, data={"recipe": "quick"} | wrong).status_code == 422


@pytest.mark.parametrize("address", ["/d/faces", "/d/faces/models/retrain", "/d/faces/models"])
def test_a_page_reads_the_error_rates_of_the_runs_once(
    browser_of: dict[str, TestClient], database: Database, made: Made, address: str
) -> None:
    make_run(database, made.dataset_id, made.version_id, wrong=4, parent_id=made.run_id, seed=1)
    ada, statements = browser_of["ada"], list[str]()

    def read(*about: Any) -> None:
        statements.append(about[2])

    event.listen(Engine, "before_cursor_execute", read)
    try:
        said = "error on the given labels" if address == "/d/faces" else "Best by the hold-out: "
        assert said in flat(ada.get(address).text)
    finally:
        event.remove(Engine, "before_cursor_execute", read)
    rates = [each for each in statements if "GROUP BY prediction.run_id" in each and "version_label" in each]
    assert len(rates) == 1


def test_without_a_model_to_continue_from_the_page_leads_to_a_training(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "pets"), name="pets")
    page = flat(browser_of["ada"].get("/d/pets/models/retrain").text)
    assert '<a class="button primary" href="/d/pets/models/train">Train a model</a>' in page
    where = browser_of["ada"].post("/d/pets/models").headers["location"]
    page = flat(browser_of["ada"].get("/d/pets/models/retrain").text)
    assert "is being trained; come back when it has finished." in page
    assert f'<a class="button primary" href="{where}">Watch it</a>' in page
