"""A run's embedding: of each sample a short vector; what the network sees alike lies near by cosine.

A file beside the checkpoints.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.ml.files import write_whole
from app.ranking.scoring import Ints

_FILE = "embedding.npy"


@dataclass(frozen=True)
class Embedding:
    """Samples and where they lie."""

    sample_ids: Ints  # (n,)
    vectors: NDArray[np.float16]  # (n, dimensions), of length 1, mapped from disk

    def row_of(self, sample_id: int) -> int | None:
        """The row of a sample; none when it was not in the run's version."""
        rows = np.flatnonzero(self.sample_ids == sample_id)
        return int(rows[0]) if len(rows) else None


def write_embedding(folder: Path, *, sample_ids: Ints, vectors: NDArray[np.float16]) -> None:
    """Put the embedding into the run's folder, instead of the one that is there.

    Raises TrainingFailed when the disk is full.
    """
    table = np.empty(len(sample_ids), [("sample", "<i8"), ("vector", "<f2", vectors.shape[1:])])
    table["sample"], table["vector"] = sample_ids, vectors

    def save(path: Path) -> None:
        with path.open("wb") as file:  # to a path np.save would add a suffix
            np.save(file, table)

    write_whole(folder / _FILE, save)


def read_embedding(folder: Path) -> Embedding | None:
    """The embedding of the run with this folder; none where there is none that can be read."""
    try:
        table = np.load(folder / _FILE, mmap_mode="r")
        return Embedding(np.array(table["sample"], np.int64), table["vector"])
    except (
        OSError,
        EOFError,
        ValueError,
        IndexError,
    ):  # older runs have none; a lost or damaged one is as good as none
        return None
