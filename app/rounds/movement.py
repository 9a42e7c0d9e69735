"""What a new ranking changed: settled and new label issues, and corrections that the network has learnt."""

from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, and_, case, func, select
from sqlalchemy.orm import Session, aliased

from app.datasets.models import Sample, VersionLabel
from app.ranking.models import IS_ISSUE, Prediction
from app.review.log import is_answer
from app.review.models import Decision
from app.training.models import Run
from app.training.numbers import names_of_models
from app.training.runs import newest_finished

KEPT = "moved"  # of `Run.facts`


@dataclass(frozen=True)
class RelabelledAgreement:
    """Of so many relabelled samples, how many the new and the old network label the same way."""

    corrections: int = 0
    new: int = 0
    old: int = 0


@dataclass(frozen=True)
class Movement:
    """A run's ranking against the one that was reviewed before it.

    Label issues are those that nobody had decided on when the new run was asked for.
    """

    old_id: int
    old_name: str  # of its model
    new_id: int
    new_name: str
    at: datetime | None  # when the new run ended
    were_open: int  # label issues of the old ranking
    settled: int  # of these, no label issues any more
    new: int  # label issues that were none
    doubted: int  # decided samples that the new network would label otherwise
    learnt: RelabelledAgreement  # on training images
    unseen: RelabelledAgreement  # on images that no network trains on

    @property
    def still(self) -> int:
        """Label issues of both."""
        return self.were_open - self.settled


def count_issues(old: AbstractSet[int], new: AbstractSet[int], decided: AbstractSet[int]) -> dict[str, int]:
    """The counts from the ids of the old issues, the new issues and the decided samples. Pure."""
    were_open = old - decided
    return {
        "were_open": len(were_open),
        "settled": len(were_open - new),
        "new": len(new - old - decided),
        "doubted": len(new & decided),
    }


def movement_of(session: Session, *, run: Run) -> Movement | None:
    """What a run's ranking changed, stored with the run or counted; None if it is the first ranking."""
    if run.state != "finished":
        return None
    kept = run.facts.get(KEPT)
    if kept is not None:
        agreements = {name: RelabelledAgreement(**kept[name]) for name in ("learnt", "unseen")}
        names = names_of_models(session, run_ids=[kept["old_id"]])
        return Movement(
            old_name=names[kept["old_id"]],
            new_id=run.id,
            new_name=run.name,
            at=run.finished_at,
            **kept | agreements,
        )
    return count_movement(session, run=run)


def count_movement(session: Session, *, run: Run) -> Movement | None:
    """The movement, counted from both rankings and all decisions."""
    before = (
        session.get(Run, run.parent_id)
        if run.parent_id
        else newest_finished(session, dataset_id=run.dataset_id, before=run.created_at)
    )
    if before is None:
        return None
    learnt, unseen = _agreements(session, run, before)
    return Movement(
        old_id=before.id,
        old_name=before.name,
        new_id=run.id,
        new_name=run.name,
        at=run.finished_at,
        learnt=learnt,
        unseen=unseen,
        **_issues(session, run, before),
    )


def to_keep(movement: Movement) -> dict[str, Any]:
    """The form for the run's facts; stored because counting is slow and later decisions do not change it."""
    of_the_run = ("old_name", "new_id", "new_name", "at")
    return {KEPT: {name: value for name, value in asdict(movement).items() if name not in of_the_run}}


def _issues(session: Session, run: Run, before: Run) -> dict[str, int]:
    decided = select(Decision.sample_id).where(
        Decision.dataset_id == run.dataset_id,
        Decision.created_at <= run.created_at,
        is_answer(at=run.created_at),
    )
    flagged: dict[int, set[int]] = {run.id: set(), before.id: set()}
    issues = select(Prediction.run_id, Prediction.sample_id).where(Prediction.run_id.in_(flagged), IS_ISSUE)
    for run_id, sample_id in session.execute(issues):
        flagged[run_id].add(sample_id)
    return count_issues(flagged[before.id], flagged[run.id], set(session.scalars(decided)))


def _agreements(session: Session, run: Run, before: Run) -> tuple[RelabelledAgreement, RelabelledAgreement]:
    """On training images, and on the others."""
    new, old = aliased(Prediction), aliased(Prediction)
    trains = case((Sample.split == "train", 1), else_=0)
    agrees = [
        func.sum(case((said.predicted_label == VersionLabel.label, 1), else_=0), type_=Integer)
        for said in (new, old)
    ]
    rows = session.execute(
        select(trains, func.count(), *agrees)
        .select_from(VersionLabel)
        .join(Sample, Sample.id == VersionLabel.sample_id)
        .join(new, and_(new.run_id == run.id, new.sample_id == VersionLabel.sample_id))
        .outerjoin(old, and_(old.run_id == before.id, old.sample_id == VersionLabel.sample_id))
        .where(
            VersionLabel.version_id == run.version_id,
            VersionLabel.verdict == "relabel",
            VersionLabel.label != Sample.given_label,
        )
        .group_by(trains)
    )
    found = {is_train: RelabelledAgreement(n, by_new, by_old) for is_train, n, by_new, by_old in rows}
    return found.get(1, RelabelledAgreement()), found.get(0, RelabelledAgreement())
