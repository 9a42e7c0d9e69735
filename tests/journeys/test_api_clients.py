"""Scripts that others write: the one of docs/api.md as it stands there, and a client that is generated."""

import csv
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import missing
from tests.factories import write_images
from tests.servers import Server, environment, start_server
from tests.small_worker import start_small_worker

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse"  # noqa: S105 - of a server that lives as long as the test
GENERATOR = "openapi-python-client>=0.29,<0.30"  # it wants another typer, so it lives in its own environment
USE = """
import sys, time
from pathlib import Path
from client import AuthenticatedClient
from client.api.datasets import create_dataset, show_dataset
from client.api.jobs import show_job
from client.api.runs import create_run, show_run
from client.api.versions import export_versions
from client.models import CreateDatasetForm, RunRequest, RunRequestChanges
from client.types import File

url, token = sys.argv[1:]
api = AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)

def finished(job):
    while (state := show_job.sync(job, client=api).state) in ("queued", "running"):
        time.sleep(0.2)
    assert state == "finished", state

with Path("photos.zip").open("rb") as file:
    form = CreateDatasetForm(name="generated", file=File(file, "photos.zip", "application/zip"))
    finished(create_dataset.sync(client=api, body=form).job)
changes = RunRequestChanges.from_dict({"image_size": 32, "batch_size": 8})
run = create_run.sync("generated", client=api, body=RunRequest(recipe="quick", epochs=1, changes=changes))
finished(run.job)
assert show_run.sync(run.id, client=api).state == "finished"
got = export_versions.sync_detailed("generated", client=api, format_="csv", run=run.id)
Path("generated.csv").write_bytes(got.content)
print(show_dataset.sync("generated", client=api).samples)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where scripts run: photos.zip with class folders."""
    there = tmp_path_factory.mktemp("scripts")
    images = write_images(there / "images", per_class=8)
    with zipfile.ZipFile(there / "photos.zip", "w") as packed:
        for path in sorted(images.rglob("*.png")):
            packed.write(path, path.relative_to(images))
    return there


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server and a worker with a small network."""
    data = tmp_path_factory.mktemp("data") / "data"
    with start_server(data) as running, start_small_worker(environment(data), data / "worker.log"):
        running.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        yield running


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.command("token", "create", "--user", "ada").stdout.strip()


def test_the_script_of_the_documentation_imports_trains_and_exports(
    server: Server, token: str, folder: Path
) -> None:
    script, _ = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    env = os.environ | {"TOPLOSS_SERVER": server.url, "TOPLOSS_TOKEN": token}
    subprocess.run([sys.executable, "-c", script], cwd=folder, env=env, check=True, timeout=600)
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert all(row["sample_id"] and row["path"] and row["rank"] and row["self_confidence"] for row in rows)
    assert len(list(filter(None, script.splitlines()))) <= 11


def test_a_generated_client_imports_trains_and_exports(server: Server, token: str, folder: Path) -> None:
    python = _generator(folder / "generator")
    headers = {"authorization": f"Bearer {token}"}
    described = httpx.get(f"{server.url}/api/v1/openapi.json", headers=headers, timeout=60)
    (folder / "openapi.json").write_bytes(described.content)
    generate = [
        "generate",
        "--path",
        "openapi.json",
        "--meta",
        "none",
        "--output-path",
        "client",
        "--overwrite",
    ]
    command = [python.with_name("openapi-python-client"), *generate]
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"  # it formats with its own ruff
    subprocess.run(command, cwd=folder, check=True, env=os.environ | {"PATH": path}, timeout=300)
    (folder / "use.py").write_text(USE)
    done = subprocess.run(
        [python, "use.py", server.url, token],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "30"), done.stderr
    assert len((folder / "generated.csv").read_text().splitlines()) == 31


def _generator(folder: Path) -> Path:
    """The Python of an environment with the generator."""
    uv = Path(sys.executable).with_name("uv")
    python = folder / "bin" / "python"
    if not uv.exists():
        missing("uv", "pip install uv")
    made = subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=False)
    install = [uv, "pip", "install", "--quiet", "--python", python, GENERATOR]
    if made.returncode or subprocess.run(install, check=False, timeout=300).returncode:
        missing("a generator of clients", "this machine cannot reach the package index")
    return python
