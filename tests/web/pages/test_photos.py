"""Photos from outside in a browser without JavaScript: sent, waited for, read, removed, refused."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.datasets.models import LabelClass
from app.db.engine import Database
from app.db.types import now
from app.jobs.requests import beat
from app.main import create_app
from app.photos.photos import record_look
from app.settings import Settings
from app.training.models import Run
from tests.conftest import People
from tests.factories import Kept, Made, import_folder, photo, show_photo, write_images
from tests.web.asking import sure
from tests.web.html import flat

FRAGMENT = {"hx-request": "true"}
HERE = "/d/faces/models/1/photos"


def png(content: bytes, name: str = "me.png") -> tuple[str, tuple[str, bytes, str]]:
    return ("files", (name, content, "image/png"))


def tell(database: Database, kept: Kept, probabilities: list[float]) -> None:
    with database.write() as session:
        record_look(session, photo_id=kept.ids[0], job_id=str(kept.job_id), probabilities=probabilities)


def test_a_run_leads_to_its_photos_once_it_has_finished(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    assert f'href="{HERE}">Try it on a photo' in ann.get("/d/faces/models/1").text
    assert "No photo yet" in ann.get(HERE).text
    with database.write() as session:
        session.get_one(Run, made.run_id).state = "failed"
    assert "Try it on a photo" not in ann.get("/d/faces/models/1").text
    assert ann.get(HERE).status_code == 409
    assert ann.post(HERE, files=[png(photo())]).status_code == 409


def test_photos_are_sent_by_a_plain_form_and_waited_for(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]
    answer = ann.post(HERE, files=[png(photo(), "a.png"), png(photo((0, 0, 0)), "b.png")])
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    page = ann.get(HERE).text
    assert page.count("waits for the worker") == 2
    assert page.index("a.png") < page.index("b.png")
    assert "No worker runs, so 2 photos wait" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert 'hx-trigger="every 1s"' in page


def test_asking_again_answers_only_what_is_new_and_ends_by_itself(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, made: Made
) -> None:
    ann = browser_of["ann"]
    first, second = (show_photo(database, settings, made.run_id, photo((i, i, i))) for i in range(2))
    assert ann.get(f"{HERE}/seen?moment=2.0", headers=FRAGMENT).status_code == 204
    with database.write() as session:
        beat(session, worker_id="w", started_at=now())
    assert "The worker has 2 photos to look at" in ann.get(f"{HERE}/seen?moment=2.0", headers=FRAGMENT).text
    tell(database, first, [0.5, 0.25, 0.25])
    half = flat(ann.get(f"{HERE}/seen?moment=2.1", headers=FRAGMENT).text)
    assert "<html" not in half
    assert "50.0 %" in half
    assert "moment=1.1" in half
    tell(database, second, [0.25, 0.5, 0.25])
    done = ann.get(f"{HERE}/seen?moment=1.1", headers=FRAGMENT).text
    assert "hx-get" not in done
    assert "hx-get" not in ann.get(HERE).text


def test_every_class_has_its_number_the_most_probable_first(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, made: Made
) -> None:
    tell(database, show_photo(database, settings, made.run_id, photo()), [0.2, 0.1, 0.7])
    text = flat(browser_of["ann"].get(HERE).text)
    table = text[text.index("<tbody>") : text.index("</tbody>")]
    assert [table.index(word) for word in ("owl", "70.0 %", "cat", "20.0 %", "dog", "10.0 %")] == sorted(
        table.index(word) for word in ("owl", "70.0 %", "cat", "20.0 %", "dog", "10.0 %")
    )


def test_of_many_classes_the_less_probable_are_folded_away(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, made: Made
) -> None:
    with database.write() as session:
        session.add_all(
            [LabelClass(dataset_id=made.dataset_id, position=i, name=f"class-{i}") for i in range(3, 15)]
        )
    tell(database, show_photo(database, settings, made.run_id, photo()), [i / 105 for i in range(15)])
    shown, folded = browser_of["ann"].get(HERE).text.split("<details>")
    assert "5 more classes" in folded
    assert [name in shown for name in ("class-14", "class-5", "class-4")] == [True, True, False]
    assert all(f'<th scope="row">{name}</th>' in folded for name in ("class-4", "owl", "dog", "cat"))


def test_a_photo_is_removed_by_who_sent_it_or_an_admin(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, made: Made, people: People
) -> None:
    for person, others in (("ann", "bob"), ("ada", "ann")):
        kept = show_photo(database, settings, made.run_id, photo(), user_id=people.annotator.id)
        image, remove = f"/api/v1/photos/{kept.ids[0]}/image", f"{HERE}/{kept.ids[0]}/remove"
        assert browser_of[others].get(image).status_code == 200
        assert (remove in browser_of["bob"].get(HERE).text, remove in browser_of[person].get(HERE).text) == (
            False,
            True,
        )
        assert browser_of["bob"].post(remove).status_code == 403
        assert browser_of["bob"].get(image).status_code == 200
        assert sure(browser_of[person], remove).headers["location"] == HERE
        assert "No photo yet" in browser_of[person].get(HERE).text
        assert browser_of[person].get(image).status_code == 404
        assert browser_of[person].post(remove).status_code == 404


def test_what_is_no_photo_is_refused_on_the_form_and_nothing_is_kept(
    browser_of: dict[str, TestClient], settings: Settings, made: Made
) -> None:
    ann = browser_of["ann"]
    answer = ann.post(HERE, files=[png(photo(), "a.png"), png(b"hello", "notes<b>.txt")])
    assert answer.status_code == 422
    assert "notes&lt;b&gt;.txt is not an image. Nothing was kept" in answer.text
    assert 'name="files"' in answer.text
    assert 'id="problem-files" role="alert">notes&lt;b&gt;.txt' in answer.text
    for files in ([png(b"", "")], [png(photo())] * 21):  # an empty field of the form; too many
        assert ann.post(HERE, files=files).status_code == 422
    assert ann.post(HERE, data={"files": "no file"}).status_code == 422
    assert ann.post(HERE).status_code == 422
    assert "No photo yet" in ann.get(HERE).text
    assert not [path for path in settings.photos_dir.rglob("*") if path.is_file()]


def test_older_photos_are_on_pages_of_their_own(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, made: Made
) -> None:
    for i in range(21):
        show_photo(database, settings, made.run_id, photo((i, i, i)), name=f"number-{i}.png")
    ann = browser_of["ann"]
    first, second = (ann.get(f"{HERE}?page={number}").text for number in (1, 2))
    assert ("number-20.png" in first, "number-0.png" in first) == (True, False)
    assert ("number-20.png" in second, "number-0.png" in second) == (False, True)
    assert "Page 2 of 2, 21 photos" in second
    assert "no photos on this page" in ann.get(f"{HERE}?page=3").text
    for number in ("0", "11", "x", str(2**70)):
        assert ann.get(f"{HERE}?page={number}").status_code == 422


def test_photos_of_another_data_sets_run_are_not_here(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, made: Made, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "pictures"), name="cats")
    kept = show_photo(database, settings, made.run_id, photo())
    ann = browser_of["ann"]
    for path in ("", "/seen"):
        assert ann.get(f"/d/cats/models/1/photos{path}").status_code == 404
    assert ann.post("/d/cats/models/1/photos", files=[png(photo())]).status_code == 404
    assert ann.post(f"/d/cats/models/1/photos/{kept.ids[0]}/remove").status_code == 404
    assert ann.post(f"{HERE}/{2**70}/remove").status_code in (404, 422)


def test_photos_may_be_larger_than_other_requests_up_to_the_limit_of_uploads(
    browser_of: dict[str, TestClient],
    database: Database,
    settings: Settings,
    made: Made,
    people: People,
    visitor: TestClient,
) -> None:
    large = photo(size=(1200, 1000), kind="BMP")  # 3.6 MB
    assert browser_of["ann"].post(HERE, files=[png(large, "large.bmp")]).status_code == 303
    assert visitor.post(HERE, files=[png(large)]).status_code == 413
    app = create_app(settings.model_copy(update={"max_upload_mb": 1}), database)
    script = TestClient(
        app, headers={"authorization": f"Bearer {people.tokens['ann']}"}, raise_server_exceptions=False
    )
    for path in (HERE, "/api/v1/runs/1/photos"):
        answer = script.post(path, files=[png(large)])
        assert (answer.status_code, "20 MB each" in answer.json()["message"]) == (413, True)


@pytest.mark.parametrize(
    "path",
    ["/d/faces/models/1/photos/2/remove", "/d/faces/models/1/photos/", "/d/faces/models/x/photos", "/photos"],
)
def test_only_sending_photos_may_be_that_large(
    browser_of: dict[str, TestClient], made: Made, path: str
) -> None:
    assert browser_of["ann"].post(path, content=b"x" * 1_100_000).status_code == 413
