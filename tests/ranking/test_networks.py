import numpy as np
import pytest
from hypothesis import given

from app.ranking.networks import hear
from app.ranking.scoring import mean_log_probs
from tests.ranking.test_scoring import trainings


@given(trainings())
def test_the_first_quarter_of_a_training_does_not_count(case: tuple[list[np.ndarray], np.ndarray]) -> None:
    epochs, _ = case
    final = np.nan_to_num(epochs[-1], nan=-1.0)
    found = hear(final, epochs)
    assert found.log_probs == pytest.approx(mean_log_probs([final, *epochs[len(epochs) // 4 :]]))
    assert ((found.disagreement >= 0) & (found.disagreement < 1)).all()


@given(trainings())
def test_the_word_out_of_sample_is_the_only_one_that_counts(
    case: tuple[list[np.ndarray], np.ndarray],
) -> None:
    epochs, _ = case
    final, outside = np.nan_to_num(epochs[-1], nan=-1.0), epochs[0].copy()
    outside[::2] = np.nan
    found, without = hear(final, epochs, out_of_sample=outside), hear(final, epochs)
    assert found.log_probs[1::2] == pytest.approx(outside[1::2])
    assert found.log_probs[::2] == pytest.approx(without.log_probs[::2])


def test_what_other_networks_say_counts_for_the_disagreement_alone() -> None:
    final = np.log(np.array([[0.9, 0.1], [0.9, 0.1]], np.float32))
    other = np.log(np.array([[0.2, 0.8], [0.8, 0.2]], np.float32))
    found = hear(final, [final], others=[other])
    assert found.log_probs == pytest.approx(final)
    assert found.disagreement == pytest.approx([1 / 3, 0])
