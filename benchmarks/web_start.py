"""How long the web server takes from its start to its first answer, and how much memory it then has.

    .venv/bin/python benchmarks/web_start.py [RUNS]

Starts `toploss serve --no-worker` on an empty data folder, signs in, and asks for the list of data sets.
Prints the median seconds to the first answer of /healthz and the resident memory after the pages were asked
for. Linux only (/proc).
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx


def once(folder: Path) -> tuple[float, float]:
    """Seconds to the first answer, and megabytes resident after a log-in and three pages."""
    env = os.environ | {"TOPLOSS_DATA_DIR": str(folder), "TOPLOSS_PORT": "0", "PYTHONUNBUFFERED": "1"}
    toploss = [sys.executable, "-m", "app.cli"]
    subprocess.run(
        [*toploss, "user", "add", "ada", "--role", "admin", "--password-stdin"],
        env=env,
        input="correct horse\n",
        text=True,
        check=True,
        capture_output=True,
    )
    started = time.monotonic()
    with subprocess.Popen(
        [*toploss, "serve", "--no-worker"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            url = found[0]
            httpx.get(f"{url}/healthz", timeout=60).raise_for_status()
            seconds = time.monotonic() - started
            with httpx.Client(base_url=url, follow_redirects=True) as client:
                client.post("/login", data={"name": "ada", "password": "correct horse"}).raise_for_status()
                for page in ("/", "/datasets/new", "/people"):
                    client.get(page).raise_for_status()
            status = Path(f"/proc/{process.pid}/status").read_text()
            megabytes = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
        finally:
            process.terminate()
    return seconds, megabytes


def main() -> None:
    """Print the medians."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        once(Path(folder))  # a warm disk cache, a migrated database
        measured = [once_more(Path(folder)) for _ in range(runs)]
    seconds, megabytes = zip(*measured, strict=True)
    print(
        f"first answer after {statistics.median(seconds):.2f} s (of {runs}: "
        f"{min(seconds):.2f}-{max(seconds):.2f}); ",
        end="",
    )
    print(f"resident memory {statistics.median(megabytes):.0f} MB")


def once_more(folder: Path) -> tuple[float, float]:
    """The same with the person there already."""
    (folder / "toploss.db").unlink(missing_ok=True)
    for leftover in folder.glob("toploss.db-*"):
        leftover.unlink()
    return once(folder)


if __name__ == "__main__":
    main()
