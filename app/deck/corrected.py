"""Labels that were corrected elsewhere: what a label file would change, and the decisions that do it.

The decisions are those of the person who imports the file, one per sample whose label differs, under one bulk
action, so that one undo reverts all. They never outweigh an answer that a person gave to the single image.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.datasets.catalog import classes_of, lock_dataset, refuse_archived
from app.datasets.classes import add_class
from app.datasets.label_reading import LabelFiles
from app.datasets.labels.placing import BROKEN, WITHOUT
from app.datasets.labels.reading import ReadLabels
from app.datasets.models import Sample
from app.db.types import now
from app.deck.bulk import FROM_A_FILE, Done, candidates, parts_of, verdict_for
from app.deck.left_alone import reason
from app.errors import NotFound
from app.review import claims, desk
from app.review.log import not_undone
from app.review.models import BulkAction, Decision, SampleReview
from app.review.standing import refold
from app.spelling import folded, places_of

WORDS = {
    "change": "changes",
    "same": "has this label already",
    "waits": "was answered so before and waits for another look",
    "looked_at": "somebody decided this image alone, which counts more",
    "gold": "belongs to the checked test set, which is labelled blind",
    "lost": "its file is missing or changed",
    "deleted": "was deleted here",
    "no class": "this is no class of the data set",
    "empty": "its label is empty",
}


@dataclass(frozen=True)
class RowPlan:
    """What a row does.

    `state` is a key of WORDS; `now` is None for a deleted image, empty for one of the gold part.
    """

    sample_id: int
    path: str
    now: str | None
    new: str
    state: str

    @property
    def words(self) -> str:
        """The effect for people."""
        return WORDS[self.state]


@dataclass(frozen=True)
class LabelPlan:
    """What a label file would change, row by row."""

    file: LabelFiles
    rows: tuple[RowPlan, ...]  # by path
    unmatched: Mapping[str, str]  # rows that match no sample, and samples without one label: path → reason
    notes: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)  # rows by state

    @property
    def changes(self) -> list[RowPlan]:
        """The rows that become decisions."""
        return [row for row in self.rows if row.state == "change"]

    @property
    def unknown_classes(self) -> list[str]:
        """Labels that are no class of the data set, each in the form that most rows have."""
        return sorted(forms.most_common(1)[0][0] for forms in self._unknown())

    def _unknown(self) -> list[Counter[str]]:
        """The rows by form, of each name that is no class: `Emu` and `emu` are one."""
        forms: dict[str, Counter[str]] = defaultdict(Counter)
        for new in sorted(row.new for row in self.rows if row.state == "no class"):
            forms[folded(new)][new] += 1
        return list(forms.values())

    @property
    def forms(self) -> list[str]:
        """In sentences, which labels with several forms are one new class."""
        several = [forms for forms in self._unknown() if len(forms) > 1]
        return [
            f"{', '.join(f'“{form}”' for form in sorted(forms))} are one new class, "
            f"“{forms.most_common(1)[0][0]}”."
            for forms in several
        ]

    def words(self) -> list[str]:
        """The whole in sentences."""
        found = len(self.changes)
        lines = [*self.file.words(), f"{found:,} {'label changes' if found == 1 else 'labels change'}."]
        for state, count in self.counts.items():
            if state not in ("change", "same"):
                rows = "row changes" if count == 1 else "rows change"
                lines.append(f"{count:,} {rows} nothing: {WORDS[state]}.")
        if self.counts.get("same"):
            same = self.counts["same"]
            lines.append(f"{same:,} {'row has' if same == 1 else 'rows have'} the label already.")
        if names := self.unknown_classes:
            shown = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")  # noqa: PLR2004
            lines.append(f"Not classes of this data set: {shown}.")
        return [*lines, *self.forms, *self.notes]


def plan_labels(session: Session, *, dataset_id: int, user_id: int | None, labels: ReadLabels) -> LabelPlan:
    """What the label file would change if this person applied it."""
    file, layout = labels.file, labels.layout
    query = select(Sample.path, Sample.id, Sample.given_now).where(Sample.dataset_id == dataset_id)
    known = {path: (sample_id, given) for path, sample_id, given in session.execute(query)}
    standing = _standing(session, dataset_id)
    mine = _mine(session, dataset_id, user_id)
    classes = classes_of(session, dataset_id=dataset_id)
    names, place_now = classes.names, classes.place_now
    new_labels = {path: place.label for path, place in layout.places.items()}
    new_labels |= dict.fromkeys(layout.unlabelled, "")
    new_labels = {path: new for path, new in new_labels.items() if path in known}
    ids = [known[path][0] for path in new_labels]
    why = {
        row.id: reason(row, accept=False, delete=False)
        for part in parts_of(sorted(ids))
        for row in session.execute(candidates(session, dataset_id, part, locked=False))
    }
    rows = []
    for path in sorted(new_labels):
        sample_id, given = known[path]
        new = new_labels[path]
        stands = standing.get(sample_id, given)
        label = None if stands is None else place_now(stands)
        found = places_of(new, names) if new else []
        target = place_now(found[0]) if found else None
        target = target if target is None or classes.takes_answers[target] else None
        state = _state(label, target, why[sample_id], mine.get(sample_id, -1)) if new else "empty"
        if why[sample_id] == "gold":
            state = "gold"  # whatever its label is: nobody sees it before the blind answers
        shown = "" if state == "gold" else None if label is None else names[label]
        rows.append(RowPlan(sample_id, path, shown, new, state))
    unmatched = {
        path: reason
        for path, reason in layout.reasons.items()
        if path not in known or "several" in reason or reason.endswith(BROKEN)
    }
    counts = Counter(row.state for row in rows)
    notes = tuple(note for note in layout.notes if WITHOUT not in note)  # the file may have a part of them
    return LabelPlan(file, tuple(rows), unmatched, notes, counts)


def apply_labels(
    session: Session,
    *,
    dataset_id: int,
    user_id: int,
    labels: ReadLabels,
    add_classes: bool = False,
) -> tuple[LabelPlan, Done | None]:
    """Record the decisions of a label file; None: it changes nothing, for instance the second time.

    `add_classes` first makes the classes that do not exist. Raises Invalid.
    """
    lock_dataset(session, dataset_id=dataset_id)
    refuse_archived(session, dataset_id=dataset_id)
    plan = plan_labels(session, dataset_id=dataset_id, user_id=user_id, labels=labels)
    if add_classes and plan.unknown_classes:
        for name in plan.unknown_classes:
            add_class(session, dataset_id=dataset_id, name=name, user_id=user_id)
        session.flush()
        told = plan.forms
        plan = plan_labels(session, dataset_id=dataset_id, user_id=user_id, labels=labels)
        plan = replace(plan, notes=(*told, *plan.notes))
    changes = {row.sample_id: row for row in plan.changes}
    if not changes:
        return plan, None
    newest = session.scalar(select(BulkAction.id).order_by(BulkAction.id.desc()).limit(1)) or 0
    digest = labels.sha256
    client_id = f"labels-{digest[:16]}-{newest + 1}"
    action = BulkAction(
        dataset_id=dataset_id,
        user_id=user_id,
        verdict=FROM_A_FILE,
        label=None,
        samples=len(changes),
        left_alone=len(plan.rows) - len(changes),
        asked=digest,
        selection="",
        client_id=client_id,
    )
    session.add(action)
    session.flush()
    classes = classes_of(session, dataset_id=dataset_id)
    moment = now()
    decisions = []
    for part in parts_of(sorted(changes)):
        for row in session.execute(candidates(session, dataset_id, part)):
            target = classes.place_now(places_of(changes[row.id].new, classes.names)[0])
            decisions.append(
                verdict_for("relabel", target, row.given_label)
                | {
                    "dataset_id": dataset_id,
                    "sample_id": row.id,
                    "user_id": user_id,
                    "client_id": f"{client_id}:{row.id}",
                    "run_id": None,
                    "rank": None,
                    "created_at": moment,
                    "origin": "file",
                    "bulk_id": action.id,
                }
            )
    session.connection().execute(insert(Decision), decisions)
    for part in parts_of(sorted(changes)):
        claims.release_cards(session, part)
    desk.apply(session, refold(session, sorted(changes)))
    return plan, Done(action.id, FROM_A_FILE, None, len(changes), action.left_alone)


def newest_action(session: Session, *, dataset_id: int, user_id: int) -> int | None:
    """The person's newest action from a file that is not undone."""
    undone = select(BulkAction.undoes_id).where(BulkAction.undoes_id.is_not(None))
    return session.scalar(
        select(BulkAction.id)
        .where(
            BulkAction.dataset_id == dataset_id,
            BulkAction.user_id == user_id,
            BulkAction.verdict == FROM_A_FILE,
            BulkAction.id.not_in(undone),
        )
        .order_by(BulkAction.id.desc())
        .limit(1)
    )


