"""Runs: asked for, followed, read, cancelled."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from app.datasets.models import Sample
from app.db.engine import Database
from app.jobs.requests import report
from app.ml.imagenet import Offer
from app.ranking.models import Prediction
from app.training.ending import start_run
from app.training.first_looks import request_first_look
from app.training.models import Run
from app.training.starts import Weights
from tests.factories import Made, import_folder, make_first_look, make_run, write_images
from tests.web.asking import sure
from tests.web.html import flat

FRAGMENT = {"hx-request": "true"}
ASKED = {"recipe": "quick", "version": "0", "epochs": "", "seed": "1"}


def test_an_admin_asks_for_a_run_and_follows_it(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    where = ada.post("/d/faces/models", data={**ASKED, "epochs": "3"}).headers["location"]
    page = flat(ada.get(where).text)
    assert "Waiting" in page
    assert f'hx-get="{where}/progress"' in page
    fragment = ada.get(f"{where}/progress", headers=FRAGMENT)
    assert "<html" not in flat(fragment.text)
    assert 'hx-trigger="every 2s"' in flat(fragment.text)
    with database.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert run is not None
        assert run.recipe["phases"][-1]["epochs"] == 3


def test_the_recommended_recipe_is_chosen_already_and_says_why(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    with database.write() as session:
        session.execute(update(Sample).values(width=640, height=480))
    form = flat(ada.get("/d/faces/models/train").text)
    assert "24 images of about 640 × 480 pixels" in form
    assert "fewer than 10 training images each" in form
    [(card, words)] = re.findall(
        r'<label class="recipe"><input([^>]*)>(?:(?!</label>).)*recommended(.*?)</label>', form
    )
    assert 'value="" checked' in card
    assert "from random ones a model learns little from photographs" in words
    size = re.search(r'name="image_size"[^>]* value="(\d+)"', form)
    assert size is not None
    assert f"{size[1]} pixels · " in words
    ada.post("/d/faces/models", data={**ASKED, "recipe": "", "epochs": "3"})
    with database.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert run is not None
        assert (run.recipe["name"], run.recipe["image_size"]) == ("default, edited", int(size[1]))
        assert run.recipe["phases"][-1]["epochs"] == 3


def test_photographs_without_weights_of_the_usual_network_get_one_whose_weights_are_here(
    browser_of: dict[str, TestClient], database: Database, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, none = browser_of["ada"], Weights("auto", Offer("absent", "no internet"))
    monkeypatch.setattr("app.web.pages.training.train.weights_now", lambda _settings: none)
    with database.write() as session:
        session.execute(update(Sample).values(width=640, height=480))
    form = flat(ada.get("/d/faces/models/train").text)
    [words] = re.findall(r'<label class="recipe">(?:(?!</label>).)*recommended(.*?)</label>', form)
    assert "ImageNet weights of EfficientNet-Lite0" in words
    assert "no ImageNet weights of ResNet34 (no internet)" in words
    ada.post("/d/faces/models", data={**ASKED, "recipe": "", "start": "auto"})
    with database.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert run is not None
        assert (run.recipe["network"], run.weights) == ("efficientnet-lite0", "imagenet")


def test_an_annotator_sees_runs_but_starts_none(browser_of: dict[str, TestClient], made: Made) -> None:
    page = flat(browser_of["ann"].get("/d/faces/models").text)
    assert f"Model {made.run_id}</a>" in page
    assert "<form" not in page.split("<main")[1]
    for path in ("models", "models/retrain", f"models/{made.run_id}/cancel"):
        assert browser_of["ann"].post(f"/d/faces/{path}", data=ASKED).status_code == 403


def test_a_run_that_waits_can_be_cancelled_and_its_polling_ends(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    where = ada.post("/d/faces/models", data=ASKED).headers["location"]
    assert sure(ada, f"{where}/cancel").headers["location"] == where
    assert "cancelled" in flat(ada.get(where).text)
    assert ada.get(f"{where}/progress", headers=FRAGMENT).headers["hx-refresh"] == "true"
    assert ada.post(f"{where}/cancel").status_code == 409


def test_an_impossible_run_is_refused(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    for change in ({"recipe": "magic"}, {"epochs": "0"}, {"epochs": "x"}, {"seed": "-1"}):
        assert ada.post("/d/faces/models", data={**ASKED, **change}).status_code == 422, change
    assert ada.post("/d/faces/models", data={**ASKED, "version": "7"}).status_code == 404


def test_a_finished_run_shows_what_it_reached(browser_of: dict[str, TestClient], made: Made) -> None:
    page = flat(browser_of["ann"].get(f"/d/faces/models/{made.run_id}").text)
    for text in (
        "% error</b>",
        "held-out images",
        "Confusion matrix",
        "Precision",
        "Loss by epoch",
        "The numbers",
        "Most suspicious labels",
        "vendor/uplot.min.js",
    ):
        assert text in page, text
    assert len(re.findall(r"looks <b>", page)) >= 12
    assert "hx-trigger" not in page


def test_only_a_run_page_loads_the_charts(browser_of: dict[str, TestClient], made: Made) -> None:
    for path in ("", "/review", "/models", "/export"):
        assert "uplot" not in flat(browser_of["ann"].get(f"/d/faces{path}").text)


def test_a_run_of_another_data_set_is_not_found(
    browser_of: dict[str, TestClient], made: Made, database: Database, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "pictures"), name="cats")
    for path in (f"models/{made.run_id}", f"models/{made.run_id}/progress"):
        assert browser_of["ann"].get(f"/d/cats/{path}").status_code == 404


def test_retraining_freezes_and_goes_on_from_the_best_run(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    sample = {"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"}
    ada.post("/d/faces/review/decisions", data=sample)
    page = flat(ada.get(ada.post("/d/faces/models/retrain").headers["location"]).text)
    assert "version 1" in page
    assert f'from <a href="/d/faces/models/{made.run_id}">' in page


def test_a_number_of_the_confusion_matrix_shows_its_images(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]
    page = flat(ann.get(f"/d/faces/models/{made.run_id}").text)
    [cell, *_] = re.findall(r'<a href="(/d/faces/images\?split=valid[^"]*)">(\d+)</a>', flat(page))
    found = flat(ann.get(cell[0].replace("&amp;", "&")).text)
    assert found.count('name="samples"') == int(cell[1])


def test_the_review_says_of_a_queued_first_run_that_the_labels_are_being_checked(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "images"))
    assert browser_of["ada"].post("/d/faces/models", data={"recipe": "quick"}).status_code == 303
    page = flat(browser_of["ada"].get("/d/faces/review").text)
    assert "The labels are being checked" in page
    assert "A training waits for a worker" in page


def test_a_first_look_is_reviewed_exported_and_listed_like_a_run(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images"), name="pets")
    run_id = make_first_look(database, dataset_id, 1, wrong=3)
    (row,) = api["ann"].get("/api/v1/datasets/pets/runs").json()["items"]
    assert (row["id"], row["kind"], row["recipe"], row["state"]) == (
        run_id,
        "first look",
        "first look",
        "finished",
    )
    claimed = api["ann"].post("/api/v1/datasets/pets/worklist/claims", json={"count": 3}).json()["items"]
    wrong = [card["error_probability"] for card in claimed]
    assert wrong == pytest.approx([1 - card["self_confidence"] for card in claimed])
    exported = api["ann"].get(f"/api/v1/datasets/pets/export?format=jsonl&run={run_id}").text.splitlines()
    assert '"error_probability":0.9' in exported[0].replace(" ", "")
    ada = browser_of["ada"]
    assert "Review the 3 suspicious labels" in flat(ada.get("/d/pets").text)
    listed = flat(ada.get("/d/pets/models").text)
    assert "Model 1, first look</a>" in listed
    assert "efficientnet-lite0</span>" in listed
    page = flat(ada.get(f"/d/pets/models/{run_id}").text)
    assert "Model 1, first look" in page
    assert "efficientnet-lite0 and the given labels" in page
    assert "Most suspicious labels" in page
    assert "Try it on a photo" not in page
    pages = (
        "results results/history results/errors-left results/test-set images images/duplicates review export "
        "models/retrain"
    )
    for path in pages.split():
        assert ada.get(f"/d/pets/{path}").status_code == 200, path
    for format_ in ("predictions", "confusion", "classes", "calibration", "top-losses"):
        assert ada.get(f"/d/pets/models/{run_id}/{format_}.csv").status_code == 200, format_


def test_a_training_behind_the_first_look_says_so_and_the_review_keeps_the_first_look(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images"), name="pets")
    look_id = make_first_look(database, dataset_id, 1, wrong=3)
    run_id = make_run(database, dataset_id, 1, wrong=20)
    with database.write() as session:
        run = session.get_one(Run, run_id)
        run.is_behind = True
        run.facts = run.facts | {"beside_first_look": {"network": 9, "first_look": 1, "images": 18}}
    ada = browser_of["ada"]
    words = (
        f"Model {run_id} errs more than the first look, 50.0 % against 5.6 % of the labels of the hold-out"
    )
    for page in ("/d/pets", f"/d/pets/models/{run_id}"):
        assert words in flat(ada.get(page).text), page
        link = f'href="/d/pets/results?old={look_id}&amp;new={run_id}"'
        assert link in flat(ada.get(page).text), page
    pair = flat(ada.get(f"/d/pets/results?old={look_id}&new={run_id}").text)
    assert f"Model {look_id} against Model {run_id}, same images" in pair
    assert words in pair
    assert words not in flat(ada.get(f"/d/pets/models/{look_id}").text)
    assert ">best</span>" not in ada.get("/d/pets/models").text
    repeat, retrain = 'action="/d/pets/models/look"', "/d/pets/models/retrain"
    assert words in flat(ada.get(retrain).text)
    assert repeat not in ada.get(retrain).text  # no label has changed since
    assert "of the first look, on the given labels" in flat(ada.get("/").text)
    overview = flat(ada.get("/d/pets").text)
    assert "Review the 3 suspicious labels" in overview
    assert "Labels that the first look doubts." in overview
    with database.read() as session:
        sample_id = session.scalar(select(Prediction.sample_id).where(Prediction.run_id == run_id).limit(1))
    sent = {"sample": str(sample_id), "client_id": "one", "answer": "delete"}
    assert ada.post("/d/pets/review/decisions", data=sent).status_code == 303
    for page in (retrain, f"/d/pets/results?old={look_id}&new={run_id}"):
        assert repeat in ada.get(page).text, page
        assert repeat not in browser_of["ann"].get(page).text, page
    other = make_run(database, dataset_id, 1, wrong=5, seed=2)
    assert words in flat(ada.get(f"/d/pets/results?old={other}&new={run_id}").text)
    assert words not in flat(ada.get(f"/d/pets/results?old={run_id}&new={other}").text)


def test_a_training_behind_the_first_look_shows_the_labels_that_it_doubts_itself(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    with database.write() as session:
        of_run = Prediction.run_id == made.run_id
        session.execute(update(Prediction).where(of_run).values(rank=10_000 - Prediction.rank))
        worst = session.scalar(select(Prediction.sample_id).where(of_run).order_by(Prediction.loss.desc()))

    def first() -> str:
        page = flat(browser_of["ann"].get(f"/d/faces/models/{made.run_id}").text)
        return page.split('<ol class="losses">')[1].partition("/images/")[2].partition('"')[0]

    assert first() != str(worst)  # by its ranking, which the first look may have a part in
    with database.write() as session:
        run = session.get_one(Run, made.run_id)
        run.is_behind = True
        run.facts = run.facts | {"beside_first_look": {"network": 9, "first_look": 1, "images": 18}}
    assert first() == str(worst)


@pytest.mark.parametrize("has_look", [False, True])
def test_a_training_says_that_its_ranking_is_reviewed_only_while_it_is(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path, has_look: bool
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images"), name="pets")
    if has_look:
        make_first_look(database, dataset_id, 1)
    run_id = make_run(database, dataset_id, 1)
    with database.write() as session:
        run = session.get_one(Run, run_id)
        run.state, run.finished_at, run.ranked_epochs = "running", None, 1
    page = flat(browser_of["ada"].get(f"/d/pets/models/{run_id}").text)
    assert ("Its first ranking is" in page) == (not has_look)


def test_a_running_first_look_shows_its_progress(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images"), name="pets")
    with database.write() as session:
        run = request_first_look(session, dataset_id=dataset_id, version_id=1)
        assert run is not None
        start_run(session, run_id=run.id)
        report(session, job_id=str(run.job_id), stage="Looking at every image", done=12, total=24)
    page = flat(browser_of["ada"].get("/d/pets").text)
    assert "A first look at the images" in page
    assert "Looking at every image" in page
    assert "What it has seen is kept; you can resume from there." in page
    assert "The first look is running" in flat(browser_of["ann"].get("/d/pets/review").text)
    assert "A new one waits behind it; you can review" in flat(
        browser_of["ada"].get("/d/pets/models/train").text
    )


def test_a_recipe_card_says_pixels_epochs_start_and_time_and_one_is_recommended(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    form = flat(browser_of["ada"].get("/d/faces/models/train").text)
    cards = re.findall(r'<label class="recipe">.*?</label>', form)
    assert len(cards) == 4
    words = [" ".join(re.sub(r"<[^>]*>", " ", card).split()) for card in cards]
    assert words[0].startswith("default recommended Small images, thorough")
    assert [each.count("recommended") for each in words] == [1, 0, 0, 0]
    for each in words:
        assert re.search(r"\d+ (s|min|h)\b", each), each
        assert re.search(r"\d+ pixels · \d+ epochs · random weights", each), each
    assert form.count("checked") == 1
    assert "<summary>Advanced</summary>" in form
    assert "<details><summary>Advanced" in form  # closed: nothing in it is changed


def test_a_changed_recipe_is_trained_even_if_the_recommended_one_was_shown(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    with database.write() as session:
        session.execute(update(Sample).values(width=640, height=480))
    shown = {"shown_recipe": "", "shown_start": "none", "start": "none", "version": "0"}
    assert ada.post("/d/faces/models", data=shown | {"recipe": "quick", "epochs": "99"}).status_code == 422
    page = flat(ada.get("/d/faces/models/train?recipe=&start=none").text)
    epochs = re.search(r'name="epochs"[^>]* value="(\d+)"', page)
    assert epochs
    fitted = shown | {"epochs": epochs[1]}
    assert ada.post("/d/faces/models", data=fitted | {"recipe": "quick"}).status_code == 303
    with database.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert run is not None
        assert run.recipe["name"] == "quick"
    plain = {"shown_recipe": "quick", "shown_start": "none", "start": "none", "epochs": "3", "version": "0"}
    assert ada.post("/d/faces/models", data=plain | {"recipe": ""}).status_code == 303
    with database.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert run is not None
        assert (run.recipe["name"], run.recipe["phases"][-1]["epochs"]) == ("default, edited", int(epochs[1]))


def test_older_first_looks_are_folded_and_two_models_can_be_compared(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    pair = re.compile(r'<select name="(\w+)">.*?<option value="(\d+)" selected>')
    ann = browser_of["ann"]
    looks = [make_first_look(database, made.dataset_id, made.version_id)]
    page = flat(ann.get("/d/faces/models").text)
    assert pair.findall(page) == [("old", str(made.run_id)), ("new", str(looks[0]))]
    looks.append(make_first_look(database, made.dataset_id, made.version_id))
    page = flat(ann.get("/d/faces/models").text)
    shown, folded = page.split("<summary>1 older first look</summary>")
    assert f'/models/{looks[1]}">Model {looks[1]}, first look' in shown
    assert f'/models/{looks[0]}">Model {looks[0]}, first look' in folded
    assert pair.findall(page) == [("old", str(looks[0])), ("new", str(looks[1]))]
    child = make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id)
    page = flat(ann.get("/d/faces/models").text)
    chosen = pair.findall(page)
    assert chosen == [("old", str(made.run_id)), ("new", str(child))]
    assert ann.get("/d/faces/results", params=dict(chosen)).status_code == 200
    assert page.count('class="whisker"') == 4


def test_why_there_are_no_imagenet_weights_is_said_once(
    browser_of: dict[str, TestClient], database: Database, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "no network was found"
    monkeypatch.setattr("app.training.starts.offer", lambda _: Offer("absent", why))
    ada = browser_of["ada"]
    assert flat(ada.get("/d/faces/models/train?start=auto").text).count(why) == 1
    with database.write() as session:
        session.execute(update(Sample).values(width=640, height=480))
    assert flat(ada.get("/d/faces/models/train?start=auto").text).count(why) == 1


def test_every_act_on_a_model_answers_with_a_toast(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]

    def toast(where: str) -> str:
        found = re.search(r'<div class="toast">.*?<p>(.*?)</p>', flat(ada.get(where).text))
        return found[1] if found else ""

    where = ada.post("/d/faces/models", data=ASKED).headers["location"]
    assert toast(where) == "Training of Model 2 requested"
    sure(ada, f"{where}/cancel")
    assert toast(where) == "Training of Model 2 is being cancelled"
    ada.post(f"{where}/resume")
    assert toast(where) == "Training of Model 2 resumes"
    assert toast(where) == ""


def test_once_labels_have_changed_an_admin_repeats_the_first_look(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    first = make_first_look(database, made.dataset_id, made.version_id)
    ada, ann = browser_of["ada"], browser_of["ann"]
    button = 'action="/d/faces/models/look"'
    assert button not in ada.get("/d/faces/models").text
    refused = ada.post("/d/faces/models/look")
    assert refused.status_code == 409
    assert f"No label has changed since the first look of Model {first}" in refused.text
    form = {"sample": made.ranked[0], "answer": "delete", "client_id": "1"}
    assert ann.post("/d/faces/review/decisions", data=form).status_code == 303
    assert button in ada.get("/d/faces/models").text
    assert button not in ann.get("/d/faces/models").text
    assert ann.post("/d/faces/models/look").status_code == 403
    leads = ada.post("/d/faces/models/look").headers["location"]
    page = flat(ada.get(leads).text)
    assert "labels of version 1" in page
    assert "Curves" not in page  # it has no epochs
    waits = ada.post("/d/faces/models/look")
    assert waits.status_code == 409
    assert "a first look, is queued; wait until it has finished" in waits.text
    assert button not in ada.get("/d/faces/models").text
