"""Photos from outside as a script sends and reads them."""

import io

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.db.engine import Database
from app.decoding import budget
from app.photos.photos import record_look
from app.settings import Settings
from tests.factories import Made, photo, show_photo

API = "/api/v1"
PHOTOS = f"{API}/runs/1/photos"
Scripts = dict[str, TestClient]


def send(script: TestClient, *contents: bytes, where: str = PHOTOS):
    return script.post(
        where, files=[("files", (f"{i}.png", content, "image/png")) for i, content in enumerate(contents)]
    )


def test_a_sent_photo_is_a_job_and_is_told_of_by_its_id(api: Scripts, database: Database, made: Made) -> None:
    answer = send(api["ann"], photo(), photo((0, 0, 0)))
    assert answer.status_code == 202
    first, second = answer.json()["photos"]
    assert api["ann"].get(f"{API}/jobs/{answer.json()['job']}").json()["task"] == "predict"
    waiting = api["ann"].get(f"{API}/photos/{first}").json()
    assert (waiting["state"], waiting["probabilities"], waiting["predicted_label"], waiting["sent_by"]) == (
        "queued",
        {},
        None,
        "ann",
    )
    with database.write() as session:
        record_look(session, photo_id=first, job_id=answer.json()["job"], probabilities=[0.25, 0.625, 0.125])
    items = api["bob"].get(PHOTOS).json()["items"]
    assert [item["id"] for item in items] == [first, second]
    assert (items[0]["state"], items[0]["predicted_label"]) == ("finished", "dog")
    assert list(items[0]["probabilities"].items()) == [("dog", 0.625), ("cat", 0.25), ("owl", 0.125)]


def test_the_list_comes_in_pages(api: Scripts, database: Database, settings: Settings, made: Made) -> None:
    ids = [show_photo(database, settings, made.run_id, photo((i, i, i))).ids[0] for i in range(3)]
    first = api["ann"].get(PHOTOS, params={"limit": 2}).json()
    second = api["ann"].get(PHOTOS, params={"limit": 2, "cursor": first["next"]}).json()
    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None


def test_sending_a_photo_again_answers_its_id_and_no_new_job(api: Scripts, made: Made) -> None:
    first = send(api["ann"], photo()).json()
    assert send(api["ann"], photo(), photo()).json() == {"photos": first["photos"] * 2, "job": None}


def test_what_cannot_be_used_is_refused_in_words(api: Scripts, made: Made) -> None:
    for answer, status, words in (
        (send(api["ann"], photo(), b"hello"), 422, "1.png is not an image"),
        (send(api["ann"], *[photo()] * 21), 422, "At most 20 photos"),
        (api["ann"].post(PHOTOS), 422, "files"),
        (send(api["ann"], photo(), where=f"{API}/runs/77/photos"), 404, "There is no model with the id 77"),
        (api["ann"].get(f"{API}/runs/77/photos"), 404, "There is no model with the id 77"),
        (api["ann"].get(f"{API}/photos/77"), 404, "There is no photo 77"),
        (api["ann"].get(f"{API}/photos/77/image"), 404, "There is no photo 77"),
        (api["ann"].delete(f"{API}/photos/77"), 404, "There is no photo 77"),
    ):
        assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
    for path in (f"{API}/photos/{2**70}", f"{API}/photos/{2**70}/image", f"{API}/runs/{2**70}/photos"):
        assert api["ann"].get(path).status_code in (404, 422)
    assert api["ann"].get(PHOTOS).json()["items"] == []


def test_an_image_is_the_very_file_and_a_small_one_on_request(api: Scripts, made: Made) -> None:
    content = photo(kind="TIFF", size=(800, 400))
    [sent] = send(api["ann"], content).json()["photos"]
    told = api["ann"].get(f"{API}/photos/{sent}").json()
    assert (told["width"], told["height"], told["bytes"]) == (800, 400, len(content))
    original = api["ann"].get(told["image_url"])
    assert (original.status_code, original.headers["content-type"]) == (
        200,
        "image/png",
    )  # no browser shows a TIFF
    small = api["ann"].get(told["image_url"], params={"size": "thumbnail"})
    assert Image.open(io.BytesIO(small.content)).size == (320, 160)
    assert "no-cache" in small.headers["cache-control"]
    again = api["ann"].get(
        told["image_url"], params={"size": "thumbnail"}, headers={"if-none-match": small.headers["etag"]}
    )
    assert again.status_code == 304


def test_a_removed_photo_is_gone_and_another_in_its_place_is_not_taken_for_it(
    api: Scripts, made: Made
) -> None:
    [first] = send(api["ann"], photo()).json()["photos"]
    image = f"{API}/photos/{first}/image"
    etag = api["ann"].get(image).headers["etag"]
    assert api["bob"].delete(f"{API}/photos/{first}").status_code == 403  # somebody else's
    assert api["ann"].get(image).status_code == 200
    assert api["ann"].delete(f"{API}/photos/{first}").status_code == 204
    assert api["ann"].get(image).status_code == 404
    [second] = send(api["ann"], photo((0, 0, 0))).json()["photos"]
    assert api["ann"].get(f"{API}/photos/{second}/image", headers={"if-none-match": etag}).status_code == 200


def test_openapi_describes_photos(api: Scripts, made: Made) -> None:
    described = api["ann"].get(f"{API}/openapi.json").json()
    post = described["paths"][f"{API}/runs/{{run_id}}/photos"]["post"]
    assert "multipart/form-data" in post["requestBody"]["content"]
    assert post["responses"]["202"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "/PhotosAccepted"
    )
    assert {"probabilities", "predicted_label", "state"} <= described["components"]["schemas"]["PhotoOut"][
        "properties"
    ].keys()


def test_a_photo_beyond_the_memory_for_decoding_is_refused_at_once_with_the_largest_size(
    api: Scripts, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "pixels", budget.Budget(16 * budget.MEBIBYTE))
    file = io.BytesIO()
    Image.new("RGB", (1500, 1500)).save(file, "WEBP", lossless=True)
    with budget.pixels.share(budget.pixels.limit):  # others decode: it does not wait for them
        answer = send(api["ann"], file.getvalue())
    assert answer.status_code == 422
    assert "0.png is too large to be decoded here: 1,500 x 1,500 pixels; a WEBP" in answer.json()["message"]
    assert "may have at most 1,233," in answer.json()["message"]
