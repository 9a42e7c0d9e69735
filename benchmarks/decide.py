"""Deciding under load: a key press's way through the server, beside the barest endpoint that could do it.

    .venv/bin/python benchmarks/decide.py [--clients 1 8 32 100] [--rounds 5] [--seconds 3] [--samples 28000]
        [--sync-ms 3.7] [--orders rank random learning]

Ours: `toploss serve` on SQLite, a review of `--samples` samples in six classes; every client is an annotator
of their own who sends an answer and reads the next card from the reply. Bare: FastAPI and SQLite with the
same durability (WAL, synchronous FULL), one connection behind a lock; a request writes one row and renders
one Jinja fragment. Clients are threads of another process, each with a connection of its own. Both are
measured in turn, round by round, since a machine is not equally fast at every moment; the share is the median
of the rounds'. With `--sync-ms` both wait so long for every sync of the disk, as on one that is slower than
this one (Linux with a C compiler). With several `--orders` each has a server of its own, and every round
measures one after the other: the ratio to the first order is the median of the rounds'. The order `learning`
is that by rank with a worker, which orders the cards anew by the answers each second.
"""

import argparse
import http.client
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import numpy as np
from PIL import Image
from sqlalchemy import insert

import app.db.tables  # noqa: F401 - registers them
from app.accounts.models import User
from app.accounts.tokens import start_session
from app.datasets.models import Dataset, DatasetVersion, LabelClass, Sample
from app.db.engine import Database
from app.db.migrating import migrate
from app.ml.recipes import RECIPES
from app.ranking.models import StagedPrediction
from app.ranking.rankings import ranking_rows
from app.review.issues import publish
from app.settings import Settings
from app.training.ending import end_run, start_run
from app.training.requesting import request_run
from tests.servers import start_server

LEARNING = "learning"
SLOW_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int fdatasync(int file) {
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    int result = ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    long left = NANOSECONDS - (ended.tv_sec - begun.tv_sec) * 1000000000L - (ended.tv_nsec - begun.tv_nsec);
    if (left > 0) nanosleep(&(struct timespec){left / 1000000000L, left % 1000000000L}, 0);
    return result;
}
"""
WARM_UP = 2.0  # seconds that are not counted
CLASSES = ("angry", "fear", "happy", "neutral", "sad", "surprise")
MOST_LINKS = 60_000  # names of one file; ext4 allows 65,000
Client = Callable[
    [str, str, float, list[tuple[float, float]]], None
]  # address, cookie, until when, what it adds its times to
BARE = """
import sqlite3, sys, threading
from fastapi import FastAPI, Form
from fastapi.responses import HTMLResponse
from jinja2 import Template
import uvicorn
db = sqlite3.connect(sys.argv[1], check_same_thread=False, isolation_level=None)
db.execute("PRAGMA journal_mode = WAL"); db.execute("PRAGMA synchronous = FULL")
db.execute("CREATE TABLE decision (id INTEGER PRIMARY KEY, sample INTEGER, answer TEXT, client TEXT)")
lock, app = threading.Lock(), FastAPI()
card = Template('<article class="card" data-sample="{{ id }}"><img src="/{{ id }}.png"><form>'
                '{% for c in names %}<button>{{ c }}</button>{% endfor %}</form></article>')
@app.post("/decide")
def decide(sample: int = Form(), answer: str = Form(), client_id: str = Form()):
    with lock:
        db.execute("BEGIN IMMEDIATE")
        row = (sample, answer, client_id)
        db.execute("INSERT INTO decision (sample, answer, client) VALUES (?, ?, ?)", row)
        db.execute("COMMIT")
    names = ["angry", "fear", "happy", "neutral", "sad", "surprise"]
    return HTMLResponse(card.render(id=sample + 1, names=names))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
