"""A run's page: every figure from stored predictions, every number and picture to keep, curves that grow."""

import csv
import io
import re
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from sklearn.metrics import confusion_matrix

from app.datasets.models import Dataset
from app.db.engine import Database
from app.jobs import requests as jobs
from app.ml.recipes import RECIPES
from app.training.ending import end_run, record_epoch, start_run
from app.training.models import Epoch, Run
from app.training.requesting import request_run
from app.training.runs import get_run
from tests.factories import CLASSES, Made, make_run
from tests.measuring.reviewed import hold_out
from tests.web.html import flat

FRAGMENT = {"hx-request": "true"}


def rows(browser: TestClient, made: Made, run: int, what: str) -> list[dict[str, str]]:
    answer = browser.get(f"/d/faces/models/{run}/{what}.csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"faces-model{run}-{what}.csv" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


def mixed_up(database: Database, made: Made) -> int:
    """A run that takes one cat for a dog, both owls for cats."""
    valid = hold_out(made)
    return make_run(
        database, made.dataset_id, made.version_id, says={valid[0]: 1, valid[4]: 0, valid[5]: 0}, seed=1
    )


def matrix(page: str) -> list[str]:
    return re.findall(r'<td class="s\d[^>]*>(?:<a [^>]*>)?([^<]*)', flat(page))


def test_the_matrix_shows_counts_or_shares_of_the_row_or_the_column(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    where = f"/d/faces/models/{mixed_up(database, made)}"
    ann = browser_of["ann"]
    assert matrix(ann.get(where).text) == ["1", "1", "0", "0", "2", "0", "2", "0", "0"]
    assert matrix(ann.get(f"{where}?matrix=rows").text) == [
        "50.0 %",
        "50.0 %",
        "0.0 %",
        "0.0 %",
        "100.0 %",
        "0.0 %",
        "100.0 %",
        "0.0 %",
        "0.0 %",
    ]
    assert matrix(ann.get(f"{where}?matrix=columns").text) == [
        "33.3 %",
        "33.3 %",
        "–",
        "0.0 %",
        "66.7 %",
        "–",
        "66.7 %",
        "0.0 %",
        "–",
    ]
    assert f'href="{where}?matrix=rows#confusion"' in flat(ann.get(where).text)
    assert ann.get(f"{where}?matrix=magic").status_code == 422


def test_a_cell_of_a_run_that_is_not_reviewed_shows_its_own_images(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    run, ann = mixed_up(database, made), browser_of["ann"]
    make_run(
        database, made.dataset_id, made.version_id, seed=2
    )  # its ranking is the one that is reviewed now
    page = flat(ann.get(f"/d/faces/models/{run}").text)
    cells = re.findall(
        rf'<a href="(/d/faces/models/{run}/images\?[^"]*)">(\d+)</a>',
        page.split("% of a label")[1].split("Save as")[0],
    )
    assert [number for _, number in cells] == ["1", "1", "2", "2"]
    for link, number in cells:
        assert ann.get(link.replace("&amp;", "&")).text.split("<main")[1].count("<li>") == int(number)
    shown = flat(ann.get(f"/d/faces/models/{run}/images?class=owl&predicted=cat").text)
    assert all(f"/samples/{sample}/image" in shown for sample in hold_out(made)[4:])
    assert (
        "The model predicted no such image"
        in ann.get(f"/d/faces/models/{run}/images?class=dog&predicted=cat").text
    )
    assert "There is no such page" in ann.get(f"/d/faces/models/{run}/images?page=9").text
    assert ann.get(f"/d/faces/models/{run}/images?class=cow").status_code == 422
    assert ann.get("/d/faces/models/999/images").status_code == 404


def test_the_files_hold_the_numbers_of_the_page(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    run, ann = mixed_up(database, made), browser_of["ann"]
    predictions = rows(ann, made, run, "predictions")
    assert [int(row["rank"]) for row in predictions] == list(range(1, 25))
    assert sum(float(predictions[0][f"p_{name}"]) for name in CLASSES) == pytest.approx(1, abs=1e-5)
    held = [row for row in predictions if row["split"] == "valid"]
    expected = confusion_matrix(
        [row["label"] for row in held], [row["predicted_label"] for row in held], labels=CLASSES
    )
    found = rows(ann, made, run, "confusion")
    assert [int(row["images"]) for row in found] == expected.ravel().tolist()
    assert [(row["class"], row["images"], row["recall"]) for row in rows(ann, made, run, "classes")] == [
        ("cat", "2", "0.5"),
        ("dog", "2", "1.0"),
        ("owl", "2", "0.0"),
    ]
    bins = rows(ann, made, run, "calibration")
    assert sum(int(row["images"]) for row in bins) == 6
    right = sum(float(row["share_right"]) * int(row["images"]) for row in bins if row["share_right"])
    assert right == pytest.approx(3)
    losses = [float(row["loss"]) for row in rows(ann, made, run, "top-losses")]
    every = sorted((float(row["loss"]) for row in rows(ann, made, run, "predictions")), reverse=True)
    assert losses == every[:20]
    assert [(row["epoch"], row["train_loss"]) for row in rows(ann, made, run, "epochs")] == [("1", "1.0")]
    assert rows(ann, made, run, "learning-rate") == []
    page = flat(ann.get(f"/d/faces/models/{run}").text)
    for what in ("epochs", "confusion", "classes", "calibration", "top-losses", "predictions"):
        assert f'href="/d/faces/models/{run}/{what}.csv"' in page, what
    assert ann.get(f"/d/faces/models/{run}/magic.csv").status_code == 404
    assert ann.get("/d/faces/models/999/epochs.csv").status_code == 404


def test_the_pictures_are_svg_with_the_numbers_in_them(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    run, ann = mixed_up(database, made), browser_of["ann"]
    for what, words in (
        ("confusion.svg?matrix=rows", {"50.0\u00a0%", "owl"}),
        ("calibration.svg", {"confidence, in %"}),
    ):
        answer = ann.get(f"/d/faces/models/{run}/{what}")
        assert answer.headers["content-type"] == "image/svg+xml"
        drawn = ET.fromstring(answer.text)  # noqa: S314 - our own
        assert words <= {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert ann.get("/d/faces/models/999/confusion.svg").status_code == 404


def test_the_page_knows_how_sure_the_network_is_and_how_right(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    run = mixed_up(database, made)
    page = flat(browser_of["ann"].get(f"/d/faces/models/{run}").text)
    assert "expected calibration error" in page
    assert "temperature" not in page
    with database.write() as session:
        session.get_one(Run, run).facts = {
            "temperature": 1.4,
            "calibration_error_after": 0.021,
            "code": "abc123",
            "toploss": "0.1.0",
        }
    page = flat(browser_of["ann"].get(f"/d/faces/models/{run}").text)
    assert re.search(r">temperature 1.40<.*?</span></span>: ?2.1 %", page)
    assert "abc123" in page


def test_the_facts_say_what_made_the_run(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    child = make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id, seed=41)
    facts = flat(browser_of["ann"].get(f"/d/faces/models/{child}").text).split("<summary>Facts</summary>")[1]
    told = dict(re.findall(r'<th scope="row">([^<]+)</th><td>([^<]+)</td>', facts))
    assert told["Seed"] == "41"
    assert told["Starts from"] == f"Model {made.run_id}"
    assert re.fullmatch(r"version 0, sha256 [0-9a-f]{64}", told["Labels"])
    assert {"Requested", "Started", "Ended", "Took"} <= told.keys()
    assert "24 predictions, CSV" in facts


def test_the_curves_of_a_run_that_learns_come_when_there_is_something_new(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    ann = browser_of["ann"]
    with database.write() as session:
        run = request_run(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            recipe=RECIPES["quick"],
            weights="none",
            parent_id=None,
            seed=9,
            user_id=None,
        ).id
        start_run(session, run_id=run)
    where = f"/d/faces/models/{run}"
    page = flat(ann.get(where).text)
    assert "They begin with the first finished epoch" in page
    assert "vendor/uplot.min.js" in page
    [polled] = re.findall(r'id="curves"[^>]* hx-get="([^"]+)"', flat(page))
    assert ann.get(polled, headers=FRAGMENT).status_code == 204
    with database.write() as session:
        record_epoch(
            session,
            Epoch(run_id=run, fold=-1, epoch=0, train_loss=1.5, valid_loss=1.25, error_rate=0.5, seconds=2.0),
        )
    grown = ann.get(polled, headers=FRAGMENT)
    assert (grown.status_code, "<html" in grown.text) == (200, False)
    assert "1.2500" in flat(grown.text)
    [polled] = re.findall(r'hx-get="([^"]+)"', grown.text)
    assert ann.get(polled, headers=FRAGMENT).status_code == 204
    with database.write() as session:
        end_run(session, run_id=run, state="cancelled")
    ended = ann.get(polled, headers=FRAGMENT)
    assert ended.status_code == 200
    assert "hx-get" not in flat(ended.text)


def test_a_run_without_a_hold_out_has_no_calibration_to_draw(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    with database.write() as session:
        run = request_run(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            recipe=RECIPES["quick"],
            weights="none",
            parent_id=None,
            seed=9,
            user_id=None,
        ).id
    answer = browser_of["ann"].get(f"/d/faces/models/{run}/calibration.svg")
    assert answer.status_code == 404
    assert "nothing to draw" in flat(answer.text)
    assert rows(browser_of["ann"], made, run, "calibration") == []


def test_a_run_from_before_deep_greys_had_a_scale_says_so(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    url = f"/d/faces/models/{made.run_id}"
    assert "before deep greys" not in flat(browser_of["ann"].get(url).text)
    with database.write() as session:
        session.get_one(Dataset, made.dataset_id).grey_scales = {"I": [0, 4000]}
    assert "before deep greys" in flat(browser_of["ann"].get(url).text)
    with database.write() as session:
        run = session.get_one(Run, made.run_id)
        run.facts = run.facts | {"grey_scales": {"I": [0, 4000]}}
    assert "before deep greys" not in flat(browser_of["ann"].get(url).text)


def test_a_finished_run_says_that_only_its_learning_rate_curve_is_missing(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    words = "Only the learning-rate curve is still being drawn"
    where = f"/d/faces/models/{made.run_id}"
    assert words not in flat(browser_of["ann"].get(where).text)
    with database.write() as session:
        job = jobs.ask(session, task="train", dataset_id=made.dataset_id, arguments={}, user_id=None)
        jobs.start(session, job_id=job.id)
        get_run(session, run_id=made.run_id).job_id = job.id
    assert words in flat(browser_of["ann"].get(where).text)
    with database.write() as session:
        jobs.finish(session, job_id=job.id, state="finished", message="")
    assert words not in flat(browser_of["ann"].get(where).text)


def test_where_the_network_starts_is_a_fact_and_what_else_is_to_be_known_a_note(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    started = "The network starts from random weights: the recipe quick is made for these."
    with database.write() as session:
        run = session.get_one(Run, made.run_id)
        run.note = f"{started} 2 images are missing."
        run.facts = run.facts | {"start_why": "the recipe quick is made for these"}
    page = flat(browser_of["ann"].get(f"/d/faces/models/{made.run_id}").text)
    assert '<p class="note">2 images are missing.</p>' in page
    assert page.count("the recipe quick is made for these") == 1
    assert '<th scope="row">Why random weights</th><td>the recipe quick is made for these</td>' in page


def test_an_error_is_drawn_with_its_interval_over_an_axis_from_zero(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    page = flat(browser_of["ann"].get(f"/d/faces/models/{mixed_up(database, made)}").text)
    assert "<b>50.0 % error</b>" in page
    assert 'aria-label="given labels: 50.0 %, 95 % interval 18.8 % to 81.2 %"' in page
    [low, wide] = re.findall(r'class="range" x="([\d.]+)%" y="6" width="([\d.]+)%"', page)[0]
    assert (float(low), float(low) + float(wide)) == pytest.approx((18.76, 81.24), abs=0.02)
    assert re.findall(r'text-anchor="\w+">([^<]*)</text>', page.split("ticks")[1])[:3] == ["0", "50", "100 %"]


def test_a_suspicious_image_says_its_label_what_it_looks_like_and_how_sure_that_is(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = flat(browser_of["ann"].get(f"/d/faces/models/{made.run_id}").text)
    first = page.split('<ol class="losses">')[1].split("</li>")[0]
    assert f"/d/faces/images/{made.ranked[0]}" in first
    assert 'labelled <b><span class="tag class-0">cat</span></b>' in first
    assert re.search(r'looks <b><span class="tag class-1">dog</span></b> \d+ %', first)


def test_a_legend_names_every_line_and_the_interval_by_its_swatch(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = flat(browser_of["ann"].get(f"/d/faces/models/{made.run_id}").text)
    legends = [
        re.findall(r'<rect class="(\w+)"/></svg>([^<]+)</span>', legend)
        for legend in re.findall(r'<p class="legend drawn">(.*?)</p>', page)
    ]
    assert legends == [
        [("first", "training"), ("second", "held-out images")],
        [("only", "error"), ("band", "95 % interval")],
    ]


def test_a_model_that_is_not_there_is_said_in_the_words_of_the_pages(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    answer = browser_of["ann"].get("/d/faces/models/999")
    assert answer.status_code == 404
    assert "There is no model with the id 999 here; the page Models lists all." in flat(answer.text)
