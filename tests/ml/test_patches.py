import numpy as np
import pytest

from app.ml.patches import FILTERS, SIDE, Filters, PatchEmbedder


def stripes(n: int, *, across: bool = False, seed: int = 0) -> np.ndarray:
    """Grey images of stripes with a place and brightness of their own."""
    random = np.random.default_rng(seed)
    line = np.arange(SIDE)[None, :] + random.integers(0, 6, n)[:, None]
    wave = np.where(line % 6 < 3, 200, 40) + random.integers(-30, 30, n)[:, None]
    images = np.repeat(wave[:, :, None] if across else wave[:, None, :], SIDE, axis=1 if not across else 2)
    return np.repeat(images[..., None], 3, axis=3).astype(np.uint8)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.concatenate([stripes(70), stripes(70, across=True)])


@pytest.fixture(scope="module")
def filters(images: np.ndarray) -> Filters:
    return Filters.of(images)


def test_images_that_show_the_same_patches_have_similar_numbers(images, filters):
    numbers = PatchEmbedder(filters).embed(images)
    assert numbers.shape == (140, 8 * FILTERS)
    assert numbers.dtype == np.float32
    near = np.linalg.norm(numbers[:70] - numbers[:70].mean(axis=0), axis=1)
    far = np.linalg.norm(numbers[70:] - numbers[:70].mean(axis=0), axis=1)
    assert near.max() < far.min()


def test_the_numbers_do_not_depend_on_the_batch_the_threads_or_the_contrast(images, filters):
    numbers = PatchEmbedder(filters, threads=2).embed(images)
    alone = PatchEmbedder(filters, threads=1).embed(images[139:])
    assert alone[0] == pytest.approx(numbers[139], abs=1e-3)
    faint = PatchEmbedder(filters).embed((images[139:] // 2 + 60).astype(np.uint8))
    assert faint[0] == pytest.approx(alone[0], abs=0.1)
    assert PatchEmbedder(filters).embed(images[:0]).shape == (0, 8 * FILTERS)


def test_colours_count_where_images_have_them(images):
    coloured = images.copy()
    coloured[::2, ..., 0] = 0
    filters = Filters.of(coloured)
    assert filters.kernels.shape == (FILTERS, 3, 6, 6)
    numbers = PatchEmbedder(filters).embed(coloured[:2])
    assert np.abs(numbers[0] - numbers[1]).max() > 0.1


@pytest.mark.parametrize("value", [0, 255])
def test_empty_images_have_numbers_too(value):
    empty = np.full((3, SIDE, SIDE, 3), value, np.uint8)
    numbers = PatchEmbedder(Filters.of(empty)).embed(empty)
    assert np.isfinite(numbers).all()


def test_filters_are_read_as_they_were_written_and_a_damaged_file_is_none(filters, tmp_path):
    path = tmp_path / "run" / "filters.npz"
    assert Filters.read(path) is None
    filters.write(path)
    again = Filters.read(path)
    assert again is not None
    assert (again.kernels == filters.kernels).all()
    assert (again.biases == filters.biases).all()
    path.write_bytes(path.read_bytes()[:1000])
    assert Filters.read(path) is None
    path.write_bytes(b"")
    assert Filters.read(path) is None
