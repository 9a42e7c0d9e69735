"""Every export format by REST, and what has to be known of a file in its header."""

import json

import pytest
from sqlalchemy import update

from app.datasets.models import Sample
from app.db.engine import Database
from app.export.formats import FORMATS
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
