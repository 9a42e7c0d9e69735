"""Whether one of two images is a copy of the other: mirrored, cropped, resized, saved again, a bit brighter.

Pure functions on small grey pictures of whole images. Of two pictures each is tried as a part of the other,
as it is and mirrored: a coarse comparison with a hundred parts, then an alignment of the best ones (Gauss and
Newton), then the question whether the two agree everywhere. Two photos of a series do not, nor do two faces
in one pose. No torch here. The limits are measured (docs/decisions/0022).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

SIDE = 64  # pixels of a picture, whatever the shape of its image
LEAST_SIDE = 32  # pixels of an image's shorter side; smaller ones do not have the details that are compared
_COARSE, _MIDDLE, _FINE = 12, 16, 32  # pixels of a side that parts are compared and aligned at
_SHARES = (1.0, 0.88, 0.77, 0.66)  # of a side, that a part has
_STEP = 0.115  # of a side, between two parts
_LIKELY = 0.6  # correlation with a part that makes it worth aligning
MOST_TRIES = 30_000  # alignments, about half a millisecond each; those of the highest correlation
_NEARLY = 0.08  # of the best one: such a part is aligned too
_PLAUSIBLE = 0.9  # correlation after the alignment at the middle size
_AGREES = 0.96  # least correlation of the details
_EVERYWHERE = 0.75  # the same, least of any block
_BLOCKS = 4  # per side
_DETAILED = 6  # blocks that have details; strokes on an empty ground are made equal by any alignment
_NOISE = 4.0  # grey levels; details below this say nothing
_SMOOTH, _SHADING = 3.0, 6.0  # pixels at the fine size; what is larger is no detail, or is shading
_AT_ONCE, _AHEAD = 256, 8

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def are_copies(
    pictures: NDArray[np.uint8],
    pairs: Ints,
    *,
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.bool_]:
    """Which pairs (m, 2) of the pictures (n, 64, 64) are of one image (m,).

    `on_progress(done, total)` is called every few hundred comparisons and may raise to stop.
    """
    report = on_progress or (lambda *_: None)
    result = np.zeros(len(pairs), bool)
    with ThreadPoolExecutor(threads, "compare") as pool:
        tries = _likely(pictures, pairs, pool, lambda done, total: report(done, 2 * total))

        def compare(first: int) -> Ints:
            some = tries.only(np.arange(first, min(first + _AT_ONCE, len(tries.pair))))
            boxes, plausible = _align(*some.pictures(pictures), some.boxes)
            some, boxes = some.only(plausible), boxes[plausible]
            return some.pair[_agree(*some.pictures(pictures), boxes)]

        _in_turn(
            pool,
            compare,
            len(tries.pair),
            lambda done, total: report(total + done, 2 * total),
            lambda _, same: result.put(same, True),
        )
    return result


def _in_turn(
    pool: ThreadPoolExecutor,
    work: Callable[[int], Any],
    total: int,
    report: Callable[[int, int], None],
    take: Callable[[int, Any], None],
) -> None:
    """Take the results of `work` for every 256th number below `total`, a few at a time."""
    for first in range(0, total, _AT_ONCE * _AHEAD):
        report(first, total)
        starts = range(first, min(first + _AT_ONCE * _AHEAD, total), _AT_ONCE)
        for start, result in zip(starts, pool.map(work, starts), strict=True):
            take(start, result)


@dataclass(frozen=True)
class _Tries:
    """Ways in which one picture may be a part of another; each field has one entry per way."""

    pair: Ints  # which one of the pairs
    outer: Ints  # row of the picture that has the part
    inner: Ints  # row of the picture that may be the part
    mirrored: NDArray[np.bool_]
    boxes: Floats  # (…, 4) left, top, width and height of the part, in sides of the outer picture

    def only(self, which: NDArray[Any]) -> "_Tries":
        return _Tries(
            self.pair[which], self.outer[which], self.inner[which], self.mirrored[which], self.boxes[which]
        )

    def pictures(self, pictures: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """The outer and the inner pictures, the inner ones mirrored where they have to be."""
        outer, inner = pictures[self.outer].astype(np.float32), pictures[self.inner].astype(np.float32)
        return outer, np.where(self.mirrored[:, None, None], inner[:, :, ::-1], inner)


def _means(wanted: int, given: int, start: float = 0, share: float = 1) -> Floats:
    """The matrix (wanted, given) that means the pixels of a part of a line."""
    edges = (start + share * np.arange(wanted + 1) / wanted) * given
    pixels = np.arange(given)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(overlap, 0)
    result: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


_SPANS = np.array(
    [
        (start, share)
        for share in _SHARES
        for start in np.linspace(0, 1 - share, round((1 - share) / _STEP) + 1)
    ],
    np.float32,
)
_CUTS = np.concatenate([_means(_COARSE, _FINE, *span) for span in _SPANS])  # (spans * 12, 32)


def _shrink(pictures: Floats, side: int) -> Floats:
    matrix = _means(side, pictures.shape[-1])
    result: Floats = (matrix @ pictures @ matrix.T).astype(np.float32, copy=False)
    return result


def _unit(x: Floats) -> Floats:
    """Vectors (…, n) with mean 0 and length 1."""
    centred = x - x.mean(axis=-1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=-1, keepdims=True)
    result: Floats = (centred / np.maximum(lengths, 1e-3)).astype(np.float32)
    return result


def _without_shading(pictures: Floats) -> Floats:
    """Pictures (n, 64, 64) as (n, 32, 32), less what is very smooth: many images are lit alike."""
    small = _shrink(pictures, _FINE)
    result: Floats = small - gaussian_filter(small, (0, _SHADING, _SHADING))
    return result


def _parts(pictures: Floats) -> tuple[Floats, Floats]:
    """All parts of pictures (n, 64, 64) as (n, parts, 144), by their span of rows first, and their lengths.

    A length is that of the part less its mean.
    """
    n, spans = len(pictures), len(_SPANS)
    cuts = (_CUTS @ _without_shading(pictures) @ _CUTS.T).reshape(n, spans, _COARSE, spans, _COARSE)
    parts = np.ascontiguousarray(cuts.transpose(0, 1, 3, 2, 4)).reshape(n, spans**2, _COARSE**2)
    squares = np.einsum("npk,npk->np", parts, parts) - _COARSE**2 * parts.mean(axis=2) ** 2
    return parts, np.sqrt(np.maximum(squares, 1.0))


def _likely(
    pictures: NDArray[np.uint8], pairs: Ints, pool: ThreadPoolExecutor, report: Callable[[int, int], None]
) -> _Tries:
    """The ways that are worth an alignment."""
    m = len(pairs)
    wholes = np.empty((len(pictures), 2, _COARSE**2), np.float32)  # the second mirrored
    for first in range(0, len(pictures), _AT_ONCE):
        small = _shrink(_without_shading(pictures[first : first + _AT_ONCE].astype(np.float32)), _COARSE)
        both = np.stack([small, small[:, :, ::-1]], axis=1)
        wholes[first : first + _AT_ONCE] = _unit(both.reshape(len(small), 2, _COARSE**2))
    outers, inners = pairs.T.ravel(), pairs.T[::-1].ravel()  # each pair both ways round
    scores, bests = np.zeros((2 * m, 2), np.float32), np.zeros((2 * m, 2), np.int64)
    order = np.argsort(outers, kind="stable")
    ends = np.flatnonzero(np.diff(outers[order], append=-1)) + 1  # of the pairs of each outer picture

    def compare(first: int) -> None:
        some = ends[first : first + _AT_ONCE]
        starts = np.concatenate([[ends[first - 1] if first else 0], some[:-1]])
        parts, lengths = _parts(pictures[outers[order[starts]]].astype(np.float32))
        for place, (start, end) in enumerate(zip(starts, some, strict=True)):
            ways = order[start:end]
            inner = wholes[inners[ways]].reshape(-1, _COARSE**2)
            likeness = (parts[place] @ inner.T / lengths[place][:, None]).reshape(-1, len(ways), 2)
            bests[ways], scores[ways] = likeness.argmax(axis=0), likeness.max(axis=0)

    _in_turn(pool, compare, len(ends), report, lambda *_: None)
    likely = scores.reshape(2, m, 2)
    enough = np.maximum(_LIKELY, likely.max(axis=(0, 2)) - _NEARLY)
    turned, pair, mirrored = np.nonzero(likely >= enough[None, :, None])
    best = np.argsort(-likely[turned, pair, mirrored], kind="stable")[:MOST_TRIES]
    turned, pair, mirrored = turned[best], pair[best], mirrored[best]
    rows, columns = np.divmod(bests.reshape(2, m, 2)[turned, pair, mirrored], len(_SPANS))
    (left, width), (top, height) = _SPANS[columns].T, _SPANS[rows].T
    boxes = np.stack([left, top, width, height], axis=1)
    return _Tries(pair, pairs[pair, turned], pairs[pair, 1 - turned], mirrored == 1, boxes)


def _align(outer: Floats, inner: Floats, boxes: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The boxes (m, 4) moved to where the part fits best, and which of them may fit (m,)."""
    boxes, plausible = boxes.copy(), np.ones(len(boxes), bool)
    for side, steps in ((_MIDDLE, 8), (_FINE, 4)):
        on = np.flatnonzero(plausible)
        big, small = _shrink(outer[on], side), _shrink(inner[on], side).reshape(len(on), side * side)
        for _ in range(steps):
            boxes[on] = _improved(big, small, boxes[on])
        seen = _sample(big, boxes[on], side).reshape(small.shape)
        plausible[on] = (_unit(seen) * _unit(small)).sum(axis=1) >= _PLAUSIBLE
    return boxes, plausible


