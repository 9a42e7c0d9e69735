"""Features are reduced to short vectors that keep who is near whom."""

import numpy as np

from app.ml.embedding import Embedder, PrincipalComponents
from app.ranking.neighbours import nearest


def test_short_vectors_keep_who_is_near_whom() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(6, 64)).astype(np.float32) * 3
    features = np.repeat(centres, 50, axis=0) + random.normal(size=(300, 64)).astype(np.float32)
    embedder = Embedder(300, 8)
    for start in range(0, 300, 37):
        rows = embedder.order[start : start + 37]
        embedder.add(rows, features[rows])
        embedder.settle()
    assert not embedder.waiting
    assert np.allclose(np.linalg.norm(embedder.vectors.astype(np.float32), axis=1), 1, atol=1e-2)
    for row in range(0, 300, 25):
        found, _ = nearest(embedder.vectors, row, k=10)
        assert (found // 50 == row // 50).all()


def test_features_that_are_all_the_same_have_a_place_too() -> None:
    same = np.ones((10, 4), np.float32)
    assert not np.isnan(PrincipalComponents.of(same, dimensions=2).apply(same)).any()
