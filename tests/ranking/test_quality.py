import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from app.ranking.quality import judge_labels, quality_by_class, settled
from app.ranking.scoring import class_noise, mean_log_probs, normalized_margin
from tests.ranking.test_scoring import trainings


@given(trainings())
def test_the_end_counts_as_three_epochs_and_the_first_quarter_not_at_all(
    case: tuple[list[np.ndarray], np.ndarray],
) -> None:
    epochs, labels = case
    final = np.nan_to_num(epochs[-1], nan=-1.0)
    later = epochs[len(epochs) // 4 :]
    margins = np.nanmean(
        [normalized_margin(table, labels) for table in (*later, final, final, final)], axis=0
    )
    found = judge_labels(final, epochs, labels)
    assert ((found.quality >= 0) & (found.quality <= 1)).all()
    assert found.log_probs == pytest.approx(mean_log_probs([final, *later]))
    for label in set(labels.tolist()):  # within a class nothing but the margins counts
        mine = labels == label
        assert np.allclose(np.sort(margins[mine]), margins[mine][found.quality[mine].argsort()], atol=1e-4)


@given(trainings())
def test_the_word_out_of_sample_is_the_only_one_that_counts(
    case: tuple[list[np.ndarray], np.ndarray],
) -> None:
    epochs, labels = case
    final, outside = np.nan_to_num(epochs[-1], nan=-1.0), epochs[0].copy()
    outside[::2] = np.nan
    found, without = (
        judge_labels(final, epochs, labels, out_of_sample=outside),
        judge_labels(final, epochs, labels),
    )
    assert found.log_probs[1::2] == pytest.approx(outside[1::2])
    assert found.log_probs[::2] == pytest.approx(without.log_probs[::2])


@given(trainings())
def test_the_labels_of_silent_samples_change_nothing_for_the_others(
    case: tuple[list[np.ndarray], np.ndarray],
) -> None:
    epochs, labels = case
    final, silent = np.nan_to_num(epochs[-1], nan=-1.0), np.arange(len(labels)) % 3 == 0
    relabelled = np.where(silent, (labels + 1) % final.shape[1], labels)
    found, other = (judge_labels(final, epochs, each, silent=silent) for each in (labels, relabelled))
    assert np.array_equal(found.quality[~silent], other.quality[~silent])
    assert np.array_equal(found.noise, other.noise)


def test_the_same_margin_is_more_suspicious_in_a_class_with_more_noise() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    margins = np.array([0.1, -0.8, -0.6, 0.1, 0.9, 0.8], np.float32)
    noise = np.array([0.6, 0.1], np.float32)
    quality = quality_by_class(margins, labels, noise)
    assert quality[0] < quality[3]
    assert ((quality >= 0) & (quality <= 1)).all()
    for label in (0, 1):
        mine = labels == label
        assert (quality[mine].argsort() == margins[mine].argsort()).all()
    assert quality_by_class(margins, labels, noise, share=0) == pytest.approx((margins + 1) / 2)


def _said(right: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """40 samples a class of three; of class k a share `right[k]` is said to be what its label says."""
    tables, labels = [], np.repeat(np.arange(3), 40)
    for k, share in enumerate(right):
        says = np.where(np.arange(40) < share * 40, k, (k + 1) % 3)
        tables.append(np.log(np.eye(3)[says] * 0.7 + 0.1))
    return np.concatenate(tables).astype(np.float32), labels


def test_noise_that_no_longer_changes_is_believed() -> None:
    last, labels = _said([0.95, 0.6, 0.9])
    assert settled(last, [last, last], labels, class_noise(last, labels)) == 1


def test_noise_that_still_falls_fast_is_not_believed() -> None:
    (before, labels), (last, _) = _said([0.6, 0.2, 0.5]), _said([0.95, 0.6, 0.9])
    noise = class_noise(last, labels)
    assert settled(last, [before, last], labels, noise) == 0
    assert settled(last, [before], labels, noise) == 0  # one epoch is held against the end
    assert settled(last, [], labels, noise) == 0


def test_classes_that_are_equally_wrong_leave_the_margins_as_they_are() -> None:
    last, labels = _said([0.9, 0.9, 0.9])
    assert settled(last, [last, last], labels, class_noise(last, labels)) == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_a_share_is_a_share(seed: int, epochs: int) -> None:
    random = np.random.default_rng(seed)
    tables = log_softmax(random.normal(0, 3, (epochs + 1, 12, 3)), axis=2).astype(np.float32)
    labels = random.integers(0, 3, 12)
    assert 0 <= settled(tables[0], list(tables[1:]), labels, class_noise(tables[0], labels)) <= 1
