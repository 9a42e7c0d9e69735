"""Photographs of 12 megapixels: from the start of the import to the first card, and the memory this takes.

    .venv/bin/python benchmarks/large_photos.py PHOTOS [--images 200] [--width 4000]

PHOTOS is a folder of …/CLASS/*. So many of its images (again from the first when they end, mirrored then) are
enlarged, given the noise of a camera and written as JPEG. Starts `toploss serve` with its worker on a data
folder of its own, imports them and asks for a card until the first look gives one. Prints seconds and the
peak of the resident memory (VmHWM) of the command, the server and the worker, and of all three together.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image, ImageOps

from app.accounts.tokens import create_token
from app.accounts.users import add_user, find_user
from app.db.engine import Database
from app.settings import Settings
from tests.servers import start_server

QUALITY = 90
NOISE = 4.0  # standard deviation of a pixel, of 255


def draw(photos: Path, folder: Path, images: int, width: int) -> float:
    """Write the photographs; the mean size of a file in MB."""
    random = np.random.default_rng(0)
    paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    random.shuffle(paths)
    written = []
    for place in range(images):
        path = paths[place % len(paths)]
        with Image.open(path) as opened:
            image = opened.convert("RGB") if place < len(paths) else ImageOps.mirror(opened.convert("RGB"))
        image = ImageOps.fit(image, (width, width * 3 // 4))
        noise = random.normal(0, NOISE, (image.height, image.width, 1)).astype(np.float32)
        pixels = (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)
        to = folder / ("train" if place % 5 else "valid") / path.parent.name / f"{place:04}.jpg"
        to.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(to, quality=QUALITY)
        written.append(to.stat().st_size)
    return float(np.mean(written)) / 1e6


class Memory(threading.Thread):
    """Watches the processes whose data folder is this one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.most, self.peaks = str(folder), 0.0, {}

    def run(self) -> None:
        """Read the memory of these processes ten times per second, until the program ends."""
        while True:
            now = 0.0
            for process in Path("/proc").iterdir():
                try:
                    if self.folder not in (process / "environ").read_text(errors="replace"):
                        continue
                    status = dict(
                        line.split(":", 1) for line in (process / "status").read_text().splitlines()
                    )
                    words = (process / "cmdline").read_text().split("\0")
                    peak, held = (int(status[name].split()[0]) / 1000 for name in ("VmHWM", "VmRSS"))
                except (OSError, KeyError, ValueError):  # it has ended, or is no process
                    continue
                now += held
                self.peaks[process.name] = (" ".join(words)[-40:], peak)
            self.most = max(self.most, now)
            time.sleep(0.1)


def first_card(client: httpx.Client) -> dict:
    """The first card that the deck gives."""
    while True:
        answer = client.post("/api/v1/datasets/large/worklist/claims", json={"count": 1})
        if answer.is_success and (items := answer.json()["items"]):
            return items[0]
        runs = client.get("/api/v1/datasets/large/runs").json()["items"]
        if runs and runs[0]["state"] == "failed":
            sys.exit(runs[0]["note"])
        time.sleep(0.2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--width", type=int, default=4000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        images, folder = Path(name, "images"), Path(name, "data")
        size = draw(asked.photos, images, asked.images, asked.width)
        print(
            f"{asked.images} images of {asked.width} x {asked.width * 3 // 4}, {size:.1f} MB each", flush=True
        )
        with start_server(folder, worker=True, TOPLOSS_FIRST_LOOK="on") as server:
            with Database(f"sqlite:///{folder / 'toploss.db'}").write() as session:
                add_user(session, name="benchmark", role="annotator", password_hash="")
                user = find_user(session, name="benchmark")
                key = Settings(data_dir=folder).secret()
                token = create_token(session, user=user, name="bench", key=key)
            memory = Memory(folder)
            memory.start()
            began = time.monotonic()
            command = [sys.executable, "-m", "app.cli", "import", str(images), "--name", "large", "--yes"]
            subprocess.run(command, env=server.env, check=True, stdout=subprocess.DEVNULL)
            imported = time.monotonic()
            headers = {"authorization": f"Bearer {token}"}
            with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
                card = first_card(client)
                shown = time.monotonic()
                picture = client.get(f"/api/v1/samples/{card['sample']}/image", params={"size": "display"})
                picture.raise_for_status()
            print(
                f"import {imported - began:.0f} s; first card {shown - began:.0f} s after its start; "
                f"its picture {time.monotonic() - shown:.2f} s, {len(picture.content) / 1000:.0f} kB"
            )
            for words, peak in memory.peaks.values():
                print(f"  {peak:6,.0f} MB at most: {words}")
            print(f"  {memory.most:6,.0f} MB at most, all together")


if __name__ == "__main__":
    main()