"""


def make_review(data_dir: Path, samples: int, people: int, *, database_url: str = "") -> list[str]:
    """A ranked data set and a log-in of each annotator: their cookies.

    Many images are one file with other names: the server looks whether the file of a card is there.
    """
    (data_dir / "train").mkdir(parents=True)
    for i in range(samples):
        path = data_dir / "train" / f"{i:06}.png"
        if i % MOST_LINKS == 0:
            Image.new("L", (48, 48)).save(image := path)
        else:
            os.link(image, path)
    settings = Settings(data_dir=data_dir, database_url=database_url, _env_file=None)
    migrate(settings.database)
    database, random = Database(settings.database), np.random.default_rng(0)
    with database.write() as session:
        dataset = Dataset(name="faces", source=str(data_dir), state="ready")
        session.add(dataset)
        session.flush()
        session.execute(
            insert(LabelClass),
            [{"dataset_id": dataset.id, "position": i, "name": name} for i, name in enumerate(CLASSES)],
        )
        labels = random.integers(0, len(CLASSES), samples)
        facts = {
            "bytes": image.stat().st_size,
            "width": 48,
            "height": 48,
            "mode": "L",
            "format": "PNG",
            "split": "train",
            "dataset_id": dataset.id,
        }
        session.execute(
            insert(Sample),
            [
                {"path": f"train/{i:06}.png", "sha256": f"{i:064x}", "given_label": int(labels[i])} | facts
                for i in range(samples)
            ],
        )
        version = DatasetVersion(
            dataset_id=dataset.id, number=0, digest="0" * 64, samples=samples, relabelled=0, deleted=0
        )
        session.add(version)
        session.flush()
        run = request_run(
            session,
            dataset_id=dataset.id,
            version_id=version.id,
            recipe=RECIPES["quick"],
            weights="none",
            parent_id=None,
            seed=0,
            user_id=None,
        )
        start_run(session, run_id=run.id)
        logits = random.normal(0, 2, (samples, len(CLASSES)))
        log_probs = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
        rows = ranking_rows(
            run.id,
            sample_ids=np.arange(1, samples + 1),
            paths=[f"{i:06}" for i in range(samples)],
            labels=labels,
            log_probs=log_probs,
            folds=np.zeros(samples, np.int64),
        )
        session.execute(insert(StagedPrediction), list(rows))
        publish(session, run_id=run.id, epochs=1)
        end_run(session, run_id=run.id, state="finished")
        cookies = []
        for i in range(people):
            user = User(name=f"annotator{i}", role="annotator", password_hash="none")  # noqa: S106 - nobody signs in with it
            session.add(user)
            session.flush()
            cookies.append(start_session(session, user=user, days=1, key=settings.secret()))
    database.close()
    return cookies


def annotate(
    address: str, cookie: str, until: float, times: list[tuple[float, float]], order: str = "rank"
) -> None:
    """Answer cards of an order until the time is over; an answer that is not 200 ends it with an error."""
    queue = {} if order == "rank" else {"queue": f"order={order}"}
    connection = http.client.HTTPConnection(address, timeout=60)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "hx-request": "true",
        "cookie": f"toploss_session={cookie}",
    }

    def post(path: str, **form: object) -> str:
        connection.request("POST", path, urlencode(form), headers)
        response = connection.getresponse()
        text = response.read().decode()
        if response.status != 200:  # noqa: PLR2004
            raise RuntimeError(f"{response.status}: {text[:300]}")
        return text

    cards = [] if cookie else ["1"]
    while (started := time.perf_counter()) < until or not times:
        if not cookie:
            post("/decide", sample=1, answer="keep", client_id=f"{cookie}{started}")
        elif cards:
            sample = cards.pop(0)
            text = post(
                "/d/faces/review/decisions",
                sample=sample,
                answer="keep",
                client_id=f"{started}",
                milliseconds=900,
                hold=6,
                have=" ".join(cards),
                **queue,
            )
            cards += [card for card in re.findall(r'data-sample="(\d+)"', text) if card not in cards]
        else:
            cards = re.findall(r'data-sample="(\d+)"', post("/d/faces/review/claims", hold=6, **queue))
            if not cards:
                raise RuntimeError("No card is left: give it more samples.")
            continue
        times.append((started, time.perf_counter()))


def load(
    address: str,
    cookies: list[str],
    seconds: float,
    client: Client,
    out: "multiprocessing.Queue[list[tuple[float, float]]]",
) -> None:
    """All clients at once; when each request started and ended, in seconds from the start of all."""
    times: list[tuple[float, float]] = []
    begun = time.perf_counter()
    threads = [
        threading.Thread(target=client, args=(address, cookie, begun + seconds, times)) for cookie in cookies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put([(started - begun, ended - begun) for started, ended in times])


class Measured(NamedTuple):
    """What clients got of a server."""

    rate: float  # requests that ended, per second
    median: float  # milliseconds a request
    p95: float  # milliseconds
    cpu: float | None  # the server's milliseconds of processor a request, where its process is known

    def __str__(self) -> str:
        """In words."""
        said = f"{self.rate:6.1f} per second, median {self.median:6.1f} ms, p95 {self.p95:6.1f} ms"
        return said if self.cpu is None else f"{said}, processor {self.cpu:.2f} ms each"


def in_all(rounds: list[Measured]) -> Measured:
    """The median round, figure by figure."""
    return Measured(
        *(None if None in figures else statistics.median(figures) for figures in zip(*rounds, strict=True))
    )


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors so far. Linux only (/proc)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(
    address: str,
    cookies: list[str],
    seconds: float,
    *,
    warm: float = 0.0,
    client: Client = annotate,
    pid: int | None = None,
) -> Measured:
    """Let clients work; the first `warm` seconds do not count.

    With the server's `pid` it tells what that has used of the processors.

    That says the same on a busy machine, where whoever works more has to wait longer for a processor.
    """
    before = cpu_seconds(pid) if pid else 0.0
    out: multiprocessing.Queue[list[tuple[float, float]]] = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(
        target=load, args=(address, cookies, warm + seconds, client, out)
    )
    process.start()
    times = out.get()
    process.join()
    ended = sum(warm <= end < warm + seconds for _, end in times)
    took = sorted(
        end - start for start, end in times if start >= warm
    )  # those under way at the end too: they are the slow ones
    if not took:
        raise SystemExit("No request began within the seconds that count: give it more of them.")
    cpu = 1000 * (cpu_seconds(pid) - before) / len(times) if pid else None
    return Measured(ended / seconds, 1000 * statistics.median(took), 1000 * took[int(0.95 * len(took))], cpu)


def main() -> None:
    """Print a line for each number of clients."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 100])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each, a round")
    parser.add_argument("--samples", type=int, default=28_000)
    parser.add_argument("--sync-ms", type=float, default=0.0, help="what a sync of the disk takes at least")
    parser.add_argument(
        "--orders", nargs="+", default=["rank"], help="of the worklist; the first is compared with"
    )
    options = parser.parse_args()
    if options.sync_ms:
        slow_down(options.sync_ms)
    for clients in options.clients:
        with tempfile.TemporaryDirectory() as name:
            measured = compare(
                Path(name),
                samples=options.samples,
                clients=clients,
                rounds=options.rounds,
                seconds=options.seconds,
                orders=options.orders,
            )
        theirs = measured.pop("bare")
        for order, ours in measured.items():
            print(
                f"{clients:3d} clients, {order}: {in_all(ours)}; bare {in_all(theirs)}; share "
                f"{ratio(ours, theirs)}"
                + (
                    ""
                    if order == options.orders[0]
                    else f"; ratio {ratio(ours, measured[options.orders[0]])}"
                ),
                flush=True,
            )


