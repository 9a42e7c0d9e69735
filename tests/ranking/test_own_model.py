"""The order of the labels by a person's own model."""

import numpy as np
import pytest
from cleanlab.rank import get_self_confidence_for_each_label

from app.ranking.own_model import OUTSIDE, WITHIN, order, own_rows


def made(n: int = 3000, wrong: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of a good model, given labels, and which of these are wrong."""
    rng = np.random.default_rng(0)
    true = rng.integers(3, size=n)
    is_wrong = rng.random(n) < wrong
    labels = np.where(is_wrong, (true + 1) % 3, true)
    logits = rng.normal(size=(n, 3)) + 4 * np.eye(3)[true]
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), labels, is_wrong


def test_it_is_cleanlabs_self_confidence_and_paths_break_ties() -> None:
    p, labels, _ = made()
    p[10] = p[20] = p[30]
    labels[10] = labels[20] = labels[30]
    paths = [f"{-i % 3000:05}" for i in range(len(labels))]
    ordered = order(p, labels, paths)
    own = get_self_confidence_for_each_label(labels, p)
    assert ordered.places.tolist() == (np.argsort(np.lexsort((paths, own))) + 1).tolist()


def test_the_probability_of_an_error_falls_with_the_self_confidence_and_sums_to_about_the_errors() -> None:
    p, labels, is_wrong = made()
    ordered = order(p, labels, [f"{i:05}" for i in range(len(labels))])
    by_own = ordered.error_probability[np.argsort(ordered.self_confidence)]
    assert (np.diff(by_own) <= 0).all()
    assert ordered.error_probability.mean() == pytest.approx(is_wrong.mean(), abs=0.03)
    assert ordered.noise == pytest.approx(np.full(3, is_wrong.mean()), abs=0.04)
    assert ordered.agreement == pytest.approx((p.argmax(axis=1) == labels).mean())


def test_the_rows_keep_the_probabilities_exactly_with_the_places_of_all() -> None:
    p, labels, _ = made(9000)
    paths = [f"{i:05}" for i in range(len(labels))]
    ordered = order(p, labels, paths)
    ids = np.arange(len(labels)) + 7
    rows = list(
        own_rows(3, sample_ids=ids, labels=labels, probabilities=p, ordered=ordered, out_of_sample=True)
    )
    assert [row["rank"] for row in rows] == ordered.places.tolist()
    assert (np.stack([row["probabilities"] for row in rows]) == p).all()
    assert [row["self_confidence"] for row in rows] == p[np.arange(len(p)), labels].tolist()
    assert {row["fold"] for row in rows} == {OUTSIDE}
    within = own_rows(3, sample_ids=ids, labels=labels, probabilities=p, ordered=ordered, out_of_sample=False)
    assert next(within)["fold"] == WITHIN


def test_probabilities_of_0_and_1_are_ordered_too() -> None:
    p = np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32)
    ordered = order(p, np.array([1, 1, 1]), ["a", "b", "c"])
    assert ordered.places.tolist() == [1, 3, 2]
    assert np.isfinite(ordered.error_probability).all()
