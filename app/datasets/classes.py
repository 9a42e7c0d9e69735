"""The classes of a data set change: added, renamed, retired. Positions never change and are never used again.

A version keeps the class names that it was frozen with, so versions and runs of before stay as they were.
"""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from app.accounts.models import User
from app.datasets.catalog import answer_position, class_position, classes_of, lock_out_decisions
from app.datasets.coverage import listed
from app.datasets.models import ClassChange, LabelClass
from app.datasets.naming import is_blank, leads_away, printable
from app.db.types import now
from app.errors import Conflict, Invalid, NotFound
from app.spelling import places_of, tidy

LONGEST = 200  # characters of a name
UNDO = "undo"
_KEPT = ("name", "former_names", "retired_at", "merged_into")  # what an undo restores


@dataclass(frozen=True)
class PastChange:
    """A change of the classes, for people."""

    id: int
    kind: str
    before: str
    after: str
    by: str
    created_at: datetime
    is_undone: bool

    @property
    def words(self) -> str:
        """What was done, as a clause."""
        return {
            "add": f"added “{self.after}”",
            "rename": f"renamed “{self.before}” to “{self.after}”",
            "merge": f"merged “{self.before}” into “{self.after}”",
            "retire": f"retired “{self.before}”",
        }.get(self.kind, self.kind)


