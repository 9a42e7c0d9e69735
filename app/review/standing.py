"""Keep the state of samples up to date after decisions: `SampleReview`, open issues and claims."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Executable,
    bindparam,
    case,
    delete,
    select,
    union,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.catalog import each_sample, lock_out_decisions
from app.datasets.gold import get_gold_part
from app.datasets.models import GoldPart, Sample, VersionLabel
from app.db.compiled import Prepared, PreparedOf
from app.errors import Invalid
from app.review import claims, desk, issues
from app.review.desk import Change
from app.review.fold import (
    CHANGES,
    MOST_ANNOTATORS,
    UNDO,
    WHICH,
    WHO,
    LogEntry,
    Policy,
    State,
    fold,
    given_after,
    gold_fold,
    is_drawn,
)
from app.review.log import Logged, entry_of, log_of, not_undone
from app.review.models import Decision, ReviewPolicy, SampleReview
from app.review.policy import get_policy

_MOST = 5_000  # samples per statement

# Every decision runs these, so they are compiled once: compiling takes longer than running.
_FORGET = PreparedOf(SampleReview.sample_id, lambda these: delete(SampleReview).where(these))
_BEFORE = PreparedOf(
    SampleReview.sample_id,
    lambda these: select(
        SampleReview.sample_id,
        SampleReview.dataset_id,
        SampleReview.verdict,
        SampleReview.user_id,
        SampleReview.in_bulk,
        SampleReview.waits,
    ).where(these),
)


def _keep(dialect: str) -> Executable:
    names = [column.name for column in SampleReview.__table__.columns]
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    values = insert(SampleReview.__table__).values({name: bindparam(name) for name in names})
    kept: Executable = values.on_conflict_do_update(
        index_elements=["sample_id"], set_={name: values.excluded[name] for name in names[1:]}
    )
    return kept


_KEEP = Prepared(_keep)


@dataclass(frozen=True)
class PolicyEffect:
    """What a change of the policy did to earlier answers; counts of images."""

    taken_back: int  # accepted corrections that wait again, at the given label
    asked_again: int  # accepted labels that were kept, and wait again
    accepted: int  # corrections that waited and hold now
    settled: int  # given labels that waited and hold now
    moved: int  # settled before and after, but as something else

    @property
    def is_none(self) -> bool:
        """Whether nothing has changed."""
        return not any((self.taken_back, self.asked_again, self.accepted, self.settled, self.moved))


def refold(session: Session, sample_ids: Sequence[int]) -> Change:
    """Fold the decisions on these samples again. The caller holds the lock that keeps out other decisions."""
    change = Change()
    for start in range(0, len(sample_ids), _MOST):
        part = sample_ids[start : start + _MOST]
        change += _refold(session, part, before=_BEFORE.rows(session, part), logged=None)
    return change


def refold_after(session: Session, decision: Logged, *, is_merged: bool = False) -> Change:
    """Fold again after one new decision; its annotator no longer holds the card.

    `is_merged`: whether the class of the given label was merged, so that the log has these merges.
    """
    before = _BEFORE.rows(session, [decision.sample_id])
    # Without a state no earlier decision counts, so this is the only one; the gold part may have uncounted
    # ones.
    is_first = not (before or decision.gold or is_merged)
    change = _refold(session, [decision.sample_id], before=before, logged=[decision] if is_first else None)
    if decision.sample_id in change.released:
        return change
    return change + claims.give_back(session, sample_id=decision.sample_id, user_id=decision.user_id)


def states(
    session: Session, sample_ids: Sequence[int], *, logged: Iterable[Any] | None = None
) -> dict[int, tuple[State, Any]]:
    """The states of these samples, each with the row of its counting decision; only samples with a state.

    The decisions come from `logged`, or else from the database.
    """
    logs: defaultdict[int, dict[int, Any]] = defaultdict(dict)
    for row in log_of(session, sample_ids) if logged is None else logged:
        logs[row.sample_id][row.id] = row
    found, rules = {}, {}
    for sample_id, log in logs.items():
        sample = next(iter(log.values()))
        if sample.dataset_id not in rules:
            rules[sample.dataset_id] = (
                get_policy(session, dataset_id=sample.dataset_id),
                get_gold_part(session, dataset_id=sample.dataset_id),
            )
        policy, part = rules[sample.dataset_id]
        if sample.gold and part:
            state = gold_fold(_counted(log.values(), part), given_label=sample.given_label, looks=part.looks)
        else:
            state = fold(
                map(entry_of, log.values()),
                given_label=sample.given_label,
                policy=policy,
                drawn=is_drawn(sample.sha256, share=policy.share),
            )
        if state is not None:
            found[sample_id] = state, log[state.decision]
    return found


def _counted(log: Iterable[Any], part: GoldPart) -> list[LogEntry]:
    """Decisions on an image of the gold part, without adjudications before the draw, which were not blind."""
    return [
        entry_of(row)
        for row in log
        if row.origin != "adjudication" or row.verdict == UNDO or row.created_at >= part.drawn_at
    ]


def label_now() -> ColumnElement[int | None]:
    """A sample's current label in a query that outer-joins `SampleReview`.

    Without a row it is the given label, in the classes of now; null means deleted.
    """
    return case((SampleReview.sample_id.is_(None), Sample.given_now), else_=SampleReview.label)


def may_differ(session: Session, *, dataset_id: int, version_id: int) -> CompoundSelect[int]:
    """The ids of the samples whose label now may be another one than the version's.

    All others have neither an answer, now or in the version, nor a given class that was merged: far more
    samples, of which a query then reads nothing.
    """
    return union(
        select(SampleReview.sample_id).where(SampleReview.dataset_id == dataset_id),
        select(VersionLabel.sample_id).where(VersionLabel.version_id == version_id),
        select(Sample.id).where(
            each_sample(session, dataset_id=dataset_id), Sample.given_now != Sample.given_label
        ),
    )


def move_given_labels(session: Session, sample_ids: Sequence[int]) -> None:
    """Set `Sample.given_now` of these samples by the merges that stand. The caller holds the lock."""
    for start in range(0, len(sample_ids), _MOST):
        part = sample_ids[start : start + _MOST]
        rows = session.execute(
            select(Sample.id, Sample.given_label, Sample.given_now).where(Sample.id.in_(part))
        )
        merges: defaultdict[int, list[LogEntry]] = defaultdict(list)
        for row in session.execute(
            select(Decision.id, Decision.sample_id, Decision.verdict, Decision.label, Decision.moved_from)
            .where(Decision.sample_id.in_(part), Decision.moved_from.is_not(None), not_undone())
            .order_by(Decision.id)
        ):
            merges[row.sample_id].append(LogEntry(row.id, row.verdict, row.label, moved_from=row.moved_from))
        moved: defaultdict[int, list[int]] = defaultdict(list)
        for sample_id, given, known in rows.all():
            label, _ = given_after(merges[sample_id], given_label=given)
            if label != known:
                moved[label].append(sample_id)
        for label, ids in moved.items():
            session.execute(update(Sample).where(Sample.id.in_(ids)).values(given_now=label))


def set_policy(session: Session, *, dataset_id: int, policy: Policy) -> PolicyEffect:
    """Set the policy of second opinions and fold all earlier decisions again. Raises Invalid.

    Returns what that changed; a caller who does not want it rolls the transaction back.
    """
    if not 1 <= policy.annotators <= MOST_ANNOTATORS:
        raise Invalid(f"1 to {MOST_ANNOTATORS} annotators can look at one image.")
    if policy.which not in WHICH or policy.who not in WHO:
        raise Invalid(f"Choose which of {', '.join(WHICH)}, and who of {', '.join(WHO)}.")
    if not 0 <= policy.share <= 1:
        raise Invalid("The share is a number from 0 (no image) to 1 (every image).")
    # no decision may be folded by the old policy
    lock_out_decisions(session, dataset_id=dataset_id)
    session.merge(
        ReviewPolicy(
            dataset_id=dataset_id,
            annotators=policy.annotators,
            which=policy.which,
            share=policy.share,
            who=policy.who,
        )
    )
    session.flush()
    desk.clear(session)  # the old policy is remembered too, and the fold below asks for the policy
    before = _held(session, dataset_id)
    desk.apply(session, refold(session, list(before)))
    return _effect(before, _held(session, dataset_id))


def _held(session: Session, dataset_id: int) -> dict[int, tuple[str, int | None, bool]]:
    """Verdict, label and whether it waits, by sample id."""
    rows = session.execute(
        select(SampleReview.sample_id, SampleReview.verdict, SampleReview.label, SampleReview.waits).where(
            SampleReview.dataset_id == dataset_id
        )
    )
    return {sample_id: (verdict, label, bool(waits)) for sample_id, verdict, label, waits in rows}


def _effect(
    before: dict[int, tuple[str, int | None, bool]], after: dict[int, tuple[str, int | None, bool]]
) -> PolicyEffect:
    counts: Counter[str] = Counter()
    for sample_id, (verdict, label, waited) in before.items():
        if sample_id not in after:  # no answer counts any more
            counts["taken_back" if verdict in CHANGES else "asked_again"] += 1
            continue
        verdict_now, label_now, waits = after[sample_id]
        if waits and not waited:
            counts["taken_back" if verdict in CHANGES else "asked_again"] += 1
        elif waited and not waits:
            counts["accepted" if verdict_now in CHANGES else "settled"] += 1
        elif not waits and (verdict, label) != (verdict_now, label_now):
            counts["moved"] += 1
    return PolicyEffect(
        *(counts[name] for name in ("taken_back", "asked_again", "accepted", "settled", "moved"))
    )


def _refold(
    session: Session, sample_ids: Sequence[int], *, before: Sequence[Any], logged: Iterable[Any] | None
) -> Change:
    found = states(session, sample_ids, logged=logged)
    kept = [
        {
            "sample_id": sample_id,
            "dataset_id": decision.dataset_id,
            "verdict": state.verdict,
            "label": state.label,
            "decision_id": decision.id,
            "user_id": decision.user_id,
            "reviews": state.reviews,
            "decided_at": decision.created_at,
            "waits": state.waits,
            "in_bulk": state.in_bulk,
        }
        for sample_id, (state, decision) in found.items()
    ]
    if kept:
        _KEEP.many(session, kept)
    if forgotten := [sample_id for sample_id in sample_ids if sample_id not in found]:
        _FORGET.rows(session, forgotten)
    opened = tuple(sample_id for sample_id in sample_ids if sample_id not in found)
    closed = issues.close(session, list(found))
    issues.open_again(session, opened)
    # A card is shown blind or not. When that changes, or no more answers are needed, its claims are released.
    waited = {row.sample_id for row in before if row.waits}
    waits = {sample_id for sample_id, (state, _) in found.items() if state.waits}
    released = (found.keys() - waits) | (waited ^ waits)
    change = Change(before=tuple(before), after=tuple(found.values()), closed=closed, opened=opened)
    return change + claims.delete_claims(session, sorted(released))
