"""Images that are like no class, by their features."""

import numpy as np

from app.ranking.off_topic import find_off_topic

DIMENSIONS = 64


def features(random: np.random.Generator, n: int, centre: np.ndarray) -> np.ndarray:
    return np.abs(centre + random.normal(0, 0.2, (n, DIMENSIONS))).astype(np.float32)


def test_a_cluster_of_another_kind_is_found_whatever_its_labels_and_the_farthest_come_first() -> None:
    random = np.random.default_rng(0)
    centres = random.gamma(1.0, 1.0, (4, DIMENSIONS))
    ordinary = np.concatenate([features(random, 100, centre) for centre in centres[:3]])
    other = features(random, 20, centres[3])
    labels = np.concatenate([np.repeat([0, 1, 2], 100), random.integers(0, 3, 20)])
    found = find_off_topic(np.concatenate([ordinary, other]), labels, 3)
    assert {each.place for each in found[:20]} == set(range(300, 320))
    assert [each.score for each in found[:20]] == sorted((each.score for each in found[:20]), reverse=True)
    assert all(each.value < each.usual for each in found)


def test_few_images_and_classes_without_images_are_no_problem() -> None:
    random = np.random.default_rng(0)
    assert find_off_topic(np.ones((3, 8), np.float32), np.array([0, 1, 1]), 2) == []
    vectors = features(random, 40, np.ones(DIMENSIONS))
    labels = np.where(np.arange(40) < 5, -1, 2)
    assert all(each.place < 40 for each in find_off_topic(vectors, labels, 4))
