"""Images are added to a data set by REST."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.datasets import adding
from app.datasets.surveying import Survey
from app.db.engine import Database
from app.settings import Settings
from app.storage import Origin
from app.web.api import datasets
from tests.conftest import People
from tests.factories import Made, photo

API = "/api/v1/datasets/faces"


def images(count: int, *, shade: int = 0) -> list[tuple[str, bytes]]:
    return [(f"{i}.png", photo((20 * i + 5, 90, shade), size=(40, 30))) for i in range(count)]


def files(sent: list[tuple[str, bytes]]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", each) for each in sent]


def zipped(sent: dict[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in sent.items():
            archive.writestr(name, content)
    return [("file", ("more.zip", out.getvalue()))]


def post(client: TestClient, sent: Any, **fields: str) -> Any:
    return client.post(f"{API}/images", files=sent, data=fields)


def noise(seed: int) -> bytes:
    import numpy as np
    from PIL import Image

    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_single_files_of_a_class_are_added_and_in_no_version_yet(
    api: dict[str, TestClient], made: Made
) -> None:
    sent = files([("a.png", noise(1)), ("b.png", noise(2)), ("a.png", noise(3)), ("x.txt", b"no image")])
    answer = post(api["ada"], sent, **{"class": "Cat"})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["added"], told["images_in_no_version"], told["job"]) == (3, 3, None)
    assert told["already_there"] == 0
    assert list(told["rejected"]) == ["cat/x.txt"] or list(told["rejected"]) == ["Cat/x.txt"]
    detail = api["ann"].get(API).json()
    assert (detail["samples"], detail["images_in_no_version"], detail["version"]) == (27, 3, 0)
    new = api["ann"].get(f"{API}/samples?limit=1000").json()["items"][-3:]
    assert {each["given_label"] for each in new} == {"cat"}
    assert all(each["path"].startswith("added-1/") for each in new)
    for each in new:
        assert api["ann"].get(each["image_url"]).status_code == 200
    frozen = api["ada"].post(f"{API}/versions").json()
    assert (frozen["number"], frozen["samples"]) == (1, 27)
    archive = api["ada"].get(f"{API}/export?format=imagefolder&version=1")
    assert archive.status_code == 200
    assert len(zipfile.ZipFile(io.BytesIO(archive.content)).namelist()) >= 27


def test_a_zip_of_class_folders_is_added_with_new_classes_and_again_nothing_is(
    api: dict[str, TestClient], made: Made
) -> None:
    sent = zipped({"cat/a.png": noise(1), "emu/b.png": noise(2), "readme.txt": b"hello"})
    answer = post(api["ada"], sent)
    assert answer.status_code == 201, answer.text
    assert answer.json()["added"] == 2
    assert "New classes: emu." in answer.json()["notes"]
    assert [each["name"] for each in api["ada"].get(f"{API}/classes").json()["items"]][-1] == "emu"
    again = post(api["ada"], sent)
    assert (again.status_code, again.json()["added"]) == (201, 0)
    assert api["ada"].get(API).json()["samples"] == 26


def test_a_repeated_import_keeps_what_was_added(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    from app.datasets.importing import import_images

    assert post(api["ada"], files([("a.png", noise(1))]), **{"class": "owl"}).status_code == 201
    report = import_images(
        database,
        dataset_id=made.dataset_id,
        max_pixels=10**6,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    assert (report.samples, report.added) == (25, 0)
    assert api["ada"].get(API).json()["missing_files"] == 0


def test_many_images_are_read_by_a_job(
    api: dict[str, TestClient], database: Database, settings: Settings, made: Made
) -> None:
    from app.jobs.engine import JobContext
    from app.jobs.requests import get_job
    from app.tasks import import_images

    sent = zipped(
        {f"{name}/{i}.png": noise(100 * k + i) for k, name in enumerate(("cat", "dog")) for i in range(51)}
    )
    answer = post(api["ada"], sent)
    assert answer.status_code == 202, answer.text
    assert answer.json()["added"] is None
    with database.read() as session:
        job = get_job(session, job_id=answer.json()["job"])
    context = JobContext(job, database, settings.model_copy(update={"first_look": "off"}))
    import_images.run(context)
    assert context.note == "102 images were added."
    assert api["ada"].get(API).json()["images_in_no_version"] == 102
    import_images.run(context)  # after a kill nothing is doubled
    assert api["ada"].get(API).json()["samples"] == 126


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ([("file", ("a.png", b"x"))], {}),
        (zipped({"cat/a.png": b"x"}), {"class": "cat"}),
        ([("file", ("a.zip", b"no zip"))], {}),
        ([("file", ("a.png", noise(1)))], {"class": "a\tb"}),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(
    api: dict[str, TestClient], settings: Settings, made: Made, sent: Any, fields: dict[str, str]
) -> None:
    answer = post(api["ada"], sent, **fields)
    assert answer.status_code == 422, answer.text
    assert api["ada"].get(API).json()["samples"] == 24
    assert post(api["ann"], sent, **fields).status_code == 403


def test_nothing_is_added_to_an_archived_data_set_and_no_file_stays(
    api: dict[str, TestClient], made: Made, settings: Settings
) -> None:
    assert api["ada"].patch(API, json={"archived": True}).status_code == 200
    assert post(api["ada"], files([("a.png", noise(1))]), **{"class": "owl"}).status_code == 409
    assert list(settings.uploads_dir.glob("*")) == []
    sent = zipped({"a.png": noise(1)})
    assert post(api["ada"], sent).status_code in (409, 422)
    assert api["ada"].post("/api/v1/datasets", files=sent, data={"name": "x"}).status_code == 422
    assert list(settings.uploads_dir.glob("*")) == []


def test_a_zip_that_is_sent_while_its_data_set_is_deleted_is_kept(
    api: dict[str, TestClient], settings: Settings, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = zipped({f"{name}/{i}.png": noise(i) for i in range(3) for name in ("cat", "dog")})
    first = api["ada"].post("/api/v1/datasets", files=sent, data={"name": "one"})
    assert first.status_code == 202
    true_look = datasets.look

    def look(source: Origin) -> Survey | None:
        assert api["ada"].delete("/api/v1/datasets/one").status_code in (202, 204)
        return true_look(source)

    monkeypatch.setattr(datasets, "look", look)
    assert api["ada"].post("/api/v1/datasets", files=sent, data={"name": "two"}).status_code == 202
    assert len(list(settings.uploads_dir.glob("*.zip"))) == 1


def test_images_that_are_added_while_the_data_set_is_deleted_are_refused_in_a_sentence(
    api: dict[str, TestClient], made: Made, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_store = adding._store

    def store(*arguments: Any) -> int:
        assert api["ada"].delete(API).status_code in (202, 204)
        return true_store(*arguments)

    monkeypatch.setattr(adding, "_store", store)
    answer = post(api["ada"], files([("a.png", noise(1))]), **{"class": "owl"})
    assert answer.status_code == 404, answer.text
    assert "deleted" in answer.json()["message"]
    assert list(settings.uploads_dir.glob("*")) == []


def test_the_same_zip_sent_several_times_at_once_is_added_once(
    api: dict[str, TestClient], made: Made
) -> None:
    sent = zipped({f"emu/{i}.png": noise(i) for i in range(20)} | {"emu/x.txt": b"hello"})
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: post(api["ada"], sent), range(3)))
    assert [answer.status_code for answer in answers] == [201] * 3, [each.text for each in answers]
    assert sum(answer.json()["added"] for answer in answers) == 20
    assert api["ada"].get(API).json()["samples"] == 44
