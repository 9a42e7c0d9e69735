"""The list of data sets, the import and the overview."""

import io
import re
import zipfile
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import select, update

from app.datasets.catalog import IMPORT
from app.datasets.models import RejectedFile, Sample
from app.db.engine import Database
from app.db.types import now
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.measuring.evaluations import evaluate_run
from app.training.models import Run
from tests.factories import Made, import_folder, make_first_look, make_run, write_images
from tests.web.asking import sure
from tests.web.html import flat

FRAGMENT = {"hx-request": "true"}


def test_an_empty_list_teaches(browser_of: dict[str, TestClient]) -> None:
    assert 'href="/datasets/new"' in browser_of["ada"].get("/").text
    assert "Ask an admin" in browser_of["ann"].get("/").text


def test_the_list_leads_to_each_data_set(browser_of: dict[str, TestClient], made: Made) -> None:
    assert 'href="/d/faces"' in browser_of["ann"].get("/").text


def test_only_an_admin_imports(browser_of: dict[str, TestClient]) -> None:
    assert browser_of["ann"].get("/datasets/new").status_code == 403
    assert browser_of["ann"].post("/datasets/new", data={"name": "x", "path": "/"}).status_code == 403


def test_an_uploaded_zip_becomes_an_import_that_shows_its_progress(
    browser_of: dict[str, TestClient], tmp_path: Path
) -> None:
    ada = browser_of["ada"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in write_images(tmp_path / "pictures").rglob("*.png"):
            archive.write(path, path.relative_to(tmp_path / "pictures"))
    answer = ada.post(
        "/datasets/new",
        data={"name": "cats", "path": ""},
        files={"file": ("cats.zip", packed.getvalue(), "application/zip")},
    )
    assert answer.headers["location"] == "/d/cats"
    parts = ["train", "valid"]
    confirmed = ada.post("/d/cats/import/folders", data={"choice": "0", "part": parts})
    assert (confirmed.status_code, confirmed.headers["location"]) == (303, "/d/cats")
    page = ada.get("/d/cats").text
    assert "Waiting for the worker" in page
    assert 'hx-get="/d/cats/import"' in page
    fragment = ada.get("/d/cats/import", headers=FRAGMENT)
    assert "<html" not in fragment.text
    assert 'hx-trigger="every 1s"' in fragment.text
    assert "hx-refresh" not in fragment.headers


def test_the_polling_of_an_import_ends_with_it(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "pictures"), name="cats")
    fragment = browser_of["ada"].get("/d/cats/import", headers=FRAGMENT)
    assert fragment.headers["hx-refresh"] == "true"
    assert "hx-trigger" not in fragment.text


def test_an_import_of_nothing_or_from_anywhere_is_refused(browser_of: dict[str, TestClient]) -> None:
    ada = browser_of["ada"]
    empty = {
        "file": ("", b"", "application/octet-stream")
    }  # what a browser sends for a file field left empty
    assert ada.post("/datasets/new", data={"name": "x", "path": ""}, files=empty).status_code == 422
    assert ada.post("/datasets/new", data={"name": "x", "path": "/etc"}, files=empty).status_code == 403
    assert (
        ada.post(
            "/datasets/new", data={"name": "x"}, files={"file": ("a.zip", b"no zip", "application/zip")}
        ).status_code
        == 422
    )


def test_an_import_can_be_cancelled_and_repeated(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    assert ada.post("/d/faces/import/repeat").status_code == 303
    assert ada.post("/d/faces/import/repeat").status_code == 409
    assert sure(ada, "/d/faces/import/cancel").status_code == 303
    with database.read() as session:
        assert jobs.open_job(session, dataset_id=made.dataset_id, task="import") is None


def test_the_overview_proposes_one_step_with_its_cost(browser_of: dict[str, TestClient], made: Made) -> None:
    page = flat(browser_of["ann"].get("/d/faces").text)
    assert "Review the 10 suspicious labels" in page
    assert "About 40 s" in page
    assert 'href="/d/faces/review"' in page


def test_the_overview_of_a_data_set_without_a_run_says_train(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "pictures"), name="cats")
    assert "Train a model" in browser_of["ada"].get("/d/cats").text
    assert "Ask an admin to train" in browser_of["ann"].get("/d/cats").text


