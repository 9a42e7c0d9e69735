"""Which images are unlike the others, from what was measured of them."""

import numpy as np
import pytest

from app.datasets.problems import judge

N = 100


def found(**changes: np.ndarray) -> set[tuple[int, str]]:
    """The problems among images of 60 x 40 pixels that are ordinary but for these changes."""
    random = np.random.default_rng(0)
    images = {
        "width": np.full(N, 60.0),
        "height": np.full(N, 40.0),
        "brightness": random.normal(0.5, 0.1, N).clip(0.3, 0.7),
        "contrast": random.normal(0.8, 0.1, N).clip(0.4, 1),
        "sharpness": random.normal(8, 1.5, N).clip(4, 14),
    }
    return {(each.place, each.kind) for each in judge(**(images | changes))}


def some(value: float, usual: float) -> np.ndarray:
    """The value for the first two images, a usual one for the rest."""
    return np.where(np.arange(N) < 2, value, usual)


def test_ordinary_images_have_no_problems() -> None:
    assert found() == set()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("dark", {"brightness": some(0.1, 0.5)}),
        ("bright", {"brightness": some(0.9, 0.5)}),
        ("blank", {"contrast": some(0.02, 0.8)}),
        ("blurry", {"sharpness": some(1.5, 8)}),
        ("odd_shape", {"width": some(240, 60), "height": some(10, 40)}),
        ("odd_size", {"width": some(12, 60), "height": some(8, 40)}),
    ],
)
def test_an_image_unlike_the_others_is_found(kind: str, changes: dict[str, np.ndarray]) -> None:
    assert found(**changes) == {(0, kind), (1, kind)}


@pytest.mark.parametrize(
    "changes",
    [
        {"brightness": np.full(N, 0.1)},  # photographs of the night
        {"brightness": np.full(N, 0.95)},  # scanned pages
        {"contrast": np.full(N, 0.05)},
        {"sharpness": np.full(N, 1.5)},  # enlarged images
        {"width": np.full(N, 600.0)},  # panoramas
        {"width": some(40, 60), "height": some(60, 40)},  # the same shape, turned
        {"width": np.geomspace(10, 1000, N), "height": np.geomspace(10, 1000, N)},  # of every size
        {"sharpness": some(1, 8), "contrast": some(0.12, 0.8)},  # too little contrast to be sharp
    ],
)
def test_what_is_usual_for_a_data_set_is_no_problem(changes: dict[str, np.ndarray]) -> None:
    assert found(**changes) == set()


def test_images_that_were_not_measured_are_judged_by_their_size_alone() -> None:
    nothing = np.full(N, np.nan)
    unknown = {"brightness": nothing, "contrast": nothing, "sharpness": nothing}
    assert found(**unknown, width=some(600, 60), height=some(400, 40)) == {(0, "odd_size"), (1, "odd_size")}
