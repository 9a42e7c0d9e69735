from pathlib import Path

import numpy as np
import pytest
from cleanlab.count import compute_confident_joint, get_confident_thresholds
from cleanlab.rank import get_normalized_margin_for_each_label, get_self_confidence_for_each_label
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import average_precision_score, roc_auc_score

from app.ranking.scoring import (
    area_under_margin,
    class_noise,
    disagreement,
    label_quality,
    mean_log_probs,
    normalized_margin,
    ranks,
    score,
    shift_to,
)


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n, classes = draw(st.integers(1, 30)), draw(st.integers(2, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = random.normal(0, draw(st.floats(0.1, 30)), (n, classes))
    return log_softmax(logits, axis=1).astype(np.float32), random.integers(0, classes, n)


@given(predictions())
def test_scores_are_what_their_names_say(case: tuple[np.ndarray, np.ndarray]) -> None:
    log_probs, labels = case
    probabilities = np.exp(log_probs)
    found = score(log_probs, labels)
    own = probabilities[np.arange(len(labels)), labels]
    assert np.allclose(found.self_confidence, own)
    assert np.allclose(np.exp(-found.loss), own, atol=1e-6)
    assert (found.predicted == probabilities.argmax(axis=1)).all()
    assert np.allclose(found.confidence, probabilities.max(axis=1))
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1
    assert np.allclose(found.margin, own - others.max(axis=1), atol=1e-6)
    assert ((found.margin >= -1) & (found.margin <= 1)).all()


def test_a_loss_keeps_the_order_where_probabilities_round_to_zero() -> None:
    log_probs = np.array([[-200.0, 0.0], [-300.0, 0.0]], dtype=np.float32)
    found = score(log_probs, np.array([0, 0]))
    assert (found.self_confidence == 0).all()
    assert found.loss[1] > found.loss[0]


def test_the_margin_is_positive_only_where_the_label_wins() -> None:
    log_probs = np.log(np.array([[0.7, 0.2, 0.1]], dtype=np.float32))
    assert normalized_margin(log_probs, np.array([0]))[0] == pytest.approx(0.5)
    assert normalized_margin(log_probs, np.array([2]))[0] == pytest.approx(-0.6)


@given(st.lists(st.floats(0, 5, width=32), min_size=1, max_size=40), st.randoms())
def test_ranks_are_a_permutation_in_the_order_of_suspicion_whatever_the_input_order(
    losses: list[float], random
) -> None:
    keys = [f"{i:03}" for i in range(len(losses))]
    found = ranks(np.array(losses, dtype=np.float32), keys)
    assert sorted(found) == list(range(1, len(losses) + 1))
    assert [losses[i] for i in np.argsort(found)] == sorted(losses, reverse=True)
    order = list(range(len(losses)))
    random.shuffle(order)
    shuffled = ranks(np.array([losses[i] for i in order], dtype=np.float32), [keys[i] for i in order])
    assert {keys[i]: int(r) for i, r in zip(order, shuffled, strict=True)} == {
        k: int(r) for k, r in zip(keys, found, strict=True)
    }


@given(predictions())
def test_scores_are_those_of_cleanlab_where_they_mean_the_same(case: tuple[np.ndarray, np.ndarray]) -> None:
    log_probs, labels = case
    probabilities = np.exp(log_probs.astype(np.float64))
    theirs = get_self_confidence_for_each_label(labels, probabilities)
    assert np.allclose(score(log_probs, labels).self_confidence, theirs, atol=1e-6)
    theirs = get_normalized_margin_for_each_label(labels, probabilities)
    assert np.allclose(label_quality(log_probs, labels), theirs, atol=1e-6)


@given(predictions())
def test_the_noise_of_the_classes_is_that_of_cleanlabs_confident_joint(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    log_probs, labels = case
    present, labels = np.unique(
        labels, return_inverse=True
    )  # where cleanlab's joint has no row, there is nothing to compare
    assume(len(present) > 1)
    log_probs = log_softmax(log_probs[:, present], axis=1)
    found = class_noise(log_probs, labels)
    assert ((found >= 0) & (found <= 1)).all()
    probabilities = np.exp(log_probs.astype(np.float64))
    sure = probabilities >= get_confident_thresholds(labels, probabilities) - 1e-6
    # of several classes above their bars cleanlab takes the likeliest of all classes, which may be below its
    # own
    assume((sure[np.arange(len(labels)), probabilities.argmax(axis=1)] | (sure.sum(axis=1) < 2)).all())
    joint = compute_confident_joint(labels, probabilities, calibrate=False)
    assert found[: len(joint)] == pytest.approx(1 - np.diag(joint) / joint.sum(axis=1), abs=1e-6)


def test_classes_without_samples_have_no_noise_and_unseen_samples_do_not_count() -> None:
    log_probs = np.log(
        np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [np.nan] * 3], np.float32)
    )
    assert class_noise(log_probs, np.array([0, 0, 1, 0])).tolist() == [0, 0, 0]
    assert class_noise(log_probs[:0], np.zeros(0, np.int64)).tolist() == [0, 0, 0]


@st.composite
def trainings(draw: st.DrawFn) -> tuple[list[np.ndarray], np.ndarray]:
    """What several epochs said, with holes."""
    n, classes = draw(st.integers(1, 20)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    epochs = [
        log_softmax(random.normal(0, 3, (n, classes)), axis=1).astype(np.float32)
        for _ in range(draw(st.integers(1, 6)))
    ]
    for epoch in epochs[1:]:
        epoch[random.random(n) < 0.3] = np.nan
    return epochs, random.integers(0, classes, n)


@given(trainings())
def test_averages_along_the_training_are_those_of_the_epochs_that_saw_the_sample(
    case: tuple[list[np.ndarray], np.ndarray],
) -> None:
    epochs, labels = case
    margins, averages = (
        area_under_margin(iter(epochs), labels),
        np.exp(mean_log_probs(epochs)),
    )
    for i, label in enumerate(labels):
        seen = [epoch[i].astype(np.float64) for epoch in epochs if not np.isnan(epoch[i, 0])]
        others = [np.delete(log_probs, label).max() for log_probs in seen]
        assert margins[i] == pytest.approx(
            np.mean([p[label] - o for p, o in zip(seen, others, strict=True)]), abs=1e-4
        )
        assert averages[i] == pytest.approx(np.mean(np.exp(seen), axis=0), abs=1e-4)


@given(trainings(), st.randoms())
def test_averages_do_not_depend_on_the_order_of_the_epochs(
    case: tuple[list[np.ndarray], np.ndarray], random
) -> None:
    epochs, labels = case
    shuffled = epochs.copy()
    random.shuffle(shuffled)
    assert np.allclose(area_under_margin(epochs, labels), area_under_margin(shuffled, labels), atol=1e-4)
    assert np.allclose(mean_log_probs(epochs), mean_log_probs(shuffled), atol=1e-4)


def test_a_sample_that_no_epoch_saw_has_no_score() -> None:
    nothing = [np.full((2, 3), np.nan, np.float32)] * 2
    labels = np.array([0, 1])
    for scores in (area_under_margin(nothing, labels), mean_log_probs(nothing)):
        assert np.isnan(scores).all()
    with pytest.raises(ValueError, match="nothing to average"):
        mean_log_probs([])


def test_a_memorised_label_is_found_by_what_the_network_said_before() -> None:
    """Ten honest samples are learnt at once.

    The wrong one is first predicted as what it is, and memorised in the end.
    """
    labels = np.zeros(11, np.int64)
    early, late = np.tile(np.log([0.8, 0.2]), (11, 1)), np.tile(np.log([0.98, 0.02]), (11, 1))
    early[4] = np.log([0.1, 0.9])
    late[4] = np.log([0.99, 0.01])
    epochs = [early.astype(np.float32), early.astype(np.float32), late.astype(np.float32)]
    assert score(epochs[-1], labels).loss.argmax() != 4
    assert area_under_margin(epochs, labels).argmin() == 4
    assert label_quality(mean_log_probs(epochs), labels).argmin() == 4


CIFAR10N = Path(__file__).parents[3] / "shared" / "cifar10n" / "aggregate-resnet18.npz"


@pytest.mark.skipif(
    not CIFAR10N.exists(),
    reason="the published CIFAR-10N probabilities are not here; put them beside the project",
)
def test_the_published_figures_for_cifar10n_are_met() -> None:
    data = np.load(CIFAR10N)
    log_probs, labels = (
        np.log(np.maximum(data["pred_probs"], np.finfo(np.float32).tiny)),
        data["given_labels"].astype(np.int64),
    )
    wrong = labels != data["true_labels"]
    found = score(log_probs, labels)
    assert roc_auc_score(wrong, found.loss) == pytest.approx(0.9773, abs=5e-5)
    assert average_precision_score(wrong, found.loss) == pytest.approx(0.8747, abs=5e-5)
    assert average_precision_score(wrong, -label_quality(log_probs, labels)) == pytest.approx(
        0.8597, abs=5e-5
    )


@given(trainings())
def test_disagreement_is_the_share_of_words_that_are_not_the_most_frequent(
    case: tuple[list[np.ndarray], np.ndarray],
) -> None:
    epochs, labels = case
    found = disagreement(iter(epochs))
    for i in range(len(labels)):
        said = [int(epoch[i].argmax()) for epoch in epochs if not np.isnan(epoch[i, 0])]
        assert found[i] == pytest.approx(
            sum(word != max(set(said), key=said.count) for word in said) / len(said)
        )
    assert (disagreement([epochs[0]] * 3) == 0).all()


@given(st.lists(st.floats(-14, 14), min_size=1, max_size=20), st.floats(0.01, 0.99))
def test_shifted_log_odds_have_the_wanted_mean_probability(log_odds: list[float], share: float) -> None:
    shifted = np.array(log_odds) + shift_to(np.array(log_odds), share)
    assert (1 / (1 + np.exp(-shifted))).mean() == pytest.approx(share, abs=1e-6)
