"""Two versions compared row by row."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Annotated

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from app.datasets.catalog import ready_dataset
from app.datasets.comparing import RowChange, all_changes, check_kind, compare_versions, list_changes
from app.datasets.versions import get_version
from app.web.api.models import Listing, Output
from app.web.api.routing import Cursor, Limit, api_router, file_answers, following, position
from app.web.deps import Db

router = api_router("versions")

COLUMNS = ("sample_id", "path", "split", "kind", "before", "after")
Old = Annotated[int, Query(ge=0, le=2**31 - 1, description="The number of the first version.")]
New = Annotated[int, Query(ge=0, le=2**31 - 1, description="The number of the second version.")]
Kind = Annotated[str, Query(description="changed, added or removed; left out: all")]


class RowChangeOut(Output):
    """A sample that differs; null: not in that version, or deleted."""

    sample_id: int
    path: str
    split: str
    kind: str
    before: str | None
    after: str | None


class ChangesOut(Listing[RowChangeOut]):
    """What differs between two versions."""

    changed: int
    added: int
    removed: int
    unchanged: int
    renamed: dict[str, str]  # classes with another name, which is no change of their labels


@router.get("/datasets/{name}/versions/changes")
def show(
    name: str, database: Db, old: Old, new: New, kind: Kind = "", limit: Limit = 100, cursor: Cursor = None
) -> ChangesOut:
    """What differs between two versions: counts, and a page of the samples by id."""
    with database.read() as session:
        dataset_id = ready_dataset(session, name=name).id
        first, second = (get_version(session, dataset_id=dataset_id, number=each) for each in (old, new))
        counts = compare_versions(session, first, second)
        found = list_changes(session, first, second, kind=kind, limit=limit, after=position(cursor))
    return ChangesOut(
        changed=counts.changed,
        added=counts.added,
        removed=counts.removed,
        unchanged=counts.unchanged,
        renamed=dict(counts.renamed),
        items=[RowChangeOut.model_validate(each) for each in found],
        next=following(found, limit, found[-1].sample_id if found else 0),
    )


@router.get(
    "/datasets/{name}/versions/changes.csv",
    response_class=StreamingResponse,
    responses=file_answers("text/csv", tagged=False),
)
def download(name: str, database: Db, old: Old, new: New, kind: Kind = "") -> Response:
    """The same as a CSV with every row."""
    check_kind(kind)
    with database.read() as session:
        dataset_id = ready_dataset(session, name=name).id
        first, second = (get_version(session, dataset_id=dataset_id, number=each) for each in (old, new))

    def rows() -> Iterator[RowChange]:
        with database.read() as session:
            yield from all_changes(session, first, second, kind=kind)

    filename = f"{name}-v{old}-v{new}.csv"
    headers = {"content-disposition": f'attachment; filename="{filename}"'}
    return StreamingResponse(as_csv(rows()), media_type="text/csv; charset=utf-8", headers=headers)


def as_csv(changes: Iterable[RowChange]) -> Iterator[str]:
    """The lines of a CSV of the changes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in changes:
        writer.writerow([getattr(each, column) for column in COLUMNS])
        if out.tell() > 2**16:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
