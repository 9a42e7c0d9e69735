"""Images whose features lie near are compared, the nearest first."""

import numpy as np
import pytest

from app.errors import Cancelled
from app.ml import alike
from app.ml.alike import NEIGHBOURS, likely_copies


def features(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.0, size=(n, 64)).astype(np.float16)


def test_near_images_come_first_and_each_pair_once() -> None:
    known = features(400)
    known[390] = known[17]
    known[200] = known[30] * np.float16(0.98) + features(1, 1)[0] * np.float16(0.02)
    pairs = likely_copies(known)
    assert pairs[:2].tolist() == [[17, 390], [30, 200]]
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_an_image_has_only_so_many_neighbours_of_its_own() -> None:
    known = np.repeat(features(9), 30, axis=0)
    assert len(likely_copies(known)) <= len(known) * NEIGHBOURS


def test_blocks_find_the_same_as_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    known = features(300)
    whole = likely_copies(known)
    assert len(whole)
    monkeypatch.setattr(alike, "_BLOCK", 20_000)
    assert np.array_equal(likely_copies(known), whole)


def test_of_very_many_images_each_is_compared_with_some(monkeypatch: pytest.MonkeyPatch) -> None:
    known = features(400)
    known[390] = known[17]
    whole = likely_copies(known)
    monkeypatch.setattr(alike, "REACH", 20)
    monkeypatch.setattr(alike, "_BLOCK", 400)
    some = likely_copies(known)
    assert some[0].tolist() == [17, 390]
    assert len(some) < len(whole)


@pytest.mark.parametrize(("n", "pairs"), [(0, 0), (1, 0), (2, 1), (5, 10)])
def test_of_few_images_all_pairs_are_compared(n: int, pairs: int) -> None:
    assert likely_copies(features(n)).shape == (pairs, 2)


def test_images_without_any_difference_are_no_trouble() -> None:
    assert likely_copies(np.ones((300, 8), np.float16)).shape == (0, 2)


def test_it_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        likely_copies(features(300), should_stop=lambda: True)
