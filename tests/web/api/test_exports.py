"""Every export format by REST, and what has to be known of a file in its header."""

import asyncio
import json

import pytest
from sqlalchemy import update
from starlette.types import Message

from app.datasets.catalog import get_dataset
from app.datasets.models import Sample
from app.datasets.removing import begin_removal
from app.db.engine import Database
from app.errors import NotFound
from app.export import rows
from app.export.formats import FORMATS
from app.main import create_app
from app.settings import Settings
from tests.conftest import People
from tests.factories import Made
from tests.web.api.test_rest import API, Scripts

URL = f"{API}/datasets/faces/export"


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_sent_twice_as_the_same_bytes(api: Scripts, made: Made, form: str) -> None:
    query = {"format": form, "run": str(made.run_id)}
    first, second = (api["ann"].get(URL, params=query) for _ in range(2))
    assert first.status_code == 200
    assert first.headers["content-type"] == FORMATS[form].media_type
    assert f"faces-v0{FORMATS[form].suffix}" in first.headers["content-disposition"]
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert "x-toploss-notes" not in first.headers


def test_images_that_became_png_are_said_in_the_header(api: Scripts, database: Database, made: Made) -> None:
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id == made.sample_ids[0]).values(format="GIF"))
    said = json.loads(api["ann"].get(URL, params={"format": "huggingface"}).headers["x-toploss-notes"])
    assert len(said) == 1
    assert "leave as PNG" in said[0]
    assert "1 GIF" in said[0]


@pytest.mark.parametrize(
    "query", [{"format": "csv", "valid_folder": "val"}, {"format": "events", "probabilities": "true"}]
)
def test_an_option_that_a_format_does_not_have_is_refused(
    api: Scripts, made: Made, query: dict[str, str]
) -> None:
    answer = api["ann"].get(URL, params=query)
    assert answer.status_code == 422
    assert "choose" in answer.json()["message"]


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_download_breaks_off_when_its_data_set_is_deleted_and_does_not_end_like_a_whole_one(
    settings: Settings,
    database: Database,
    people: People,
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
) -> None:
    monkeypatch.setattr(rows, "PAGE", 4)
    sent = list[Message]()

    async def receive() -> Message:
        await asyncio.sleep(0 if not sent else 3600)
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.start":
            with database.write() as session:
                begin_removal(session, get_dataset(session, name="faces"))

    said = {
        "host": "toploss",
        "accept-encoding": encoding,
        "authorization": f"Bearer {people.tokens['ann']}",
    }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": URL,
        "query_string": b"format=csv",
        "headers": [(name.encode(), value.encode()) for name, value in said.items()],
        "client": ("127.0.0.1", 1),
    }
    with pytest.raises(RuntimeError) as broken:  # the server then closes the connection
        asyncio.run(create_app(settings, database)(scope, receive, send))
    assert isinstance(broken.value.__cause__, NotFound)
    assert sent[0]["status"] == 200
    assert all(message.get("more_body") for message in sent[1:])
