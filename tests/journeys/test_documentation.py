"""What the documentation shows is what happens: its blocks are run, its site is built, its front is short."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from app.faces.folder import write_demo_folder
from tests.conftest import missing
from tests.documented import ROOT, Block, blocks_of, pages
from tests.forked import toploss_on_the_path
from tests.journeys.site import find, watch
from tests.servers import Server, environment, start_server
from tests.small_worker import start_small_worker

MOST_WORDS = 450  # of the README: two screens
BLOCKS = [block for page in pages() for block in blocks_of(page)]
RUN = [block for block in BLOCKS if not block.reason]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server and a worker with a small network."""
    data = tmp_path_factory.mktemp("data") / "data"
    with start_server(data) as running, start_small_worker(environment(data), data / "worker.log"):
        yield running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which a reader works, with two images to add and the commands in bin/."""
    folder = tmp_path_factory.mktemp("reader")
    faces = write_demo_folder(folder / "more", images=30, on_progress=lambda _done, _total: None)
    for name, image in zip(("a.png", "b.png"), sorted(faces.folder.rglob("*.png")), strict=False):
        shutil.copy(image, folder / name)
    (folder / ".curlrc").write_text("fail\nsilent\nshow-error\n")  # a refusal is a failure
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    with toploss_on_the_path(folder / "bin"):
        yield folder


@pytest.fixture(scope="module")
def tutorial(server: Server, place: Path) -> list[Block]:
    """The steps of the tutorial, each of which has ended well."""
    form = {"name": "ada", "password": "correct horse battery staple"}  # as the reader does in the browser
    assert httpx.post(f"{server.url}/first-admin", data=form, timeout=60).status_code == 303
    steps = [block for block in RUN if block.page == "docs/tutorial.md"]
    for block in steps:
        run(block, server, place, [])
    return steps


@pytest.fixture(scope="module")
def tokens(server: Server, tutorial: list[Block]) -> list[str]:
    """The API tokens of ada: the first one is revoked by a page, the second is for scripts."""
    assert tutorial
    return [server.command("token", "create", "--user", "ada").stdout.strip() for _ in range(2)]


def run(block: Block, server: Server, place: Path, tokens: list[str]) -> None:
    """Run the lines of a block where a reader would, with what the pages before have made."""
    command = (
        ["bash", "-euo", "pipefail", "-c"]
        if block.language == "sh"
        else [sys.executable, "-W", "error", "-c"]
    )
    env = server.env | {"PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}", "SERVER": server.url}
    env |= {"CURL_HOME": str(place)}
    env |= {"TOKEN": tokens[-1]} if tokens else {}
    done = subprocess.run(
        [*command, block.code], cwd=place, env=env, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, (block, done.stdout[-2000:], done.stderr[-4000:])


def test_the_tutorial_leads_from_a_folder_to_clean_labels(tutorial: list[Block], place: Path) -> None:
    """As it is written; its last block counts the wrong labels that are left."""
    assert len(tutorial) >= 8
    assert "assert after <= 1 < before" in tutorial[-1].code
    assert (place / "labels.csv").exists()


@pytest.mark.parametrize(
    "block",
    [block for block in RUN if block.page != "docs/tutorial.md"],
    ids=lambda block: f"{Path(block.page).name}:{block.line}",
)
def test_the_lines_of_a_page_run_after_the_tutorial(
    server: Server, place: Path, tokens: list[str], block: Block
) -> None:
    run(block, server, place, tokens)


def test_a_block_that_is_not_run_says_why_or_which_test_runs_it() -> None:
    assert RUN
    for block in BLOCKS:
        if block.reason.startswith("not run"):
            assert re.match(r"not run: \S+( \S+){2,}", block.reason), block
        elif block.reason:
            named = re.search(r"run by (\S+)$", block.reason)
            assert named, block
            assert (ROOT / named[1]).exists(), block
            assert Path(block.page).name in (ROOT / named[1]).read_text(), block


def test_the_front_page_has_two_screens_of_words() -> None:
    text = re.sub(r"\]\([^)]*\)|<!--.*?-->|[|#*`-]", " ", (ROOT / "README.md").read_text())
    assert len(text.split()) <= MOST_WORDS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as `make docs` builds it: a warning, such as a broken link or anchor, is an error."""
    mkdocs = Path(sys.executable).with_name("mkdocs")
    if not mkdocs.exists():
        missing("mkdocs", "make setup")
    folder = tmp_path_factory.mktemp("site")
    command = [mkdocs, "build", "--strict", "--site-dir", folder]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def test_every_page_of_the_site_is_there_and_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        html = (site / page.relative_to(ROOT / "docs").with_suffix(".html")).read_text()
        assert not re.search(r"<(?:script|img|iframe)[^>]+src=\"?https?:", html), page
        assert not re.search(r"<link[^>]+rel=\"?(?:stylesheet|preconnect|icon)[^>]+href=\"?https?:", html), (
            page
        )


def test_the_page_of_the_decisions_lists_each_of_them(site: Path) -> None:
    html = (site / "decisions" / "index.html").read_text()
    for path in (ROOT / "docs" / "decisions").glob("0*.md"):
        assert f"{path.stem}.html" in html


def test_the_site_searches_from_a_folder_too(site: Path, chromium: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        said = watch(page)
        page.goto((site / "decisions" / "index.html").as_uri())
        find(page, "relabel")
        browser.close()
    assert said == []
