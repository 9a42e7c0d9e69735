"""Peak memory of an import of four images of 100 megapixels, and of a server that is asked for all at once.

.venv/bin/python benchmarks/memory.py [PNG|JPEG|WEBP|TIFF]…
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 10_000
ADMIN, PORT = "ada", 8437


def draw(folder: Path, kind: str) -> None:
    """Four images in two classes: a random ground, so that compression does not hide what reading costs."""
    random = np.random.default_rng(0)
    for i in range(4):
        ground = random.integers(0, 60, (SIDE // 10, SIDE // 10, 3), np.uint8)
        image = Image.fromarray(ground).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        path = folder / ("cat", "dog")[i % 2] / f"{i}.{kind.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, kind, **({"lossless": True, "method": 0} if kind == "WEBP" else {}))


def toploss(environment: dict[str, str], *arguments: str, text: str = "") -> tuple[str, float]:
    """What a command prints, and the most memory it has taken, in MB."""
    command = [sys.executable, "-m", "app.cli", *arguments]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(text)
        process.stdin.close()
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, printed
    return printed, used.ru_maxrss / 1000


def peak(pid: int) -> float:
    """The most memory that a process has held so far, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1000


def ask(number: int, token: str, said: list[str]) -> None:
    """One picture at the size of the review."""
    url = f"http://127.0.0.1:{PORT}/api/v1/samples/{number}/image?size=display"
    began = time.monotonic()
    try:
        request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            status = answer.status
            answer.read()
    except urllib.error.HTTPError as error:
        status = error.code
    said.append(f"{status} after {time.monotonic() - began:.1f} s")


def measure(kind: str, folder: Path) -> None:
    """Print both figures of a format."""
    environment = {**os.environ, "TOPLOSS_DATA_DIR": str(folder / "data"), "TOPLOSS_LOG_LEVEL": "error"}
    importing = toploss(environment, "import", str(folder / "images"), "--name", "large")[1]
    toploss(
        environment, "user", "add", ADMIN, "--role", "admin", "--password-stdin", text="a long password\n"
    )
    token = toploss(environment, "token", "create", "--user", ADMIN)[0].strip()
    command = [sys.executable, "-m", "app.cli", "serve", "--no-worker", "--port", str(PORT)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        idle = peak(server.pid)
        said: list[str] = []
        threads = [threading.Thread(target=ask, args=(i + 1, token, said)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(
            f"{kind}: import {importing:,.0f} MB; server {idle:,.0f} MB idle, {peak(server.pid):,.0f} MB",
            said,
        )
    finally:
        server.terminate()
        server.wait(20)


# A process for each format, and one that draws: a child's peak begins with its parent's, and is never
# forgotten.
match sys.argv[1:]:
    case ["draw", kind, place]:
        draw(Path(place), kind)
    case [kind]:
        with tempfile.TemporaryDirectory() as place:
            subprocess.run([sys.executable, __file__, "draw", kind, f"{place}/images"], check=True)
            measure(kind, Path(place))
    case kinds:
        for kind in kinds or ("PNG", "JPEG", "WEBP", "TIFF"):
            subprocess.run([sys.executable, __file__, kind], check=True)