def _improved(outer: Floats, inner: Floats, boxes: Floats) -> Floats:
    """One step of Gauss and Newton, with the unknown contrast and brightness."""
    m, side = outer.shape[:2]
    down, right = np.gradient(outer, axis=(1, 2))
    seen = _sample(outer, boxes, side)
    dx, dy = _sample(right * side, boxes, side), _sample(down * side, boxes, side)
    along = (np.arange(side, dtype=np.float32) + 0.5) / side
    columns = (dx, dy, dx * along, dy * along[:, None], seen, np.ones_like(seen))
    slopes = np.stack([each.reshape(m, side * side) for each in columns], axis=2)
    normal = (slopes.transpose(0, 2, 1) @ slopes).astype(np.float64)  # with float32 a plain part is singular
    size = np.trace(normal, axis1=1, axis2=2)[:, None, None] / 6
    normal += np.eye(6) * (1e-4 * size + 1e-3) * np.array([1, 1, 1, 1, 1e-4, 1e-4])
    solved = np.linalg.solve(normal, slopes.transpose(0, 2, 1) @ inner[:, :, None])[:, :, 0]
    contrast = solved[:, 4:5]
    moves = np.where(contrast > 0.2, solved[:, :4] / np.maximum(contrast, 0.2), 0)  # noqa: PLR2004
    result: Floats = (boxes + np.clip(moves, -0.05, 0.05)).astype(np.float32)
    result[:, 2:] = result[:, 2:].clip(0.55, 1.1)
    result[:, :2] = result[:, :2].clip(-0.1, 0.45)
    return result


