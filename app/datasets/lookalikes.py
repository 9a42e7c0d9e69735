"""Images that look the same: equal in content, or with perceptual hashes that differ in only a few bits.

The hash is pHash (Zauner 2010) with 16 x 16 bits: which of the lowest frequencies of the small grey image are
above their median. With the usual 8 x 8 bits most pairs within six bits are different drawn faces in one
pose. The limits are measured (docs/decisions/0009).
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.datasets.models import Sample

SIDE = 16  # bits per side
FAR, COARSELY_FAR = 44, 6  # most bits that differ, of all 256 and of the 64 of the lowest frequencies
FLAT = 8  # least range of grey levels of the small image; with fewer it has no recognisable content
# The lowest frequencies of a discrete cosine transform (type II) of rows twice as long. For 32 pixels per
# side
# this is ten times as fast as scipy's, which would take longer than decoding a small image.
_COSINES = np.cos(np.pi / (4 * SIDE) * np.outer(np.arange(SIDE), 2 * np.arange(2 * SIDE) + 1)).astype(
    np.float32
)
_BANDS = COARSELY_FAR + 1  # of two hashes within the limit at least one band is equal
_PAIRS = 4_000_000  # compared at a time

_ROWS = select(Sample.id, Sample.sha256, Sample.perceptual_hash, Sample.lookalikes).where(
    Sample.dataset_id == bindparam("dataset")
)
_MARK = (
    update(Sample.__table__)  # type: ignore[arg-type]
    .where(Sample.__table__.c.id == bindparam("sample"))
    .values(lookalikes=bindparam("group"))
)


def looks(image: Image.Image) -> str:
    """The perceptual hash, 64 hex digits; empty for a single colour, where all images would have the same."""
    grey = np.asarray(image.convert("L").resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS))
    if int(grey.max()) - int(grey.min()) < FLAT:
        return ""
    lowest = (_COSINES @ grey @ _COSINES.T).ravel()
    middle = np.sort(lowest)[len(lowest) // 2 - 1 : len(lowest) // 2 + 1]
    return np.packbits(lowest > middle.mean()).tobytes().hex()


def find_lookalikes(
    hashes: Sequence[str], sha256: Sequence[str], *, further: Sequence[NDArray[np.int64]] = ()
) -> NDArray[np.int64]:
    """For each image the position of the first one that looks the same, directly or through others (n,).

    Its own position if there is none. `further` are pairs (2, m) of positions that are known to.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(hashes)
    if not n:
        return np.empty(0, np.int64)
    pairs = [_equal(sha256), *_near(hashes), *further]
    a, b = np.concatenate(pairs, axis=1)
    _, group = connected_components(
        coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(n, n)), directed=False
    )
    _, first = np.unique(group, return_index=True)
    found: NDArray[np.int64] = first[group].astype(np.int64)
    return found


def mark_lookalikes(session: Session, *, dataset_id: int, groups: dict[int, int | None]) -> None:
    """Store `groups`: by sample id the smallest id of samples that look the same, or None."""
    rows = session.execute(_ROWS, {"dataset": dataset_id})
    changed = [
        {"sample": row.id, "group": groups[row.id]}
        for row in rows
        if row.id in groups and groups[row.id] != row.lookalikes
    ]
    if changed:
        session.connection().execute(_MARK, changed)


def group_samples(
    session: Session, *, dataset_id: int, copies: Sequence[tuple[int, int]] = ()
) -> dict[int, int | None]:
    """The groups, in the form that `mark_lookalikes` stores.

    `copies` are pairs of sample ids. Stored groups are joined, never taken apart: samples do not change, and
    not every search finds what an earlier one has found by other means.
    """
    rows = session.execute(_ROWS.order_by(Sample.id), {"dataset": dataset_id}).all()
    place_of = {row.id: place for place, row in enumerate(rows)}
    places = [(place_of[one], place_of[other]) for one, other in copies if {one, other} <= place_of.keys()]
    first = find_lookalikes(
        [row.perceptual_hash or "" for row in rows],
        [row.sha256 for row in rows],
        further=[
            _equal([row.lookalikes or -row.id for row in rows]),
            np.array(places, np.int64).reshape(-1, 2).T,
        ],
    )
    sizes = np.bincount(first, minlength=len(rows))
    return {
        row.id: rows[place].id if sizes[place] > 1 else None for row, place in zip(rows, first, strict=True)
    }


def _equal(keys: Sequence[str] | Sequence[int]) -> NDArray[np.int64]:
    """Pairs of each image with the first one that has the same key: (2, n)."""
    _, first, inverse = np.unique(np.asarray(keys), return_index=True, return_inverse=True)
    return np.stack([np.arange(len(keys)), first[inverse]]).astype(np.int64)


def _near(hashes: Sequence[str]) -> list[NDArray[np.int64]]:
    """Pairs whose hashes differ in few bits, each (2, pairs)."""
    known = np.array([place for place, each in enumerate(hashes) if each], np.int64)
    if not len(known):
        return []
    equal = _equal([hashes[place] for place in known])
    pairs = [known[equal]]
    known = known[np.unique(equal[1])]  # one of each
    fine = np.frombuffer(bytes.fromhex("".join(hashes[place] for place in known)), np.uint8).reshape(
        len(known), -1
    )
    bits = np.unpackbits(fine, axis=1).reshape(-1, SIDE, SIDE)
    coarse = (
        np.packbits(bits[:, : SIDE // 2, : SIDE // 2].reshape(len(known), -1), axis=1).view(np.uint64).ravel()
    )
    words = fine.view(np.uint64)
    edges = np.linspace(0, 64, _BANDS + 1).astype(int)
    for low, high in pairwise(edges):
        band = (coarse >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(band, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(band[order])) + 1):
            pairs += [known[found] for found in _pairs_within(bucket, coarse, words)]
    return pairs


def _pairs_within(
    bucket: NDArray[np.int64], coarse: NDArray[np.uint64], words: NDArray[np.uint64]
) -> list[NDArray[np.int64]]:
    found = []
    step = max(1, _PAIRS // len(bucket))
    for start in range(0, len(bucket) - 1, step):
        rows = bucket[start : start + step]
        a, b = np.nonzero(np.bitwise_count(coarse[rows, None] ^ coarse[bucket[None, start:]]) <= COARSELY_FAR)
        left, right = rows[a], bucket[start:][b]
        left, right = left[left != right], right[left != right]
        near = np.bitwise_count(words[left] ^ words[right]).sum(axis=1) <= FAR
        found.append(np.stack([left[near], right[near]]))
    return found
