"""One verdict for many samples in one transaction, and one undo for all of it.

Each sample gets its own decision, marked as a bulk one. It never outweighs a decision that a person made on
the single sample (`fold.fold`); such samples are left alone (`left_alone`, with the other reasons).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, astuple, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, insert, select
from sqlalchemy.orm import Session, aliased

from app.datasets.catalog import answer_position, class_names, classes_of, lock_dataset, refuse_archived
from app.datasets.gold import is_gold
from app.datasets.missing import is_lost
from app.datasets.models import Sample
from app.db.types import now
from app.deck.filters import Filter, matching_ids
from app.deck.left_alone import LeftAlone, count_left, nothing_left, reason
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ranking.models import Prediction
from app.review import claims, desk
from app.review.checks import MAX_CLIENT_ID
from app.review.fold import UNDO
from app.review.log import not_undone
from app.review.merging import MERGE
from app.review.models import BulkAction, Decision, SampleReview
from app.review.standing import refold
from app.training.runs import current_ranking

FROM_A_FILE = "labels"  # the verdict of an action whose labels came from a file (`corrected.py`)
VERDICTS = ("keep", "relabel", "accept", "delete")
_MOST = 5_000  # samples a statement
_USED = "This client id was used for another action; make a new one for every action. Nothing was changed."


@dataclass(frozen=True)
class Done:
    """What a bulk action did."""

    action_id: int
    verdict: str
    label: str | None  # the class's own name
    samples: int  # decisions written
    left_alone: int  # samples that got none
    why: LeftAlone | None = field(default=None, compare=False)  # none: the action was done before
    kept: int = 0  # of an accept: where the model agrees with the given label

    @property
    def words(self) -> str:
        """What became of the images."""
        return in_words(self.verdict, self.label, self.samples, self.kept)


@dataclass(frozen=True)
class PastAction:
    """A bulk action as the grid lists it."""

    action_id: int
    verdict: str
    label: str | None
    samples: int
    selection: str
    created_at: datetime
    undone: bool
    kept: int = 0  # of an accept: where the model agrees with the given label

    @property
    def words(self) -> str:
        """What became of the images."""
        return in_words(self.verdict, self.label, self.samples, self.kept)


def in_words(verdict: str, label: str | None, samples: int, kept: int) -> str:
    """What a verdict for many has done; of an accept also where the model agreed."""
    if verdict == "accept":
        changed = f"{samples - kept:,} relabelled to what the model says"
        agreed = f"{kept:,} kept, as the model agrees"
        return ", ".join([changed] * (samples > kept) + [agreed] * (kept > 0))
    done = {"keep": "kept", "delete": "deleted", FROM_A_FILE: "labelled by a file"}.get(verdict)
    return f"{samples:,} {done or f'relabelled to {label}'}"


def decide_many(
    session: Session,
    *,
    dataset_id: int,
    user_id: int,
    samples: Collection[int] | Filter,
    expected: int | None = None,
    verdict: str,
    label: str | None = None,
    client_id: str,
    selection: str = "",
) -> Done:
    """Record one verdict (keep, relabel, accept, delete) for these samples, or for all that match a filter.

    `accept` gives each sample its predicted label. The same request again, with its client id, is the same
    action and gets the same answer. Raises Invalid for nonsense, NotFound for samples elsewhere, Conflict
    when another number of samples is meant than the `expected` one, nothing is left to decide, or the client
    id was used for another request.
    """
    target = _checked(session, dataset_id, verdict=verdict, label=label, client_id=client_id)
    own_name = None if target is None else class_names(session, dataset_id=dataset_id)[target]
    lock_dataset(session, dataset_id=dataset_id)
    refuse_archived(session, dataset_id=dataset_id)
    before = session.scalar(
        select(BulkAction).where(BulkAction.user_id == user_id, BulkAction.client_id == client_id)
    )
    asked = _digest(samples, expected)
    if before is not None:
        same = (before.dataset_id, before.verdict, before.label) == (dataset_id, verdict, target)
        if not same or before.asked not in (asked, None):
            raise Conflict(_USED)
        kept = _kept(session, [before.id])[before.id]
        return Done(before.id, verdict, own_name, before.samples, before.left_alone, kept=kept)
    chosen, why = _chosen(session, dataset_id, samples, expected=expected, verdict=verdict)
    left_alone = sum(astuple(why))
    action = BulkAction(
        dataset_id=dataset_id,
        user_id=user_id,
        verdict=verdict,
        label=target,
        samples=len(chosen),
        left_alone=left_alone,
        asked=asked,
        selection=selection,
        client_id=client_id,
    )
    session.add(action)
    session.flush()
    moment = now()
    place_now = classes_of(session, dataset_id=dataset_id).place_now
    said = [
        verdict_for(verdict, place_now(row.predicted) if verdict == "accept" else target, row.given_label)
        for row in chosen
    ]
    session.connection().execute(
        insert(Decision),
        [
            each
            | {
                "dataset_id": dataset_id,
                "sample_id": row.id,
                "user_id": user_id,
                "client_id": f"{client_id}:{row.id}",
                "run_id": row.run_id,
                "rank": row.rank,
                "created_at": moment,
                "origin": "grid",
                "bulk_id": action.id,
            }
            for each, row in zip(said, chosen, strict=True)
        ],
    )
    ids = [row.id for row in chosen]
    for part in parts_of(ids):
        claims.release_cards(session, part)
    desk.apply(session, refold(session, ids))
    kept = sum(each["verdict"] == "keep" for each in said) if verdict == "accept" else 0
    return Done(action.id, verdict, own_name, len(ids), left_alone, why, kept)


def undo_many(
    session: Session, *, user_id: int, action_id: int, client_id: str, dataset_id: int | None = None
) -> Done:
    """Undo all of the annotator's own action; a second undo changes nothing.

    `dataset_id`: the action must be of this data set. Raises NotFound, Forbidden for somebody else's action,
    Conflict for an undo and for a client id that was used before.
    """
    action = session.get(BulkAction, action_id)
    if action is None or dataset_id not in (None, action.dataset_id):
        raise NotFound(f"There is no action {action_id}.")
    if action.user_id != user_id:
        raise Forbidden("Only the annotator who did this can undo it; decide anew instead.")
    if action.verdict == UNDO:
        raise Conflict("This is an undo itself; decide anew instead.")
    if action.verdict == MERGE:
        raise Conflict("This merged two classes; undo it on the page of the classes.")
    lock_dataset(session, dataset_id=action.dataset_id)
    refuse_archived(session, dataset_id=action.dataset_id)
    label = None if action.label is None else class_names(session, dataset_id=action.dataset_id)[action.label]
    before = session.scalar(select(BulkAction).where(BulkAction.undoes_id == action_id))
    if before is not None:
        return Done(before.id, UNDO, label, before.samples, 0)
    used = select(BulkAction.id).where(BulkAction.user_id == user_id, BulkAction.client_id == client_id)
    if session.scalar(used) is not None:
        raise Conflict(_USED)
    standing = (
        select(Decision.id, Decision.sample_id)
        .where(Decision.bulk_id == action_id, not_undone())
        .order_by(Decision.sample_id)
    )
    rows = session.execute(standing).all()
    undo = BulkAction(
        dataset_id=action.dataset_id,
        user_id=user_id,
        verdict=UNDO,
        label=None,
        undoes_id=action_id,
        samples=len(rows),
        selection=action.selection,
        client_id=client_id,
    )
    session.add(undo)
    session.flush()
    _lock(session, [row.sample_id for row in rows])
    moment = now()
    if rows:
        session.connection().execute(
            insert(Decision),
            [
                {
                    "dataset_id": action.dataset_id,
                    "sample_id": row.sample_id,
                    "user_id": user_id,
                    "verdict": UNDO,
                    "label": None,
                    "undoes_id": row.id,
                    "client_id": f"{client_id}:{row.sample_id}",
                    "created_at": moment,
                    "origin": "grid",
                    "bulk_id": undo.id,
                }
                for row in rows
            ],
        )
    desk.apply(session, refold(session, [row.sample_id for row in rows]))
    return Done(undo.id, UNDO, label, len(rows), 0)


def past_actions(session: Session, *, dataset_id: int, user_id: int, limit: int = 5) -> list[PastAction]:
    """The annotator's last actions, newest first."""
    names = class_names(session, dataset_id=dataset_id)
    undo = aliased(BulkAction)
    query = (
        select(BulkAction, undo.id)
        .outerjoin(undo, undo.undoes_id == BulkAction.id)
        .where(
            BulkAction.dataset_id == dataset_id,
            BulkAction.user_id == user_id,
            BulkAction.verdict.not_in((UNDO, MERGE)),
        )
        .order_by(BulkAction.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    kept = _kept(session, [each.id for each, _ in rows if each.verdict == "accept"])
    return [
        PastAction(
            each.id,
            each.verdict,
            None if each.label is None else names[each.label],
            each.samples,
            each.selection,
            each.created_at,
            undone is not None,
            kept[each.id],
        )
        for each, undone in rows
    ]


def _kept(session: Session, action_ids: list[int]) -> Counter[int]:
    """How many images of each action were kept."""
    rows = session.execute(
        select(Decision.bulk_id, func.count())
        .where(Decision.bulk_id.in_(action_ids), Decision.verdict == "keep")
        .group_by(Decision.bulk_id)
    )
    return Counter({action: count for action, count in rows if action})


def _checked(
    session: Session, dataset_id: int, *, verdict: str, label: str | None, client_id: str
) -> int | None:
    """The position of the class that a relabel moves to. Raises Invalid."""
    if verdict not in VERDICTS:
        raise Invalid(f"“{verdict}” is no verdict for many images; choose keep, relabel, accept or delete.")
    if (verdict == "relabel") != bool(label):
        raise Invalid("A relabel needs the label that the images should have; the other verdicts have none.")
    if not 0 < len(client_id) <= MAX_CLIENT_ID:
        raise Invalid(f"A client id has 1 to {MAX_CLIENT_ID} characters; a random UUID is a good one.")
    return answer_position(session, dataset_id=dataset_id, name=label) if label else None


def _digest(samples: Collection[int] | Filter, expected: int | None) -> str:
    """A digest of the samples and the expected number; order and repeated ids do not matter."""
    which = asdict(samples) if isinstance(samples, Filter) else sorted(set(samples))
    return hashlib.sha256(json.dumps([which, expected]).encode()).hexdigest()


def _chosen(
    session: Session,
    dataset_id: int,
    samples: Collection[int] | Filter,
    *,
    expected: int | None,
    verdict: str,
) -> tuple[list[Any], LeftAlone]:
    """The rows of `candidates` that get a verdict, and how many of the samples are left alone and why."""
    found = (
        matching_ids(session, dataset_id=dataset_id, which=samples)
        if isinstance(samples, Filter)
        else samples
    )
    wanted = sorted(set(found))
    if expected is not None and expected != len(wanted):
        say = "match by now" if isinstance(samples, Filter) else "are named"
        raise Conflict(
            f"{len(wanted):,} images {say}, not {expected:,}; nothing was changed. Look again, then decide."
        )
    if not wanted:
        raise Invalid("No image is selected; select some first.")
    rows = [
        row for part in parts_of(wanted) for row in session.execute(candidates(session, dataset_id, part))
    ]
    if len(rows) != len(wanted):
        raise NotFound(
            f"{len(wanted) - len(rows)} of the {len(wanted)} images are not in this data set; load the "
            "page again."
        )
    reasons = [reason(row, accept=verdict == "accept", delete=verdict == "delete") for row in rows]
    chosen = [row for row, why in zip(rows, reasons, strict=True) if not why]
    if not chosen:
        raise nothing_left(reasons, any_gold=any(row.gold for row in rows))
    return chosen, count_left(reasons)


def candidates(
    session: Session, dataset_id: int, sample_ids: list[int], *, locked: bool = True
) -> Select[*tuple[Any, ...]]:
    """These samples, perhaps locked, with their prediction and whether a person reviewed them one by one."""
    ranking = current_ranking(session, dataset_id=dataset_id)
    looked_at = and_(SampleReview.sample_id.is_not(None), ~SampleReview.in_bulk)
    query = (
        select(
            Sample.id,
            Sample.given_now.label("given_label"),
            Prediction.run_id,
            Prediction.rank,
            Prediction.predicted_label.label("predicted"),
            looked_at.label("looked_at"),
            is_gold(Sample.id).label("gold"),
            is_lost(Sample.id).label("lost"),
        )
        .outerjoin(
            Prediction,
            and_(
                Prediction.sample_id == Sample.id, Prediction.run_id == (ranking.run_id if ranking else None)
            ),
        )
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(Sample.dataset_id == dataset_id, Sample.id.in_(sample_ids))
        .order_by(Sample.id)
    )
    return query.with_for_update(of=Sample, key_share=True) if locked else query


def _lock(session: Session, sample_ids: list[int]) -> None:
    """Lock the samples, so that decisions on a sample are folded one by one; SQLite has one writer anyway."""
    for part in parts_of(sample_ids):
        session.execute(
            select(Sample.id).where(Sample.id.in_(part)).order_by(Sample.id).with_for_update(key_share=True)
        )


def verdict_for(verdict: str, label: int | None, given_label: int) -> dict[str, Any]:
    """The verdict for one sample: a relabel to its given label is a keep."""
    if verdict in ("relabel", "accept"):
        return (
            {"verdict": "keep", "label": None}
            if label == given_label
            else {"verdict": "relabel", "label": label}
        )
    return {"verdict": verdict, "label": None}


def parts_of(sample_ids: list[int]) -> Iterator[list[int]]:
    """The ids in parts for one statement each."""
    for start in range(0, len(sample_ids), _MOST):
        yield sample_ids[start : start + _MOST]
