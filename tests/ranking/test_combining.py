import numpy as np
import pytest

from app.ranking.combining import combine, sample_of
from app.ranking.out_of_fold import judge
from tests.ranking.test_out_of_fold import clouds


def halves(apart: float = 0.5):
    """Two descriptions of the same images, each of which knows something else of the classes."""
    x, labels = clouds(900, classes=4, features=20, apart=apart)
    return x[:, :10], x[:, 10:], labels


def test_two_opinions_that_know_different_things_are_better_together():
    one, other, labels = halves()
    first, second = judge(one, labels, 4), judge(other, labels, 4)
    both = combine(first, second, labels)
    assert both.is_better
    assert both.opinion.loss < min(first.loss, second.loss) - 0.05
    assert both.gain == pytest.approx(first.loss - both.opinion.loss, abs=0.01)
    assert min(both.weights) > 0.2
    assert np.exp(both.opinion.log_probs).sum(axis=1) == pytest.approx(np.ones(900), abs=1e-3)
    assert both.opinion.log_probs.dtype == np.float32


def test_an_opinion_that_knows_nothing_gets_no_weight():
    one, _, labels = halves()
    noise = np.random.default_rng(3).normal(size=one.shape).astype(np.float32)
    both = combine(judge(one, labels, 4), judge(noise, labels, 4), labels)
    assert not both.is_better
    assert both.weights[0] == pytest.approx(1, abs=0.1)


def test_a_second_opinion_that_knows_everything_takes_over():
    one, other, labels = halves(apart=3.0)
    noise = np.random.default_rng(3).normal(size=one.shape).astype(np.float32)
    both = combine(judge(noise, labels, 4), judge(other, labels, 4), labels)
    assert both.is_better
    assert both.weights[1] > both.weights[0]
    assert (both.opinion.log_probs.argmax(axis=1) == labels).mean() > 0.95


@pytest.mark.parametrize("labels", [[], [0], [-1, -1], [0, 1, -1], [0, 0, 0, 0]])
def test_with_next_to_nothing_to_learn_from_there_is_an_opinion_nevertheless(labels):
    labels = np.array(labels, np.int64)
    x = np.random.default_rng(0).normal(size=(len(labels), 5)).astype(np.float32)
    both = combine(judge(x, labels, 2), judge(x + 1, labels, 2), labels)
    assert both.opinion.log_probs.shape == (len(labels), 2)
    assert np.isfinite(both.opinion.log_probs).all()


def test_a_sample_has_only_rows_with_a_label():
    labels = np.where(np.arange(100) % 2, 1, -1)
    rows = sample_of(labels, 20)
    assert len(set(rows.tolist())) == 20
    assert (rows % 2 == 1).all()
    assert (np.diff(rows) > 0).all()
    assert len(sample_of(labels, 1000)) == 50
