"""Which samples the gold part is: drawn at random from the hold-out, on whose blind labels the headline figures are counted."""

import hashlib
import json
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, bindparam, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.datasets.models import GoldMember, GoldPart
from app.db.memory import remember

HOLD_OUT = "valid"  # the split that it is drawn from

# Asked with every decision, so they are built once.
_PART = select(GoldPart).where(GoldPart.dataset_id == bindparam("dataset"))
_IDS = (
    select(GoldMember.sample_id)
    .where(GoldMember.dataset_id == bindparam("dataset"))
    .order_by(GoldMember.sample_id)
)


def get_gold_part(session: Session, *, dataset_id: int) -> GoldPart | None:
    """The data set's gold part; none before it is drawn."""
    return remember(
        session, (get_gold_part, dataset_id), lambda: session.scalar(_PART, {"dataset": dataset_id})
    )


def gold_ids(session: Session, *, dataset_id: int) -> NDArray[np.int64]:
    """The members of the gold part, ascending; empty where there is none."""
    return np.array(session.scalars(_IDS, {"dataset": dataset_id}).all(), dtype=np.int64)


def is_gold(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether a sample belongs to a gold part."""
    return exists().where(GoldMember.sample_id == sample_id)


def choose_gold(contents: Iterable[tuple[int, str, str]], *, size: int, seed: int) -> list[int]:
    """Of (id, path, sha256) of the hold-out the ids of `size` samples, by a lot of path and content: each is as likely. Pure.

    Neither the order nor the database decides, so the same seed draws the same images from an import elsewhere, and a
    larger size draws these and more.
    """
    lots = sorted(
        (hashlib.sha256(json.dumps((seed, path, sha256)).encode()).digest(), sample)
        for sample, path, sha256 in contents
    )
    return sorted(sample for _, sample in lots[:size])


def gold_digest(contents: Iterable[tuple[str, str]]) -> str:
    """The sha256, as 64 hex digits, of the members' (path, sha256), in any order. Pure."""
    digest = hashlib.sha256()
    for member in sorted(contents):
        digest.update(json.dumps(member).encode())
    return digest.hexdigest()
