"""When the first look's ranking stays although a network was trained."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.behind import compare_with_first_look


def says(classes: np.ndarray, n: int = 3) -> np.ndarray:
    return np.log(np.full((len(classes), n), 0.1) + 0.7 * np.eye(n)[classes])


LABELS = np.arange(60) % 3
HELD = np.ones(60, np.bool_)


def shifted(wrong: int, start: int = 0) -> np.ndarray:
    """The labels, but so many others from a place on."""
    found = LABELS.copy()
    found[start : start + wrong] = (found[start : start + wrong] + 1) % 3
    return found


@given(look=st.integers(0, 60), network=st.integers(0, 60))
def test_the_errors_of_both_are_counted_and_the_clearly_worse_network_is_behind(
    look: int, network: int
) -> None:
    found = compare_with_first_look(says(shifted(network)), says(shifted(look)), LABELS, hold_out=HELD)
    assert found is not None
    assert (found.network, found.first_look, found.images) == (network, look, 60)
    assert not (found.is_behind and network <= look)
    assert found.is_behind or network - look < 5  # of 60 images, all of them wrong for one alone


def test_a_difference_within_chance_is_none() -> None:
    network, look = says(shifted(12)), says(shifted(10, start=40))
    found = compare_with_first_look(network, look, LABELS, hold_out=HELD)
    assert found is not None
    assert not found.is_behind


def test_only_hold_out_images_with_a_label_and_both_opinions_count() -> None:
    held = np.arange(60) < 40
    labels = np.where(np.arange(60) < 5, -1, LABELS)
    network, look = says(shifted(30)), says(LABELS)
    look[5:10] = np.nan
    found = compare_with_first_look(network, look, labels, hold_out=held)
    assert found is not None
    assert (found.images, found.network, found.first_look) == (30, 20, 0)
    assert compare_with_first_look(network, look, labels, hold_out=np.arange(60) < 25) is None
