"""Before an import the browser shows what the folders are taken for, and a person confirms or chooses."""

import io
import re
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.datasets.importing import import_images
from app.datasets.models import Dataset, LabelClass, Sample
from app.db.engine import Database
from app.errors import AmbiguousLayout
from app.jobs import requests as jobs
from app.settings import Settings
from tests.factories import import_folder, photo
from tests.web.asking import sure
from tests.web.html import flat

FOUR = ("A/cat", "A/dog", "B/cat", "B/dog")


def packed(*folders: str, images: int = 4) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, folder in enumerate(folders):
            for i in range(images):
                archive.writestr(f"{folder}/{i}.png", photo((40 * number, 50 * i, 9), size=(6, 6)))
    return out.getvalue()


def send(ada: TestClient, content: bytes, *, name: str = "pets") -> str:
    files = {"file": ("pets.zip", content, "application/zip")}
    answer = ada.post("/datasets/new", data={"name": name, "path": ""}, files=files)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def work(database: Database, settings: Settings) -> None:
    """What the worker does with the newest job."""
    with database.read() as session:
        job = jobs.list_jobs(session, task="import")[0]
    import_images(
        database,
        dataset_id=job.arguments["dataset"],
        max_pixels=settings.max_image_pixels,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    with database.write() as session:
        jobs.finish(session, job_id=job.id, state="finished")


def state(database: Database) -> str:
    with database.read() as session:
        return session.scalars(select(Dataset.state)).one()


def test_clear_folders_are_shown_with_counts_and_images_and_imported_when_confirmed(
    browser_of: dict[str, TestClient], database: Database, settings: Settings
) -> None:
    ada = browser_of["ada"]
    names = ("training_set/cat", "training_set/dog", "test_set/cat", "test_set/dog")
    page = flat(ada.get(send(ada, packed(*names))).text)
    assert "training_set is the training part; test_set is the test part" in page
    assert "There is no validation folder" in page
    assert re.search(r'name="choice" value="0" checked', flat(page))
    cells = re.findall(r'<th scope="row">(cat|dog)</th>(?:\s*<td class="num"[^>]*>4</td>){2}', page)
    assert cells == ["cat", "dog"]
    pictures = re.findall(r'src="(/d/pets/import/picture[^"]+)"', flat(page))
    assert pictures
    shown = ada.get(pictures[0].replace("&amp;", "&"))
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    with database.read() as session:
        assert session.scalar(select(Sample.id)) is None  # nothing is made before it is confirmed
        assert not jobs.list_jobs(session)
    parts = re.findall(r'<option value="(\w+)" selected>', flat(page))
    assert parts == ["test", "train"]
    assert ada.post("/d/pets/import/folders", data={"choice": "0", "part": parts}).status_code == 303
    work(database, settings)
    assert state(database) == "ready"
    with database.read() as session:
        assert set(session.scalars(select(LabelClass.name))) == {"cat", "dog"}
    assert ada.get(pictures[0].replace("&amp;", "&")).status_code == 404
    assert ada.post("/d/pets/import/folders", data={"choice": "0", "part": parts}).status_code == 409


def test_unclear_folders_are_a_choice_that_must_be_made_and_is_kept_after_a_mistake(
    browser_of: dict[str, TestClient], database: Database, settings: Settings
) -> None:
    ada = browser_of["ada"]
    page = flat(ada.get(send(ada, packed(*FOUR))).text)
    assert "A and B hold the same folders: they may be parts, or classes." in page
    assert len(re.findall(r'type="radio" name="choice"', flat(page))) == 3
    assert " checked" not in page
    open_parts = ["?", "?", "?", "?"]
    missing = ada.post("/d/pets/import/folders", data={"part": open_parts})
    assert (missing.status_code, "Choose how the folders are read." in missing.text) == (422, True)
    half = ada.post("/d/pets/import/folders", data={"choice": "0", "part": ["train", "?", "?", "?"]})
    assert (half.status_code, "Choose a part for B" in half.text) == (422, True)
    assert re.search(r'value="0" checked', flat(half.text))
    assert '<option value="train" selected>' in flat(half.text)
    untrained = ada.post("/d/pets/import/folders", data={"choice": "0", "part": ["test", "valid", "?", "?"]})
    assert "No folder is the training part" in flat(untrained.text)
    for wrong in (["train"], ["train", "fold", "?", "?"]):
        assert ada.post("/d/pets/import/folders", data={"choice": "0", "part": wrong}).status_code == 422
    assert ada.post("/d/pets/import/folders", data={"choice": "7", "part": open_parts}).status_code == 422
    assert state(database) == "waiting"
    done = ada.post("/d/pets/import/folders", data={"choice": "0", "part": ["train", "valid", "?", "?"]})
    assert done.status_code == 303
    work(database, settings)
    with database.read() as session:
        found = dict(session.execute(select(Sample.path, Sample.split)).all())
    assert found["B/dog/0.png"] == "valid"
    assert ada.post("/d/pets/import/repeat").status_code == 303  # by the stored choice, without a question
    work(database, settings)
    with database.read() as session:
        assert dict(session.execute(select(Sample.path, Sample.split)).all()) == found


def test_only_an_admin_chooses_and_only_shown_images_can_be_seen(browser_of: dict[str, TestClient]) -> None:
    ada, ann = browser_of["ada"], browser_of["ann"]
    send(ada, packed(*FOUR))
    assert "An admin has to confirm" in flat(ann.get("/d/pets").text)
    assert ann.post("/d/pets/import/folders", data={"choice": "1"}).status_code == 403
    assert ann.get("/d/pets/import/picture?path=A/cat/0.png").status_code == 403
    for path in ("A/cat/3.png", "../pets", "A/cat/9.png"):
        assert ada.get("/d/pets/import/picture", params={"path": path}).status_code == 404
    assert ada.get("/d/pets/import/picture", params={"path": "A/cat/0.png"}).status_code == 200


def test_another_source_may_take_the_name_of_one_that_waits(
    browser_of: dict[str, TestClient], database: Database
) -> None:
    ada = browser_of["ada"]
    send(ada, packed(*FOUR))
    page = flat(ada.get(send(ada, packed("owl", "bee"))).text)
    assert "2 classes: bee, owl" in page
    assert "Every folder is a class" in page
    assert 'type="radio"' not in page  # there is nothing to choose from
    assert ada.post("/d/pets/import/folders", data={"choice": "0"}).status_code == 303
    with database.read() as session:
        assert [job.state for job in jobs.list_jobs(session)] == ["queued"]


def test_folders_that_only_the_worker_finds_unclear_wait_for_a_choice_too(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    for folder in FOUR:
        (tmp_path / "pets" / folder).mkdir(parents=True)
        (tmp_path / "pets" / folder / "1.png").write_bytes(photo(size=(6, 6)))
    with pytest.raises(AmbiguousLayout):
        import_folder(database, tmp_path / "pets", name="pets")
    assert state(database) == "waiting"
    assert "What are these folders?" in flat(browser_of["ada"].get("/d/pets").text)


def test_a_script_is_told_what_was_understood(api: dict[str, TestClient]) -> None:
    files = {"file": ("pets.zip", packed("Training/cat", "Training/dog", "dev/cat", "dev/dog"))}
    answer = api["ada"].post("/api/v1/datasets", data={"name": "pets"}, files=files)
    assert answer.status_code == 202
    layout = answer.json()["layout"]
    assert layout["split_folders"] == "train=Training,valid=dev"
    assert layout["classes"] == {"cat": {"train": 4, "valid": 4}, "dog": {"train": 4, "valid": 4}}
    assert api["ada"].get("/api/v1/datasets/pets").json()["split_folders"] == "train=Training,valid=dev"


def test_a_script_is_refused_with_the_choices_and_sends_one(
    api: dict[str, TestClient], database: Database, settings: Settings
) -> None:
    ada, files = api["ada"], {"file": ("pets.zip", packed(*FOUR))}
    refused = ada.post("/api/v1/datasets", data={"name": "pets"}, files=files)
    assert refused.status_code == 422
    assert refused.json()["error"] == "ambiguous_layout"
    assert "say which it is in split_folders" in refused.json()["message"]
    choices = [(each["split_folders"], each["is_complete"]) for each in refused.json()["choices"]]
    assert choices == [("?=A,?=B", False), ("none", True), ("?=*/cat,?=*/dog", False)]
    assert ada.get("/api/v1/datasets/pets").status_code == 404  # nothing was made
    for wrong in ("A", "train=Q", "valid=A"):
        data = {"name": "pets", "split_folders": wrong}
        assert ada.post("/api/v1/datasets", data=data, files=files).status_code == 422
    data = {"name": "pets", "split_folders": "train=A,test=B"}
    assert ada.post("/api/v1/datasets", data=data, files=files).status_code == 202
    work(database, settings)
    with database.read() as session:
        assert dict(session.execute(select(Sample.path, Sample.split)).all())["B/cat/1.png"] == "test"


def test_a_class_without_training_images_is_told_of_before_training_and_at_the_export(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    for number, folder in enumerate(("train/cat", "train/dog", "valid/cat", "valid/dog", "valid/bird")):
        (tmp_path / "pets" / folder).mkdir(parents=True)
        (tmp_path / "pets" / folder / "1.png").write_bytes(photo((40 * number, 9, 9), size=(6, 6)))
    import_folder(database, tmp_path / "pets", name="pets")
    for page in ("/d/pets", "/d/pets/models", "/d/pets/models/train", "/d/pets/export"):
        assert "“bird”: no training images" in browser_of["ada"].get(page).text, page


def test_an_import_that_is_cancelled_before_it_begins_can_be_repeated_or_replaced(
    browser_of: dict[str, TestClient], database: Database
) -> None:
    ada = browser_of["ada"]
    send(ada, packed("owl", "bee"))
    ada.post("/d/pets/import/folders", data={"choice": "0"})
    sure(ada, "/d/pets/import/cancel")
    assert state(database) == "failed"
    page = flat(ada.get("/d/pets").text)
    assert "The import has not finished" in page
    assert "Import again" in page
    assert "2 classes: cat, dog" in flat(ada.get(send(ada, packed("cat", "dog"))).text)


def test_a_data_set_for_object_detection_is_refused_at_the_form(
    browser_of: dict[str, TestClient],
) -> None:
    out = io.BytesIO(packed("train/images", "val/images"))
    with zipfile.ZipFile(out, "a") as archive:
        for path in [name for name in archive.namelist() if name.endswith(".png")]:
            archive.writestr(path.replace("images", "labels").replace(".png", ".txt"), "0 0.5 0.5 1 1")
    files = {"file": ("yolo.zip", out.getvalue(), "application/zip")}
    answer = browser_of["ada"].post("/datasets/new", data={"name": "yolo", "path": ""}, files=files)
    assert (answer.status_code, "object detection" in answer.text) == (422, True)


def test_files_of_other_kinds_are_named_before_the_import_and_no_picture_is_broken(
    browser_of: dict[str, TestClient],
) -> None:
    out = io.BytesIO(packed("cat", "dog"))
    jxl = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(200)
    with zipfile.ZipFile(out, "a") as archive:
        for name in ("cat/0.jxl", "cat/1.JXL", "bird/2.jxl", "cat/0.jpg"):  # the last one is JPEG XL too
            archive.writestr(name, jxl)
    ada = browser_of["ada"]
    page = ada.get(send(ada, out.getvalue())).text
    assert (
        "3 files are refused by their names: JPEG XL, which Toploss cannot read; convert it to JPEG or PNG."
        in page
    )
    assert "bird is no class: it has no other image." in page
    pictures = [
        each.replace("&amp;", "&") for each in re.findall(r'src="(/d/pets/import/picture[^"]+)"', page)
    ]
    assert {"jxl" in each.casefold() for each in pictures} == {False}
    shown = {each: ada.get(each) for each in pictures}
    assert {(each.status_code, each.headers["content-type"].split("/")[0]) for each in shown.values()} == {
        (200, "image")
    }
    assert "cannot be read" in shown["/d/pets/import/picture?path=cat%2F0.jpg"].text


def test_the_message_of_a_job_that_cannot_tell_the_folders_names_an_option_that_exists(
    database: Database, tmp_path: Path
) -> None:
    for folder in FOUR:
        (tmp_path / "pets" / folder).mkdir(parents=True)
        (tmp_path / "pets" / folder / "1.png").write_bytes(photo((len(folder), 7, 9), size=(6, 6)))
    with pytest.raises(AmbiguousLayout) as refusal:
        import_folder(database, tmp_path / "pets")
    assert "on the page of the data set, or import again from the shell with --split-folders" in str(
        refusal.value
    )
    assert "split_folders" not in str(refusal.value)
