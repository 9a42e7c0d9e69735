"""What a new ranking changed: label issues that are settled, new ones, and corrections that the network has taken over."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, and_, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.datasets.models import Sample, VersionLabel
from app.ranking.models import Prediction
from app.review.consensus import UNDO
from app.review.models import Decision
from app.training.models import Run
from app.training.runs import newest_finished


@dataclass(frozen=True)
class Agreement:
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
    new_id: int
    at: datetime | None  # when the new run ended
    were_open: int  # label issues of the old ranking
    settled: int  # of these, no label issues any more
    new: int  # label issues that were none
    doubted: int  # decided samples that the new network would label otherwise
    learnt: Agreement  # on training images
    unseen: Agreement  # on images that no network trains on

    @property
    def still(self) -> int:
        """Label issues of both."""
        return self.were_open - self.settled


def count_issues(rows: Iterable[tuple[bool, bool, bool, int]]) -> dict[str, int]:
    """From counts of (issue before, issue now, decided on): the movement's fields. Pure."""
    counts = dict.fromkeys(("were_open", "settled", "new", "doubted"), 0)
    for was, is_now, decided, n in rows:
        counts["were_open"] += n * (was and not decided)
        counts["settled"] += n * (was and not decided and not is_now)
        counts["new"] += n * (is_now and not was and not decided)
        counts["doubted"] += n * (is_now and decided)
    return counts


def movement_of(session: Session, *, run: Run) -> Movement | None:
    """What a finished run's ranking changed; none where nothing was ranked before it."""
    before = session.get(Run, run.parent_id) if run.parent_id else newest_finished(
        session, dataset_id=run.dataset_id, before=run.created_at
    )  # fmt: skip
    if run.state != "finished" or before is None or before.id == run.id:
        return None
    learnt, unseen = _agreements(session, run, before)
    return Movement(old_id=before.id, new_id=run.id, at=run.finished_at, learnt=learnt, unseen=unseen, **_issues(session, run, before))


def _issues(session: Session, run: Run, before: Run) -> dict[str, int]:
    new, old, undoing = aliased(Prediction), aliased(Prediction), aliased(Decision)
    decided = (
        select(Decision.sample_id)
        .where(
            Decision.dataset_id == run.dataset_id,
            Decision.verdict != UNDO,
            Decision.created_at <= run.created_at,
            ~exists().where(undoing.undoes_id == Decision.id, undoing.created_at <= run.created_at),
        )
        .distinct()
        .subquery()
    )
    was = func.coalesce(case((old.predicted_label != old.label, 1), else_=0), 0)
    flags = (was, case((new.predicted_label != new.label, 1), else_=0), case((decided.c.sample_id.is_not(None), 1), else_=0))
    rows = session.execute(
        select(*flags, func.count())
        .select_from(new)
        .outerjoin(old, and_(old.run_id == before.id, old.sample_id == new.sample_id))
        .outerjoin(decided, decided.c.sample_id == new.sample_id)
        .where(new.run_id == run.id)
        .group_by(*flags)
    )
    return count_issues((bool(was_issue), bool(is_issue), bool(is_decided), n) for was_issue, is_issue, is_decided, n in rows)


def _agreements(session: Session, run: Run, before: Run) -> tuple[Agreement, Agreement]:
    """On training images, and on the others."""
    new, old = aliased(Prediction), aliased(Prediction)
    trains = case((Sample.split == "train", 1), else_=0)
    agrees = [func.sum(case((said.predicted_label == VersionLabel.label, 1), else_=0), type_=Integer) for said in (new, old)]
    rows = session.execute(
        select(trains, func.count(), *agrees)
        .select_from(VersionLabel)
        .join(Sample, Sample.id == VersionLabel.sample_id)
        .join(new, and_(new.run_id == run.id, new.sample_id == VersionLabel.sample_id))
        .outerjoin(old, and_(old.run_id == before.id, old.sample_id == VersionLabel.sample_id))
        .where(VersionLabel.version_id == run.version_id, VersionLabel.label != Sample.given_label)
        .group_by(trains)
    )
    found = {is_train: Agreement(n, by_new, by_old) for is_train, n, by_new, by_old in rows}
    return found.get(1, Agreement()), found.get(0, Agreement())
