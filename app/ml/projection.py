"""Lays vectors out in a plane, so that what is alike lies near. No torch here."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

Places = NDArray[np.int32]  # (n, 2)
SIDE = 10_000  # places are whole numbers from 0 to SIDE - 1 across and down
_FITTED = 50_000  # vectors that are laid out; further ones are placed among those nearest to them
_FEWEST = 12  # vectors; fewer are only turned so that they differ most across
_NEIGHBOURS = 45  # of a vector, which lie near it in the plane
_PERPLEXITY = _NEIGHBOURS / 3
_GATHERING = 60  # iterations in which groups form
_SPREADING = 340  # iterations in which they move apart; more change little
_AMONG = 5  # fitted vectors that a further one is placed among
_BLOCK = 4096
_EVERY = 10  # iterations between two reports

Progress = Callable[[int, int], None]


def lay_out(
    vectors: NDArray[np.floating[Any]],
    *,
    seed: int = 0,
    threads: int = 1,
    on_progress: Progress | None = None,
) -> Places:
    """Places (n, 2) for vectors (n, dimensions): t-SNE, the same for the same vectors, seed and machine.

    `on_progress(done, total)` may raise to stop it. Copies of a vector lie side by side.
    """
    known = np.nan_to_num(np.asarray(vectors, np.float32))
    rows = np.random.default_rng(seed).permutation(len(known))
    fitted, further = np.sort(rows[:_FITTED]), np.sort(rows[_FITTED:])
    plane = np.zeros((len(known), 2))
    plane[fitted] = _fit(known[fitted], seed, threads, on_progress or _tell_nobody)
    if len(further):
        plane[further] = _among(known[fitted], plane[fitted], known[further])
    return _whole_numbers(plane)


def _fit(vectors: NDArray[np.float32], seed: int, threads: int, on_progress: Progress) -> NDArray[np.float64]:
    start = _turned(vectors, seed)
    if len(vectors) < _FEWEST or not start.any():
        return start
    # Their import takes two seconds, which only a map needs.
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    k = min(_NEIGHBOURS, len(vectors) - 1)
    distances, rows = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(vectors).kneighbors()
    affinities = PerplexityBasedNN(
        knn_index=PrecomputedNeighbors(rows, distances.astype(np.float64)),
        perplexity=min(_PERPLEXITY, k / 3),
        n_jobs=threads,
        random_state=seed,
    )
    found = TSNEEmbedding(
        start / start[:, 0].std() * 1e-4,
        affinities,
        negative_gradient_method="fft" if len(vectors) > _BLOCK else "bh",
        n_jobs=threads,
        random_state=seed,
    )
    done = 0
    for iterations, exaggeration in ((_GATHERING, 12), (_SPREADING, 1)):
        before = done

        def report(iteration: int, *_: object, before: int = before) -> None:
            on_progress(before + iteration, _GATHERING + _SPREADING)

        found.optimize(
            iterations,
            exaggeration=exaggeration,
            momentum=0.8,
            learning_rate="auto",
            inplace=True,
            propagate_exception=True,
            callbacks=[report],
            callbacks_every_iters=_EVERY,
        )
        done += iterations
    plane = np.asarray(found, np.float64)
    return plane if np.isfinite(plane).all() else start


def _tell_nobody(done: int, total: int) -> None:
    """Progress that nobody wants."""


def _turned(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """The two directions in which they differ most (n, 2); zeros where they do not differ."""
    plane = np.zeros((len(vectors), 2))
    directions = min(2, *vectors.shape)
    if directions and len(vectors) > 1 and float(vectors.std(axis=0).max()) > 0:
        plane[:, :directions] = PCA(directions, svd_solver="full", random_state=seed).fit_transform(vectors)
    return plane


def _among(
    fitted: NDArray[np.float32], plane: NDArray[np.float64], further: NDArray[np.float32]
) -> NDArray[np.float64]:
    index = NearestNeighbors(n_neighbors=_AMONG, algorithm="brute").fit(fitted)
    parts = [further[first : first + _BLOCK] for first in range(0, len(further), _BLOCK)]
    # The median: of neighbours in two groups a mean would be a place between them, where nothing is alike.
    return np.concatenate(
        [np.median(plane[index.kneighbors(part, return_distance=False)], axis=1) for part in parts]
    )


def _whole_numbers(plane: NDArray[np.float64]) -> Places:
    """The places scaled to 0…SIDE - 1, both directions alike, the shorter one in the middle."""
    if not len(plane):
        return np.zeros((0, 2), np.int32)
    low, high = plane.min(axis=0), plane.max(axis=0)
    scale = (SIDE - 1) / max(float((high - low).max()), 1e-12)
    margin = (SIDE - 1 - (high - low) * scale) / 2
    whole: Places = np.rint((plane - low) * scale + margin).clip(0, SIDE - 1).astype(np.int32)
    return whole
