"""Planted copies that are found, by perceptual hashes alone and with the first look's features beside them.

    export OPENBLAS_NUM_THREADS=1  # as in a worker
    .venv/bin/python benchmarks/copies.py --images photos.zip --sheet pairs.png

`--images` is a folder or zip of …/<class>/<file>. Copies of images drawn at random are added: mirrored,
cropped at a random place, resized to half and back, brighter or darker by a fifth and saved as a JPEG. A copy
counts as found when it is in one group with its image. Then the pairs of images that were not planted and
that only the features find; `--sheet` shows up to 60 of them, drawn at random, for a person to look at.
Features are computed as by the first look (`--size` and `--mirrored` instead of its choice by the machine's
pace), and kept in `--folder` if it is given. The modules are those of the product's job, without a database.
"""

import argparse
import hashlib
import io
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from app.datasets.lookalikes import find_lookalikes, looks
from app.decoding.seen import decode_grey
from app.ml.alike import likely_copies
from app.ml.backbone import Embedder
from app.ml.copies import SIDE, are_copies
from app.ml.device import use_threads
from app.ml.features import compute_features, reading_size
from app.ml.images import StreamedImages
from app.storage import open_source

Change = Callable[[Image.Image], Image.Image]
SHOWN, TILE, COLUMNS = 60, 96, 6


