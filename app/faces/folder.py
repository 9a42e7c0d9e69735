"""Writes the demo data set: a class tree of drawn faces, and beside it the truth about every label."""

import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, cast

import numpy as np
from PIL import Image

from app.errors import Conflict, Invalid
from app.faces.drawing import render_face
from app.faces.face import EXPRESSIONS, draw_face, pick
from app.faces.objects import render_object

Kind = Literal["right", "flipped", "duplicate", "not_a_face"]

FLIPPED_SHARE = 0.08
NOT_A_FACE_SHARE = 0.01
PAIR_SHARE = 12 / 1500
VALID_EVERY = 5
MIN_IMAGES = 30  # with fewer, some class would have no validation image
MIN_SIZE = 16
DRAWING = "Drawing faces"  # what people are told meanwhile

CLASS_SHARES = {"angry": 0.16, "fear": 0.15, "happy": 0.19, "neutral": 0.18, "sad": 0.17, "surprise": 0.15}

# What people take one expression for, and how often: the errors of a real crowd, not uniform noise.
CONFUSED_WITH: dict[str, dict[str, float]] = {
    "angry": {"sad": 0.55, "neutral": 0.25, "fear": 0.2},
    "fear": {"surprise": 0.6, "sad": 0.4},
    "happy": {"neutral": 0.65, "surprise": 0.35},
    "neutral": {"sad": 0.6, "happy": 0.25, "angry": 0.15},
    "sad": {"neutral": 0.45, "angry": 0.3, "fear": 0.25},
    "surprise": {"fear": 0.8, "happy": 0.2},
}


@dataclass(frozen=True)
class TruthRow:
    """One line of truth.csv; `path` is relative to images/, POSIX, and `true_label` is empty for no face."""

    path: str
    given_label: str
    true_label: str
    kind: Kind


@dataclass(frozen=True)
class DemoTruth:
    """What is right and wrong in a demo folder, in the order of the images' numbers."""

    folder: Path
    rows: tuple[TruthRow, ...]

    @property
    def wrong(self) -> tuple[TruthRow, ...]:
        """The images whose given label is not their true one."""
        return tuple(row for row in self.rows if row.given_label != row.true_label)

    @property
    def pairs(self) -> tuple[tuple[TruthRow, TruthRow], ...]:
        """The near-duplicates with different labels; their numbers follow each other."""
        twins = [row for row in self.rows if row.kind == "duplicate"]
        return tuple(zip(twins[::2], twins[1::2], strict=True))


def _no_progress(_done: int, _total: int) -> None:
    pass


def write_demo_folder(
    target: Path,
    *,
    images: int = 1500,
    seed: int = 0,
    size: int = 128,
    on_progress: Callable[[int, int], None] = _no_progress,
) -> DemoTruth:
    """Write `images` pictures of `size` pixels to target/images/{train,valid}/<class>/ and target/truth.csv.

    The same arguments give the same bytes. A finished folder with as many images is left as it is;
    `on_progress` gets (images done, images in all) and stops the work by raising, which leaves nothing
    behind. Only one process at a time may write the same target. Raises Invalid for too few images or too
    small ones, and Conflict where something else is in the way.
    """
    if images < MIN_IMAGES or size < MIN_SIZE:
        message = f"A demo data set needs at least {MIN_IMAGES} images of at least {MIN_SIZE} pixels."
        raise Invalid(message)
    finished = _read_finished(target, images)
    if finished is not None:
        return finished
    rows = _plan(images, seed)
    partial = target.with_name(f".{target.name}.partial")
    _clear(partial)
    try:
        _write(partial, rows, seed, size, on_progress)
        if target.exists():
            target.rmdir()  # empty, as _read_finished has seen; some systems rename onto nothing only
        partial.rename(target)
    finally:
        _clear(partial)
    return DemoTruth(target, rows)


def _clear(partial: Path) -> None:
    """Remove what an interrupted call has left."""
    if partial.exists():
        shutil.rmtree(partial)


