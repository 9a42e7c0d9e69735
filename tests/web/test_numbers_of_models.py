"""People read the number of a model within its data set, on no page the id of its run."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db.engine import Database
from app.main import create_app
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.gold import draw_gold
from app.rounds.retraining import freeze_labels
from app.settings import Settings
from app.training.models import Run
from app.training.requesting import train_anew
from app.web.pages.training.run_files import TABLES
from tests.conftest import People
from tests.factories import Made, make_dataset, make_first_look, make_run
from tests.web.addresses import addresses
from tests.web.html import words_of

FIRST_ID = 7_000_000  # of runs, so that an id is like no other number


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """The second data set; between its models and the others of the server lie many ids."""
    first = make_dataset(database, tmp_path / "first", name="first", per_class=2, wrong=0)
    with database.write() as session:
        run = session.get_one(Run, first.run_id)
        copied = {column.key: getattr(run, column.key) for column in Run.__table__.columns}
        session.add(Run(**copied | {"id": FIRST_ID, "number": 2, "job_id": None}))
        session.flush()
        if database.url.get_backend_name() == "postgresql":
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('run', 'id'), {FIRST_ID})"))
    return make_dataset(database, tmp_path / "images", per_class=21, wrong=40)


def test_no_page_shows_the_id_of_a_run(
    database: Database,
    made: Made,
    people: People,
    settings: Settings,
    browser_of: dict[str, TestClient],
) -> None:
    paths = dict(zip(made.sample_ids, made.paths, strict=True))
    make_first_look(database, made.dataset_id, made.version_id, wrong=10)
    with database.write() as session:
        for sample in made.ranked[:12]:
            verdict = Answer(
                sample_id=sample, verdict="relabel", label="cat", client_id=f"{sample}", run_id=made.run_id
            )
            decide(session, verdict, dataset_id=made.dataset_id, user_id=people.admin.id)
        draw_gold(session, dataset_id=made.dataset_id, size=20)
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
    child = make_run(database, made.dataset_id, version.id, wrong=20, parent_id=made.run_id)
    with database.write() as session:
        train_anew(session, dataset_id=made.dataset_id, version_id=version.id, weights="none")
    assert child > FIRST_ID
    wrong, read = {}, ""
    trains = next(sample for sample in made.ranked if paths[sample].startswith("train"))
    known = {"class_name": "cat", "name": "faces", "run_id": child, "sample_id": trains, "number": 1}
    for address in addresses(create_app(settings, database)):
        if address.method != "GET" or address.path.startswith(("/api/", "/readyz")):
            continue
        for what in TABLES if "{what}" in address.path else ("",):
            page = browser_of["ada"].get(address.at(**known, what=what))
            assert page.status_code < 500, address
            if "html" not in page.headers.get("content-type", ""):
                continue
            words = words_of(page.text)
            read += words
            shown = re.findall(r".{0,20}\b70000\d\d\b", words)
            shown += re.findall(r"[Mm]odel 70000\d\d", page.text)  # in titles and labels too
            if shown:
                wrong[str(address)] = shown
    assert wrong == {}
    for name in ("Model 1", "Model 2, first look", "Model 3", "Model 4"):
        assert name in read
