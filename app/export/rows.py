"""The rows of an export: every sample of a version with its label, decision and ranking."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import JSON, BigInteger, Select, String, and_, bindparam, cast, collate, func, select
from sqlalchemy.engine import Connection, Engine

from app.datasets.catalog import DELETING
from app.datasets.missing import Lost
from app.datasets.models import Dataset, Sample, VersionLabel
from app.datasets.versions import label_in_version
from app.errors import NotFound
from app.ranking.models import Prediction
from app.storage import Origin

PAGE = 5000  # samples per transaction, so that a slow download keeps none open
CODE_POINTS = {"sqlite": "BINARY", "postgresql": "C"}  # the collation that sorts by code points


class ExportRow(NamedTuple):
    """One sample; labels are class names, None: deleted or not predicted.

    The fields up to `error_probability` are the columns.
    """

    sample_id: int
    path: str
    sha256: str
    split: str
    given_label: str
    label: str | None
    verdict: str
    status: str  # unreviewed, single, agreed or adjudicated
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
    probabilities: NDArray[np.float32] | None  # no column; only if the plan asks for them


COLUMNS = ExportRow._fields[:-3]


@dataclass(frozen=True)
class ExportPlan:
    """The contents of an export, fixed before the first byte; later changes have no effect."""

    engine: Engine  # of transactions that only read
    source: Origin
    classes: tuple[str, ...]  # by position
    version_id: int
    version: int
    digest: str  # of the version
    dataset_id: int
    last_sample_id: int  # the version has the samples up to this one
    run_id: int | None
    model: str  # the name of its model with its id; empty without a run
    include_deleted: bool
    probabilities: bool = False  # of every class, by the run
    predicted_classes: int = 0  # how many classes the run predicts, the first ones
    valid_folder: str = "valid"  # the folder of the validation part: valid, val or validation
    lost: tuple[Lost, ...] = ()  # left out of an export with images

    def split_folder(self, split: str) -> str:
        """The folder of a part."""
        return self.valid_folder if split == "valid" else split

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of a table."""
        if not self.probabilities:
            return COLUMNS
        return (*COLUMNS, *(f"probability_{name}" for name in self.classes[: self.predicted_classes]))


def export_rows(plan: ExportPlan) -> Iterator[ExportRow]:
    """The rows by path in the order of code points, the same on every database and in every locale."""
    for page in _pages(plan):
        yield from map(ExportRow, *page)


def export_columns(plan: ExportPlan) -> Iterator[list[Sequence[Any]]]:
    """The same rows, a page at a time: for each of the plan's columns its values."""
    for page in _pages(plan):
        columns = page[: len(COLUMNS)]
        if plan.probabilities:
            unknown = [None] * plan.predicted_classes
            rows = [unknown if row is None else row.tolist() for row in page[-1]]
            columns += zip(*rows, strict=True)
        yield columns


def _pages(plan: ExportPlan) -> Iterator[list[Sequence[Any]]]:
    """For each field of `ExportRow` its values, for some samples at a time."""
    ids, query = _ids_by_path(plan), _query(plan)
    for start in range(0, len(ids), PAGE):
        with plan.engine.connect() as connection:
            columns = _read(connection, query, ids[start : start + PAGE].tolist())
            check_whole(connection, plan)
        if columns:
            yield _fields(plan, columns)


def _read(connection: Connection, query: Select[*tuple[Any, ...]], ids: list[int]) -> list[Sequence[Any]]:
    """The query's columns for these samples, by path; no column if there are none of them.

    The driver's tuples are converted column by column: SQLAlchemy makes an object of each row, and that takes
    a sixth of the processor time of an export.
    """
    with closing(connection.execute(query, {"ids": json.dumps(ids)})) as result:
        records = sorted(result.cursor.fetchall(), key=itemgetter(1))
        kinds = [described[1] for described in result.cursor.description]
    if not records:
        return []
    dialect = connection.dialect
    columns: list[Sequence[Any]] = []
    for column, kind, values in zip(query.selected_columns, kinds, zip(*records, strict=True), strict=True):
        convert = column.type.dialect_impl(dialect).result_processor(dialect, kind)
        columns.append(values if convert is None else list(map(convert, values)))
    return columns


