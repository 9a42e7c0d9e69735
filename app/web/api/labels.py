"""Labels that were corrected elsewhere."""

from typing import Annotated

from fastapi import File, Form, UploadFile

from app.datasets.catalog import ready_dataset
from app.datasets.label_reading import NONE, StatedColumns, StatedLabels
from app.datasets.labels.reading import paths_of, read_labels
from app.datasets.labels.tables import only_label_file
from app.deck.corrected import LabelPlan, apply_labels, newest_action, plan_labels
from app.errors import Invalid
from app.storage import MAX_FILE_BYTES
from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Admin, Db, SignedIn
from app.web.uploading import LabelsRoute

router = api_router("review")

SHOWN = 1000  # rows in an answer


class LabelRowOut(Output):
    """What a row of the file does."""

    sample: int
    path: str
    label: str | None  # as it stands; none: deleted
    new: str
    effect: str  # change, same, waits, looked_at, gold, lost, deleted, no class, empty
    words: str


class UnmatchedOut(Output):
    """A row that matches no image, or one of several labels for an image."""

    path: str
    reason: str


class LabelsOut(Output):
    """What a label file changes, or has changed."""

    action: int | None  # the bulk action that undoes all; none: nothing was changed
    changes: int
    counts: dict[str, int]  # rows by effect
    words: list[str]
    rows: list[LabelRowOut]  # the first thousand, those that change first
    unmatched_count: int
    unmatched: list[UnmatchedOut]  # the first thousand


class NewestLabels(Output):
    """The newest labels of a person that came from a file and stand."""

    action: int | None  # the bulk action; none: nothing stands


@router.get("/datasets/{name}/labels")
def show_newest(name: str, database: Db, user: SignedIn) -> NewestLabels:
    """Which bulk action has the newest labels from a file that you applied and did not undo."""
    with database.read() as session:
        dataset_id = ready_dataset(session, name=name).id
        return NewestLabels(action=newest_action(session, dataset_id=dataset_id, user_id=user.id))


def apply_label_file(
    name: str,
    database: Db,
    user: Admin,
    file: Annotated[
        UploadFile,
        File(description="CSV, TSV, JSON Lines, JSON or Parquet, or an export of Label Studio or FiftyOne."),
    ],
    dry_run: Annotated[bool, Form(description="Only say what would change.")] = False,
    add_classes: Annotated[
        bool, Form(description="Add the classes that the data set does not have.")
    ] = False,
    path_column: Annotated[str, Form(description="The column that names the images.")] = "",
    label_column: Annotated[str, Form(description="The column that has the classes.")] = "",
) -> LabelsOut:
    """Record the labels of a file that differ from those that stand, as decisions of the person who asks.

    The same file again changes nothing. `DELETE …/bulk-decisions/{action}` undoes all of it.
    """
    content, inside = only_label_file(read_whole(file), name=file.filename or "labels.csv")
    said = StatedLabels(inside, "sent", StatedColumns(path_column, label_column, NONE))
    with database.read() as session:
        paths = paths_of(session, dataset_id=ready_dataset(session, name=name).id)
    labels = read_labels(paths, said=said, content=content)
    if dry_run:
        with database.read() as session:
            dataset_id = ready_dataset(session, name=name).id
            plan = plan_labels(session, dataset_id=dataset_id, user_id=user.id, labels=labels)
        return _out(plan, None)
    with database.write() as session:
        plan, done = apply_labels(
            session,
            dataset_id=ready_dataset(session, name=name).id,
            user_id=user.id,
            labels=labels,
            add_classes=add_classes,
        )
    return _out(plan, done.action_id if done else None)


router.add_api_route(
    "/datasets/{name}/labels", apply_label_file, methods=["POST"], route_class_override=LabelsRoute
)


def read_whole(file: UploadFile) -> bytes:
    """The content of a label file. Raises Invalid if it is too large."""
    content = file.file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise Invalid(f"The label file is larger than {MAX_FILE_BYTES // 1024**2} MB; send it in parts.")
    return content


def _out(plan: LabelPlan, action: int | None) -> LabelsOut:
    rows = sorted(plan.rows, key=lambda row: (row.state != "change", row.state == "same"))
    return LabelsOut(
        action=action,
        changes=len(plan.changes),
        counts=dict(plan.counts),
        words=plan.words(),
        rows=[
            LabelRowOut(
                sample=row.sample_id,
                path=row.path,
                label=row.now,
                new=row.new,
                effect=row.state,
                words=row.words,
            )
            for row in rows[:SHOWN]
        ],
        unmatched_count=len(plan.unmatched),
        unmatched=[UnmatchedOut(path=path, reason=why) for path, why in list(plan.unmatched.items())[:SHOWN]],
    )
