"""The package as pip installs it: in an environment of its own, away from the sources, to the first card."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import missing
from tests.journeys.site import find, linked, watch
from tests.servers import environment

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 600


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source distribution and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        missing("uv", "pip install uv")
    command = [uv, "build", "--quiet", "--out-dir", folder, ROOT]
    if subprocess.run(command, check=False, timeout=TIMEOUT).returncode:
        missing("hatchling, which builds the wheel", "this machine cannot reach the package index")
    return folder


def test_the_wheel_has_all_that_the_program_reads_and_nothing_else(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "static", "migrations"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        for path in files:
            if "__pycache__" not in path.parts:
                assert f"app/_{folder}/{path.relative_to(ROOT / folder).as_posix()}" in names
    for path in (ROOT / "docs").rglob("*.md"):
        assert f"app/_docs/{path.relative_to(ROOT / 'docs').with_suffix('.html').as_posix()}" in names
    assert {re.sub(r"-[\d.]+\d", "", name.split("/")[0]) for name in names} == {"app", "toploss.dist-info"}


def test_the_source_distribution_has_the_documentation_and_no_data(built: Path) -> None:
    [source] = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "docs/index.md", "mkdocs.yml"} <= names
    assert "app/_docs/index.html" in names  # so that a wheel of it needs no MkDocs
    assert not [name for name in names if re.match(r"(data|site|dist|\.venv)/", name)]


@dataclass(frozen=True)
class Demo:
    """A demo of the installed package, in a folder of its own."""

    url: str
    folder: Path
    env: dict[str, str]
    toploss: Path
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def demo(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The libraries are those of this environment; the program is that of the wheel."""
    [wheel] = built.glob("*.whl")
    folder = tmp_path_factory.mktemp("installed")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel]
    subprocess.run(install, check=True, timeout=TIMEOUT)
    [packages] = (folder / "venv" / "lib").glob("*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    toploss = python.with_name("toploss")
    env = environment(folder / "data", TOPLOSS_FIRST_LOOK="on")
    log = folder / "log"
    with log.open("wb") as output:
        command = [toploss, "demo", "--images", "60"]
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Demo(_wait_for(process, log), folder, env, toploss, process)
    finally:
        process.terminate()
        process.wait(120)


def test_a_demo_from_the_wheel_reaches_its_first_card(demo: Demo) -> None:
    command = [demo.toploss, "token", "create", "--user", "annotator"]
    made = subprocess.run(command, env=demo.env, cwd=demo.folder, check=True, capture_output=True, text=True)
    headers = {"authorization": f"Bearer {made.stdout.strip()}"}
    with httpx.Client(base_url=demo.url, headers=headers, timeout=60) as client:
        style = re.search(r'href="(/static/[^"]+\.css)', client.get("/login").text)
        assert style
        assert client.get(style[1]).status_code == 200
        card = _first_card(client, demo.process)
        assert client.get(card["image_url"]).headers["content-type"].startswith("image/")


def test_the_documentation_is_in_the_wheel_and_its_search_breaks_no_policy(demo: Demo, chromium: str) -> None:
    password = re.search(r"annotator +(\S+)", (demo.folder / "data" / "demo-logins.txt").read_text())
    assert password
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        said = watch(page)
        page.goto(f"{demo.url}/help/docs/tutorial.html")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()  # the pages are for who signs in
        page.get_by_label("Name").fill("annotator")
        page.get_by_label("Password").fill(password[1])
        page.get_by_label("Password").press("Enter")
        expect(page.get_by_role("heading", name="Tutorial")).to_be_visible()
        page.goto(f"{demo.url}/help")
        page.get_by_role("link", name="Documentation").click()
        expect(page).to_have_url(f"{demo.url}/help/docs/index.html")
        find(page, "relabel")
        seen = linked(page, demo.url)
        browser.close()
    assert said == []
    pages = (path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md"))
    assert {f"{demo.url}/help/docs/{each.as_posix()}" for each in pages} <= seen


def _wait_for(demo: subprocess.Popen[bytes], log: Path) -> str:
    while not (found := re.search(r"Toploss is at (http://\S+)", log.read_text())):
        assert demo.poll() is None, log.read_text()
        time.sleep(0.1)
    return found[1]


def _first_card(client: httpx.Client, demo: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        asked = client.post("/api/v1/datasets/demo/worklist/claims", json={"count": 1})
        if asked.status_code == 200 and (items := asked.json()["items"]):
            return dict(items[0])
        assert demo.poll() is None
        time.sleep(0.5)
    raise AssertionError("no card")
