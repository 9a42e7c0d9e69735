"""The page that brings in labels that were corrected elsewhere: what they change, then the decisions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response

from app.datasets.catalog import ready_dataset
from app.datasets.label_reading import NONE, StatedColumns, StatedLabels
from app.datasets.labels.reading import paths_of, read_labels
from app.datasets.naming import printable
from app.datasets.uploads import store_label_file
from app.db.engine import Database
from app.deck.bulk import Done
from app.deck.corrected import LabelPlan, RowPlan, apply_labels, plan_labels
from app.errors import Invalid, ToplossError
from app.settings import Settings
from app.storage import MAX_FILE_BYTES
from app.web.deps import Admin, Config, Db
from app.web.errors import status_of
from app.web.rendering import Page, page_context, render
from app.web.uploading import LabelsRoute

router = APIRouter()

SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class LabelsPage(Page):
    """The form, what a file would change, or what it has changed."""

    message: str
    stored: str  # the hash of the file that was sent
    stored_name: str
    label_column: str
    columns: tuple[str, ...]
    add_classes: bool
    words: tuple[str, ...]
    changes: int
    rows: tuple[RowPlan, ...]
    unmatched: tuple[tuple[str, str], ...]
    unmatched_count: int
    unknown: tuple[str, ...]  # labels that are no class
    done: Done | None


@router.get("/d/{name}/images/labels")
def show(request: Request, name: str, database: Db, _admin: Admin) -> Response:
    """The form."""
    return _page(request, database, name)


def send(
    request: Request,
    name: str,
    database: Db,
    settings: Config,
    admin: Admin,
    file: Annotated[UploadFile | None, File()] = None,
    stored: Annotated[str, Form()] = "",
    stored_name: Annotated[str, Form()] = "",
    label_column: Annotated[str, Form()] = "",
    shown_column: Annotated[str, Form()] = "",
    add_classes: Annotated[bool, Form()] = False,
    act: Annotated[str, Form()] = "",
) -> Response:
    """Show what the file changes; with `act=apply` record it, if that is what was shown."""
    try:
        said = _stated(settings, file, stored.strip(), stored_name, label_column)
        with database.read() as session:
            paths = paths_of(session, dataset_id=ready_dataset(session, name=name).id)
        labels = read_labels(paths, said=said, content=Path(said.stored).read_bytes())
        if act == "apply" and label_column == shown_column:
            with database.write() as session:
                dataset_id = ready_dataset(session, name=name).id
                plan, done = apply_labels(
                    session,
                    dataset_id=dataset_id,
                    user_id=admin.id,
                    labels=labels,
                    add_classes=add_classes,
                )
            return _page(request, database, name, plan=plan, said=said, done=done, applied=True)
        with database.read() as session:
            dataset_id = ready_dataset(session, name=name).id
            plan = plan_labels(session, dataset_id=dataset_id, user_id=admin.id, labels=labels)
    except ToplossError as error:
        return _page(request, database, name, error=error)
    return _page(request, database, name, plan=plan, said=said, add_classes=add_classes)


class _FormRoute(LabelsRoute):
    async def refused(self, request: Request, fields: Mapping[str, str], error: ToplossError) -> Response:
        """The form with what is wrong."""
        del fields
        return _page(request, request.app.state.database, request.path_params["name"], error=error)


router.add_api_route("/d/{name}/images/labels", send, methods=["POST"], route_class_override=_FormRoute)


def _stated(settings: Settings, file: UploadFile | None, stored: str, name: str, column: str) -> StatedLabels:
    """The file that was just sent, or the one that was sent before. Raises Invalid."""
    columns = StatedColumns(label=column, split=NONE)
    if file is not None and file.filename:
        sent_as = printable(file.filename.replace("\\", "/").rpartition("/")[2])
        path, sent_as = store_label_file(
            settings.uploads_dir, file.file, name=sent_as, max_bytes=MAX_FILE_BYTES
        )
        return StatedLabels(sent_as, str(path), columns)
    path = settings.uploads_dir.resolve() / f"{stored}.labels"
    if not re.fullmatch("[0-9a-f]{64}", stored) or not path.is_file():
        raise Invalid("Choose a label file.")
    return StatedLabels(printable(name)[:255] or "labels.csv", str(path), columns)


def _page(
    request: Request,
    database: Database,
    name: str,
    *,
    plan: LabelPlan | None = None,
    said: StatedLabels | None = None,
    done: Done | None = None,
    applied: bool = False,
    add_classes: bool = False,
    error: ToplossError | None = None,
) -> Response:
    with database.read() as session:
        dataset = ready_dataset(session, name=name)
        shown = [row for row in plan.rows if row.state != "same"] if plan else []
        shown.sort(key=lambda row: row.state != "change")
        columns = plan.file.columns if plan else None
        page = LabelsPage(
            **page_context(request, dataset.name),
            message=str(error) if error else "",
            stored=Path(said.stored).stem if said else "",
            stored_name=said.file if said else "",
            label_column=columns.label if columns else "",
            columns=plan.file.known if plan else (),
            add_classes=add_classes,
            words=tuple(plan.words()) if plan and not applied else (),
            changes=len(plan.changes) if plan and not applied else 0,
            rows=tuple(shown[:SHOWN]) if not applied else (),
            unmatched=tuple(list(plan.unmatched.items())[:SHOWN]) if plan else (),
            unmatched_count=len(plan.unmatched) if plan else 0,
            unknown=tuple(plan.unknown_classes) if plan else (),
            done=done,
        )
    return render("deck/labels.html", page, status=status_of(error) if error else 200)
