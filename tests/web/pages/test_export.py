"""Freezing and exporting in the browser."""

import html
import re
from io import BytesIO
from zipfile import ZipFile

from fastapi.testclient import TestClient
from sqlalchemy import update

from app.datasets.models import DatasetVersion, LabelClass
from app.db.engine import Database
from app.export.formats import FORMATS
from app.web.pages.export import in_bytes
from tests.factories import Made
from tests.web.html import flat


def test_the_form_downloads_with_the_cookie(browser_of: dict[str, TestClient], made: Made) -> None:
    page = flat(browser_of["ann"].get("/d/faces/export").text)
    assert 'action="/api/v1/datasets/faces/export"' in page
    for name in ("csv", "csv-excel", "jsonl", "imagefolder"):
        assert f'value="{name}"' in page
    answer = browser_of["ann"].get("/api/v1/datasets/faces/export?version=0&format=csv")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]


def test_an_admin_freezes_what_has_changed(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    freeze = "Freeze as version 1"
    assert freeze not in ada.get("/d/faces/export").text
    ada.post(
        "/d/faces/review/decisions",
        data={"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"},
    )
    assert freeze in ada.get("/d/faces/export").text
    assert "There is one version so far." in ada.get("/d/faces/export/versions").text
    assert ada.post("/d/faces/export/versions").headers["location"] == "/d/faces/export"
    page = flat(ada.get("/d/faces/export").text)
    assert '<option value="1">' in page
    assert "Freeze as version" not in page
    compared = ada.get("/d/faces/export/versions").text
    assert "There is one version so far." not in compared
    assert made.paths[made.sample_ids.index(made.ranked[0])] in compared


def test_an_annotator_cannot_freeze(browser_of: dict[str, TestClient], made: Made) -> None:
    assert browser_of["ann"].post("/d/faces/export/versions").status_code == 403
    assert "/d/faces/export/versions" not in flat(browser_of["ann"].get("/d/faces/export").text)


def test_the_current_labels_are_frozen_and_downloaded_in_one_act(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada, url = browser_of["ada"], "/d/faces/export"
    ada.post(
        "/d/faces/review/decisions",
        data={"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"},
    )
    page = flat(ada.get(url).text)
    assert (
        '<option value="now" selected>current labels, with 1 changed label: becomes version 1</option>'
        in page
    )
    wrong = ada.post(url, data={"version": "now", "format": "xml"})
    assert wrong.status_code == 422
    assert '<option value="now"' in ada.get(url).text  # nothing was frozen for it
    sent = {"version": "now", "format": "csv", "include_deleted": "true"}
    leads_to = ada.post(url, data=sent).headers["location"]
    answer = ada.get(leads_to)
    assert (answer.status_code, answer.headers["x-toploss-version"]) == (200, "1")
    assert ",delete," in flat(answer.text)
    assert '<option value="now" selected>current labels: version 1</option>' in flat(ada.get(url).text)
    old = ada.post(url, data={"version": "0", "format": "csv"}).headers["location"]
    assert ada.get(old).headers["x-toploss-version"] == "0"


def test_who_cannot_freeze_is_told_what_no_version_has(browser_of: dict[str, TestClient], made: Made) -> None:
    ann, url = browser_of["ann"], "/d/faces/export"
    ann.post(
        "/d/faces/review/decisions",
        data={"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"},
    )
    page = flat(ann.get(url).text)
    assert "1 changed label is in no version. An admin can freeze what is new." in page
    assert 'value="now"' not in page
    assert ann.post(url, data={"version": "now", "format": "csv"}).status_code == 403


def test_classes_that_are_one_folder_on_windows_and_macos_are_named_on_the_page_and_in_the_zip(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann, url = browser_of["ann"], "/api/v1/datasets/faces/export?version=0&format=imagefolder"
    assert "become one" not in flat(ann.get("/d/faces/export").text)
    assert "notes.txt" not in ZipFile(BytesIO(ann.get(url).content)).namelist()
    with database.write() as session:
        session.execute(update(LabelClass).where(LabelClass.name == "dog").values(name="Cat"))
        session.execute(update(DatasetVersion).values(classes=["cat", "Cat", "owl"]))
    words = (
        "in how accents are written: “Cat” and “cat”. There take the class of each image from manifest.csv"
    )
    assert words in flat(ann.get("/d/faces/export").text)
    assert words in ZipFile(BytesIO(ann.get(url).content)).read("notes.txt").decode()


def test_the_page_shows_rows_sizes_and_lines_of_code_for_each_format(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann, url = browser_of["ann"], "/d/faces/export"
    page = flat(ann.get(url).text)
    assert "<h2>First rows</h2>" in page
    assert page.count('<th scope="row" class="path"') == 5
    assert "train/cat/000.png" in page
    for reader in ("pandas", "torchvision", "datasets"):
        assert f'<p class="reader">{reader}</p>' in page
    for name in FORMATS:
        assert re.search(
            rf"<b>{name}</b> ?<small class=\"muted\">about [\d,.]+ (bytes|KB|MB)</small>", page
        ), name
    sent = {"sample": str(made.sample_ids[-1]), "client_id": "1", "answer": "relabel:cat"}
    ann.post("/d/faces/review/decisions", data=sent)
    page = flat(ann.get(url).text)
    assert "changed ones first" in page
    first = page.split('<th scope="row" class="path"')[1]
    assert f'title="{made.paths[-1]}"' in first
    assert '<td class="was" data-label="Given">owl</td><td data-label="Label"><b>cat</b></td>' in first


def test_the_lines_of_code_name_the_file_that_is_downloaded(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada, ann = browser_of["ada"], browser_of["ann"]
    sent = {"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"}
    ada.post("/d/faces/review/decisions", data=sent)
    for person, number in ((ann, 0), (ada, 1)):  # what is new becomes a version with an admin's download
        page = html.unescape(person.get("/d/faces/export").text)
        assert f'pd.read_parquet("faces-v{number}.parquet")' in page
        assert f'ImageFolder("faces-v{number}/train"' in page
        assert f"into the folder <code data-file>faces-v{number}-cleanlab</code> first" in page
    sent = {"version": "now", "format": "parquet"}
    named = ada.post("/d/faces/export", data=sent, follow_redirects=True).headers["content-disposition"]
    assert 'filename="faces-v1.parquet"' in named


def test_a_size_is_short() -> None:
    sizes = {
        0: "0 bytes",
        999: "999 bytes",
        1000: "1.0 KB",
        123_456: "123 KB",
        27_400_000: "27 MB",
        10**9: "1.0 GB",
    }
    assert {size: in_bytes(size) for size in sizes} == sizes
