"""History: the rounds as a picture, and the picture of what was fixed."""

import io
import re
import uuid
from pathlib import Path

from fastapi.testclient import TestClient
from PIL import Image

from app.db.engine import Database
from tests.factories import Made, import_folder, make_first_look, make_run, write_images
from tests.web.html import flat

Browsers = dict[str, TestClient]
HISTORY, CARD = "/d/faces/results/history", "/d/faces/results/card.png"


def say(browser: TestClient, sample: int, said: str) -> None:
    form = {"sample": sample, "answer": said, "client_id": str(uuid.uuid4())}
    assert browser.post("/d/faces/review/decisions", data=form).status_code == 303


def test_before_the_first_model_the_page_says_what_to_do(
    browser_of: Browsers, database: Database, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "images"))
    page = flat(browser_of["ann"].get(HISTORY).text)
    assert "The first round begins with the first model." in page
    assert '<svg class="trend' not in page


def test_the_rounds_are_a_picture_and_in_numbers(
    browser_of: Browsers, database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    say(ann, made.ranked[0], "delete")
    make_run(database, made.dataset_id, made.version_id, wrong=4, parent_id=made.run_id)
    page = flat(ann.get(HISTORY).text)
    assert "1 error found in 2 rounds" in page
    chart, _, numbers = page.partition("<summary>The numbers</summary>")
    assert chart.partition('<div class="trend-grid">')[2].count("<circle") == 2  # two models, one line
    assert "given labels: " in chart  # each dot tells its figure and interval
    assert "labels of version 0" not in chart
    assert [chart.count(f">Round {number}</text>") for number in (1, 2, 3)] == [1, 1, 0]
    assert "Error, given labels" in numbers
    assert f"from Model {made.run_id}" in numbers
    assert "card.png?round=1" in numbers
    assert "card.png?round=2" not in numbers  # nothing was found in it


def test_a_first_look_stands_apart_and_no_line_leads_from_it(
    browser_of: Browsers, database: Database, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images"))
    make_first_look(database, dataset_id, 1, wrong=3)
    for seed in (1, 2):
        make_run(database, dataset_id, 1, wrong=6, seed=seed)
    chart = flat(browser_of["ann"].get(HISTORY).text).partition('<div class="trend-grid">')[2]
    dots = chart.partition("Errors found")[0]
    assert [dots.count("<circle"), chart.count(">First look</text>")] == [3, 1]
    joins = re.findall(r'<line x1="([\d.]+)%" y1="[\d.]+" x2="([\d.]+)%"', dots)
    assert joins == [("50.00", "83.33")]


def opened(browser: TestClient, address: str = CARD) -> Image.Image:
    answer = browser.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return Image.open(io.BytesIO(answer.content)).convert("RGB")


def test_the_picture_of_what_was_fixed_can_be_saved_and_is_always_the_same(
    browser_of: Browsers, made: Made
) -> None:
    ann = browser_of["ann"]
    assert opened(ann).size == (1200, 630)  # it says that nothing is fixed yet
    assert "card.png" not in ann.get(HISTORY).text
    say(ann, made.ranked[0], "delete")
    say(ann, made.ranked[1], "relabel:owl")
    page = flat(ann.get(HISTORY).text)
    assert f'href="{CARD}" download="faces-errors-fixed.png"' in page
    assert 'alt="2 errors fixed: images with their old and their new label"' in page
    light, dark = opened(ann), opened(ann, f"{CARD}?theme=dark")
    assert light.size == dark.size == (1200, 630)
    assert light.getpixel((2, 2)) > (200, 200, 200)
    assert dark.getpixel((2, 2)) < (60, 60, 60)
    assert ann.get(CARD).content == ann.get(CARD).content
    before = ann.get(CARD).content
    say(ann, made.ranked[2], "delete")
    assert ann.get(CARD).content != before


def test_the_picture_of_one_round_has_what_was_found_in_it(
    browser_of: Browsers, database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    say(ann, made.ranked[0], "delete")
    make_run(database, made.dataset_id, made.version_id, wrong=4, parent_id=made.run_id)
    assert opened(ann, f"{CARD}?round=1").size == (1200, 630)
    assert ann.get(f"{CARD}?round=2").content != ann.get(f"{CARD}?round=1").content
    refused = ann.get(f"{CARD}?round=3")
    assert (refused.status_code, "There is no round 3 yet" in refused.text) == (404, True)
    assert ann.get(f"{CARD}?round=0").status_code == 422
    assert ann.get(f"{CARD}?theme=pink").status_code == 422


def test_an_image_whose_file_is_missing_is_left_out_of_the_picture(
    browser_of: Browsers, made: Made, tmp_path: Path
) -> None:
    ann = browser_of["ann"]
    for sample in made.ranked[:2]:
        say(ann, sample, "delete")
    whole = ann.get(CARD).content
    path = dict(zip(made.sample_ids, made.paths, strict=True))[made.ranked[0]]
    (file,) = tmp_path.rglob(path)
    file.unlink()
    assert ann.get(CARD).status_code == 200
    assert ann.get(CARD).content != whole


def test_the_end_of_the_review_shows_the_picture(browser_of: Browsers, made: Made) -> None:
    ann = browser_of["ann"]
    for sample in made.ranked[:10]:
        say(ann, sample, "delete")
    page = flat(ann.get("/d/faces/review").text)
    assert f'<img src="{CARD}"' in page
    assert 'alt="10 errors fixed' in page
