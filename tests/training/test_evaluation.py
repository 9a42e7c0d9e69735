import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import precision_recall_fscore_support

from app.training.evaluation import (
    calibrate,
    calibration_error,
    class_reports,
    confusion_matrix,
    error_rate,
    fit_temperature,
    most_confused,
    rate,
    tempered,
)

pairs = st.integers(2, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(
            st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=60
        ),
    )
)


def arrays(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, predicted = np.array(rows, dtype=np.int64).T
    return labels, predicted


@given(pairs)
def test_confusion_precision_and_recall_are_scikit_learns(case: tuple[int, list[tuple[int, int]]]) -> None:
    classes, rows = case
    labels, predicted = arrays(rows)
    matrix = confusion_matrix(labels, predicted, classes=classes)
    assert (matrix == sklearn_confusion(labels, predicted, labels=range(classes))).all()
    reports = class_reports(matrix, [str(i) for i in range(classes)])
    precision, recall, _, support = precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    for i, report in enumerate(reports):
        assert report.support == support[i]
        assert (report.precision or 0) == pytest.approx(precision[i])
        assert (report.recall or 0) == pytest.approx(recall[i])


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_a_share(case: tuple[int, int]) -> None:
    found = rate(*case)
    assert found is not None
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


def test_wilsons_interval_has_the_textbook_values() -> None:
    found = rate(15, 50)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.1910, abs=5e-4), pytest.approx(0.4375, abs=5e-4))


def test_the_interval_holds_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(0)
    wrong = random.binomial(300, 0.37, size=4000)
    inside = [found.low <= 0.37 <= found.high for found in (rate(int(w), 300) for w in wrong) if found]
    assert 0.935 <= np.mean(inside) <= 0.965


def test_nothing_to_count_has_no_rate() -> None:
    assert rate(0, 0) is None
    assert error_rate(np.empty(0, np.int64), np.empty(0, np.int64)) is None


def test_the_most_confused_pairs_leave_out_what_is_right() -> None:
    matrix = np.array([[9, 2, 0], [5, 9, 0], [0, 1, 9]])
    found = most_confused(matrix, ["a", "b", "c"])
    assert [(pair.label, pair.predicted, pair.count) for pair in found] == [
        ("b", "a", 5),
        ("a", "b", 2),
        ("c", "b", 1),
    ]


def drawn(temperature: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities, and labels drawn from them at another temperature."""
    random = np.random.default_rng(5)
    log_probs = log_softmax(random.normal(0, 2, (n, 4)), axis=1)
    true = np.exp(tempered(log_probs, temperature)).cumsum(axis=1)
    return log_probs, (random.random((n, 1)) > true).sum(axis=1)


def test_honest_probabilities_have_no_calibration_error_and_too_sure_ones_have() -> None:
    log_probs, labels = drawn(temperature=1.0)
    assert calibration_error(log_probs, labels) < 0.015
    assert calibration_error(log_probs, 3 - labels) > 0.2


def test_the_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    log_probs = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]]))
    labels = np.array([0, 1, 0, 0])  # right half the time at 0.9, always at 0.6
    assert calibration_error(log_probs, labels, bins=10) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_the_labels_were_drawn_at_is_found(temperature: float) -> None:
    log_probs, labels = drawn(temperature)
    found = fit_temperature(log_probs, labels)
    assert found == pytest.approx(temperature, rel=0.05)
    assert calibration_error(tempered(log_probs, found), labels) < 0.015


def test_a_temperature_keeps_the_order_and_sums_to_one() -> None:
    log_probs, _ = drawn(1.0, n=50)
    warm = tempered(log_probs, 3.0)
    assert (warm.argsort(axis=1) == log_probs.argsort(axis=1)).all()
    assert np.exp(warm).sum(axis=1) == pytest.approx(np.ones(50))


def test_a_temperature_is_judged_on_what_it_was_not_fitted_on() -> None:
    log_probs, labels = drawn(temperature=2.0, n=4000)
    found = calibrate(log_probs, labels)
    assert found is not None
    temperature, after = found
    assert temperature == pytest.approx(2.0, rel=0.1)
    assert after < 0.03 < calibration_error(log_probs, labels)
    assert calibrate(log_probs[:20], labels[:20]) is None


@given(st.integers(1, 300), st.integers(1, 60), st.data())
def test_an_interval_with_open_ones_holds_those_of_whatever_they_prove_to_be(
    n: int, still_open: int, data: st.DataObject
) -> None:
    wrong, more, gone = (
        data.draw(st.integers(0, n)),
        data.draw(st.integers(0, still_open)),
        data.draw(st.integers(0, still_open)),
    )
    found = rate(wrong, n, still_open=still_open)
    counted = still_open - min(gone, still_open - more)  # of the open ones some may prove to be of no class
    settled = rate(wrong + more, n + counted)
    assert found
    assert settled
    assert found.low - 1e-12 <= found.least <= settled.value <= found.most <= found.high + 1e-12
    assert found.least <= found.value <= found.most
    assert found.low <= settled.low + 1e-12 or gone
    assert settled.high <= found.high + 1e-12 or gone


def test_three_wrong_of_52_with_eight_open_are_five_to_eighteen_per_cent() -> None:
    found = rate(3, 52, still_open=8)
    assert found
    assert (found.value, found.least, found.most) == (pytest.approx(3 / 52), 3 / 60, 11 / 60)
    assert (found.low, found.high) == (pytest.approx(0.0171, abs=1e-4), pytest.approx(0.2990, abs=1e-2))
