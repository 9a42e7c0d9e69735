"""The form of an import keeps what was filled in, and no upload is lost for a name."""

import asyncio
import io
import re
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.datasets.creating import create_dataset
from app.datasets.models import Dataset
from app.db.engine import Database
from app.settings import Settings
from tests.conftest import People
from tests.factories import CLASSES, photo
from tests.web.html import flat


def pets(*, first: int = 0) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for place, name in enumerate(CLASSES):
            for i in range(3):
                made.writestr(f"{name}/{i}.png", photo((first + i, 60 * place, 9)))
    return file.getvalue()


def send(browser: TestClient, content: bytes | None, **data: str) -> tuple[int, str]:
    name = "" if content is None else "my pets.zip"
    answer = browser.post(
        "/datasets/new", data=data, files={"file": (name, content or b"", "application/zip")}
    )
    return answer.status_code, answer.text


def problems(page: str) -> dict[str, str]:
    """What the form says at its fields."""
    found = flat(page).split('class="problem" id="problem-')[1:]
    told = {each.partition('"')[0]: each.partition(">")[2].partition("<")[0].strip() for each in found}
    return {field: words for field, words in told.items() if words}


def test_a_name_that_cannot_be_is_told_at_its_field_and_the_rest_is_kept(
    browser_of: dict[str, TestClient], settings: Settings
) -> None:
    status, page = send(browser_of["ada"], pets(), name="my pets", zip_encoding="cp932", path="/somewhere")
    assert status == 422
    assert "cannot be the name" in problems(page)["name"]
    assert list(problems(page)) == ["name"]
    assert 'name="name" value="my pets"' in flat(page)
    assert '<option value="cp932" selected>' in flat(page)
    assert not list(settings.uploads_dir.glob("*"))  # the file was not even stored