def check_whole(connection: Connection, plan: ExportPlan) -> None:
    """After rows were read: raises NotFound if they may not be all, because the data set is being deleted.

    Rows go only after the state was changed. An error breaks a download off; its client sees no whole file.
    """
    state = connection.scalar(select(Dataset.state).where(Dataset.id == plan.dataset_id))
    if state in (None, DELETING):
        raise NotFound("The data set was deleted while it was exported, so the file is not complete.")


def _ids_by_path(plan: ExportPlan) -> NDArray[np.int64]:
    order = collate(Sample.path, CODE_POINTS[plan.engine.dialect.name])
    members = (Sample.dataset_id == plan.dataset_id, Sample.id <= plan.last_sample_id)
    query = select(Sample.id).where(*members).order_by(order).execution_options(yield_per=PAGE)
    with plan.engine.connect() as connection:
        found = np.fromiter(connection.execute(query).scalars(), np.int64)
        check_whole(connection, plan)
    return found


def _query(plan: ExportPlan) -> Select[*tuple[Any, ...]]:
    """The samples whose ids are in the parameter `ids`, a list in JSON: one text is sent faster than all."""
    sent = bindparam("ids", type_=String)
    listed = (
        func.json_each(sent).table_valued("value").c.value
        if plan.engine.dialect.name == "sqlite"
        else cast(func.json_array_elements_text(cast(sent, JSON)).column_valued(), BigInteger)
    )
    reviewed = and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == plan.version_id)
    run_id = plan.run_id or 0  # ids begin with 1
    predicted = and_(Prediction.sample_id == Sample.id, Prediction.run_id == run_id)
    columns = (
        *(Sample.id, Sample.path, Sample.sha256, Sample.split, Sample.given_label, label_in_version()),
        *(
            VersionLabel.verdict,
            VersionLabel.reviews,
            VersionLabel.reviewers,
            VersionLabel.decided_at,
            VersionLabel.status,
        ),
        *(Prediction.self_confidence, Prediction.predicted_label, Prediction.confidence, Prediction.loss),
        *(Prediction.rank, Prediction.error_probability, Sample.format, Sample.bytes),
        *((Prediction.probabilities,) if plan.probabilities else ()),
    )
    query = (
        select(*columns)
        .select_from(Sample)
        .outerjoin(VersionLabel, reviewed)
        .outerjoin(Prediction, predicted)
        .where(Sample.id.in_(select(listed)))
    )
    return query if plan.include_deleted else query.where(label_in_version().is_not(None))


def _fields(plan: ExportPlan, columns: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    ids, paths, digests, splits, given, labels, *more = columns
    verdicts, reviews, reviewers, moments, statuses, *more = more
    self_confidences, predicted, confidences, losses, ranks, wrong, *more = more
    formats, sizes, *said = more
    names = {None: None} | dict(enumerate(plan.classes))
    return [
        *(ids, paths, digests, splits),
        [names[position] for position in given],
        [names[position] for position in labels],
        ["" if verdict is None else verdict for verdict in verdicts],
        [status or "unreviewed" for status in statuses],
        [count or 0 for count in reviews],
        [people or "" for people in reviewers],
        [
            written(moment) if moment and verdict else ""
            for moment, verdict in zip(moments, verdicts, strict=True)
        ],
        self_confidences,
        [names[position] for position in predicted],
        *(confidences, losses, ranks),
        [None if rank is None else plan.run_id for rank in ranks],
        [plan.version] * len(ids),
        *(wrong, formats, sizes),
        said[0] if said else [None] * len(ids),
    ]


def written(moment: datetime) -> str:
    """A time as ISO 8601 in UTC, with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
