"""The web image has no torch: the server works with nothing but the packages of requirements-web.lock."""

import re
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from tests.conftest import PASSWORD
from tests.factories import Made, make_dataset
from tests.servers import Server, start_server
from tests.web.test_security import OPEN, routes

ROOT = Path(__file__).resolve().parents[2]
BLOCKER = """
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else super().find_spec(name, path, target)

sys.meta_path[:] = [Finder if each is PathFinder else each for each in sys.meta_path]
"""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(lock: str) -> set[str]:
    """The packages of a lock."""
    lines = (ROOT / lock).read_text().splitlines()
    return {plain(re.split(r"[=\[; ]", line)[0]) for line in lines if line and not line.startswith("#")}


def absent() -> set[str]:
    """The modules of every package that is installed here, but would not be in the web image."""
    there = listed("requirements-web.lock") | {"toploss"}
    return {
        module
        for module, packages in packages_distributions().items()
        if not {plain(each) for each in packages} & there
    }


def test_the_lock_of_the_web_server_is_part_of_the_whole_and_leaves_out_what_trains() -> None:
    everything = {
        line.split(";")[0].strip() for line in (ROOT / "requirements.lock").read_text().splitlines()
    }
    web = {line.split(";")[0].strip() for line in (ROOT / "requirements-web.lock").read_text().splitlines()}
    assert web <= everything, "run make lock"
    assert {"torch", "torchvision", "fastai", "timm", "dbos"} <= absent()
    left_out = listed("without-training.txt")
    assert not left_out & listed("requirements-web.lock")
    assert left_out <= listed("requirements.lock")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    from app.db.migrating import migrate

    folder = tmp_path_factory.mktemp("web") / "data"
    folder.mkdir()
    url = f"sqlite:///{folder}/toploss.db"
    migrate(url)
    with closing(Database(url)) as database:
        return folder, make_dataset(database, folder.parent / "images")


@pytest.fixture(scope="module")
def server(data: tuple[Path, Made], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    blocking = tmp_path_factory.mktemp("blocking")
    (blocking / "sitecustomize.py").write_text(f"ABSENT = {sorted(absent())!r}{BLOCKER}")
    with start_server(data[0], PYTHONPATH=str(blocking)) as server:
        yield server


def test_a_server_without_torch_serves_a_data_set(server: Server, data: tuple[Path, Made]) -> None:
    made = data[1]
    server.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    closing_each = {"connection": "close"}  # the server may end an idle connection just when it is used again
    with httpx.Client(base_url=server.url, timeout=120, follow_redirects=True, headers=closing_each) as ada:
        ada.post("/login", data={"name": "ada", "password": PASSWORD})
        broken = []
        settings = Settings(data_dir=data[0])
        with closing(Database(settings.database)) as database:
            everything = sorted(routes(create_app(settings, database)))
        for method, path in everything:
            if method != "GET" or path in OPEN:
                continue
            filled = path.replace("{name}", "faces").replace("{job_id}", "none").replace("{what}", "curves")
            filled = re.sub(r"\{sample_id(:int)?\}", str(made.sample_ids[0]), filled)
            filled = re.sub(r"\{\w+(:\w+)?\}", "1", filled)
            code = ada.get(filled).status_code
            if code >= 500:
                broken.append((filled, code))
        assert len(everything) > 100
        assert broken == []
        form = {"sample": made.ranked[0], "answer": "keep", "client_id": "1"}
        assert ada.post("/d/faces/review/decisions", data=form).status_code == 200
        body = {"recipe": "quick", "version": "0", "seed": "1"}
        assert ada.post("/d/faces/models", data=body).status_code == 200
        for form in ("csv", "parquet", "imagefolder"):
            answer = ada.get(f"/api/v1/datasets/faces/export?format={form}")
            assert (answer.status_code, bool(answer.content)) == (200, True), form
    said = server.log.read_text()
    assert "No module named" not in said
    assert "Traceback" not in said
