"""Deep greys in 8 bits."""

import io

import numpy as np
import pytest
from PIL import Image

from app.decoding.seen import decode_square
from app.decoding.tones import Tones, kind_of, measure, tag


def encoded(values: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind)
    return file.getvalue()


def mean(values: np.ndarray, kind: str, **options: object) -> float:
    return float(decode_square(encoded(values, kind), 32, **options).mean())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "brighter", "kind"),
    [
        (np.random.default_rng(0).random((32, 32)) * 3900, 4200, "PNG"),
        (np.random.default_rng(0).random((32, 32)) * 200, 300, "PNG"),
        (np.random.default_rng(0).random((64, 48)) * 60_000, 65_535, "TIFF"),
        (np.random.default_rng(0).random((32, 32)) * 0.9, 1.01, "TIFF"),
        (np.random.default_rng(0).random((32, 32)) * 0.9, 1e9, "TIFF"),
    ],
)
def test_one_brighter_pixel_changes_nothing(values: np.ndarray, brighter: float, kind: str) -> None:
    plain = values.astype(np.float32 if values.max() < 1 else np.uint16)
    stray = plain.copy()
    stray[0, 0] = brighter
    assert mean(stray, kind) == pytest.approx(mean(plain, kind), abs=2)
    scales = {"I": (0, 4000), "F": (0, 1)}
    assert mean(stray, kind, scales=scales) == pytest.approx(mean(plain, kind, scales=scales), abs=1)


@pytest.mark.parametrize(("low", "high"), [(3000, 4000), (-1, -0.5), (1e-6, 2e-6), (-5e8, 5e8)])
def test_raw_floats_keep_their_contrast(low: float, high: float) -> None:
    values = np.random.default_rng(0).uniform(low, high, (32, 32)).astype(np.float32)
    seen = decode_square(encoded(values, "TIFF"), 32)
    assert (seen.min(), seen.max()) == (0, 255)


def test_on_the_data_sets_scale_a_dark_image_stays_darker_than_a_bright_one() -> None:
    dark, bright = (np.linspace(low, low + 500, 1024).reshape(32, 32).astype(np.uint16) for low in (0, 3000))
    scales = {"I": (0, 4000)}
    assert mean(dark, "PNG", scales=scales) == pytest.approx(16, abs=1)
    assert mean(bright, "PNG", scales=scales) == pytest.approx(207, abs=1)


def test_what_is_no_number_is_black_and_does_not_count() -> None:
    values = np.linspace(10, 20, 1024).reshape(32, 32).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    seen = decode_square(encoded(values, "TIFF"), 32)[..., 0]
    assert seen[0, :3].tolist() == [0, 255, 0]
    assert 110 < seen.mean() < 145


def test_a_scale_is_measured_over_images_together() -> None:
    pools = [np.full(1000, 5.0), np.linspace(0, 10, 1000), np.array([1e9])]
    found = measure(pools)
    assert found is not None
    assert 0 <= found.low < 1
    assert 9 < found.high <= 10
    assert measure([np.full(9, 2.0)]) is None
    assert measure([]) is None


def test_only_deep_greys_have_a_scale() -> None:
    assert [kind_of(mode) for mode in ("I;16", "I;16B", "I", "F", "L", "RGB", "1")] == [*"IIIF", *[None] * 3]
    assert tag("RGB", {"I": (0, 1)}) == ""
    assert len({tag("I;16", {}), tag("I", {"I": (0, 1)}), tag("I", {"I": (0, 2)})}) == 3
    assert Tones(3, 3).apply(np.array([3.0])).tolist() == [128]
