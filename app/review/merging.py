"""Merges, retires and restores classes: what that changes is counted before, and undone as one.

A merge writes a decision of the person for every sample that the class is in: as the given label, or in an
answer, also an undone one. The fold (`fold.py`) then takes the class for the other one in all that was said
before, so answers of people keep their weight, and undoing an answer never leads back to the merged class. A
merge says nothing about an image: one that nobody reviewed stays unreviewed, and its given label moves along.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, insert, select, union
from sqlalchemy.orm import Session

from app.datasets.catalog import answer_position, lock_out_decisions
from app.datasets.classes import (
    UNDO,
    last_change,
    log_change,
    restore_row,
    retire_row,
)
from app.datasets.models import ClassChange, DatasetVersion, LabelClass, Sample
from app.db.types import now
from app.errors import Conflict, NotFound
from app.review import claims, desk, issues
from app.review.log import not_undone
from app.review.models import BulkAction, Decision, SampleReview
from app.review.policy import WAITS
from app.review.standing import label_now, move_given_labels, refold
from app.training.models import Run

MERGE, ORIGIN = "merge", "classes"
_AT_ONCE = 5_000  # samples per statement


@dataclass(frozen=True)
class Preview:
    """What uses a class."""

    name: str
    given: int  # samples that came with it
    samples: int  # samples that have it now
    answers: int  # answers that name it and were not undone
    waiting: int  # of these, answers about samples that wait for another look
    versions: int  # that have samples in it or know it; they stay as they are
    runs: int  # whose network has an output for it; they stay as they are

    @property
    def words(self) -> tuple[str, ...]:
        """The counts in sentences."""
        images = _plural(self.samples, "image has", "images have")
        came = _plural(self.given, "image came", "images came")
        answers = _plural(self.answers, "answer names", "answers name")
        versions = _plural(self.versions, "version", "versions")
        runs = _plural(self.runs, "model", "models")
        return (
            f"{images} the label “{self.name}” now; {came} with it; {answers} it.",
            f"{versions} and {runs} know the class; they keep its name and stay as they are.",
        )


def preview(session: Session, *, dataset_id: int, row: LabelClass, since: datetime | None = None) -> Preview:
    """Count what uses a class; of the answers those from a moment on."""
    mine = (Sample.dataset_id == dataset_id,)
    given = select(func.count()).select_from(Sample).where(*mine, Sample.given_label == row.position)
    now_has = (
        select(func.count())
        .select_from(Sample)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(*mine, label_now() == row.position)
    )
    answers = (
        select(func.count())
        .select_from(Decision)
        .where(
            Decision.dataset_id == dataset_id,
            Decision.label == row.position,
            Decision.moved_from.is_(None),
            not_undone(),
            *(() if since is None else (Decision.created_at >= since,)),
        )
    )
    waiting = answers.where(exists().where(SampleReview.sample_id == Decision.sample_id, WAITS))
    known = [
        version_id
        for version_id, classes in session.execute(
            select(DatasetVersion.id, DatasetVersion.classes).where(DatasetVersion.dataset_id == dataset_id)
        )
        if len(classes) > row.position
    ]
    runs = select(func.count()).select_from(Run).where(Run.version_id.in_(known))
    count = session.scalar
    return Preview(
        row.name,
        given=count(given) or 0,
        samples=count(now_has) or 0,
        answers=count(answers) or 0,
        waiting=count(waiting) or 0,
        versions=len(known),
        runs=count(runs) or 0,
    )


def check_apart(row: LabelClass, into: LabelClass) -> None:
    """Raises Conflict if a class would be merged into itself."""
    if row.position == into.position:
        raise merged_into_itself(row.name)


def merged_into_itself(name: str) -> Conflict:
    """The refusal of a merge of a class with itself."""
    return Conflict(f"“{name}” cannot be merged into itself; choose another class.")


def merge_classes(session: Session, row: LabelClass, into: LabelClass, *, user_id: int) -> int:
    """Merge a class into another one; return how many samples got a decision.

    Raises Conflict if they are the same or one of them takes no answers.
    """
    dataset_id = row.dataset_id
    lock_out_decisions(session, dataset_id=dataset_id)
    for each in (row, into):
        session.refresh(each)
        answer_position(session, dataset_id=dataset_id, name=each.name)
    check_apart(row, into)
    ids = _touched(session, dataset_id, row.position)
    client_id, moment = str(uuid.uuid4()), now()
    action = BulkAction(
        dataset_id=dataset_id,
        user_id=user_id,
        verdict=MERGE,
        label=into.position,
        samples=len(ids),
        selection="",
        client_id=client_id,
    )
    session.add(action)
    session.flush()
    for part in _parts(ids):
        rows = [
            {
                "dataset_id": dataset_id,
                "sample_id": sample_id,
                "user_id": user_id,
                "verdict": "relabel",
                "label": into.position,
                "moved_from": row.position,
                "client_id": f"{client_id}:{sample_id}",
                "created_at": moment,
                "origin": ORIGIN,
                "bulk_id": action.id,
            }
            for sample_id in part
        ]
        session.connection().execute(insert(Decision), rows)
        claims.release_cards(session, part)
    retire_row(session, row, into=into, action_id=action.id, user_id=user_id)
    session.flush()
    desk.clear(session)  # the classes of before are remembered too
    move_given_labels(session, ids)
    refold(session, ids)
    issues.close_merged(session, dataset_id=dataset_id)
    desk.clear(session)
    return len(ids)


def retire_class(session: Session, row: LabelClass, *, user_id: int | None) -> None:
    """Retire a class that no sample has: it takes no answers any more.

    Raises Conflict if a sample has it, an answer that waits names it, or it is retired.
    """
    lock_out_decisions(session, dataset_id=row.dataset_id)
    session.refresh(row)
    answer_position(session, dataset_id=row.dataset_id, name=row.name)
    found = preview(session, dataset_id=row.dataset_id, row=row)
    if found.samples or found.waiting:
        if found.samples:
            what = _plural(found.samples, "image has", "images have") + " this label"
            first = "relabel these images first"
        else:
            what = f"answers that wait for another look name it ({found.waiting:,})"
            first = "settle these answers first"
        raise Conflict(f"“{row.name}” cannot be retired: {what}. Merge it into another class, or {first}.")
    retire_row(session, row, into=None, action_id=None, user_id=user_id)
    desk.clear(session)


def undo_change(session: Session, *, dataset_id: int, change_id: int, user_id: int) -> ClassChange:
    """Undo a change of the classes; return it. Only the newest one can be undone, so that all fit together.

    Raises NotFound, and Conflict if a newer change stands, the change was undone, or an added class is used.
    """
    lock_out_decisions(session, dataset_id=dataset_id)
    change = session.get(ClassChange, change_id)
    if change is None or change.dataset_id != dataset_id or change.kind == UNDO:
        raise NotFound(f"There is no change {change_id} of these classes; the list of changes shows all.")
    last = last_change(session, dataset_id=dataset_id)
    if last is None or last.id != change.id:
        undone = session.scalar(select(ClassChange.id).where(ClassChange.undoes_id == change.id))
        raise Conflict(
            "This change was undone already."
            if undone
            else "A newer change of the classes stands; undo that one first."
        )
    row = session.get_one(LabelClass, (dataset_id, change.position))
    if change.kind == "add":
        # A class that was there before has answers of then: what took it away went over them.
        found = preview(session, dataset_id=dataset_id, row=row, since=change.created_at)
        if found.samples or found.answers:
            raise Conflict(
                f"“{row.name}” is used by now, by {_plural(found.samples, 'image', 'images')} and "
                f"{_plural(found.answers, 'answer', 'answers')}; merge it into another class instead."
            )
    restore_row(session, change)
    session.flush()
    desk.clear(session)  # the classes of before are remembered too
    if change.action_id is not None:
        _undo_merge(session, change, user_id=user_id)
        issues.open_unmerged(session, dataset_id=dataset_id)
    log_change(
        session,
        row,
        kind=UNDO,
        before=change.kind,
        after="",
        was={},
        user_id=user_id,
        undoes_id=change.id,
    )
    desk.clear(session)
    return change


def _undo_merge(session: Session, change: ClassChange, *, user_id: int) -> None:
    action = session.get_one(BulkAction, change.action_id)
    rows = session.execute(
        select(Decision.id, Decision.sample_id)
        .where(Decision.bulk_id == action.id, not_undone())
        .order_by(Decision.sample_id)
    ).all()
    client_id, moment = str(uuid.uuid4()), now()
    undoing = BulkAction(
        dataset_id=action.dataset_id,
        user_id=user_id,
        verdict=UNDO,
        label=None,
        undoes_id=action.id,
        samples=len(rows),
        selection="",
        client_id=client_id,
    )
    session.add(undoing)
    session.flush()
    decisions = [
        {
            "dataset_id": action.dataset_id,
            "sample_id": row.sample_id,
            "user_id": user_id,
            "verdict": UNDO,
            "label": None,
            "undoes_id": row.id,
            "client_id": f"{client_id}:{row.sample_id}",
            "created_at": moment,
            "origin": ORIGIN,
            "bulk_id": undoing.id,
        }
        for row in rows
    ]
    if decisions:
        session.connection().execute(insert(Decision), decisions)
    ids = [row.sample_id for row in rows]
    for part in _parts(ids):
        claims.release_cards(session, part)  # they show the class of before
    move_given_labels(session, ids)
    refold(session, ids)


def _touched(session: Session, dataset_id: int, position: int) -> list[int]:
    """The samples that came with a class or have an answer that names it, by id."""
    came = select(Sample.id).where(Sample.dataset_id == dataset_id, Sample.given_label == position)
    named = select(Decision.sample_id).where(Decision.dataset_id == dataset_id, Decision.label == position)
    return sorted(session.scalars(union(came, named)))


def _parts(sample_ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(sample_ids), _AT_ONCE):
        yield sample_ids[start : start + _AT_ONCE]


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