def ratio(ours: list[Measured], others: list[Measured]) -> str:
    """Of the rates, round by round: the median, the lowest and the highest."""
    shares = sorted(mine.rate / other.rate for mine, other in zip(ours, others, strict=True))
    return f"{statistics.median(shares):.0%} ({shares[0]:.0%} to {shares[-1]:.0%})"


def slow_down(milliseconds: float) -> None:
    """Let every process that is started from now on wait so long for a sync."""
    library = Path(tempfile.mkdtemp()) / "slow_sync.so"
    source = SLOW_SYNC.replace("NANOSECONDS", f"{milliseconds * 1e6:.0f}L")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"], input=source, text=True, check=True
    )
    os.environ["LD_PRELOAD"] = str(library)


def compare(
    folder: Path, *, samples: int, clients: int, rounds: int, seconds: float, orders: list[str]
) -> dict[str, list[Measured]]:
    """The rounds of each order and of the bare endpoint, by name, on reviews that have just begun."""
    port = "8791"
    measured: dict[str, list[Measured]] = {name: [] for name in (*orders, "bare")}
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(folder / "bare.db"), port])
    try:
        with ExitStack() as servers:
            ours = []
            for order in orders:
                cookies = make_review(folder / order, samples, clients)
                server = servers.enter_context(start_server(folder / order, worker=order == LEARNING))
                client = partial(annotate, order="rank" if order == LEARNING else order)
                ours.append((order, urlsplit(server.url).netloc, cookies, client, server.process.pid))
            for _, address, cookies, client, _ in ours:
                measure(address, cookies[:1], WARM_UP, client=client)
            measure(f"127.0.0.1:{port}", [""], WARM_UP)
            for _ in range(rounds):
                for order, address, cookies, client, pid in ours:
                    measured[order].append(measure(address, cookies, seconds, client=client, pid=pid))
                measured["bare"].append(measure(f"127.0.0.1:{port}", [""] * clients, seconds, pid=bare.pid))
    finally:
        bare.terminate()
        bare.wait()
    return measured


if __name__ == "__main__":
    main()
