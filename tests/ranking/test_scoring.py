import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from app.ranking.scoring import normalized_margin, ranks, score


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
def test_ranks_are_a_permutation_in_the_order_of_loss_whatever_the_input_order(losses: list[float], random) -> None:
    keys = [f"{i:03}" for i in range(len(losses))]
    found = ranks(np.array(losses, dtype=np.float32), keys)
    assert sorted(found) == list(range(1, len(losses) + 1))
    assert [losses[i] for i in np.argsort(found)] == sorted(losses, reverse=True)
    order = list(range(len(losses)))
    random.shuffle(order)
    shuffled = ranks(np.array([losses[i] for i in order], dtype=np.float32), [keys[i] for i in order])
    assert {keys[i]: int(r) for i, r in zip(order, shuffled, strict=True)} == {k: int(r) for k, r in zip(keys, found, strict=True)}