def test_the_overview_counts_classes_by_split(browser_of: dict[str, TestClient], made: Made) -> None:
    page = browser_of["ann"].get("/d/faces").text
    for text in ("24 images", "3 classes", "cat", "dog", "owl", "Model 1"):
        assert text in page


def test_what_an_import_added_is_told_for_an_hour(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    with database.write() as session:
        job = jobs.ask(session, task=IMPORT, dataset_id=made.dataset_id, arguments={}, user_id=None)
    words = "0 images were added; 24 were there already."
    with database.write() as session:
        jobs.finish(session, job_id=job.id, state="finished", message=words)
    assert f"The newest import: {words}" in flat(browser_of["ann"].get("/d/faces").text)
    with database.write() as session:
        earlier = now() - timedelta(hours=2)
        session.execute(update(Job).where(Job.id == job.id).values(finished_at=earlier))
    assert "The newest import" not in browser_of["ann"].get("/d/faces").text


def test_rejected_files_are_listed_with_their_reasons(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    with database.write() as session:
        session.add(RejectedFile(dataset_id=made.dataset_id, path="<b>.txt", reason="not an image"))
    page = browser_of["ann"].get("/d/faces").text
    assert "&lt;b&gt;.txt" in page
    assert "not an image" in page


def test_an_unknown_data_set_is_a_page_with_a_way_on(browser_of: dict[str, TestClient]) -> None:
    answer = browser_of["ann"].get("/d/nothing")
    assert answer.status_code == 404
    assert "There is no data set named nothing" in answer.text
    assert 'href="/"' in answer.text


def test_an_error_answers_htmx_with_a_fragment(browser_of: dict[str, TestClient]) -> None:
    answer = browser_of["ann"].get("/d/nothing", headers=FRAGMENT)
    assert answer.status_code == 404
    assert "<html" not in answer.text
    assert "There is no data set named nothing" in answer.text


def test_overview_and_remaining_give_the_same_time_for_the_same_cards(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]
    for sample in made.ranked[:2]:
        sent = {"sample": str(sample), "client_id": str(sample), "answer": "keep", "milliseconds": "700"}
        assert ann.post("/d/faces/review/decisions", data=sent).status_code == 303
    assert '<p class="muted">About 6 s.</p>' in flat(ann.get("/d/faces").text)
    remaining = flat(ann.get("/d/faces/results/errors-left").text)
    assert "<dt>for the next 8 suspicious images</dt><dd>6 s</dd>" in remaining


def test_before_a_training_the_error_is_that_of_the_first_look(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "pictures"), name="pets")
    make_first_look(database, dataset_id, 1, wrong=3)
    figure = (
        r"error on the given labels<.*?<dd>[\d.]+ %</dd><dd class=\"more\">[\d.]+ % to [\d.]+ %, (.*?)</dd>"
    )

    def whose() -> list[str]:
        return re.findall(figure, flat(browser_of["ann"].get("/d/pets").text))

    assert whose() == ["the first look"]
    make_run(database, dataset_id, 1, wrong=20)
    assert whose() == ["Model 2"]


def test_the_error_leaves_out_classes_that_the_model_had_no_images_of(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    for untrained in ([0], [0, 1, 2]):
        with database.write() as session:
            run = session.get_one(Run, made.run_id)
            run.facts = {**run.facts, "untrained": untrained}
        with database.read() as session:
            rate = evaluate_run(session, run_id=made.run_id).without_untrained
        page = flat(browser_of["ann"].get("/d/faces").text)
        if rate:
            assert f"{100 * rate.low:.1f} % to {100 * rate.high:.1f} %, Model {made.run_id}" in page
        else:
            assert "no hold-out images of classes that it learnt" in page


def test_only_who_can_change_classes_is_offered_to(browser_of: dict[str, TestClient], made: Made) -> None:
    assert "Change classes" in browser_of["ada"].get("/d/faces").text
    page = flat(browser_of["ann"].get("/d/faces").text)
    assert "Change classes" not in page
    assert 'href="/d/faces/classes"' in page


def test_the_most_suspicious_images_stand_on_the_overview_with_what_they_look_like(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = flat(browser_of["ann"].get("/d/faces").text)
    shown = [int(each) for each in re.findall(r'href="/d/faces/images/(\d+)"', page)]
    assert shown == list(made.ranked[:10])
    assert 'alt="labelled cat, looks dog"' in page


def test_the_steps_show_where_the_data_set_is(
    browser_of: dict[str, TestClient], database: Database, made: Made, tmp_path: Path
) -> None:
    def steps(name: str) -> list[tuple[str, str]]:
        page = flat(browser_of["ada"].get(f"/d/{name}").text)
        found = re.findall(r'<li class="(present|done|)"[^>]*><a href="[^"]+">(.*?)</a>', page)
        return [(state, words.rpartition("</span>")[2].strip()) for state, words in found]

    assert steps("faces") == [
        ("done", "Import"),
        ("done", "Train"),
        ("present", "Review"),
        ("", "Retrain"),
        ("", "Export"),
    ]
    import_folder(database, write_images(tmp_path / "pictures"), name="cats")
    assert ("present", "Train") in steps("cats")


def test_figures_and_cards_have_their_numbers(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    for number, sample in enumerate(made.ranked[:3]):
        sent = {"sample": str(sample), "client_id": str(number), "answer": "delete"}
        assert ada.post("/d/faces/review/decisions", data=sent).status_code == 303
    page = flat(ada.get("/d/faces").text)
    figures = dict(re.findall(r"<dt>.*?>([\w ]+)<span.*?</dt><dd>(.*?)</dd>", page))
    assert (figures["suspicious labels"], figures["errors found"]) == ("7", "3")
    for words, number in (
        ("Duplicates", "0"),
        ("Disputed", "0"),
        ("Errors left", "not measured"),
        ("Checked test set", "none yet"),
    ):
        assert f"<span>{words}</span> <b>{number}</b>" in page
    assert "Disputed" not in browser_of["ann"].get("/d/faces").text  # which only admins may open


def test_a_cancelled_or_failed_training_is_not_forgotten_and_can_be_resumed(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    assert "was cancelled" not in ada.get("/d/faces").text
    where = ada.post("/d/faces/models/retrain").headers["location"]
    sure(ada, f"{where}/cancel")
    page = flat(ada.get("/d/faces").text)
    assert f'<a href="{where}"> Model 2 </a> was cancelled just now.' in page
    assert f'action="{where}/resume"' in page
    assert "/resume" not in browser_of["ann"].get("/d/faces").text
    with database.write() as session:
        run = session.get_one(Run, 2)
        run.state, run.note = "failed", "The disk is full."
    assert 'has failed just now. <span class="muted">The disk is full.</span>' in flat(
        ada.get("/d/faces").text
    )
    ada.post(f"{where}/resume")
    assert "has failed" not in ada.get("/d/faces").text


def test_a_change_of_a_class_is_a_bar_to_the_left_or_right(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    assert 'class="more" x="50.00%" y="25%" width="0.00%"' in flat(ada.get("/d/faces").text)
    sent = {"sample": str(made.sample_ids[0]), "client_id": "1", "answer": "relabel:owl"}
    ada.post("/d/faces/review/decisions", data=sent)
    page = flat(ada.get("/d/faces").text)
    assert 'class="less" x="0.00%" y="25%" width="50.00%"' in page  # cat
    assert 'class="more" x="50.00%" y="25%" width="50.00%"' in page  # owl
    assert "cat → owl</th>" in page


def test_labels_that_a_training_behind_the_first_look_has_learnt_do_not_wait_for_another(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "pets"), name="pets")
    make_first_look(database, dataset_id, 1)
    ada = browser_of["ada"]
    with database.read() as session:
        training = Sample.dataset_id == dataset_id, Sample.split == "train"
        sample = session.scalar(select(Sample).where(*training).order_by(Sample.id))
        assert sample is not None
    sent = {"sample": str(sample.id), "client_id": "one", "answer": "delete"}
    assert ada.post("/d/pets/review/decisions", data=sent).status_code == 303
    assert ada.post("/d/pets/export/versions").status_code == 303
    learnt = make_run(database, dataset_id, 2)
    with database.write() as session:
        run = session.get_one(Run, learnt)
        run.is_behind = True
        run.facts = run.facts | {"beside_first_look": {"network": 9, "first_look": 1, "images": 18}}
    page = flat(ada.get("/d/pets").text)
    assert "errs more than the first look" in page
    assert "since the newest model" not in page
    assert "Export the labels" in page
