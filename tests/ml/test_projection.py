"""Vectors laid out in a plane."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import Cancelled
from app.ml import projection
from app.ml.projection import SIDE, lay_out


def groups(of: int, count: int = 3, dimensions: int = 16) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vectors around `count` centres, and the number of the centre of each."""
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(count), of)
    centres = random.normal(size=(count, dimensions)) * 3
    return (centres[group] + random.normal(size=(len(group), dimensions))).astype(np.float32), group


def share_of_own_group(places: NDArray[np.int32], group: NDArray[np.int64], k: int = 5) -> float:
    """Of the nearest places of each place, how many are of its own group."""
    apart = ((places[:, None].astype(float) - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :k]
    return float((group[nearest] == group[:, None]).mean())


def test_what_is_alike_lies_near_and_the_same_vectors_get_the_same_places() -> None:
    vectors, group = groups(40)
    places = lay_out(vectors)
    assert places.shape == (120, 2)
    assert places.min() == 0
    assert places.max() == SIDE - 1
    assert share_of_own_group(places, group) > 0.95
    assert np.array_equal(lay_out(vectors), places)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 11, 12, 13])
def test_few_vectors_have_places_too(n: int) -> None:
    vectors, _ = groups(5)
    places = lay_out(vectors[:n])
    assert places.shape == (n, 2)
    assert len(np.unique(places, axis=0)) == n


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_vectors_that_are_all_the_same_lie_in_the_middle(value: float) -> None:
    places = lay_out(np.full((30, 4), value, np.float16))
    assert np.abs(places - SIDE / 2).max() <= 1


def test_beyond_a_number_of_vectors_the_others_are_placed_among_those_they_are_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, group = groups(40)
    monkeypatch.setattr(projection, "_FITTED", 60)
    places = lay_out(vectors)
    assert share_of_own_group(places, group) > 0.95
    assert np.array_equal(lay_out(vectors), places)


def test_it_says_how_far_it_is_and_can_be_stopped() -> None:
    vectors, _ = groups(10)
    told: list[tuple[int, int]] = []
    lay_out(vectors, on_progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]

    def stop(_done: int, _total: int) -> None:
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        lay_out(vectors, on_progress=stop)
