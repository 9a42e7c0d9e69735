import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import binomtest
from sklearn.metrics import recall_score

from app.training.evaluation import calibration_error
from app.training.statistics import class_changes, mcnemar, paired_difference, reliability

wrongs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80).map(
    lambda rows: np.array(rows).T
)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemars_p_is_that_of_the_exact_binomial_test(repaired: int, broken: int) -> None:
    expected = binomtest(repaired, repaired + broken).pvalue if repaired + broken else 1.0
    assert mcnemar(repaired, broken) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert mcnemar(repaired, broken) == mcnemar(broken, repaired)


def test_mcnemars_p_has_the_textbook_value() -> None:
    assert mcnemar(3, 11) == pytest.approx(0.0574, abs=1e-4)  # 2 * (1 + 14 + 91 + 364) / 2^14


@given(wrongs)
def test_the_difference_is_that_of_the_error_rates_and_turns_with_them(case: np.ndarray) -> None:
    old, new = case
    found, turned = paired_difference(old, new), paired_difference(new, old)
    assert found is not None
    assert turned is not None
    assert found.value == pytest.approx(new.mean() - old.mean())
    assert found.low <= found.value + 1e-12
    assert found.value <= found.high + 1e-12
    assert (turned.value, turned.repaired, turned.broken, turned.p) == (
        -found.value,
        found.broken,
        found.repaired,
        found.p,
    )


def test_the_interval_is_that_of_a_bootstrap_by_sample() -> None:
    random = np.random.default_rng(2)
    old, new = random.random(800) < 0.35, random.random(800) < 0.31
    rows = random.integers(0, 800, (4000, 800))
    low, high = np.quantile((new[rows].mean(axis=1) - old[rows].mean(axis=1)), [0.025, 0.975])
    found = paired_difference(old, new)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(low, abs=0.004), pytest.approx(high, abs=0.004))
    assert paired_difference(old, new) == found  # drawn from the same seed


def test_the_interval_holds_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(3)
    inside = []
    for seed in range(600):
        old = random.random(400) < 0.4
        new = np.where(
            random.random(400) < 0.2, random.random(400) < 0.3, old
        )  # the truth: 0.2 * (0.3 - 0.4)
        found = paired_difference(old, new, seed=seed)
        assert found is not None
        inside.append(found.low <= -0.02 <= found.high)
    assert 0.92 <= np.mean(inside) <= 0.975


def test_two_networks_that_differ_by_chance_alone_seldom_seem_to_differ() -> None:
    random = np.random.default_rng(4)
    pairs = [
        paired_difference(random.random(300) < 0.4, random.random(300) < 0.4, draws=10) for _ in range(1000)
    ]
    assert np.mean([pair.beyond_chance for pair in pairs if pair]) <= 0.05


def test_without_samples_there_is_no_difference_and_no_calibration() -> None:
    none = np.empty(0, bool)
    assert paired_difference(none, none) is None
    assert reliability(np.empty(0), none) is None


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), max_size=50))
def test_class_changes_are_scikit_learns_recalls_and_add_up(rows: list[tuple[int, int, int]]) -> None:
    labels, old, new = np.array(rows, np.int64).reshape(-1, 3).T
    found = class_changes(labels, old, new, ["a", "b", "c"])
    for i, change in enumerate(found):
        if change.support:
            assert change.old_recall == pytest.approx(
                recall_score(labels, old, labels=[i], average="macro", zero_division=0)
            )
            assert change.new_recall == pytest.approx(
                recall_score(labels, new, labels=[i], average="macro", zero_division=0)
            )
        else:
            assert (change.old_recall, change.new_recall) == (None, None)
    assert sum(change.support for change in found) == len(labels)
    assert sum(change.repaired - change.broken for change in found) == int(
        (new == labels).sum() - (old == labels).sum()
    )


@given(st.integers(1, 60), st.integers(2, 20), st.integers(0, 2**31))
def test_the_reliability_table_adds_up_to_the_calibration_error(n: int, bins: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    log_probs, labels = log_softmax(random.normal(0, 2, (n, 4)), axis=1), random.integers(0, 4, n)
    confidence, right = np.exp(log_probs.max(axis=1)), log_probs.argmax(axis=1) == labels
    found = reliability(confidence, right, bins=bins)
    assert found is not None
    assert found.error == pytest.approx(calibration_error(log_probs, labels, bins=bins))
    assert sum(each.n for each in found.bins) == n
    gaps = [
        each.n * abs(each.confidence - each.right)
        for each in found.bins
        if each.confidence is not None and each.right is not None
    ]
    assert sum(gaps) / n == pytest.approx(found.error)
    assert all(
        each.low - 1e-9 <= each.confidence <= each.high + 1e-9
        for each in found.bins
        if each.confidence is not None
    )