def _read_finished(target: Path, images: int) -> DemoTruth | None:
    """The truth of an existing folder; if truth.csv exists, all is complete, because a rename created it."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    table = target / "truth.csv"
    if table.is_file() and (target / "images").is_dir():
        with table.open(encoding="utf-8", newline="") as lines:
            rows = tuple(
                TruthRow(line["path"], line["given_label"], line["true_label"], cast(Kind, line["kind"]))
                for line in csv.DictReader(lines)
            )
        if len(rows) == images:
            return DemoTruth(target, rows)
    message = f"{target} already holds something else. Choose another folder or remove this one first."
    raise Conflict(message)


def _plan(images: int, seed: int) -> tuple[TruthRow, ...]:
    """Which image gets which label and split, in the order of the images' numbers."""
    rng = np.random.default_rng([seed, 1])
    drawn = _draw_labels(images, rng)
    valid = _draw_split(drawn)
    rows = []
    for number, (given, true, kind) in enumerate(drawn):
        split = "valid" if number in valid else "train"
        rows.append(TruthRow(f"{split}/{given}/face{number:05d}.png", given, true, kind))
    return tuple(rows)


def _draw_labels(images: int, rng: np.random.Generator) -> list[tuple[str, str, Kind]]:
    """(given, true, kind) of every image, shuffled; the two of a pair stay together."""
    pairs, odd = max(1, round(images * PAIR_SHARE)), max(1, round(images * NOT_A_FACE_SHARE))
    faces = _share_out(images - odd - pairs)
    rng.shuffle(faces)
    groups: list[list[tuple[str, str, Kind]]] = [
        [(pick(rng, EXPRESSIONS), "", "not_a_face")] for _ in range(odd)
    ]
    flipped = round(images * FLIPPED_SHARE)
    for place, true in enumerate(faces):
        other = pick(rng, list(CONFUSED_WITH[true]), list(CONFUSED_WITH[true].values()))
        if place < flipped:
            groups.append([(other, true, "flipped")])
        elif place < flipped + pairs:
            groups.append([(true, true, "duplicate"), (other, true, "duplicate")])
        else:
            groups.append([(true, true, "right")])
    return [image for place in rng.permutation(len(groups)) for image in groups[place]]


def _share_out(faces: int) -> list[str]:
    """The true labels by CLASS_SHARES, as exactly as whole images allow."""
    bounds = np.round(np.cumsum(list(CLASS_SHARES.values())) * faces).astype(int)
    counts = np.diff(bounds, prepend=0)
    return [name for name, count in zip(CLASS_SHARES, counts, strict=True) for _ in range(count)]


def _draw_split(drawn: list[tuple[str, str, Kind]]) -> set[int]:
    """The numbers of the validation images: every fifth, of every kind and within it of every class."""
    order = sorted(range(len(drawn)), key=lambda number: (drawn[number][2], drawn[number][0], number))
    return set(order[VALID_EVERY // 2 :: VALID_EVERY])


def _write(
    folder: Path, rows: tuple[TruthRow, ...], seed: int, size: int, on_progress: Callable[[int, int], None]
) -> None:
    for split in ("train", "valid"):
        for name in EXPRESSIONS:
            (folder / "images" / split / name).mkdir(parents=True)
    twins = 0
    for number, row in enumerate(rows):
        is_second = row.kind == "duplicate" and twins % 2 == 1
        twins += row.kind == "duplicate"
        _render(row, number, seed, size, is_second=is_second).save(
            folder / "images" / row.path, compress_level=4
        )
        on_progress(number + 1, len(rows))
    with (folder / "truth.csv").open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow([field.name for field in fields(TruthRow)])
        table.writerows((row.path, row.given_label, row.true_label, row.kind) for row in rows)


def _render(row: TruthRow, number: int, seed: int, size: int, *, is_second: bool) -> Image.Image:
    """The picture of one row; the second of a pair is the first one's face again."""
    rng = np.random.default_rng([seed, 2, number - is_second])
    if row.kind == "not_a_face":
        return render_object(rng, size)
    image = render_face(draw_face(rng, row.true_label), size)
    return _taken_again(image, np.random.default_rng([seed, 3, number])) if is_second else image


def _taken_again(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The same picture as a copy from another site: slightly cropped, brighter or darker, as a JPEG."""
    size = image.width
    cut = rng.uniform(0.01, 0.035, 4) * size
    box = (float(cut[0]), float(cut[1]), size - float(cut[2]), size - float(cut[3]))
    is_brighter = rng.random() < 0.5  # noqa: PLR2004
    gain = float(rng.uniform(1.04, 1.1)) if is_brighter else float(rng.uniform(0.9, 0.96))
    brighter = image.resize((size, size), Image.Resampling.BICUBIC, box=box).point(lambda value: value * gain)
    buffer = io.BytesIO()
    brighter.save(buffer, "JPEG", quality=int(rng.integers(62, 84)))
    return Image.open(buffer).convert(image.mode)
