"""The colours of classes: seen on their ground, and told apart also by colour-blind people.

Distances are those of OKLab, times 100; 2 is just seen by people who compare. Colour blindness is simulated
with the matrices of Machado, Oliveira and Fernandes (2009) at full severity, which few people have.
"""

import re
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from app.web.rendering import bundled

Array = NDArray[np.float64]
CLASSES = 12
APART, APART_IF_BLIND = 15.0, 6.5  # the least distance of two classes
CONTRAST = 3.0  # with the surface, as WCAG 2.2 (1.4.11) wants of graphics
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
OKLAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def colours(theme: str) -> dict[str, Array]:
    """The colours of a theme as linear RGB, 0 to 1."""
    text = (bundled("static") / theme).read_text()
    found = re.findall(r"--([\w-]+): #(\w{2})(\w{2})(\w{2});", text)
    return {name: linear(np.array([int(each, 16) for each in rgb]) / 255) for name, *rgb in found}


def linear(srgb: Array) -> Array:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Array) -> Array:
    return 100 * np.array(OKLAB) @ np.cbrt(np.array(CONES) @ rgb.clip(0, 1))


def luminance(rgb: Array) -> float:
    return float(rgb @ [0.2126, 0.7152, 0.0722])


def closest(palette: dict[str, Array], seen: Array) -> float:
    """The least distance of two classes, as somebody sees them whose sight is this matrix."""
    points = [oklab(seen @ palette[f"class-{i}"]) for i in range(CLASSES)]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(points, 2))


def test_the_conversion_is_that_of_oklab() -> None:
    assert oklab(np.ones(3)) == pytest.approx([100, 0, 0], abs=0.01)
    assert oklab(np.array([1.0, 0, 0])) == pytest.approx([62.8, 22.5, 12.6], abs=0.1)


@pytest.mark.parametrize("theme", ["app.css", "dark.css"])
def test_two_classes_never_look_alike(theme: str) -> None:
    palette = colours(theme)
    assert closest(palette, np.eye(3)) >= APART
    for name, matrix in BLINDNESS.items():
        assert closest(palette, np.array(matrix)) >= APART_IF_BLIND, name


@pytest.mark.parametrize("theme", ["app.css", "dark.css"])
def test_the_colour_of_a_class_is_seen_on_the_surface(theme: str) -> None:
    palette = colours(theme)
    ground = luminance(palette["surface"])
    for i in range(CLASSES):
        light, dark = sorted((luminance(palette[f"class-{i}"]), ground), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= CONTRAST, i