def mirrored(image: Image.Image) -> Image.Image:
    """Left and right exchanged."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def cropped(image: Image.Image, share: float, lot: random.Random) -> Image.Image:
    """A part at a random place with this share of each side."""
    width, height = round(image.width * share), round(image.height * share)
    left, top = lot.randint(0, image.width - width), lot.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def resized(image: Image.Image) -> Image.Image:
    """To half of each side and back."""
    half = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    return half.resize(image.size, Image.Resampling.LANCZOS)


def changes(lot: random.Random) -> dict[str, tuple[int, Change]]:
    """How many copies of each kind, and how they are made."""
    return {
        "mirrored": (60, mirrored),
        "cropped to 80 %": (60, lambda image: cropped(image, 0.8, lot)),
        "resized to half and back": (60, resized),
        "cropped to 90 %": (50, lambda image: cropped(image, 0.9, lot)),
        "cropped to 70 %": (50, lambda image: cropped(image, 0.7, lot)),
        "cropped to 80 % and mirrored": (50, lambda image: mirrored(cropped(image, 0.8, lot))),
        "brightness, saved again": (
            50,
            lambda image: ImageEnhance.Brightness(image).enhance(lot.choice([0.8, 1.2])),
        ),
    }


def encode(image: Image.Image, kind: str | None, *, as_jpeg: bool) -> bytes:
    """In the format of the original."""
    file = io.BytesIO()
    if as_jpeg or kind == "JPEG":
        image.save(file, "JPEG", quality=85)
    else:
        image.save(file, "PNG")
    return file.getvalue()


def plant(read: Callable[[int], bytes], n: int) -> list[tuple[str, int, bytes]]:
    """Copies as (kind, row of the original, file), each of another image."""
    lot = random.Random(0)  # noqa: S311 - no secret
    kinds = changes(lot)
    rows = iter(lot.sample(range(n), sum(many for many, _ in kinds.values())))
    result = []
    for kind, (many, change) in kinds.items():
        for _ in range(many):
            row = next(rows)
            with Image.open(io.BytesIO(read(row))) as image:
                whole = image if image.mode in ("L", "RGB") else image.convert("RGB")
                file = encode(change(whole), image.format, as_jpeg=kind.startswith("brightness"))
            result.append((kind, row, file))
    return result


def sheet(read: Callable[[int], bytes], pairs: list[tuple[int, int]], out: Path) -> None:
    """The images of each pair side by side."""
    lines = -(-len(pairs) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * (2 * TILE + 12), lines * (TILE + 16)), "white")
    for number, pair in enumerate(pairs):
        x, y = (number % COLUMNS) * (2 * TILE + 12), (number // COLUMNS) * (TILE + 16)
        ImageDraw.Draw(page).text((x, y), f"{pair[0]} {pair[1]}", fill="black")
        for place, row in enumerate(pair):
            with Image.open(io.BytesIO(read(row))) as image:
                page.paste(image.convert("RGB").resize((TILE, TILE)), (x + place * (TILE + 2), y + 12))
    page.save(out)


class Clock:
    """Prints what a step took."""

    def __init__(self) -> None:
        self.at = (time.monotonic(), time.process_time())

    def tell(self, what: str) -> None:
        """And start again."""
        now = (time.monotonic(), time.process_time())
        print(f"{what}: {now[0] - self.at[0]:.1f} s, {now[1] - self.at[1]:.1f} CPU seconds", flush=True)
        self.at = now


def main() -> None:
    """Plant, search, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--size", type=int, default=96, help="pixels that the backbone looks at")
    parser.add_argument("--mirrored", action="store_true", help="look at the mirror images too")
    parser.add_argument("--folder", type=Path, help="to keep the features in")
    parser.add_argument("--sheet", type=Path, help="PNG of pairs that were not planted")
    options = parser.parse_args()
    use_threads(0)
    source = open_source(str(options.images))
    paths = sorted(
        entry.path for entry in source.walk() if entry.path.lower().endswith((".png", ".jpg", ".jpeg"))
    )
    n = len(paths)
    planted = plant(lambda row: source.read(paths[row]), n)

    def read(row: int) -> bytes:
        return source.read(paths[row]) if row < n else planted[row - n][2]

    clock, every = Clock(), range(n + len(planted))
    hashes, sha256, sides = [], [], []
    for row in every:
        file = read(row)
        with Image.open(io.BytesIO(file)) as image:
            hashes.append(looks(image.convert("RGB")))
            sides.append(min(image.size))
        sha256.append(hashlib.sha256(file).hexdigest())
    before = find_lookalikes(hashes, sha256)
    clock.tell(f"{n} images and {len(planted)} copies, hashed")
    with tempfile.TemporaryDirectory() as temporary:
        out = (options.folder or Path(temporary)) / f"features-{options.size}-{options.mirrored}"
        images = StreamedImages(read, len(every), size=reading_size(sides, size=options.size))
        embedder = Embedder(options.size, mirrored=options.mirrored)
        features = np.array(compute_features(images, out, embedder=embedder))
    clock.tell("described")
    pairs = likely_copies(features)
    clock.tell(f"{len(pairs)} candidates")
    rows, places = np.unique(pairs, return_inverse=True)
    pictures = np.stack([decode_grey(read(int(row)), SIDE) for row in rows])
    clock.tell(f"{len(rows)} pictures read")
    found = pairs[are_copies(pictures, places.reshape(-1, 2))]
    clock.tell(f"{len(found)} pairs found")
    after = find_lookalikes(hashes, sha256, further=[found.T])
    for kind in dict.fromkeys(kind for kind, _, _ in planted):
        those = [(row, n + number) for number, (each, row, _) in enumerate(planted) if each == kind]
        groups = [sum(bool(which[a] == which[b]) for a, b in those) for which in (before, after)]
        print(f"  {kind:30s} {groups[0]:3d} by hashes, {groups[1]:3d} with features, of {len(those)}")
    original = found[(found < n).all(axis=1)]
    new = [(int(a), int(b)) for a, b in original if before[a] != before[b]]
    largest = np.bincount(np.bincount(after[:n]).astype(int)).nonzero()[0].max()
    print(f"  not planted: {len(original)} pairs, of which {len(new)} are new; largest group {largest}")
    if options.sheet and new:
        lot = random.Random(0)  # noqa: S311 - no secret
        sheet(read, sorted(lot.sample(new, min(SHOWN, len(new)))), options.sheet)


if __name__ == "__main__":
    main()
