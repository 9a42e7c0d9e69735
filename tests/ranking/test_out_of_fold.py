import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.out_of_fold import FOLDS, judge


def clouds(n: int, *, classes: int = 3, features: int = 20, apart: float = 3.0, seed: int = 0):
    """Features of classes that lie apart, and their labels."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(classes, features)) * apart
    labels = random.integers(0, classes, n)
    return (centres[labels] + random.normal(size=(n, features))).astype(np.float32), labels


def certain(opinion, labels) -> np.ndarray:
    return np.exp(opinion.log_probs[np.arange(len(labels)), labels])


@pytest.mark.parametrize("features", [20, 500])  # fewer and more than images
def test_a_wrong_label_gets_a_low_probability_and_the_others_a_high_one(features):
    x, true = clouds(300, features=features)
    labels = true.copy()
    labels[:15] = (true[:15] + 1) % 3
    opinion = judge(x, labels, 3)
    own = certain(opinion, labels)
    assert own[:15].max() < np.quantile(own[15:], 0.05)
    assert (opinion.log_probs.argmax(axis=1) == true).mean() > 0.97
    assert np.exp(opinion.log_probs).sum(axis=1) == pytest.approx(np.ones(300), abs=1e-4)


def test_an_image_is_never_judged_by_its_own_label():
    x, labels = clouds(600, apart=0.3)
    before = judge(x, labels, 3)
    for row in (0, 50):
        changed = labels.copy()
        changed[row] = (labels[row] + 1) % 3
        after = judge(x, changed, 3)
        assert after.strength == before.strength
        assert np.exp(after.log_probs[row]) == pytest.approx(np.exp(before.log_probs[row]), abs=0.01)
        others = np.flatnonzero(before.folds != before.folds[row])
        assert (after.log_probs[others] != before.log_probs[others]).any()  # it does teach the others


def test_images_of_one_group_are_in_one_fold_and_copies_do_not_vouch_for_each_other():
    x, labels = clouds(100, apart=0.0, features=300)
    x, labels = np.concatenate([x, x]), np.concatenate([labels, labels])  # each twice, otherwise only noise
    groups = np.tile(np.arange(100), 2)
    together, apart = judge(x, labels, 3, groups=groups), judge(x, labels, 3)
    assert (together.folds[:100] == together.folds[100:]).all()
    assert (apart.folds[:100] != apart.folds[100:]).any()
    assert together.loss > apart.loss + 0.05


def test_shuffled_labels_leave_nothing_but_the_share_of_each_class():
    x, labels = clouds(600)
    opinion = judge(x, np.random.default_rng(1).permutation(labels), 3)
    assert opinion.loss > np.log(3) - 0.05
    assert np.exp(opinion.log_probs).std(axis=0).max() < 0.1


def test_images_without_a_label_are_judged_and_teach_nothing():
    x, labels = clouds(300)
    hidden = np.where(np.arange(300) < 100, -1, labels)
    opinion = judge(x, hidden, 3)
    assert not opinion.judged[:100].any()
    assert opinion.judged[100:].all()
    assert (opinion.log_probs[:100].argmax(axis=1) == labels[:100]).mean() > 0.95
    x[:100] *= np.random.default_rng(0).choice([-1, 1], 100)[:, None]  # as far from the others as before
    moved = judge(x, hidden, 3)
    assert moved.folds.tolist() == opinion.folds.tolist()


def test_the_only_image_of_a_class_cannot_be_judged_and_an_empty_class_is_never_predicted():
    x, labels = clouds(60)
    labels[0] = 3
    opinion = judge(x, labels, 5)
    assert not opinion.judged[0]
    assert opinion.judged[1:].all()
    assert np.exp(opinion.log_probs[:, 4]).max() < 0.01
    assert np.exp(opinion.log_probs[0, 3]) < 0.01


@settings(max_examples=30)
@given(
    n=st.integers(1, 30),
    classes=st.integers(1, 5),
    kind=st.sampled_from(["noise", "constant", "huge", "nan", "one"]),
    seed=st.integers(0, 1000),
)
def test_whatever_comes_in_the_result_is_probabilities(n, classes, kind, seed):
    random = np.random.default_rng(seed)
    features = 1 if kind == "one" else 8
    x = random.normal(size=(n, features)).astype(np.float32)
    if kind == "constant":
        x[:] = 3
    if kind == "huge":
        x[:, 0] *= 1e6
    if kind == "nan":
        x[0, 0] = np.nan
    labels = random.integers(-1, classes, n)
    opinion = judge(x, labels, classes, seed=seed)
    assert opinion.log_probs.dtype == np.float32
    assert opinion.log_probs.shape == (n, classes)
    assert np.isfinite(opinion.log_probs).all()
    assert np.exp(opinion.log_probs).sum(axis=1) == pytest.approx(np.ones(n), abs=1e-3)
    assert np.isfinite([opinion.loss, opinion.strength, opinion.temperature]).all()
    assert (opinion.folds < min(FOLDS, n)).all()
    assert not opinion.judged[labels < 0].any()
