"""The page of the server, and the same by REST."""

import html
import re
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from app.backup.telling import tell_backup
from app.db.engine import Database
from app.db.types import now
from app.jobs import requests
from app.jobs.models import Worker
from app.settings import Settings
from app.training.models import Run
from tests.factories import Made


def text_of(client: TestClient) -> str:
    answer = client.get("/server")
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", answer.text)).split())


def test_only_admins_see_it(browser_of: dict[str, TestClient], api: dict[str, TestClient]) -> None:
    assert browser_of["ann"].get("/server").status_code == 403
    assert api["ann"].get("/api/v1/server").status_code == 403


def test_it_shows_which_workers_are_alive_and_what_they_computed_with(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], database: Database, made: Made
) -> None:
    assert "No worker has reported within a week" in text_of(browser_of["ada"])
    with database.write() as session:
        for name, minutes in (("gpu-1", 0), ("gone", 5), ("long-gone", 60 * 24 * 8)):
            requests.beat(session, worker_id=name, started_at=now())
            session.get_one(Worker, name).seen_at = now() - timedelta(minutes=minutes)
        run = session.get_one(Run, made.run_id)
        run.facts = run.facts | {"worker": "gpu-1", "device": "NVIDIA H200", "threads": 8}
    page = text_of(browser_of["ada"])
    assert "gpu-1 alive just now just now NVIDIA H200, 8 threads" in page
    assert "gone ended or silent 5 min ago" in page
    assert "long-gone" not in page
    assert "Workers: 1." in page, "the sentence of /readyz"
    alive = {each["id"]: each["is_alive"] for each in api["ada"].get("/api/v1/server").json()["workers"]}
    assert alive == {"gpu-1": True, "gone": False}


def test_jobs_that_wait_can_be_cancelled_and_those_that_failed_say_why(
    browser_of: dict[str, TestClient], api: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = browser_of["ada"]
    where = ada.post("/d/faces/models", data={"recipe": "quick", "version": "0", "seed": "1"}).headers[
        "location"
    ]
    with database.write() as session:
        failed = requests.ask(session, task="import", dataset_id=None, arguments={}, user_id=None)
        requests.start(session, job_id=failed.id)
        requests.finish(session, job_id=failed.id, state="failed", message="The zip is damaged.")
    page = ada.get("/server").text
    assert f'action="{where}/cancel"' in page
    waiting, _, ended = page.partition("Jobs that failed last")
    assert "The zip is damaged." not in waiting
    assert "The zip is damaged." in ended
    assert {"task": "train", "state": "queued", "jobs": 2} in api["ada"].get("/api/v1/server").json()[
        "unfinished"
    ]


def test_it_shows_the_last_backup_the_disk_and_the_revision(
    browser_of: dict[str, TestClient],
    api: dict[str, TestClient],
    database: Database,
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    (settings.data_dir / "notes.txt").write_bytes(bytes(5000))
    before = text_of(browser_of["ada"])
    assert "never last backup" in before or "last backup never" in before
    here = settings.model_copy(update={"database_url": database.url.render_as_string(hide_password=False)})
    tell_backup(here, tmp_path / "b.tar", size=1234)
    page = text_of(browser_of["ada"])
    assert f"{tmp_path / 'b.tar'}, 1,234 bytes" in page
    assert "Other files 5 kB 1" in page
    assert "free on the disk" in page
    shown = api["ada"].get("/api/v1/server").json()
    assert f"revision {shown['revision']}" in page
    assert shown["database"] == database.engine.dialect.name
    assert shown["free_bytes"] > 0
    assert set(shown["checks"]) == {"database", "disk", "worker"}
    assert shown["backup"]["about"].endswith("1,234 bytes")
    assert shown["disk"]["uses"][-1]["name"] == "other files"
