"""The vectors of a run, stored and read again."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.ranking.embeddings import read_embedding, write_embedding


def unit_vectors(n: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(n, dimensions)).astype(np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def test_an_embedding_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    vectors = unit_vectors(5, 3, 0).astype(np.float16)
    write_embedding(tmp_path, sample_ids=np.array([4, 9, 2, 7, 5]), vectors=vectors)
    stored = read_embedding(tmp_path)
    assert stored is not None
    assert stored.row_of(2) == 2
    assert stored.row_of(3) is None
    assert np.array_equal(stored.vectors, vectors)


def test_a_lost_or_damaged_embedding_is_none(tmp_path: Path) -> None:
    assert read_embedding(tmp_path) is None
    write_embedding(tmp_path, sample_ids=np.array([1, 2]), vectors=unit_vectors(2, 3, 0).astype(np.float16))
    file = tmp_path / "embedding.npy"
    whole = file.read_bytes()
    for damaged in (b"", whole[:40], whole[:-3], b"not an array"):
        file.write_bytes(damaged)
        assert read_embedding(tmp_path) is None, damaged[:12]
