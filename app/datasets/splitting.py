"""A seeded, stratified validation part for sources without one (pure).

It depends only on the contents, not on names or order: copies of one image are in the same part whatever
their labels, and an export that is imported again is split the same way.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable

VALID_SHARE = 0.2


def choose_valid(samples: Iterable[tuple[str, int]], *, seed: int) -> set[str]:
    """The contents of the validation part, from (sha256, label) of every sample: 20 % of each class.

    A class with two or more samples gets at least one. Contents are chosen in the order of their hash with
    the seed, as long as none of their classes gets more than its share.
    """
    labels: dict[str, Counter[int]] = defaultdict(Counter)  # of each content
    for sha256, label in samples:
        labels[sha256][label] += 1
    sizes: Counter[int] = sum(labels.values(), Counter())
    room = {label: max(1, round(VALID_SHARE * size)) if size > 1 else 0 for label, size in sizes.items()}
    chosen = set()
    for sha256 in sorted(labels, key=lambda sha256: _lot(sha256, seed)):
        if all(count <= room[label] for label, count in labels[sha256].items()):
            chosen.add(sha256)
            for label, count in labels[sha256].items():
                room[label] -= count
    return chosen


def falls_in_valid(sha256: str, *, seed: int) -> bool:
    """Whether a content imported later belongs to the validation part: true for 20 % of all contents."""
    return int.from_bytes(_lot(sha256, seed)[:8]) < VALID_SHARE * 2**64


def _lot(sha256: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
