import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from app.ranking.models import UNJUDGED
from app.ranking.out_of_fold import judge
from app.ranking.starting import start
from tests.ranking.test_out_of_fold import clouds


def planted(n: int = 1500, share: float = 0.1, *, apart: float = 0.7, seed: int = 0):
    x, true = clouds(n, apart=apart, seed=seed)
    wrong = np.random.default_rng(seed + 1).random(n) < share
    return x, np.where(wrong, (true + 1) % 3, true), wrong


def test_wrong_labels_come_first():
    x, labels, wrong = planted()
    found = start(judge(x, labels, 3), labels)
    assert average_precision_score(wrong, -found.label_quality) > 0.8
    assert average_precision_score(wrong, found.error_probability) > 0.8


def test_the_probability_says_how_many_labels_are_wrong():
    x, labels, wrong = planted()
    found = start(judge(x, labels, 3), labels)
    assert found.error_probability.mean() == pytest.approx(wrong.mean(), abs=0.05)


def test_with_shuffled_labels_the_order_is_no_better_than_chance():
    x, labels, wrong = planted()
    shuffled = np.random.default_rng(5).permutation(labels)
    found = start(judge(x, shuffled, 3), shuffled)
    assert average_precision_score(wrong, -found.label_quality) < wrong.mean() + 0.05


def test_what_nothing_is_known_of_is_not_suspicious():
    x, labels, _ = planted(100)
    labels[:3] = -1
    labels[3] = 3  # the only image of its class
    found = start(judge(x, labels, 4), labels)
    assert (found.label_quality[:4] == UNJUDGED).all()
    assert (found.label_quality[4:] < UNJUDGED).all()
    assert np.isfinite(found.error_probability).all()


@pytest.mark.parametrize("labels", [[], [-1, -1, -1], [0, 0, 0], [0, 1, 2], [0, 0, 1]])
def test_with_next_to_nothing_to_learn_from_there_are_numbers_nevertheless(labels):
    labels = np.array(labels, np.int64)
    x = np.random.default_rng(0).normal(size=(len(labels), 5)).astype(np.float32)
    found = start(judge(x, labels, 3), labels)
    for values in (found.label_quality, found.error_probability):
        assert values.shape == labels.shape
        assert ((values >= 0) & (values <= 1)).all()
