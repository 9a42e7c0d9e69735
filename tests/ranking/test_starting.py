import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from app.ranking.models import UNJUDGED
from app.ranking.opinions import Opinion
from app.ranking.out_of_fold import judge
from app.ranking.starting import Start, start
from tests.ranking.test_out_of_fold import clouds


def first_order(x: np.ndarray, labels: np.ndarray, *, classes: int = 3) -> Start:
    opinion = judge(x, labels, classes)
    given = np.maximum(labels, 0)
    return start([Opinion("first look", opinion.log_probs)], given, classes=classes, unjudged=~opinion.judged)


def planted(n: int = 1500, share: float = 0.1, *, apart: float = 0.7, seed: int = 0):
    x, true = clouds(n, apart=apart, seed=seed)
    wrong = np.random.default_rng(seed + 1).random(n) < share
    return x, np.where(wrong, (true + 1) % 3, true), wrong


def test_wrong_labels_come_first():
    x, labels, wrong = planted()
    found = first_order(x, labels)
    assert average_precision_score(wrong, -found.label_quality) > 0.8
    assert average_precision_score(wrong, found.error_probability) > 0.8


def test_the_probability_says_how_many_labels_are_wrong():
    x, labels, wrong = planted()
    found = first_order(x, labels)
    assert found.error_probability.mean() == pytest.approx(wrong.mean(), abs=0.05)


def test_with_shuffled_labels_the_order_is_no_better_than_chance():
    x, true = clouds(1500, apart=0.7)
    shuffled = np.random.default_rng(5).permutation(true)
    wrong = np.random.default_rng(6).permutation(shuffled != true)
    assert average_precision_score(wrong, first_order(x, shuffled).error_probability) == pytest.approx(
        wrong.mean(), abs=0.05
    )


def test_two_opinions_that_err_apart_find_more_than_each_of_them():
    x, labels, wrong = planted(apart=0.5)
    random = np.random.default_rng(9)
    said = [judge(x + random.normal(size=x.shape), labels, 3).log_probs for _ in range(2)]
    learnt, none = np.zeros(len(labels), bool), None
    both = [Opinion("network", said[0], learnt), Opinion("first look", said[1], none)]
    found = [
        average_precision_score(wrong, start(which, labels, classes=3).error_probability)
        for which in (both[:1], both[1:], both)
    ]
    assert found[2] > max(found[:2]) + 0.02


def test_labels_that_have_no_say_change_nothing_for_the_others():
    x, labels, _ = planted(300)
    said = judge(x, labels, 3).log_probs
    silent = np.arange(300) % 3 == 0
    orders = [
        start([Opinion("first look", said)], each, classes=3, silent=silent)
        for each in (labels, np.where(silent, (labels + 1) % 3, labels))
    ]
    assert orders[0].error_probability[~silent] == pytest.approx(orders[1].error_probability[~silent])
    assert orders[0].noise == pytest.approx(orders[1].noise)


def test_what_nothing_is_known_of_is_not_suspicious():
    x, labels, _ = planted(100)
    labels[:3] = -1
    labels[3] = 3  # the only image of its class
    found = first_order(x, labels, classes=4)
    assert (found.label_quality[:4] == UNJUDGED).all()
    assert (found.label_quality[4:] < UNJUDGED).all()
    assert np.isfinite(found.error_probability).all()


@pytest.mark.parametrize("labels", [[], [-1, -1, -1], [0, 0, 0], [0, 1, 2], [0, 0, 1]])
def test_with_next_to_nothing_to_learn_from_there_are_numbers_nevertheless(labels):
    labels = np.array(labels, np.int64)
    x = np.random.default_rng(0).normal(size=(len(labels), 5)).astype(np.float32)
    found = first_order(x, labels)
    for values in (found.label_quality, found.error_probability):
        assert values.shape == labels.shape
        assert ((values >= 0) & (values <= 1)).all()
