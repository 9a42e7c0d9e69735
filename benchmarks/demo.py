"""The demo in a folder of its own, for scripts: drawn faces, their truth, a server with a worker."""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
AT = "/api/v1/datasets/demo"


@dataclass
class Demo:
    """A running demo, and the truth about its labels."""

    url: str
    folder: Path  # the data folder
    env: dict[str, str] = field(repr=False)
    password: str = field(repr=False)  # of the admin

    def toploss(self, *arguments: str) -> str:
        """Run a command beside the server; its output."""
        command = [sys.executable, "-m", "app.cli", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def truth(self) -> dict[str, str]:
        """The true class of each image by its path; empty where it is no face."""
        with (self.folder / "demo" / "truth.csv").open(newline="") as file:
            return {row["path"]: row["true_label"] for row in csv.DictReader(file)}

    def client(self, user: str) -> httpx.Client:
        """REST as this person."""
        token = self.toploss("token", "create", "--user", user)
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {token}"}, timeout=60)


@contextmanager
def serve_demo(images: int, **settings: str) -> Iterator[Demo]:
    """Draw the demo in a temporary folder and serve it with a worker, until the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="toploss-demo-"))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TOPLOSS_")}
    ours = {"TOPLOSS_DATA_DIR": str(folder), "TOPLOSS_HOST": "127.0.0.1", "TOPLOSS_PORT": "0"}
    env = clean | ours | {"PYTHONUNBUFFERED": "1", "TOPLOSS_WEIGHTS": "none"} | settings
    log = folder / "server.log"
    command = [sys.executable, "-m", "app.cli", "demo", "--images", str(images)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        while not (found := re.search(r"Toploss is at (http://\S+)", log.read_text())):
            if process.poll() is not None:
                sys.exit(log.read_text())
            time.sleep(0.2)
        logins = (folder / "demo-logins.txt").read_text()
        password = dict(re.findall(r"^ {2}(\w+) +(\S+)$", logins, re.MULTILINE))["admin"]
        yield Demo(found[1], folder, env, password)
    finally:
        process.terminate()
        process.wait(120)
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a data folder, into which what the worker had started may still write for a moment."""
    for _ in range(60):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.5)
    shutil.rmtree(folder)


def wait_for_training(client: httpx.Client) -> int:
    """Until no run of the demo is queued or running, and one was a training; the newest training's number."""
    while True:
        runs = client.get(f"{AT}/runs").raise_for_status().json()["items"]
        if failed := [run for run in runs if run["state"] == "failed"]:
            sys.exit(str(failed[0]["note"]))
        trained = [run["id"] for run in runs if run["kind"] == "training"]
        if trained and all(run["state"] == "finished" for run in runs):
            return int(max(trained))
        time.sleep(1)


def wait_for_jobs(client: httpx.Client) -> None:
    """Until the worker has nothing to do: after a training it draws the learning-rate curve, then the map."""
    while any(job["state"] in ("queued", "running") for job in client.get("/api/v1/jobs").json()["items"]):
        time.sleep(1)


def review(client: httpx.Client, truth: dict[str, str], *, cards: int, order: str = "rank") -> None:
    """Answer so many cards as the truth says."""
    while cards > 0:
        asked = {"count": min(cards, 5), "queue": {"order": order}}
        items = client.post(f"{AT}/worklist/claims", json=asked).raise_for_status().json()["items"]
        if not items:
            return
        for card in items:
            true = truth[card["path"]]
            verdict = "delete" if not true else "keep" if true == card["given_label"] else "relabel"
            decision = {"sample": card["sample"], "verdict": verdict, "client_id": uuid.uuid4().hex}
            decision |= {"label": true} if verdict == "relabel" else {}
            client.post(f"{AT}/decisions", json=decision).raise_for_status()
        cards -= len(items)
