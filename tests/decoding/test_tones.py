"""Deep greys in 8 bits."""

import io

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from app.decoding.seen import decode_square
from app.decoding.tones import Tones, kind_of, measure, no_data_of, some_pixels, tag


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


def with_no_data(values: np.ndarray, *no_data: float) -> np.ndarray:
    """A third of the pixels have one of these values."""
    values = values.copy()
    for place, value in enumerate(no_data):
        values.ravel()[place :: 3 * len(no_data)] = value
    return values


@pytest.mark.parametrize(
    ("kind", "low", "high", "no_data"),
    [
        (np.float32, 0, 12.4, (-9999.0,)),
        (np.float32, -0.5, 0.9, (float(np.finfo(np.float32).min),)),
        (np.float32, 200, 300, (1e20,)),
        (np.float32, 0, 12.4, (-9999.0, 32_767.0)),
        (np.float32, 0, 1, (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))),
        (np.int32, 0, 900, (-32_768,)),
        (np.uint16, 300, 4000, (65_535,)),
        (np.uint16, 30_000, 31_000, (0,)),
    ],
)
def test_a_value_far_from_all_others_that_many_pixels_have_does_not_count(
    kind: type, low: float, high: float, no_data: tuple[float, ...]
) -> None:
    valid = np.random.default_rng(0).uniform(low, high, (60, 60)).astype(kind)
    plain, found = measure([valid.ravel().astype(float)]), measure([with_no_data(valid, *no_data).ravel()])
    assert plain is not None
    assert found is not None
    assert found[:2] == pytest.approx(plain[:2], abs=0.03 * (high - low))
    assert (plain.no_data, found.no_data) == ((), pytest.approx(no_data))
    assert Tones.of(found.stored()) == found
    assert tag("F", {"F": found.stored()}) == tag("F", {"F": found.stored()[:2]})
    seen = decode_square(encoded(with_no_data(valid, *no_data), "TIFF"), 60)[..., 0]
    shown = seen[with_no_data(np.zeros((60, 60)), *([1] * len(no_data))) == 0]
    assert 100 < shown.mean() < 155
    assert shown.std() > 60  # what is valid is neither all black nor all white


@pytest.mark.parametrize(
    "values",
    [
        np.array([0.0, 65_535.0] * 500),  # a mask
        np.array([0.0, 1000.0, 1001.0] * 500),  # numbers of classes
        np.array([0.0] * 600 + list(range(100, 4000))),  # a black background
        np.array([4095.0] * 100 + list(range(3000))),  # overexposed
        np.array([5.0] * 100 + list(np.linspace(0, 5, 900))),
    ],
)
def test_a_mask_a_background_and_overexposed_pixels_count(values: np.ndarray) -> None:
    found = measure([values])
    assert found is not None
    assert found.no_data == ()
    assert found[:2] == pytest.approx(tuple(np.percentile(values, (0.5, 99.5))))


def tagged(values: np.ndarray, no_data: str) -> bytes:
    """A TIFF as GDAL writes it."""
    file, tags = io.BytesIO(), TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[42113] = 2
    tags[42113] = no_data
    Image.fromarray(values).save(file, "TIFF", tiffinfo=tags)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "named"),
    [(np.float32, "-3.4e+38"), (np.float32, "0"), (np.uint16, "0"), (np.float32, "-1.25 ")],
)
def test_the_value_that_a_tiff_names_as_no_data_does_not_count(kind: type, named: str) -> None:
    valid = np.random.default_rng(0).uniform(100, 300, (60, 60)).astype(kind)
    with Image.open(io.BytesIO(tagged(with_no_data(valid, float(named)), named))) as image:
        pixels = some_pixels(image)
        assert no_data_of(image) == pytest.approx(float(named))
    assert len(pixels) == 2400
    assert 100 <= pixels.min() < pixels.max() <= 300


@pytest.mark.parametrize("named", ["nan", "", "none", "1e999", "7"])
def test_a_named_value_that_no_pixel_has_changes_nothing(named: str) -> None:
    valid = np.random.default_rng(0).uniform(100, 300, (60, 60)).astype(np.float32)
    with Image.open(io.BytesIO(tagged(valid, named))) as image:
        assert len(some_pixels(image)) == 3600


def test_a_mask_with_a_named_value_of_no_data_stays_an_image() -> None:
    mask = with_no_data(np.zeros((60, 60), np.uint16), 1000)
    assert len(np.unique(decode_square(tagged(mask, "0"), 60))) == 2


def test_only_deep_greys_have_a_scale() -> None:
    assert [kind_of(mode) for mode in ("I;16", "I;16B", "I", "F", "L", "RGB", "1")] == [*"IIIF", *[None] * 3]
    assert tag("RGB", {"I": (0, 1)}) == ""
    assert len({tag("I;16", {}), tag("I", {"I": (0, 1)}), tag("I", {"I": (0, 2)})}) == 3
    assert Tones(3, 3).apply(np.array([3.0])).tolist() == [128]
