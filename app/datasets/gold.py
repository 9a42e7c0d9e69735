"""Which samples belong to the gold part, and how they are drawn at random from the hold-out."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, bindparam, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.datasets.models import GoldMember, GoldPart, Sample
from app.db.memory import remember

HOLD_OUT = "valid"  # the split that it is drawn from

# Every decision needs these, so they are built once.
_PART = select(GoldPart).where(GoldPart.dataset_id == bindparam("dataset"))
_IDS = (
    select(GoldMember.sample_id)
    .where(GoldMember.dataset_id == bindparam("dataset"))
    .order_by(GoldMember.sample_id)
)


def get_gold_part(session: Session, *, dataset_id: int) -> GoldPart | None:
    """The data set's gold part; None before it is drawn."""
    return remember(
        session, (get_gold_part, dataset_id), lambda: session.scalar(_PART, {"dataset": dataset_id})
    )


def gold_ids(session: Session, *, dataset_id: int) -> NDArray[np.int64]:
    """The sample ids of the gold part, ascending; empty if there is none."""
    return np.array(session.scalars(_IDS, {"dataset": dataset_id}).all(), dtype=np.int64)


def is_gold(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether a sample belongs to a gold part."""
    return exists().where(GoldMember.sample_id == sample_id)


def is_visible(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether a sample may be offered, ranked and counted for people: it belongs to no gold part."""
    return ~is_gold(sample_id)


def visible_samples(*columns: Any, key: InstrumentedAttribute[int] = Sample.id) -> Select[*tuple[Any, ...]]:
    """The base of every query whose samples people get: these columns, without the gold part.

    `key` is the column with the id of the sample. A query that may find the gold part starts with `select`
    and has its reason in `tests/web/test_gold_is_hidden.py`.
    """
    return select(*columns).where(is_visible(key))


def choose_gold(contents: Iterable[tuple[int, str, str]], *, size: int, seed: int) -> list[int]:
    """Draw `size` of the hold-out's (id, path, sha256) at random, all equally likely; return ids. Pure.

    The draw depends only on the seed, paths and contents, so the same seed draws the same images in another
    installation, and a larger size draws these and more.
    """
    lots = sorted(
        (hashlib.sha256(json.dumps((seed, path, sha256)).encode()).digest(), sample)
        for sample, path, sha256 in contents
    )
    return sorted(sample for _, sample in lots[:size])


def gold_digest(contents: Iterable[tuple[str, str]]) -> str:
    """The sha256, as 64 hex digits, of the members' (path, sha256); their order does not matter. Pure."""
    digest = hashlib.sha256()
    for member in sorted(contents):
        digest.update(json.dumps(member).encode())
    return digest.hexdigest()
