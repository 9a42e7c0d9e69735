import numpy as np
import pytest

from app.errors import Cancelled
from app.ml.backbone import FEATURES, SIZES
from app.ml.features import (
    affords_mirrors,
    choose_size,
    compute_features,
    measure_pace,
    open_features,
    reading_size,
    take_readable,
)


class Counting:
    """An embedder whose feature is the image's first value, and which counts what it was shown."""

    threads = 1

    def __init__(self) -> None:
        self.seen = 0

    def at(self, size: int, *, mirrored: bool | None = None) -> "Counting":
        return self

    def embed(self, batch: np.ndarray) -> np.ndarray:
        self.seen += len(batch)
        return np.repeat(batch[:, 0, 0, :1].astype(np.float32), FEATURES, axis=1)


@pytest.fixture
def images() -> np.ndarray:
    return np.arange(600, dtype=np.uint16).astype(np.uint8)[:, None, None, None].repeat(3, axis=3)


def test_features_lie_row_by_row_and_are_not_computed_again(images, tmp_path):
    embedder, reports = Counting(), []
    found = compute_features(
        images, tmp_path / "f", embedder=embedder, on_progress=lambda *at: reports.append(at)
    )
    assert found.shape == (600, FEATURES)
    assert (found[:, 7] == images[:, 0, 0, 0]).all()
    assert reports == [(256, 600), (512, 600), (600, 600)]
    again = compute_features(images, tmp_path / "f", embedder=embedder)
    assert (again == found).all()
    assert embedder.seen == 600


def test_a_stopped_job_continues_where_it_was_even_within_a_row(images, tmp_path):
    embedder = Counting()
    with pytest.raises(Cancelled):
        compute_features(images, tmp_path / "f", embedder=embedder, should_stop=lambda: embedder.seen >= 256)
    with (tmp_path / "f").open("ab") as file:
        file.write(b"half a row")
    found = compute_features(images, tmp_path / "f", embedder=embedder)
    assert (found[:, 0] == images[:, 0, 0, 0]).all()
    assert embedder.seen == 600


def test_an_image_that_could_not_be_read_has_no_features_also_after_a_restart(images, tmp_path):
    problems = {3: OSError("gone"), 300: OSError("gone")}
    compute_features(images, tmp_path / "f", embedder=Counting(), problems=problems)
    found = compute_features(images, tmp_path / "f", embedder=Counting())
    assert np.flatnonzero(np.isnan(found[:, 0])).tolist() == [3, 300]


def test_rows_that_are_known_are_copied_and_their_images_are_not_read(images, tmp_path):
    embedder, before = Counting(), np.full(FEATURES, 7, np.float16)
    found = compute_features(images, tmp_path / "f", embedder=embedder, known={0: before, 599: before})
    assert (found[[0, 599]] == 7).all()
    assert (found[1:599, 0] == images[1:599, 0, 0, 0]).all()
    assert embedder.seen == 598


def test_only_images_without_features_are_read_again(images, tmp_path):
    problems = {3: OSError("gone"), 300: OSError("gone")}
    compute_features(images, tmp_path / "f", embedder=Counting(), problems=problems)
    embedder = Counting()
    found = compute_features(images, tmp_path / "f", embedder=embedder, known=take_readable(tmp_path / "f"))
    assert (found[:, 0] == images[:, 0, 0, 0]).all()
    assert embedder.seen == 2
    assert take_readable(tmp_path / "f") == {}


def test_a_file_is_opened_as_far_as_it_is(images, tmp_path):
    assert open_features(tmp_path / "f").shape == (0, FEATURES)
    (tmp_path / "f").write_bytes(np.ones((3, FEATURES), np.float16).tobytes() + b"half a row")
    assert open_features(tmp_path / "f").shape == (3, FEATURES)


def test_no_images_have_no_features(tmp_path):
    found = compute_features(np.empty((0, 1, 1, 3), np.uint8), tmp_path / "f", embedder=Counting())
    assert found.shape == (0, FEATURES)


def test_a_few_photographs_are_looked_at_in_full_size_and_many_in_less():
    assert choose_size([500] * 400, pace=300) == 224
    assert choose_size([500] * 400, pace=1) == 96  # less would be too little to see
    sizes = [choose_size([500] * n, pace=500) for n in (400, 10_000, 40_000, 100_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_small_images_are_enlarged_but_not_without_end():
    assert choose_size([8] * 100, pace=500) == SIZES[0]
    assert choose_size([32] * 100, pace=500) == 160
    assert choose_size([], pace=500) == SIZES[0]


def test_mirror_images_are_looked_at_while_there_is_time():
    assert affords_mirrors(400, size=224, pace=500)
    assert not affords_mirrors(40_000, size=96, pace=500)


def test_of_photographs_the_centre_is_looked_at_and_of_small_images_everything():
    assert reading_size([500] * 3, size=224) == 256
    assert reading_size([250] * 3, size=224) == 224
    assert reading_size([48], size=96) == 96
    assert reading_size([], size=96) == 96


def test_a_pace_is_a_number_of_images_per_second():
    assert measure_pace(Counting(), seconds=0.01) > 0
