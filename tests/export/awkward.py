"""Two sets of images that exports are tried with: plain faces, and awkward names and files."""

from pathlib import Path

import numpy as np
from PIL import Image

NAMES = (
    *("007", "NA", "null", "=1+1", "a,b", 'he said "hi"', "日本語", "-minus", "'=q", "Grün", "50%", "con"),
    *("CLASS", "class", "True"),
)


def faces(folder: Path) -> Path:
    """300 plain images of six classes in two parts."""
    random = np.random.default_rng(1)
    for number in range(300):
        part = "valid" if number % 5 == 0 else "train"
        path = folder / part / ("angry", "fear", "happy", "neutral", "sad", "surprise")[number % 6]
        path.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (24, 24), dtype=np.uint8)).save(path / f"{number:04}.png")
    return folder


def awkward(folder: Path) -> Path:
    """Awkward names, equal file names, a GIF, no suffix, files that differ in it, a class of one image."""
    random = np.random.default_rng(2)

    def write(place: str, kind: str = "PNG") -> None:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (9, 7), dtype=np.uint8)).save(folder / place, kind)

    for name in NAMES:
        for place in ("train/{}/1.png", "train/{}/2.jpg", "train/{}/2.png", "valid/{}/1.png"):
            if name != "True" and (name != "Grün" or place.startswith("train")):  # no validation images
                write(place.format(name), "JPEG" if place.endswith("jpg") else "PNG")
    write("train/True/1.png")  # a class of one
    write("train/null/moving.gif", "GIF")
    write("train/50%/without")
    write("valid/con/strange.dat")
    write("train/a,b/ x 日本.PNG")
    return folder
