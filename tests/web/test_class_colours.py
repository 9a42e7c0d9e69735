"""The colours of the classes can be told apart, also by people who do not see all colours."""

import re

import numpy as np
import pytest

from app.web.rendering import bundled

LEAST = 0.09  # in OKLab, where black and white are 1 apart and a just visible difference is about 0.02
# What is seen with all cones, and without the red, green or blue ones (Machado, Oliveira and Fernandes 2009).
SEEN = {
    "all": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
TO_CONES = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
TO_LAB = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])


def colours(sheet: str) -> np.ndarray:
    """The ten class colours of a stylesheet as linear light (10, 3)."""
    text = (bundled("static") / sheet).read_text()
    found = dict(re.findall(r"--class-(\d): (#[0-9a-f]{6});", text))
    codes = [bytes.fromhex(found[str(i)][1:]) for i in range(10)]
    shares = np.array([list(code) for code in codes]) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("sheet", ["app.css", "dark.css"])
@pytest.mark.parametrize("cones", SEEN)
def test_no_two_class_colours_look_alike(sheet: str, cones: str) -> None:
    seen = (colours(sheet) @ np.array(SEEN[cones]).T).clip(0, 1)
    lab = np.cbrt(seen @ TO_CONES.T) @ TO_LAB.T
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2) + np.eye(10)
    assert apart.min() >= LEAST, divmod(int(apart.argmin()), 10)


@pytest.mark.parametrize(("sheet", "ground"), [("app.css", 1.0), ("dark.css", 0.012)])
def test_every_class_colour_stands_out_from_its_ground(sheet: str, ground: float) -> None:
    light = colours(sheet) @ [0.2126, 0.7152, 0.0722]
    contrast = (np.maximum(light, ground) + 0.05) / (np.minimum(light, ground) + 0.05)
    assert contrast.min() >= 2