def nothing_stands(name: str) -> NotFound:
    """The refusal to undo where nobody's labels from a file stand."""
    return NotFound(f"No labels from a file stand in {name}, so there is nothing to undo.")


def _state(label: int | None, target: int | None, why: str, mine: int) -> str:
    """The state of a row, from the label now, the new one, what speaks against it, and one's own answer."""
    if target is None:
        return "no class"
    if label is None:
        return "deleted"
    if label == target:
        return "same"
    if why:
        return why
    return "waits" if mine == target else "change"


def _standing(session: Session, dataset_id: int) -> dict[int, int | None]:
    """The label by the decisions, of each sample that has some; None: deleted."""
    query = select(SampleReview.sample_id, SampleReview.label).where(SampleReview.dataset_id == dataset_id)
    return dict(session.execute(query).all())


def _mine(session: Session, dataset_id: int, user_id: int | None) -> dict[int, int]:
    """The class of this person's last answer from a file, of each sample that has one which stands."""
    query = (
        select(Decision.sample_id, Decision.label)
        .where(
            Decision.dataset_id == dataset_id,
            Decision.user_id == user_id,
            Decision.origin == "file",
            Decision.label.is_not(None),
            not_undone(),
        )
        .order_by(Decision.id)
    )
    return {sample_id: label for sample_id, label in session.execute(query) if label is not None}
