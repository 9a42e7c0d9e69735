"""What people and scripts see of images whose files are missing or changed."""

import errno
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.datasets.missing import missing_files
from app.db.engine import Database
from app.decoding.budget import TooLarge
from tests.factories import Made
from tests.web.html import flat

IMG = {"sec-fetch-dest": "image"}


@pytest.fixture
def images(tmp_path: Path, made: Made) -> Path:
    return next(path for path in tmp_path.rglob("train") if path.is_dir()).parent


def listed(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {path: each.reason for each, path in missing_files(session, dataset_id=1)}


def cards(page: str) -> list[int]:
    return [int(part.split('"')[0]) for part in page.split('data-sample="')[1:]]


def path_of(made: Made, sample_id: int) -> str:
    return made.paths[made.sample_ids.index(sample_id)]


def test_the_deck_skips_a_card_without_its_image_and_says_so(
    browser_of: dict[str, TestClient], database: Database, made: Made, images: Path
) -> None:
    ann = browser_of["ann"]
    first, second = made.ranked[:2]
    (images / path_of(made, first)).unlink()
    page = flat(ann.post("/d/faces/review/claims", data={"hold": "6"}, headers={"hx-request": "true"}).text)
    assert cards(page)[0] == second
    assert len(cards(page)) == 6
    assert listed(database) == {path_of(made, first): "missing"}
    whole = flat(ann.get("/d/faces/review").text)
    assert first not in cards(whole)
    assert "1 image is skipped here: its file is missing or changed." in whole


def test_a_card_in_hand_whose_file_goes_is_not_shown_any_more(
    browser_of: dict[str, TestClient], database: Database, made: Made, images: Path
) -> None:
    ann = browser_of["ann"]
    ann.post("/d/faces/review/claims", data={"hold": "3"})
    lost = cards(ann.get("/d/faces/review").text)[1]
    (images / path_of(made, lost)).unlink()
    assert lost not in cards(ann.get("/d/faces/review").text)


def test_a_picture_of_a_file_that_is_lost_says_so_and_comes_back_with_it(
    browser_of: dict[str, TestClient], database: Database, made: Made, images: Path
) -> None:
    ann, sample = browser_of["ann"], made.sample_ids[0]
    url, file = f"/api/v1/samples/{sample}/image", images / made.paths[0]
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    assert ann.get(url).status_code == 409
    assert listed(database) == {made.paths[0]: "changed"}
    file.unlink()
    told = ann.get(url)
    assert (told.status_code, told.json()["error"]) == (404, "not_found")
    assert listed(database) == {made.paths[0]: "missing"}
    shown = ann.get(url, headers=IMG)
    assert (shown.status_code, shown.headers["content-type"]) == (404, "image/svg+xml")
    assert "The file is missing" in flat(shown.text)
    file.write_bytes(content)
    assert ann.get(url).content == content
    assert listed(database) == {}


def test_nothing_is_marked_while_the_whole_source_is_away(
    browser_of: dict[str, TestClient], database: Database, made: Made, images: Path
) -> None:
    ann = browser_of["ann"]
    images.rename(images.with_name("unplugged"))
    assert ann.get(f"/api/v1/samples/{made.sample_ids[0]}/image").status_code == 404
    ann.post("/d/faces/review/claims", data={"hold": "3"})
    assert len(cards(ann.get("/d/faces/review").text)) >= 3
    assert listed(database) == {}


def test_the_overview_and_the_api_list_what_is_lost_until_somebody_looks_again(
    browser_of: dict[str, TestClient], database: Database, made: Made, images: Path
) -> None:
    ann, file = browser_of["ann"], images / made.paths[0]
    content = file.read_bytes()
    file.unlink()
    ann.get(f"/api/v1/samples/{made.sample_ids[0]}/image")
    page = flat(ann.get("/d/faces").text)
    assert "1 missing or changed" in page
    assert made.paths[0] in page.split('id="missing"')[1]
    assert ann.get("/api/v1/datasets/faces").json()["missing_files"] == 1
    items = ann.get("/api/v1/datasets/faces/missing").json()["items"]
    assert [(each["sample"], each["path"], each["reason"]) for each in items] == [
        (made.sample_ids[0], made.paths[0], "missing")
    ]
    ann.post("/d/faces/missing")
    assert listed(database)
    file.write_bytes(content)
    assert ann.post("/d/faces/missing", follow_redirects=False).headers["location"] == "/d/faces#missing"
    assert listed(database) == {}
    assert 'id="missing"' not in flat(ann.get("/d/faces").text)


def test_an_export_of_images_answers_409_or_leaves_out_what_is_lost(
    browser_of: dict[str, TestClient], made: Made, images: Path
) -> None:
    ann, url = browser_of["ann"], "/api/v1/datasets/faces/export?format=imagefolder"
    (images / made.paths[0]).unlink()
    refused = ann.get(url)
    assert refused.status_code == 409
    assert made.paths[0] in refused.json()["message"]
    sent = ann.get(f"{url}&skip_missing=true")
    assert sent.status_code == 200
    assert b"missing.csv" in sent.content


def test_a_picture_that_needs_too_much_memory_or_that_cannot_be_read_now_is_not_called_missing(
    browser_of: dict[str, TestClient], database: Database, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, url = browser_of["ann"], f"/api/v1/samples/{made.sample_ids[0]}/image?size=thumbnail"

    def too_large(*_: object, **__: object) -> None:
        raise TooLarge("too large to be decoded here: 9,900 x 9,900 pixels")

    def no_handle(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("app.web.api.samples.picture_of", too_large)
    told, shown = ann.get(url), ann.get(url, headers=IMG)
    assert (told.status_code, "9,900 x 9,900 pixels. Save it with fewer" in told.text) == (422, True)
    assert (shown.status_code, "Too large to be shown" in shown.text) == (422, True)
    monkeypatch.undo()
    monkeypatch.setattr("app.storage.folder._open_regular", no_handle)
    told = ann.get(url)
    assert (told.status_code, told.headers["retry-after"]) == (503, "5")
    assert "Too many files are open" in told.json()["message"]
    assert listed(database) == {}
