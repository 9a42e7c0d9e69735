"""Groups copies of images that perceptual hashes do not find: mirrored, cropped, resized.

The last part of a first look, with the features that it has computed. It may be killed and done again: it
stores nothing but groups, at its end, and the same ones.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from app.datasets.lookalikes import group_samples, mark_lookalikes
from app.datasets.missing import RecordedFile, files_of, read_unchanged
from app.datasets.models import Dataset, Sample
from app.datasets.scales import measure_scales
from app.decoding import budget
from app.decoding.seen import decode_grey
from app.decoding.tones import Scales
from app.errors import Cancelled, shortage
from app.jobs.engine import JobContext
from app.ml.alike import likely_copies
from app.ml.copies import LEAST_SIDE, SIDE, are_copies
from app.ml.device import thread_limit
from app.storage import ImageSource, open_source
from app.training.phases import FINDS_COPIES

MOST_READ = 50_000  # images that are read and compared, 200 MB; the pairs that lie nearest come first
_AT_ONCE = 256
_THREADS = 4


@dataclass(frozen=True)
class Copies:
    """What the search did, for the run's facts."""

    candidates: int  # pairs whose features lie near, and which are in no group together
    compared: int  # of these, pairs that were compared pixel by pixel; fewer if there are very many
    found: int  # pairs

    def facts(self) -> dict[str, int]:
        """In the form of a run's facts."""
        return {"candidates": self.candidates, "compared": self.compared, "found": self.found}


def group_copies(
    context: JobContext, *, dataset_id: int, sample_ids: NDArray[np.int64], features: NDArray[np.floating]
) -> Copies:
    """Find copies among samples (n,) with these features (n, 1280), and join them with the stored groups.

    Small images and files that cannot be read are left out. Raises Cancelled when the job is to stop.
    """
    context.report(FINDS_COPIES, 0, 1, force=True)
    large = _large(context, dataset_id)
    rows = np.flatnonzero(np.isin(sample_ids, list(large)))
    sample_ids, features = sample_ids[rows], features[rows]
    pairs = likely_copies(features, threads=thread_limit(), should_stop=context.should_stop)
    group = np.array([large[sample_id] or -sample_id for sample_id in sample_ids.tolist()], np.int64)
    pairs = pairs[group[pairs[:, 0]] != group[pairs[:, 1]]]
    candidates = len(pairs)
    pairs = pairs[: _affordable(pairs)]
    with context.database.read() as session:
        files = {file.sample_id: file for file in files_of(session, dataset_id=dataset_id)}
        origin = session.get_one(Dataset, dataset_id).origin
    rows, places = np.unique(pairs, return_inverse=True)
    with closing(open_source(origin)) as source:
        scales = measure_scales(context.database, dataset_id=dataset_id, source=source)
        wanted = [files[sample_id] for sample_id in sample_ids[rows].tolist()]
        pictures, known = _read(context, source, wanted, scales)
    places = places.reshape(-1, 2).astype(np.int64)
    compared = known[places].all(axis=1)
    places, pairs = places[compared], sample_ids[pairs[compared]]
    same = are_copies(
        pictures,
        places,
        threads=thread_limit(),
        on_progress=lambda done, total: _go_on(context, 1 + done / max(1, total)),
    )
    found = [(int(one), int(other)) for one, other in pairs[same]]
    with context.database.write() as session:
        groups = group_samples(session, dataset_id=dataset_id, copies=found)
        mark_lookalikes(session, dataset_id=dataset_id, groups=groups)
    return Copies(candidates, len(pairs), len(found))


def _large(context: JobContext, dataset_id: int) -> dict[int, int | None]:
    """The groups of the samples whose pixels can tell copies from others."""
    query = select(Sample.id, Sample.lookalikes).where(
        Sample.dataset_id == dataset_id, Sample.width >= LEAST_SIDE, Sample.height >= LEAST_SIDE
    )
    with context.database.read() as session:
        return {row.id: row.lookalikes for row in session.execute(query)}


def _affordable(pairs: NDArray[np.int64]) -> int:
    """How many of the pairs (m, 2), from the first on, are of at most so many images."""
    _, first = np.unique(pairs.ravel(), return_index=True)
    return len(pairs) if len(first) <= MOST_READ else int(np.sort(first)[MOST_READ]) // 2


def _read(
    context: JobContext, source: ImageSource, files: list[RecordedFile], scales: Scales
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Small grey pictures (n, 64, 64) of the files, and which of them could be read (n,)."""
    pictures, known = np.zeros((len(files), SIDE, SIDE), np.uint8), np.zeros(len(files), bool)

    def read(place: int) -> None:
        file = files[place]
        try:
            with budget.files.share(file.bytes):
                pictures[place] = decode_grey(read_unchanged(source, file), SIDE, scales=scales)
            known[place] = True
        except Exception as error:  # Pillow raises nearly everything
            if short := shortage(error):
                raise short from error

    with ThreadPoolExecutor(_THREADS, "copies") as pool:
        for first in range(0, len(files), _AT_ONCE):
            _go_on(context, first / len(files))
            list(pool.map(read, range(first, min(first + _AT_ONCE, len(files)))))
    return pictures, known


def _go_on(context: JobContext, halves: float) -> None:
    """`halves`: 1 once every picture is read, 2 once all are compared."""
    context.report(FINDS_COPIES, round(500 * halves), 1000)
    if context.should_stop():
        raise Cancelled("Looking at the images was stopped.")
