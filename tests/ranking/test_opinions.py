import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax
from scipy.stats import spearmanr

from app.ranking.opinions import Opinion, _class_doubt, gather, start
from app.ranking.scoring import class_noise

CLASSES = 3


def table(seed: int, samples: int, sharpness: float = 2.0) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(size=(samples, CLASSES))
    return log_softmax(sharpness * scores, axis=1)


@given(
    st.integers(1, 60),
    st.integers(0, 99),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 59)), max_size=60),
    st.sampled_from([-np.inf, np.nan, -1000.0]),
)
def test_evidence_is_finite_whatever_the_opinions_leave_out(
    samples: int, seed: int, holes: list, odd: float
) -> None:
    tables = [table(seed, samples).astype(np.float16), table(seed + 1, samples)]
    for which, row in holes:
        tables[which][row % samples, 0] = odd
    labels = np.random.default_rng(seed).integers(0, CLASSES, samples)
    learnt = np.arange(samples) % 2 == 0
    opinions = [Opinion("first look", tables[0]), Opinion("network", tables[1], learnt)]
    evidence = gather(opinions, labels, classes=CLASSES, hold_out=~learnt)
    assert np.isfinite(evidence.columns).all()
    assert ((start(evidence) > 0) & (start(evidence) < 1)).all()
    assert len(evidence.names) == len(evidence.groups) == evidence.columns.shape[1]


def test_a_sample_without_any_opinion_gets_the_share_of_wrong_labels_of_all() -> None:
    said = table(0, 300)
    said[7] = np.nan
    evidence = gather([Opinion("first look", said)], np.zeros(300, int), classes=CLASSES)
    others = np.delete(start(evidence), 7)
    assert start(evidence)[7] == pytest.approx(others.mean(), abs=0.01)


def test_one_opinion_orders_each_class_by_the_probability_of_the_given_label() -> None:
    labels, said = np.random.default_rng(1).integers(0, CLASSES, 300), table(1, 300)
    evidence = gather([Opinion("first look", said)], labels, classes=CLASSES)
    for label in range(CLASSES):
        mine = labels == label
        assert spearmanr(start(evidence)[mine], -said[mine, label]).statistic > 0.9


def test_a_class_that_looks_like_others_more_than_they_like_it_is_more_suspicious() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, CLASSES, 3000)
    wrong = (labels == 1) & (random.random(3000) < 0.5)
    scores = 2 * np.eye(CLASSES)[np.where(wrong, 2, labels)] + random.normal(size=(3000, CLASSES))
    evidence = gather([Opinion("first look", log_softmax(scores, axis=1))], labels, classes=CLASSES)
    own = log_softmax(scores, axis=1)[np.arange(3000), labels]
    alike = np.abs(own - np.log(0.3)) < 0.3
    assert evidence.start[alike & (labels == 1)].mean() > evidence.start[alike & (labels != 1)].mean() + 0.5


def test_two_classes_that_are_only_hard_to_tell_apart_are_hardly_more_suspicious() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 4, 4000)
    scores = 3 * np.eye(4)[labels] + random.normal(size=(4000, 4))
    hard = labels < 2
    scores[hard, :2] = scores[hard, :2].mean(axis=1, keepdims=True) + random.normal(size=(int(hard.sum()), 2))
    said = log_softmax(scores, axis=1)
    doubt, noise = _class_doubt(said, labels)[0], class_noise(said, labels)
    odds = np.log(noise / (1 - noise))
    assert doubt[:2].mean() - doubt[2:].mean() < 0.55 * (odds[:2].mean() - odds[2:].mean())


def test_a_good_and_an_unrelated_opinion_together_rank_like_the_good_one() -> None:
    random = np.random.default_rng(4)
    true = random.integers(0, CLASSES, 2000)
    wrong = random.random(2000) < 0.1
    labels = np.where(wrong, (true + 1) % CLASSES, true)
    good = log_softmax(4 * np.eye(CLASSES)[true] + random.normal(size=(2000, CLASSES)), axis=1)
    both = gather([Opinion("first look", good), Opinion("network", table(5, 2000))], labels, classes=CLASSES)
    alone = gather([Opinion("first look", good)], labels, classes=CLASSES)
    found = [wrong[np.argsort(-each.start)[:200]].sum() for each in (both, alone)]
    assert found[0] >= 0.97 * found[1]


def test_a_learnt_and_an_unlearnt_part_share_one_scale() -> None:
    random = np.random.default_rng(6)
    true, learnt = random.integers(0, CLASSES, 4000), np.arange(4000) < 3000
    wrong = random.random(4000) < 0.1
    labels = np.where(wrong, (true + 1) % CLASSES, true)
    known_by_heart = np.where(learnt, 2.0, 0.0)[:, None] * np.eye(CLASSES)[labels]
    said = log_softmax(
        3 * np.eye(CLASSES)[true] + known_by_heart + random.normal(size=(4000, CLASSES)), axis=1
    )
    evidence = gather([Opinion("network", said, learnt)], labels, classes=CLASSES, hold_out=~learnt)
    first = np.argsort(-evidence.start)[:400]
    assert (~learnt[first]).mean() == pytest.approx(0.25, abs=0.05)
    apart = gather([Opinion("network", said)], labels, classes=CLASSES)
    assert (~learnt[np.argsort(-apart.start)[:400]]).mean() > 0.33


def test_the_mean_of_the_start_is_below_what_confident_learning_counts() -> None:
    evidence = gather([Opinion("first look", table(8, 500))], np.arange(500) % CLASSES, classes=CLASSES)
    assert 0.005 <= expit(evidence.start).mean() <= 0.5


def test_opinions_about_other_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="no row for every sample"):
        gather([Opinion("first look", table(0, 5))], np.zeros(6, int), classes=CLASSES)
    with pytest.raises(ValueError, match="no opinion"):
        gather([], np.zeros(6, int), classes=CLASSES)