@pytest.mark.parametrize("route", ["/datasets/new", "/api/v1/datasets"])
def test_a_name_that_cannot_be_ends_an_upload_at_its_beginning(
    route: str, settings: Settings, database: Database, people: People
) -> None:
    from app.main import create_app

    end = "x"
    head = f'--{end}\r\nContent-Disposition: form-data; name="name"\r\n\r\nmy pets\r\n'
    head += f'--{end}\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    sent: list[int] = []
    got: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        sent.append(1)
        body = head.encode() if len(sent) == 1 else bytes(100_000)
        return {"type": "http.request", "body": body, "more_body": True}

    async def answer(message: dict[str, object]) -> None:
        got.append(message)

    headers = [
        (b"content-type", f"multipart/form-data; boundary={end}".encode()),
        (b"content-length", b"400000000"),
        (b"authorization", f"Bearer {people.tokens['ada']}".encode()),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": route,
        "raw_path": route.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "server": ("x", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "http_version": "1.1",
    }
    with TestClient(create_app(settings, database)) as client:
        assert client.portal is not None
        client.portal.call(lambda: asyncio.wait_for(client.app(scope, receive, answer), 30))  # type: ignore[arg-type]
    assert got[0]["status"] == 422
    assert len(sent) == 1
    assert (b"connection", b"close") in got[0]["headers"]  # type: ignore[operator]


def test_who_may_not_import_is_told_before_the_file_is_read(
    browser_of: dict[str, TestClient], visitor: TestClient, settings: Settings
) -> None:
    assert send(browser_of["ann"], pets(), name="pets")[0] == 403
    assert visitor.post("/api/v1/datasets", data={"name": "x"}).status_code == 401
    assert not list(settings.uploads_dir.glob("*"))


def test_an_upload_that_has_arrived_need_not_be_sent_again(
    browser_of: dict[str, TestClient], database: Database, settings: Settings
) -> None:
    ada = browser_of["ada"]
    assert send(ada, pets(), name="pets")[0] == 303
    with database.write() as session:
        dataset = session.query(Dataset).one()
        dataset.state = "ready"
    status, page = send(ada, pets(first=90), name="pets")
    assert status == 409
    assert "taken by the data set from my pets.zip" in problems(page)["name"]
    assert str(settings.uploads_dir) not in page
    assert "my pets.zip has arrived and need not be chosen again: correct what is marked" in page
    form = flat(page).split('id="import-form"')[1]
    kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert send(ada, None, name="others", **kept)[0] == 303
    with database.read() as session:
        found = {each.name: each.source_name for each in session.query(Dataset)}
    assert found == {"pets": "my pets.zip", "others": "my pets.zip"}
    assert len(list(settings.uploads_dir.glob("*.zip"))) == 2


def test_an_upload_that_is_gone_is_asked_for_again(browser_of: dict[str, TestClient]) -> None:
    for stored in ("0" * 64, "../../etc/passwd", "x"):
        status, page = send(browser_of["ada"], None, name="pets", stored=stored)
        assert (status, list(problems(page))) == (422, ["file"])
        assert "choose it again" in problems(page)["file"]


def test_each_problem_stands_at_its_field(browser_of: dict[str, TestClient], settings: Settings) -> None:
    ada = browser_of["ada"]
    cases = {
        ("file", "no zip"): (b"no zip", {"name": "pets"}),
        ("file", "Choose a zip"): (None, {"name": "pets"}),
        ("zip_encoding", "no code page"): (pets(), {"name": "pets", "zip_encoding": "klingon"}),
        ("name", "cannot be the name"): (None, {}),
    }
    for (field, words), (content, data) in cases.items():
        status, page = send(ada, content, **data)
        assert (status, list(problems(page))) == (422, [field])
        assert words in problems(page)[field]


def test_the_form_says_what_stands_against_a_name(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    ada = browser_of["ada"]
    with database.write() as session:
        create_dataset(session, name="pets", source=str(tmp_path)).state = "ready"
        create_dataset(session, name="failed", source=str(tmp_path)).state = "failed"
    assert "is taken" in problems(ada.get("/datasets/new?name=PETS").text)["name"]
    assert "cannot be" in problems(ada.get("/datasets/new?name=my pets").text)["name"]
    for name in ("", "failed", "new"):
        assert problems(ada.get(f"/datasets/new?name={name}").text) == {}


def test_a_file_is_checked_by_its_beginning_and_size_before_it_is_sent(
    browser_of: dict[str, TestClient], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(**about: str | int) -> dict[str, str]:
        return problems(browser_of["ada"].get("/datasets/new", params=about).text)

    zipped = pets()[:512].hex()
    assert told(file="pets.zip", size=900, start=zipped) == {}
    assert told(file="pets", size=900, start=zipped) == {}  # the content decides, not the name
    assert told(file="pets.parquet", size=900, start=b"PAR1".hex()) == {}
    assert "is empty" in told(file="pets.zip", size=0)["file"]
    assert "archive of the kind RAR" in told(file="a.rar", size=9, start=b"Rar!\x1a\x07\x00".hex())["file"]
    assert "is a single image (PNG)" in told(file="1.zip", size=9, start=photo((1, 2, 3))[:99].hex())["file"]
    assert "is no zip" in told(file="notes.txt", size=9, start=b"notes".hex())["file"]
    most = settings.max_upload_mb * 1_000_000
    assert "can be sent" in told(file="pets.zip", size=most + 1, start=zipped)["file"]
    both = told(name="my pets", file="notes.txt", size=9, start=b"notes".hex())
    assert set(both) == {"name", "file"}
    free = type("Usage", (), {"free": 500})
    monkeypatch.setattr("app.datasets.uploads.shutil.disk_usage", lambda _place: free)
    assert "the server has room for" in told(file="pets.zip", size=900, start=zipped)["file"]
    assert browser_of["ada"].get("/datasets/new", params={"file": "a", "start": "xy"}).status_code == 422
