"""Freezes and exports the labels."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.activity import nothing_done
from app.datasets.catalog import class_names, get_dataset, ready_dataset
from app.datasets.models import DatasetVersion
from app.datasets.naming import folder_name
from app.datasets.versions import list_versions
from app.deck.progress import PendingChanges, lacking_words, pending_changes
from app.export.as_imagefolder import one_folder_words
from app.export.formats import (
    FORMATS,
    VALID_FOLDERS,
    ZIP,
    check_format,
    check_probabilities,
    check_valid_folder,
)
from app.export.pictures import converted_words
from app.export.preview import FirstRow, estimated_sizes, first_rows
from app.review.gold import count_unsettled
from app.rounds.retraining import freeze_labels
from app.training.models import Run
from app.training.runs import list_runs
from app.web.deps import Admin, Db
from app.web.rendering import Page, page_context, render
from app.web.toasts import say

router = APIRouter()

NOW = "now"  # as a version: the current labels
KB = 1000
ROUND = 10  # from so many units on without a decimal
USUAL = ("parquet", "csv", "imagefolder", "huggingface")  # for pandas, torchvision and datasets


@dataclass(frozen=True)
class FormatView:
    """An export format as a choice."""

    name: str
    words: str
    size: str  # of the file, about
    is_zip: bool
    has_images: bool
    folder: str  # a zip unpacks into it
    loading: dict[str, str]  # by reader the lines that load it, with the name of the file


@dataclass(frozen=True, kw_only=True)
class ExportPage(Page):
    """The versions, newest first, and the export formats."""

    number: int  # of the version that is preselected: the lines that load a file name its file
    versions: tuple[DatasetVersion, ...]
    formats: tuple[FormatView, ...]  # those that most people want
    more_formats: tuple[FormatView, ...]
    rows: tuple[FirstRow, ...]
    converted: str  # what is to be known of images that leave as PNG
    valid_folders: tuple[str, ...]
    folders: str  # the formats whose folder of the validation part has a name by choice
    tables: str  # the formats that can have a column for each class
    pending: PendingChanges
    lacking: tuple[str, ...]  # what is to be known of classes without images in a part
    one_folder: str  # what is to be known of folders that are one on some systems
    runs: tuple[Run, ...]  # whose scores can be added, the newest first
    unsettled: int  # images of the gold part that carry their given label


@router.get("/d/{name}/export")
def show(request: Request, name: str, database: Db) -> Response:
    """Choose a version and a format."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        sizes = estimated_sizes(session, dataset_id=dataset.id)
        context, versions = page_context(request, name), list_versions(session, dataset_id=dataset.id)
        pending = pending_changes(session, dataset_id=dataset.id)
        becomes_new = context["viewer"].is_admin and pending.wait
        number = versions[-1].number + becomes_new if versions else 0
        file = f"{dataset.name}-v{number}"
        formats = [
            FormatView(
                each.name,
                each.description,
                in_bytes(sizes[each.name]),
                each.media_type == ZIP,
                each.has_images,
                f"{file}{each.suffix}".removesuffix(".zip"),
                {
                    reader: _with_name(
                        lines, file + each.suffix.removesuffix(".zip") * (each.media_type == ZIP)
                    )
                    for reader, lines in each.loading.items()
                },
            )
            for each in FORMATS.values()
        ]
        page = ExportPage(
            **context,
            number=number,
            versions=tuple(reversed(versions)),
            formats=tuple(each for each in formats if each.name in USUAL),
            more_formats=tuple(each for each in formats if each.name not in USUAL),
            rows=tuple(first_rows(session, dataset_id=dataset.id)),
            converted=converted_words(session, dataset_id=dataset.id),
            valid_folders=VALID_FOLDERS,
            folders=", ".join(each.name for each in FORMATS.values() if each.has_folders),
            tables=", ".join(each.name for each in FORMATS.values() if each.has_probabilities),
            pending=pending,
            lacking=tuple(lacking_words(session, dataset_id=dataset.id)),
            one_folder=one_folder_words(map(folder_name, class_names(session, dataset_id=dataset.id))),
            runs=tuple(run for run in list_runs(session, dataset_id=dataset.id) if run.state == "finished"),
            unsettled=count_unsettled(session, dataset_id=dataset.id),
        )
    return render("export/page.html", page)


def _with_name(lines: str, name: str) -> str:
    """The lines that load `labels…`, for a file or folder whose name begins otherwise."""
    return lines.replace('"labels', f'"{name}')


@router.post("/d/{name}/export")
def freeze_and_download(
    name: str,
    database: Db,
    _admin: Admin,
    version: Annotated[str, Form()],
    format: Annotated[str, Form()],  # noqa: A002 - the option's name everywhere
    include_deleted: Annotated[bool, Form()] = False,
    probabilities: Annotated[bool, Form()] = False,
    valid_folder: Annotated[str, Form(max_length=12)] = VALID_FOLDERS[0],
    skip_missing: Annotated[bool, Form()] = False,
    run: Annotated[str, Form(max_length=12)] = "",
) -> Response:
    """Redirects to the file of a version; `now` means the current labels, which are frozen first.

    Raises Invalid.
    """
    chosen = check_format(format)  # before anything is frozen
    check_probabilities(chosen, asked=probabilities)
    check_valid_folder(chosen, valid_folder)
    if version == NOW:
        with database.write() as session:
            frozen, is_new = freeze_labels(session, dataset_id=ready_dataset(session, name=name).id)
            version = str(frozen.number)
            if not is_new:
                nothing_done()
    asked = {"version": version, "format": format} | ({"include_deleted": "true"} if include_deleted else {})
    asked |= {"probabilities": "true"} if probabilities else {}
    asked |= {"valid_folder": valid_folder} if valid_folder != VALID_FOLDERS[0] else {}
    asked |= {"skip_missing": "true"} if skip_missing else {}
    asked |= {"run": run} if run else {}
    return RedirectResponse(f"/api/v1/datasets/{name}/export?{urlencode(asked)}", status_code=303)


@router.post("/d/{name}/export/versions")
def freeze(request: Request, name: str, database: Db, _admin: Admin) -> Response:
    """Freeze the current labels; unchanged labels give the existing version."""
    with database.write() as session:
        version, is_new = freeze_labels(session, dataset_id=ready_dataset(session, name=name).id)
        words = f"Frozen as version {version.number}" if is_new else f"Version {version.number} has them all"
        if not is_new:
            nothing_done()
    return say(request, RedirectResponse(f"/d/{name}/export", status_code=303), words)


def in_bytes(size: int) -> str:
    """A size for people: 900 bytes, 210 KB, 27 MB, 1.2 GB."""
    if size < KB:
        return f"{size} bytes"
    for unit, words in ((KB**3, "GB"), (KB**2, "MB"), (KB, "KB")):
        if size >= unit:
            return f"{size / unit:.1f} {words}" if size < ROUND * unit else f"{size / unit:,.0f} {words}"
    return ""
