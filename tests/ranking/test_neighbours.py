"""The nearest samples, and the vectors they are found by."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.ranking.neighbours import nearest


def unit_vectors(n: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(n, dimensions)).astype(np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 70), st.integers(0, 2**16), st.data())
def test_the_nearest_are_those_that_a_look_at_all_finds(
    n: int, dimensions: int, k: int, seed: int, data: st.DataObject
) -> None:
    vectors = unit_vectors(n, dimensions, seed)
    vectors[n // 2] = vectors[0]  # equally near ones
    row = data.draw(st.integers(0, n - 1))
    among = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    found, similarity = nearest(vectors, row, k=k, among=among)
    all_of_them = vectors @ vectors[row]
    expected = sorted((i for i in range(n) if among[i] and i != row), key=lambda i: (-all_of_them[i], i))[:k]
    assert len(found) == len(expected)
    assert np.allclose(similarity, all_of_them[expected], atol=1e-5)
    assert row not in found
    assert among[found].all()


def test_more_rows_than_a_block_are_all_looked_at() -> None:
    vectors = unit_vectors(20_000, 4, 1)
    vectors[19_999] = vectors[0]
    assert nearest(vectors.astype(np.float16), 0, k=1)[0].tolist() == [19_999]
