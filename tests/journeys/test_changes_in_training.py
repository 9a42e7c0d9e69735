"""Data sets grow, are renamed, lose a class and are deleted while a worker process trains."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import PASSWORD
from tests.factories import CLASSES, write_images
from tests.servers import Server, environment, start_server
from tests.small_worker import SMALL, start_small_worker

EPOCHS = 6


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A server with the data sets pets, of 30 images, and others, of 24."""
    data = tmp_path / "data"
    shell = Server(None, "", data, environment(data, database_url=database_url), data / "log")  # type: ignore[arg-type]
    shell.command("import", str(write_images(tmp_path / "pets", per_class=8)), "--name", "pets")
    shell.command("import", str(write_images(tmp_path / "others", seed=1)), "--name", "others")
    shell.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    with start_server(data, database_url=database_url) as running:
        yield running


@pytest.fixture
def ada(server: Server) -> Iterator[httpx.Client]:
    token = server.command("token", "create", "--user", "ada").stdout.strip()
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=120) as client:
        yield client


@pytest.fixture
def page(server: Server, chromium: str) -> Iterator[Page]:
    """A page of ada's browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(base_url=server.url, viewport={"width": 1280, "height": 800})
        opened.goto("/login")
        opened.get_by_label("Name").fill("ada")
        opened.get_by_label("Password").fill(PASSWORD)
        opened.keyboard.press("Enter")
        expect(opened.get_by_role("heading", name="Data sets")).to_be_visible()
        yield opened
        browser.close()


def until(has_come: Callable[[], bool], server: Server) -> None:
    deadline = time.monotonic() + 300
    while not has_come():
        assert time.monotonic() < deadline, (server.data_dir / "worker.log").read_text()
        time.sleep(0.05)


def trains(ada: httpx.Client, run: int) -> bool:
    """Whether the training has begun and not ended."""
    told = ada.get(f"/runs/{run}").json()
    return told["state"] == "running" and 1 <= len(told["epochs"]) < EPOCHS


def sent(ada: httpx.Client, method: str, path: str, expected: int, **body: Any) -> Any:
    answer = ada.request(method, path, **body)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content else None


def exported(ada: httpx.Client, name: str, **query: object) -> list[dict[str, str]]:
    answer = ada.get(f"/datasets/{name}/export", params={"format": "csv", **query})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_data_set_in_training_grows_gets_another_name_and_loses_a_class(
    server: Server, ada: httpx.Client, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    images = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    server.command("train", "pets", *SMALL, "--epochs", str(EPOCHS))
    [run] = [each["id"] for each in sent(ada, "GET", "/datasets/pets/runs", 200)["items"]]
    with start_small_worker(server.env, server.data_dir / "worker.log", gate=gate):
        until(lambda: trains(ada, run), server)
        # By REST: an answer, another name, images of a new class, a merge, a delete of the other data set.
        first = sent(ada, "GET", "/datasets/pets/samples?limit=1", 200)["items"][0]
        answer = {"sample": first["sample"], "verdict": "relabel", "label": "dog", "client_id": "a"}
        sent(ada, "POST", "/datasets/pets/decisions", 201, json=answer)
        sent(ada, "PATCH", "/datasets/pets", 200, json={"name": "animals"})
        more = sorted(write_images(tmp_path / "more", per_class=2, splits=("train",), seed=2).rglob("*.png"))
        files = [("file", (path.name, path.read_bytes())) for path in more]
        added = sent(ada, "POST", "/datasets/animals/images", 201, files=files, data={"class": "emu"})
        assert (added["added"], added["images_in_no_version"]) == (6, 6)
        merge = {"merge_into": "cat", "expected": 10}
        assert sent(ada, "PATCH", "/datasets/animals/classes/owl", 200, json=merge)["state"] == "merged"
        sent(ada, "DELETE", "/datasets/others", 204)
        # In the shell: a class is merged and a class is retired, and a lost file is found again.
        server.command("classes", "merge", "animals", "emu", "dog", "--yes")
        server.command("classes", "add", "animals", "yak")
        server.command("classes", "retire", "animals", "yak")
        lost = tmp_path / "pets" / "train" / "cat" / "000.png"
        lost.rename(tmp_path / "kept.png")
        server.command("import", str(tmp_path / "pets"), "--name", "animals")
        assert sent(ada, "GET", "/datasets/animals", 200)["missing_files"] == 1
        (tmp_path / "kept.png").rename(lost)
        server.command("import", str(tmp_path / "pets"), "--name", "animals")
        assert sent(ada, "GET", "/datasets/animals", 200)["missing_files"] == 0
        assert trains(ada, run)  # all of it was while the worker trained
        gate.unlink()
        until(lambda: ada.get(f"/runs/{run}").json()["state"] != "running", server)
    told = sent(ada, "GET", f"/runs/{run}", 200)
    assert (told["state"], told["dataset"], told["version"]) == ("finished", "animals", 0)
    assert told["classes"] == [*CLASSES, "emu", "yak"]  # its own, under their names then, and newer ones
    assert len(told["epochs"]) == EPOCHS
    then = exported(ada, "animals", version=0, run=run)
    assert sorted(int(row["rank"]) for row in then) == list(range(1, 31))
    assert sorted({row["label"] for row in then}) == list(CLASSES)  # the version knows no later change
    sent(ada, "POST", "/datasets/animals/versions", 201)
    now = exported(ada, "animals")
    labels = [row["label"] for row in now]
    assert (len(now), labels.count("cat"), labels.count("dog")) == (36, 19, 17)  # one cat was relabelled
    assert [row["label"] for row in now if row["path"] == first["path"]] == ["dog"]
    moved = ada.get("/datasets/pets")
    assert (moved.status_code, moved.headers["location"]) == (308, "/api/v1/datasets/animals")
    assert [each["name"] for each in sent(ada, "GET", "/datasets", 200)["items"]] == ["animals"]
    assert {path: path.read_bytes() for path in images} == images  # also those of the deleted data set


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_forms_of_the_pages_change_a_data_set_in_training(
    server: Server, ada: httpx.Client, page: Page, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    server.command("train", "pets", *SMALL, "--epochs", str(EPOCHS))
    [run] = [each["id"] for each in sent(ada, "GET", "/datasets/pets/runs", 200)["items"]]
    more = sorted(write_images(tmp_path / "more", per_class=2, splits=("train",), seed=2).rglob("*.png"))
    with start_small_worker(server.env, server.data_dir / "worker.log", gate=gate):
        until(lambda: trains(ada, run), server)
        page.goto("/d/pets/manage")
        add = page.locator("form#add")
        add.get_by_label("Class of these images").fill("emu")
        add.locator("input[type=file]").set_input_files(more)
        add.get_by_role("button", name="Add the images").click()
        expect(page.get_by_role("status").filter(has_text="6 images were added")).to_be_visible()
        rename = page.locator("form#rename")
        rename.get_by_label("Name").fill("animals")
        rename.get_by_role("button", name="Rename").click()
        page.wait_for_url("**/d/animals/manage")
        page.goto("/d/pets/classes")  # the old address, as in an open tab
        page.wait_for_url("**/d/animals/classes")
        page.get_by_role("link", name="Change owl").click()
        page.get_by_label("Into").select_option("cat")
        page.get_by_role("button", name="Merge …").click()
        expect(page.get_by_role("heading", name="Merge “owl” into “cat”?")).to_be_visible()
        page.get_by_role("button", name="Merge the classes").click()
        page.wait_for_url("**/d/animals/classes")
        expect(page.get_by_role("link", name="Change owl")).to_have_count(0)
        assert trains(ada, run)  # all of it was while the worker trained
        gate.unlink()
        until(lambda: ada.get(f"/runs/{run}").json()["state"] != "running", server)
    told = sent(ada, "GET", f"/runs/{run}", 200)
    assert (told["state"], told["dataset"], len(told["epochs"])) == ("finished", "animals", EPOCHS)
    assert sorted({row["label"] for row in exported(ada, "animals", version=0, run=run)}) == list(CLASSES)
    sent(ada, "POST", "/datasets/animals/versions", 201)
    labels = [row["label"] for row in exported(ada, "animals")]
    assert (len(labels), labels.count("cat"), labels.count("emu"), labels.count("owl")) == (36, 20, 6, 0)
    shown = page.goto(f"/d/animals/models/{run}")
    assert shown is not None
    assert shown.ok
    assert "Traceback" not in (server.data_dir / "worker.log").read_text()


def test_deleting_the_data_set_in_training_cancels_the_training_and_the_worker_takes_the_next(
    server: Server, ada: httpx.Client, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    images = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    server.command("train", "pets", *SMALL, "--epochs", str(EPOCHS))
    [run] = [each["id"] for each in sent(ada, "GET", "/datasets/pets/runs", 200)["items"]]
    checkpoints = server.data_dir / "runs" / str(run)
    with start_small_worker(server.env, server.data_dir / "worker.log", gate=gate):
        until(lambda: trains(ada, run) and any(checkpoints.rglob("checkpoint.json")), server)
        assert ada.delete("/datasets/pets").status_code in (202, 204)  # 204: the worker has stopped already
        for path in ("/datasets/pets", f"/runs/{run}"):
            sent(ada, "GET", path, 404)
        assert [each["name"] for each in sent(ada, "GET", "/datasets", 200)["items"]] == ["others"]
        until(lambda: not checkpoints.exists(), server)
        gate.unlink()
        small = {"image_size": 32, "batch_size": 8}
        next_run = {"recipe": "quick", "epochs": 1, "changes": small}
        job = sent(ada, "POST", "/datasets/others/runs", 202, json=next_run)
        until(lambda: ada.get(f"/runs/{job['id']}").json()["state"] not in ("queued", "running"), server)
        assert sent(ada, "GET", f"/runs/{job['id']}", 200)["state"] == "finished"
    assert "Traceback" not in (server.data_dir / "worker.log").read_text()
    assert {path: path.read_bytes() for path in images} == images
