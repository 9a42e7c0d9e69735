"""The decision log as CSV: one row per answer of a person or undo, up to the moment of the freeze.

`from` is the given label and `to` the label by this answer: empty for a deletion, for “unsure” and for an
undo. `shown_in` says where it was given and `blind` whether label and prediction were hidden. Rows are only
added, so the log of a version never changes. Answers about images of the gold part that were not settled at
the freeze are left out: people still label these blind.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, exists, or_, select

from app.accounts.models import User
from app.datasets.gold import is_gold
from app.datasets.models import DatasetVersion, GoldPart, Sample, VersionLabel
from app.datasets.versions import UNREVIEWED
from app.export.as_csv import csv_chunks
from app.export.rows import ExportPlan, check_whole, written
from app.review.models import Decision

COLUMNS = (
    *("event", "time", "annotator", "sample_id", "path", "verdict", "from", "to", "undo_of"),
    *("run", "rank", "shown_in", "blind", "bulk_action", "milliseconds"),
)
AT_ONCE = 5000


def write_events(plan: ExportPlan) -> Iterator[bytes]:
    """The rows by their number; a missing value is an empty cell."""
    return csv_chunks(COLUMNS, _rows(plan))


def _rows(plan: ExportPlan) -> Iterator[tuple[object, ...]]:
    after = 0
    while records := _records(plan, after):
        for decision, annotator, path, given in records:
            to = {"relabel": decision["label"], "keep": given}.get(decision["verdict"])
            yield (
                decision["id"],
                written(decision["created_at"]),
                annotator,
                decision["sample_id"],
                path,
                decision["verdict"],
                plan.classes[given],
                None if to is None else plan.classes[to],
                decision["undoes_id"],
                decision["run_id"],
                decision["rank"],
                decision["origin"],
                "yes" if decision["blind"] else "no",
                decision["bulk_id"],
                decision["milliseconds"],
            )
        after = records[-1][0]["id"]


def _records(plan: ExportPlan, after: int) -> list[tuple[Any, str, str, int]]:
    frozen = select(DatasetVersion.created_at).where(DatasetVersion.id == plan.version_id).scalar_subquery()
    columns = Decision.__table__.columns
    settled = exists().where(
        VersionLabel.version_id == plan.version_id,
        VersionLabel.sample_id == Decision.sample_id,
        VersionLabel.verdict.not_in((UNREVIEWED, "unsure")),
    )
    drawn = exists().where(GoldPart.dataset_id == plan.dataset_id, GoldPart.drawn_at <= frozen)
    in_gold = and_(drawn, is_gold(Decision.sample_id))
    query = (
        select(*columns, User.name.label("annotator"), Sample.path, Sample.given_label)
        .join(User, User.id == Decision.user_id)
        .join(Sample, Sample.id == Decision.sample_id)
        .where(Decision.dataset_id == plan.dataset_id, Decision.id > after, Decision.created_at <= frozen)
        .where(or_(~in_gold, settled))
        .order_by(Decision.id)
        .limit(AT_ONCE)
    )
    with plan.engine.connect() as connection:
        found = connection.execute(query).mappings().all()
        check_whole(connection, plan)
    return [(each, each["annotator"], each["path"], each["given_label"]) for each in found]