def check_class_name(name: str) -> str:
    """The name as it is stored. Raises Invalid if it cannot be the name of a class."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise Invalid(f"“{printable(name)}” cannot be the name of a class: it has a control character in it.")
    stored = tidy(name)
    if not stored or is_blank(stored):
        raise Invalid("A class needs a name with characters that can be seen.")
    if leads_away(stored):
        raise Invalid(
            f"“{stored}” cannot be the name of a class: in an address dots alone mean the folder above; use "
            "letters or digits too."
        )
    if len(stored) > LONGEST:
        raise Invalid(f"A class name has at most {LONGEST} characters; this one has {len(stored)}.")
    return stored


def get_class(session: Session, *, dataset_id: int, name: str) -> LabelClass:
    """The class with this name, in any spelling. Raises NotFound."""
    try:
        position = class_position(session, dataset_id=dataset_id, name=name)
    except Invalid as error:
        raise NotFound(str(error)) from error
    return session.get_one(LabelClass, (dataset_id, position))


def add_class(session: Session, *, dataset_id: int, name: str, user_id: int | None) -> LabelClass:
    """Add a class without samples; one that is retired takes answers again.

    Raises Invalid for a name that cannot be, Conflict if there is the class.
    """
    lock_out_decisions(session, dataset_id=dataset_id)
    stored = check_class_name(name)
    classes = classes_of(session, dataset_id=dataset_id)
    found = [p for p in places_of(stored, classes.names) if classes.takes_answers[p]]
    if found:
        raise Conflict(f"There is the class “{classes.names[found[0]]}” already; choose another name.")
    again = places_of(stored, classes.names)
    if again:
        row = session.get_one(LabelClass, (dataset_id, again[0]))
        was = _columns(row)
        row.retired_at = row.merged_into = None
    else:
        row = LabelClass(dataset_id=dataset_id, position=len(classes.names), name=stored)
        session.add(row)
        was = {"retired_at": now().isoformat(), "name": stored, "former_names": [], "merged_into": None}
    log_change(session, row, kind="add", before="", after=row.name, was=was, user_id=user_id)
    return row


def rename_class(session: Session, row: LabelClass, *, name: str, user_id: int | None) -> None:
    """Give a class another name. Versions keep the old one, and so do the folders of the source.

    Raises Invalid, and Conflict if another class has the name or if this class is retired.
    """
    lock_out_decisions(session, dataset_id=row.dataset_id)
    stored = check_class_name(name)
    answer_position(session, dataset_id=row.dataset_id, name=row.name)
    if stored == row.name:
        raise Conflict(f"The class is named “{row.name}” already.")
    classes = classes_of(session, dataset_id=row.dataset_id)
    others = [place for place in places_of(stored, classes.names) if place != row.position]
    if others:
        other = others[0]
        is_open = classes.takes_answers[other]
        hint = (
            f"merge “{row.name}” into it, or choose another name"
            if is_open
            else "which is retired; choose another name"
        )
        raise Conflict(f"There is the class “{classes.names[other]}” already; {hint}.")
    was = _columns(row)
    row.former_names = [*(each for each in row.former_names if each != stored), row.name]
    row.name = stored
    log_change(session, row, kind="rename", before=was["name"], after=stored, was=was, user_id=user_id)


def retire_row(
    session: Session,
    row: LabelClass,
    *,
    into: LabelClass | None,
    action_id: int | None,
    user_id: int | None,
) -> None:
    """Let a class take no answers any more; `into` has its samples."""
    was = _columns(row)
    row.retired_at, row.merged_into = now(), into.position if into else None
    log_change(
        session,
        row,
        kind="merge" if into else "retire",
        before=row.name,
        after=into.name if into else "",
        was=was,
        action_id=action_id,
        user_id=user_id,
    )


def log_change(
    session: Session,
    row: LabelClass,
    *,
    kind: str,
    before: str,
    after: str,
    was: Mapping[str, Any],
    user_id: int | None,
    action_id: int | None = None,
    undoes_id: int | None = None,
) -> ClassChange:
    """Add a row to the log of changes."""
    change = ClassChange(
        dataset_id=row.dataset_id,
        user_id=user_id,
        kind=kind,
        position=row.position,
        before=before,
        after=after,
        was=dict(was),
        action_id=action_id,
        undoes_id=undoes_id,
    )
    session.add(change)
    session.flush()
    return change


def restore_row(session: Session, change: ClassChange) -> LabelClass:
    """Give a class the columns that it had before a change.

    A class that was added under its old name since then, and is retired again by an undo, makes room for it.
    """
    row = session.get_one(LabelClass, (change.dataset_id, change.position))
    was = change.was
    same = (LabelClass.dataset_id == row.dataset_id, LabelClass.name == was["name"])
    holder = session.scalar(select(LabelClass).where(*same, LabelClass.position != row.position))
    if holder is not None:
        holder.name = f"{holder.name} (class {holder.position}, retired)"
        session.flush()
    retired_at = was["retired_at"]
    row.name, row.former_names, row.merged_into = was["name"], was["former_names"], was["merged_into"]
    row.retired_at = datetime.fromisoformat(retired_at) if retired_at else None
    session.flush()
    return row


def last_change(session: Session, *, dataset_id: int) -> ClassChange | None:
    """The newest change that was not undone: the one that can be undone now."""
    undoing = aliased(ClassChange)
    return session.scalar(
        select(ClassChange)
        .outerjoin(undoing, undoing.undoes_id == ClassChange.id)
        .where(ClassChange.dataset_id == dataset_id, ClassChange.kind != UNDO, undoing.id.is_(None))
        .order_by(ClassChange.id.desc())
        .limit(1)
    )


def past_changes(session: Session, *, dataset_id: int, limit: int = 100) -> list[PastChange]:
    """The changes, the newest first; an undo shows at the change that it undoes."""
    undoing = aliased(ClassChange)
    rows = session.execute(
        select(ClassChange, undoing.id, User.name)
        .outerjoin(undoing, undoing.undoes_id == ClassChange.id)
        .outerjoin(User, User.id == ClassChange.user_id)
        .where(ClassChange.dataset_id == dataset_id, ClassChange.kind != UNDO)
        .order_by(ClassChange.id.desc())
        .limit(limit)
    )
    return [
        PastChange(
            each.id,
            each.kind,
            each.before,
            each.after,
            by or "the shell",
            each.created_at,
            undone is not None,
        )
        for each, undone, by in rows
    ]


def former_names(session: Session, *, dataset_id: int) -> dict[str, str]:
    """The name now, by each former name that is no name now: what folders of the source may be named."""
    rows = session.execute(
        select(LabelClass.name, LabelClass.former_names).where(LabelClass.dataset_id == dataset_id)
    ).all()
    taken = {name for name, _ in rows}
    return {former: name for name, before in rows for former in before if former not in taken}


def positions_of_new(
    session: Session, *, dataset_id: int, positions: Mapping[str, int], names: Collection[str]
) -> tuple[dict[str, int], list[str]]:
    """Where new images of these classes go, by name, and notes for people.

    Images of a class that was merged go to the class that has its samples; a retired class is back, also one
    that another class was merged into.
    """
    classes = classes_of(session, dataset_id=dataset_id)
    found = {**positions, **{name: classes.place_now(positions[name]) for name in names}}
    moved = [name for name in sorted(names) if found[name] != positions[name]]
    places = sorted({found[name] for name in names})
    back = [position for position in places if not classes.takes_answers[position]]
    if back:
        session.execute(
            update(LabelClass)
            .where(LabelClass.dataset_id == dataset_id, LabelClass.position.in_(back))
            .values(retired_at=None)
        )
    named = [classes.names[position] for position in back]
    notes = [f"{listed(named)} had been retired; new images brought it back."] if back else []
    notes += [
        f"New images of “{name}” were put into “{classes.names[found[name]]}”, into which it was merged."
        for name in moved
    ]
    return found, notes


def _columns(row: LabelClass) -> dict[str, Any]:
    was: dict[str, Any] = {name: getattr(row, name) for name in _KEPT}
    was["retired_at"] = row.retired_at.isoformat() if row.retired_at else None
    return was
