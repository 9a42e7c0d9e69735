"""Copies of an image are found by comparing pixels, and nothing else is."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from app.errors import Cancelled
from app.ml.copies import SIDE, are_copies
from tests.pictures import cropped, mirrored, scene

Change = Callable[[Image.Image], Image.Image]
PAIR = np.array([[0, 1]])


def saved_again(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file)


def picture(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def same(one: Image.Image, other: Image.Image) -> bool:
    pictures = np.stack([picture(one), picture(other)])
    found = [bool(are_copies(pictures, pairs)[0]) for pairs in (PAIR, PAIR[:, ::-1])]
    assert found[0] == found[1]  # whichever of the two is the copy
    return found[0]


CHANGES: dict[str, Change] = {
    "mirrored": mirrored,
    "resized": lambda image: image.resize((60, 45)),
    "saved again": saved_again,
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "cropped to 90 %": lambda image: cropped(image, 0.9),
    "cropped to 80 %": lambda image: cropped(image, 0.8),
    "cropped to 70 %": lambda image: cropped(image, 0.7),
    "cropped to a square": lambda image: image.crop((15, 0, 105, 90)),
    "cropped, mirrored and saved again": lambda image: saved_again(mirrored(cropped(image))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_is_the_same_image(name: str) -> None:
    found = [same(scene(seed), CHANGES[name](scene(seed))) for seed in range(5)]
    assert all(found)


def test_different_images_are_not_copies() -> None:
    pictures = np.stack([picture(scene(seed)) for seed in range(30)])
    pairs = np.array([(one, other) for one in range(30) for other in range(one)])
    assert not are_copies(pictures, pairs).any()


def test_two_photos_of_a_series_are_not_copies() -> None:
    background = scene(1)
    second = background.copy()
    second.paste(scene(2).crop((0, 0, 36, 36)), (40, 30))  # somebody moved
    assert not same(background, second)


@pytest.mark.parametrize("change", [mirrored, cropped])
def test_strokes_on_an_empty_ground_are_not_aligned_until_they_fit(change: Change) -> None:
    one, other = Image.new("L", (64, 64), 255), Image.new("L", (64, 64), 255)
    ImageDraw.Draw(one).line((26, 12, 36, 52), fill=0, width=6)
    ImageDraw.Draw(other).line((30, 16, 36, 50), fill=0, width=5)
    assert not same(one, change(other))


def test_images_of_one_colour_and_no_pairs_are_no_copies() -> None:
    flat = np.full((2, SIDE, SIDE), 90, np.uint8)
    assert are_copies(flat, PAIR).tolist() == [False]
    assert are_copies(flat, np.empty((0, 2), np.int64)).tolist() == []


def test_it_can_be_stopped() -> None:
    def stop(done: int, total: int) -> None:
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        are_copies(np.zeros((2, SIDE, SIDE), np.uint8), PAIR, on_progress=stop)