def _sample(pictures: Floats, boxes: Floats, side: int) -> Floats:
    """The boxes (m, 4) of pictures (m, size, size) as (m, side, side), by bilinear interpolation."""
    size = pictures.shape[1]
    middle = (np.arange(side, dtype=np.float32) + 0.5) / side
    x = np.clip((boxes[:, 0:1] + boxes[:, 2:3] * middle) * size - 0.5, 0, size - 1.001)
    y = np.clip((boxes[:, 1:2] + boxes[:, 3:4] * middle) * size - 0.5, 0, size - 1.001)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, low = (x - left)[:, None, :].astype(np.float32), (y - top)[:, :, None].astype(np.float32)
    which = np.arange(len(pictures))[:, None, None]

    def line(down: int) -> Floats:
        rows = (top + down)[:, :, None]
        mixed: Floats = (
            pictures[which, rows, left[:, None, :]] * (1 - right)
            + pictures[which, rows, left[:, None, :] + 1] * right
        )
        return mixed

    result: Floats = line(0) * (1 - low) + line(1) * low
    return result


def _agree(outer: Floats, inner: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Whether the parts and the inner pictures have the same details everywhere (m,)."""
    if not len(boxes):
        return np.empty(0, bool)
    of_all, least, detailed = _agreement(outer, inner, boxes)
    result: NDArray[np.bool_] = (of_all >= _AGREES) & (least >= _EVERYWHERE) & (detailed >= _DETAILED)
    return result


def _agreement(outer: Floats, inner: Floats, boxes: Floats) -> tuple[Floats, Floats, Ints]:
    """The correlation of details, the least one of a block, and how many blocks have any, each (m,)."""
    both = np.stack([_shrink(_sample(outer, boxes, SIDE), _FINE), _shrink(inner, _FINE)])
    details = both - gaussian_filter(both, (0, 0, _SMOOTH, _SMOOTH))
    length = _FINE // _BLOCKS
    blocks = details.reshape(2, -1, _BLOCKS, length, _BLOCKS, length).transpose(0, 1, 2, 4, 3, 5)
    one, other = blocks.reshape(2, len(boxes), _BLOCKS**2, length**2)
    product, ones, others = (one * other).sum(2), (one**2).sum(2), (other**2).sum(2)
    of_all = product.sum(1) / np.maximum(np.sqrt(ones.sum(1) * others.sum(1)), 1e-3)
    energy = np.sqrt(ones * others)
    noise = 0.1 * energy.mean(axis=1, keepdims=True) + _NOISE
    of_each = (product + noise) / (energy + noise)
    return of_all, of_each.min(axis=1), (energy > noise).sum(axis=1)
