"""A label file beside an uploaded zip: shown, changeable, confirmed; the same by REST."""

import io
import re
import zipfile

import pytest
from starlette.testclient import TestClient

from app.settings import Settings
from tests.factories import photo
from tests.web.html import flat

ROWS = [(f"{i}.png", ("007", "NA")[i % 2], ("cat", "dog", "owl")[i % 3]) for i in range(12)]
CSV = "image,label,animal\n" + "".join(f"{','.join(row)}\n" for row in ROWS)


def packed(**more: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for i in range(12):
            made.writestr(f"images/{i}.png", photo((20 * i, 9, 90)))
        for name, text in more.items():
            made.writestr(name.replace("_csv", ".csv"), text)
    return out.getvalue()


def send(browser: TestClient, content: bytes, labels: str = "", **more: str) -> tuple[int, str]:
    files = {"file": ("pets.zip", content, "application/zip")}
    if labels:
        files["labels"] = ("mine.csv", labels.encode(), "text/csv")
    answer = browser.post("/datasets/new", data={"name": "pets"} | more, files=files, follow_redirects=True)
    return answer.status_code, flat(answer.text)


@pytest.mark.parametrize("where", ["beside the zip", "in the zip"])
def test_what_a_label_file_gives_is_shown_to_confirm_and_other_columns_can_be_chosen(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], where: str
) -> None:
    ada = browser_of["ada"]
    inside = where == "in the zip"
    status, page = send(ada, packed(**{"train_csv": CSV} if inside else {}), "" if inside else CSV)
    name = "train.csv" if inside else "mine.csv"
    assert status == 200
    assert f"The labels come from {name}, a table." in page
    assert "Column “image” names the image, column “label” has the class, no column says the part." in page
    assert "2 classes: 007, NA" in page
    form = {"choice": "0", "path_column": "image", "label_column": "animal", "split_column": "none"}
    answer = ada.post("/d/pets/import/folders", data=form, follow_redirects=True)
    assert "3 classes: cat, dog, owl" in flat(answer.text)
    assert api["ada"].get("/api/v1/datasets/pets").json()["state"] == "waiting"
    wrong = form | {"label_column": "tail"}
    assert ada.post("/d/pets/import/folders", data=wrong).status_code == 422
    answer = ada.post("/d/pets/import/folders", data=form, follow_redirects=False)
    assert answer.status_code == 303
    shown = api["ada"].get("/api/v1/datasets/pets").json()
    assert (shown["state"], shown["split_folders"]) == ("importing", f"labels={name}")


def test_a_label_file_that_fits_nothing_is_refused_at_its_field_and_nothing_is_lost(
    browser_of: dict[str, TestClient], settings: Settings
) -> None:
    ada = browser_of["ada"]
    status, page = send(ada, packed(), "path,label\nx.png,a\ny.png,b\n")
    assert status == 422
    assert "mine.csv has labels for no image in pets.zip." in page
    assert re.search(r'id="problem-labels"[^>]*>mine.csv has labels', page)
    assert "mine.csv is not imported: choose another file of labels, or change the other fields" in page
    assert "pets.zip has arrived and need not be chosen again" in page
    stored = {each.suffix: each.stem for each in settings.uploads_dir.iterdir()}
    again = {
        "name": "pets",
        "stored": stored[".zip"],
        "stored_labels": "0" * 64,
        "stored_labels_name": "x.csv",
    }
    assert "choose it again" in ada.post("/datasets/new", data=again).text
    again |= {"stored_labels": "../../etc/passwd"}
    assert "choose it again" in ada.post("/datasets/new", data=again).text


def test_by_rest_a_label_file_is_sent_or_named_with_its_columns(api: dict[str, TestClient]) -> None:
    ada = api["ada"]

    def post(name: str, content: bytes, labels: str = "", **more: str) -> tuple[int, dict[str, object]]:
        files = {"file": ("pets.zip", content)} | (
            {"labels": ("mine.csv", labels.encode())} if labels else {}
        )
        answer = ada.post("/api/v1/datasets", data={"name": name} | more, files=files)
        return answer.status_code, answer.json()

    status, made = post("a", packed(), CSV)
    assert status == 202
    layout = made["layout"]
    assert isinstance(layout, dict)
    assert layout["classes"] == {"007": {"train": 6}, "NA": {"train": 6}}
    assert layout["labels"] == {
        "files": ["mine.csv"],
        "kind": "table",
        "columns": ["image", "label", "animal"],
        "path_column": "image",
        "label_column": "label",
        "split_column": None,
        "class_columns": [],
    }
    status, made = post("b", packed(), CSV, label_column="animal")
    assert isinstance(made["layout"], dict)
    assert [*made["layout"]["classes"]] == ["cat", "dog", "owl"]
    status, made = post("c", packed(train_csv=CSV), split_folders="labels=train.csv", label_column="animal")
    assert status == 202
    for refused in (
        post("d", packed(), label_column="animal"),
        post("d", packed(), CSV, split_folders="none"),
        post("d", packed(), CSV, label_column="tail"),
        post("d", packed(), "path,label\nx.png,a\n"),
    ):
        assert refused[0] == 422
    assert post("d", packed(), split_folders="labels=none.csv")[0] == 404


def test_only_an_admin_sends_one(browser_of: dict[str, TestClient], settings: Settings) -> None:
    assert send(browser_of["bob"], packed(), CSV)[0] == 403
    assert not settings.uploads_dir.exists() or not list(settings.uploads_dir.iterdir())
