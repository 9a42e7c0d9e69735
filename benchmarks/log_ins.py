"""Many log-ins at once on the web server: how many succeed, the time of the health check, and the memory.

    .venv/bin/python benchmarks/log_ins.py [LOG_INS]

Starts `toploss serve --no-worker` on an empty data folder and sends 60 log-ins of unknown names at the same
moment, again and again for five seconds, while /healthz is asked one time after the other. Prints the answers
of the first 60, the slowest health check, and the resident memory before, at most, and after. Linux only
(/proc).
"""

import collections
import http.client
import re
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.servers import Server, start_server

SECONDS = 5.0


def resident(server: Server) -> float:
    """Megabytes of memory that the server's process holds."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


@dataclass(frozen=True)
class Measured:
    """What the log-ins met."""

    answers: dict[int, int]  # of the first ones, by status code
    last: float  # seconds until the last of the first ones was answered
    checks: int
    slowest_check: float  # seconds
    before: float  # MB of resident memory
    most: float
    after: float


def measure(count: int) -> Measured:
    """Send that many at once, again and again for five seconds."""
    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder)) as server:
        before, checks, memory, over = resident(server), [], [], threading.Event()

        def watch() -> None:
            with httpx.Client(base_url=server.url, timeout=120) as client:
                while not over.is_set():
                    started = time.monotonic()
                    client.get("/healthz").raise_for_status()
                    checks.append(time.monotonic() - started)
                    memory.append(resident(server))
                    time.sleep(0.02)

        def log_in(number: int) -> tuple[int, float]:
            started = time.monotonic()
            connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=120)
            form = f"name=nobody{number}&password=correct+horse"
            connection.request("POST", "/login", form, {"content-type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            assert answer.status != 429 or answer.getheader("retry-after")  # noqa: PLR2004
            return answer.status, time.monotonic() - started

        watcher = threading.Thread(target=watch)
        watcher.start()
        with ThreadPoolExecutor(count) as crowd:
            started = time.monotonic()
            first = list(crowd.map(log_in, range(count)))
            while time.monotonic() - started < SECONDS:
                list(crowd.map(log_in, range(count)))
        over.set()
        watcher.join()
        time.sleep(1)
        return Measured(
            answers=dict(sorted(collections.Counter(code for code, _ in first).items())),
            last=max(seconds for _, seconds in first),
            checks=len(checks),
            slowest_check=max(checks),
            before=before,
            most=max(memory),
            after=resident(server),
        )


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    found = measure(count)
    codes = ", ".join(f"{number} x {code}" for code, number in found.answers.items())
    print(f"{count} log-ins at once: {codes}; the last answer after {found.last:.2f} s")
    print(f"health checks: {found.checks}, slowest {found.slowest_check:.3f} s")
    print(f"resident memory: {found.before:.0f} MB before, at most {found.most:.0f}, {found.after:.0f} after")


if __name__ == "__main__":
    main()
