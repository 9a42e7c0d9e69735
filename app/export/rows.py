"""The rows of an export: every sample of a version with its label, decision and ranking."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row as Record
from sqlalchemy import Select, and_, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.datasets.missing import Lost
from app.datasets.models import Sample, VersionLabel
from app.ranking.models import Prediction
from app.storage import Origin

PAGE = 1000  # samples per transaction, so that a slow download keeps none open


class ExportRow(NamedTuple):
    """One sample; labels are class names, None: deleted or not predicted.

    The fields up to `version` are the columns.
    """

    sample_id: int
    path: str
    sha256: str
    split: str
    given_label: str
    label: str | None
    verdict: str
    status: str  # unreviewed or single
    reviews: int
    reviewers: str
    decided_at: str  # ISO 8601, UTC, milliseconds; empty: not reviewed
    self_confidence: float | None
    predicted_label: str | None
    confidence: float | None
    loss: float | None
    rank: int | None
    run: int | None
    version: int
    error_probability: float | None  # that the label which was ranked is wrong
    image_format: str  # no column: what the file is, whatever its name says
    image_bytes: int  # no column


COLUMNS = ExportRow._fields[:-2]


@dataclass(frozen=True)
class ExportPlan:
    """The contents of an export, fixed before the first byte; later changes have no effect."""

    engine: Engine  # of transactions that only read
    source: Origin
    classes: tuple[str, ...]  # by position
    version_id: int
    version: int
    version_members: Select[int, str, str, str, int]
    run_id: int | None
    include_deleted: bool
    lost: tuple[Lost, ...] = ()  # left out of an export with images


def export_rows(plan: ExportPlan) -> Iterator[ExportRow]:
    """The rows by path in the order of code points, the same on every database and in every locale."""
    with Session(plan.engine) as session:
        ordered = sorted((path, sample_id) for sample_id, path, *_ in session.execute(plan.version_members))
    for start in range(0, len(ordered), PAGE):
        page = [sample_id for _, sample_id in ordered[start : start + PAGE]]
        with Session(plan.engine) as session:
            found = {record[0].id: record for record in session.execute(_query(plan, page))}
        for sample_id in page:
            row = _row(plan, found[sample_id])
            if row.label is not None or plan.include_deleted:
                yield row


def _query(plan: ExportPlan, sample_ids: list[int]) -> Select[*tuple[Any, ...]]:
    reviewed = and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == plan.version_id)
    predicted = and_(
        Prediction.sample_id == Sample.id, Prediction.run_id == (plan.run_id or 0)
    )  # ids begin with 1
    scores = (
        Prediction.self_confidence,
        Prediction.predicted_label,
        Prediction.confidence,
        Prediction.loss,
        Prediction.error_probability,
        Prediction.rank,
    )
    query = (
        select(Sample, VersionLabel, *scores)
        .outerjoin(VersionLabel, reviewed)
        .outerjoin(Prediction, predicted)
    )
    return query.where(Sample.id.in_(sample_ids))


def _row(plan: ExportPlan, record: Record[*tuple[Any, ...]]) -> ExportRow:
    sample, decided, self_confidence, predicted, confidence, loss, wrong, rank = record
    label = decided.label if decided else sample.given_label
    return ExportRow(
        sample_id=sample.id,
        path=sample.path,
        sha256=sample.sha256,
        split=sample.split,
        given_label=plan.classes[sample.given_label],
        label=None if label is None else plan.classes[label],
        verdict=decided.verdict if decided else "",
        status="single" if decided else "unreviewed",
        reviews=decided.reviews if decided else 0,
        reviewers=decided.reviewers if decided else "",
        decided_at=decided.decided_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if decided
        else "",
        self_confidence=self_confidence,
        predicted_label=None if predicted is None else plan.classes[predicted],
        confidence=confidence,
        loss=loss,
        rank=rank,
        run=plan.run_id if rank is not None else None,
        version=plan.version,
        error_probability=wrong,
        image_format=sample.format,
        image_bytes=sample.bytes,
    )
