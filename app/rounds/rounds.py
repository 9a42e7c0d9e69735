"""Rounds, each from one run to the next: decisions, error rates and the remaining errors."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, literal, select
from sqlalchemy.orm import Session

from app.datasets.gold import visible_samples
from app.datasets.models import DatasetVersion
from app.measuring.best import gold_rates
from app.measuring.evaluations import hold_out_rates
from app.remaining.audits import AuditState, audit_states
from app.review.corrections import Corrections, corrections_by_period
from app.review.log import is_answer
from app.review.models import Decision
from app.training.evaluation import Rate
from app.training.models import FIRST_LOOK, Run


@dataclass(frozen=True)
class Measure:
    """A run's error rate against one set of labels."""

    against: str
    error_rate: Rate | None  # none: nothing to measure on


@dataclass(frozen=True)
class Round:
    """From a run until the next one was asked for.

    `single`, `audited` and `in_bulk` count decisions that stand, whoever answered the same sample again;
    looks at the gold part are none of them. `corrections` counts samples, by the decision that counts.
    """

    number: int
    run_id: int
    name: str  # of its model
    parent_id: int | None
    parent_name: str  # of its model; empty: none
    version: int  # that the run learnt
    is_trained: bool  # False for a first look, whose errors are those of another kind of model
    begun: datetime  # when the run was asked for; the first round has all that was decided before it too
    ended: datetime | None  # none: it goes on
    single: int  # decisions on one sample
    audited: int  # decisions on one that came by chance
    in_bulk: int  # decisions for many at once
    corrections: Corrections
    measures: tuple[Measure, ...]  # the same ones for every round
    audit: AuditState | None  # the last audit that began in the round and is done

    @property
    def relabelled(self) -> int:
        """Samples that are relabelled now."""
        return self.corrections.relabelled

    @property
    def deleted(self) -> int:
        """Samples that are deleted now."""
        return self.corrections.deleted

    @property
    def waiting(self) -> int:
        """Samples whose correction waits for another look."""
        return self.corrections.waiting


def list_rounds(session: Session, *, dataset_id: int) -> list[Round]:
    """A round for each finished run, the first one first."""
    rows = session.execute(
        select(Run, DatasetVersion.number)
        .join(DatasetVersion, DatasetVersion.id == Run.version_id)
        .where(Run.dataset_id == dataset_id, Run.state == "finished")
        .order_by(Run.created_at, Run.id)
    ).all()
    if not rows:
        return []
    ends = [run.created_at for run, _ in rows[1:]]
    counts, measures = _counts(session, dataset_id, ends), _measures(session, dataset_id)
    corrections = corrections_by_period(session, dataset_id=dataset_id, ends=ends)
    audits = [state for state in audit_states(session, dataset_id=dataset_id) if state.is_done]
    rounds = []
    for place, (run, version) in enumerate(rows):
        made = counts[place]
        of_round = [state for state in audits if sum(state.at >= end for end in ends) == place]
        rounds.append(
            Round(
                number=place + 1,
                run_id=run.id,
                name=run.name,
                parent_id=run.parent_id,
                parent_name=run.parent_name,
                version=version,
                is_trained=run.kind != FIRST_LOOK,
                begun=run.created_at,
                ended=ends[place] if place < len(ends) else None,
                single=made.get("single", 0),
                audited=made.get("audit", 0),
                in_bulk=made.get("bulk", 0),
                corrections=corrections[place],
                measures=tuple(Measure(against, rates.get(run.id)) for against, rates in measures),
                audit=of_round[-1] if of_round else None,
            )
        )
    return rounds


def _measures(session: Session, dataset_id: int) -> list[tuple[str, dict[int, Rate | None]]]:
    """Each set of labels that runs are held against, with the error rate by run.

    Another set is one more line here.
    """
    versions = dict(
        session.execute(
            select(DatasetVersion.number, DatasetVersion.id).where(DatasetVersion.dataset_id == dataset_id)
        ).all()
    )
    wanted = {
        "given labels": 0,
        f"same model, labels of version {max(versions)}, the newest version": max(versions),
    }
    gold = gold_rates(session, dataset_id)
    return [
        *(
            (against, hold_out_rates(session, dataset_id=dataset_id, version_id=versions[number]))
            for against, number in wanted.items()
        ),
        *([(f"gold part{_open_in(gold)}", gold)] if gold else []),
    ]


def _open_in(rates: dict[int, Rate | None]) -> str:
    still_open = max((rate.open for rate in rates.values() if rate), default=0)
    return f", {still_open:,} not settled" if still_open else ""


def _counts(session: Session, dataset_id: int, ends: list[datetime]) -> defaultdict[int, dict[str, int]]:
    """How many decisions stand, by round (from 0) and how they were given: single, audit, bulk."""
    place = (
        case(*((Decision.created_at < end, i) for i, end in enumerate(ends)), else_=len(ends))
        if ends
        else literal(0)
    )
    log = (
        visible_samples(
            place.label("place"),
            case(
                (Decision.bulk_id.is_not(None), "bulk"), (Decision.origin == "audit", "audit"), else_="single"
            ).label("how"),
        )
        .where(
            Decision.dataset_id == dataset_id,
            is_answer(),
        )
        .subquery()
    )
    columns = (log.c.place, log.c.how)
    counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for at, how, n in session.execute(select(*columns, func.count()).group_by(*columns)):
        counts[at][how] = n
    return counts
