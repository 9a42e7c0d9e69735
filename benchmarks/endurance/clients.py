"""People and scripts that use a server over REST while it is killed: they repeat what got no answer."""

import hashlib
import json
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Self

import httpx

from app.review.models import Decision
from benchmarks.endurance.places import Part, Place

AGAIN = (429, 500, 502, 503, 507)  # answers after which the same request is sent again
PAUSE = 0.05  # seconds before that
DATASET = "faces"
CLASSES = ("cat", "dog", "owl")


@dataclass
class Log:
    """What the server has acknowledged."""

    decisions: dict[str, int] = field(default_factory=dict)  # by client id, the decision's id
    sent: set[str] = field(default_factory=set)  # client ids
    versions: dict[int, str] = field(default_factory=dict)  # by number, the digest
    files: dict[int, str] = field(default_factory=dict)  # by version, the sha256 of its whole export
    exports: int = 0  # whole ones
    cut: int = 0  # exports that the client saw to be cut off
    repeated: int = 0  # requests that were sent again
    problems: set[str] = field(default_factory=set)
    doing: set[str] = field(default_factory=set)  # freezing, exporting


class Clients:
    """Annotators who decide, a script that freezes and one that exports, until they are stopped."""

    def __init__(self, address: str, tokens: dict[str, str], samples: list[int], *, seed: int) -> None:
        self.url, self.samples, self.log = f"http://{address}/api/v1", samples, Log()
        self._stop = threading.Event()
        works = [(self._decide, name, token) for name, token in tokens.items() if name != "ada"]
        works += [(self._freeze, "ada", tokens["ada"]), (self._export, "ada", tokens["ada"])]
        self._threads = [
            threading.Thread(target=self._work, args=(work, token, random.Random(f"{seed} {i}")))  # noqa: S311
            for i, (work, _, token) in enumerate(works)
        ]

    def __enter__(self) -> Self:
        """They begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """They stop, each after the answer that it waits for."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, seconds: float) -> bool:
        """Whether another decision is acknowledged in time."""
        before, until = len(self.log.decisions), time.monotonic() + seconds
        while len(self.log.decisions) == before:
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    def _work(self, work: object, token: str, draw: random.Random) -> None:
        with httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
            while not self._stop.is_set():
                work(client, draw)  # type: ignore[operator]

    def _insist(self, client: httpx.Client, method: str, path: str, **more: object) -> httpx.Response | None:
        """The answer, however often it has to be requested; None when it is time to stop."""
        while True:
            try:
                answer = client.request(method, self.url + path, **more)  # type: ignore[arg-type]
                if answer.status_code not in AGAIN:
                    return answer
                if answer.status_code == 500:  # noqa: PLR2004
                    self.log.problems.add(f"{method} {path} was answered 500: {answer.text[:200]}")
            except httpx.TransportError:
                pass
            if self._stop.is_set():
                return None
            self.log.repeated += 1
            time.sleep(PAUSE)

    def _decide(self, client: httpx.Client, draw: random.Random) -> None:
        client_id = str(uuid.UUID(int=draw.getrandbits(128)))
        body = {"sample": draw.choice(self.samples), "verdict": "keep", "client_id": client_id}
        if draw.random() < 0.5:  # noqa: PLR2004
            body |= {"verdict": "relabel", "label": draw.choice(CLASSES)}
        self.log.sent.add(client_id)
        answer = self._insist(client, "POST", f"/datasets/{DATASET}/decisions", json=body)
        if answer is None:
            return
        if answer.status_code in (200, 201):
            self.log.decisions[client_id] = answer.json()["id"]
        elif answer.status_code != 422:  # noqa: PLR2004 - a relabel to the label that the image has
            self.log.problems.add(f"a decision was answered {answer.status_code}: {answer.text[:200]}")

    def _freeze(self, client: httpx.Client, draw: random.Random) -> None:
        self.log.doing.add("freezing")
        answer = self._insist(client, "POST", f"/datasets/{DATASET}/versions")
        self.log.doing.discard("freezing")
        if answer is not None:
            made = answer.json()
            known = self.log.versions.setdefault(made["number"], made["digest"])
            if known != made["digest"]:
                self.log.problems.add(f"version {made['number']} has another digest than before")
        self._stop.wait(draw.uniform(0, 0.2))

    def _export(self, client: httpx.Client, draw: random.Random) -> None:
        numbers = sorted(self.log.versions)
        number = draw.choice(numbers) if numbers else 0
        self.log.doing.add("exporting")
        try:
            address = f"{self.url}/datasets/{DATASET}/export?format=jsonl&version={number}"
            answer = client.get(address)
            if answer.status_code == 200:  # noqa: PLR2004
                self.log.exports += 1
                digest = hashlib.sha256(answer.content).hexdigest()
                if self.log.files.setdefault(number, digest) != digest:
                    self.log.problems.add(f"the export of version {number} is not the same bytes as before")
                for line in answer.text.splitlines():
                    json.loads(line)
        except httpx.TransportError:
            self.log.cut += 1
        finally:
            self.log.doing.discard("exporting")
        self._stop.wait(draw.uniform(0, 0.2))


def check_log(place: Place, log: Log, part: Part) -> None:
    """Every acknowledged decision is found, none is there twice, and every version is as it was frozen."""
    from sqlalchemy import func, select

    from app.datasets.models import DatasetVersion

    with place.database() as database, database.read() as session:
        rows = session.execute(select(Decision.client_id, Decision.id)).all()
        digests = session.execute(select(DatasetVersion.number, DatasetVersion.digest)).all()
        highest = session.scalar(select(func.max(DatasetVersion.number))) or 0
    found = {client_id: row_id for client_id, row_id in rows if client_id in log.sent}
    times = len([1 for client_id, _ in rows if client_id in log.sent])
    lost = [client_id for client_id, row_id in log.decisions.items() if found.get(client_id) != row_id]
    versions = dict(digests)
    part.figures |= {
        "acknowledged": len(log.decisions),
        "found": len(log.decisions) - len(lost),
        "twice": times - len(found),
        "requests repeated": log.repeated,
        "versions frozen": len(log.versions),
        "whole exports": log.exports,
        "exports cut off": log.cut,
    }
    part.expect(not lost, f"{len(lost)} acknowledged decisions are lost")
    part.expect(times == len(found), f"{times - len(found)} decisions are there twice")
    part.expect(
        all(versions.get(number) == digest for number, digest in log.versions.items()),
        "a version is not there as it was acknowledged",
    )
    part.expect(len(versions) == len(digests) == highest + 1, "the numbers of versions have gaps or doubles")
    for problem in sorted(log.problems):
        part.expect(False, problem)
