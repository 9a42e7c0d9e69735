"""The form of an import. After an error it keeps its values and an uploaded zip."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from app.accounts.activity import tell_dataset
from app.datasets.catalog import known_dataset
from app.datasets.creating import check_name
from app.datasets.label_reading import StatedColumns, StatedLabels
from app.datasets.layout_choice import StatedLayout
from app.datasets.naming import printable
from app.datasets.sources import (
    look,
    propose_import,
    request_import,
    uploaded_images,
)
from app.datasets.upload_use import storing
from app.datasets.uploads import check_upload
from app.errors import Conflict, Invalid, ToplossError
from app.settings import Settings
from app.storage import Origin
from app.storage.zip_names import CODE_PAGES, PLAIN, check_encoding
from app.web.deps import Admin, Config, Db
from app.web.errors import status_of
from app.web.imports import place_named, with_labels
from app.web.rendering import Page, page_context, render
from app.web.uploading import ImportRoute

router = APIRouter()

STARTS = 512  # first bytes of a file that tell what it is


@dataclass(frozen=True)
class Filled:
    """The values of the form of an import."""

    name: str = ""
    path: str = ""
    zip_encoding: str = ""
    stored: str = ""  # the hash of a zip that was received earlier
    stored_name: str = ""  # its name for people
    stored_labels: str = ""  # the hash of a label file that was received earlier
    stored_labels_name: str = ""


@dataclass(frozen=True, kw_only=True)
class NewDatasetPage(Page):
    """The form of an import."""

    limits: str  # what can be uploaded
    roots: tuple[str, ...]
    urls: bool  # whether a URL may be named
    code_pages: tuple[tuple[str, str], ...]  # (as Python writes it, in words)
    filled: Filled
    problems: dict[str, str]  # by field what is wrong

    @property
    def opens_more(self) -> bool:
        """Whether a field that is usually closed has a value or a problem."""
        told = self.problems.keys() & {"labels", "zip_encoding"}
        return bool(told or self.filled.stored_labels or self.filled.zip_encoding)


@router.get("/datasets/new")
def import_form(
    request: Request,
    database: Db,
    settings: Config,
    _admin: Admin,
    name: Annotated[str, Query()] = "",
    file: Annotated[str, Query(max_length=1000)] = "",
    size: Annotated[int, Query(ge=0, le=1 << 60)] = 0,
    start: Annotated[str, Query(max_length=2 * STARTS, pattern="^([0-9a-f]{2})*$")] = "",
) -> Response:
    """The form of an import, for a known name of a repeated one.

    It says what stands against a name, and against a `file` of `size` bytes that begins with `start`, in
    hexadecimal digits, before anything is sent.
    """
    problems = {}
    if name and (problem := _problem_of(database, settings, name.strip())):
        problems["name"] = problem
    if file:
        try:
            check_upload(
                settings.uploads_dir,
                name=printable(file),
                size=size,
                start=bytes.fromhex(start),
                max_bytes=settings.max_upload_mb * 1_000_000,
            )
        except Invalid as error:
            problems["file"] = str(error)
    return _form(request, settings, Filled(name), problems=problems)


def _problem_of(database: Db, settings: Settings, name: str) -> str:
    """What stands against a name; empty: nothing."""
    try:
        check_name(name)
    except Invalid as error:
        return str(error)
    with database.read() as session:
        dataset = known_dataset(session, name=name)
        if dataset is None or dataset.state != "ready" or _is_upload(settings, dataset.source):
            return ""
        return f"The name {dataset.name} is taken by the data set from {dataset.origin}; choose another name."


def begin_import(
    request: Request,
    database: Db,
    settings: Config,
    user: Admin,
    name: Annotated[str, Form()] = "",
    file: Annotated[UploadFile | None, File()] = None,
    path: Annotated[str, Form()] = "",
    zip_encoding: Annotated[str, Form()] = "",
    stored: Annotated[str, Form()] = "",
    stored_name: Annotated[str, Form()] = "",
    labels: Annotated[UploadFile | None, File()] = None,
    stored_labels: Annotated[str, Form()] = "",
    stored_labels_name: Annotated[str, Form()] = "",
) -> Response:
    """Store the zip, or use the path on the server, and show how its folders are read, to confirm."""
    filled = Filled(
        *(name.strip(), path.strip(), zip_encoding.strip(), stored.strip(), stored_name.strip()),
        *(stored_labels.strip(), stored_labels_name.strip()),
    )
    field = "name"
    try:
        check_name(filled.name)
        field = "zip_encoding"
        if filled.zip_encoding:
            check_encoding(filled.zip_encoding)
        field = "path" if filled.path and not (file and file.filename) else "file"
        with storing(database, settings):  # what is refused stays for the next try
            source, listed = _source(settings, filled, file)
            if _is_upload(settings, source.source) and source.source.endswith(".zip"):
                filled = replace(
                    filled, path="", stored=Path(source.source).stem, stored_name=source.name or ""
                )
            found, field = look(source), "labels"
            folders = (
                listed
                or with_labels(settings, None, labels, StatedColumns())
                or _labels_sent(settings, filled)
            )
            if listed is None and folders is not None and folders.labels is not None:
                stored_as = Path(folders.labels.stored).stem
                filled = replace(filled, stored_labels=stored_as, stored_labels_name=folders.labels.file)
            elif found is not None and listed is None:
                field = "path" if filled.path else "file"
                found.refuse()
            with database.write() as session:
                tell_dataset(filled.name)
                if not propose_import(session, name=filled.name, source=source, found=found, folders=folders):
                    request_import(
                        session,
                        name=filled.name,
                        source=source,
                        user_id=user.id,
                        found=found,
                        folders=folders,
                    )
    except ToplossError as error:
        if isinstance(error, Conflict):
            field = "name"
        return _form(request, settings, filled, problems={field: str(error)}, status=status_of(error))
    return RedirectResponse(f"/d/{filled.name}", status_code=303)


class _FormRoute(ImportRoute):
    async def refused(self, request: Request, fields: Mapping[str, str], error: ToplossError) -> Response:
        """The form as it was filled in."""
        known = {name: value for name, value in fields.items() if name in Filled.__dataclass_fields__}
        try:
            check_name(fields.get("name", "").strip())
            field = "zip_encoding"
        except Invalid:
            field = "name"
        settings: Settings = request.app.state.settings
        return _form(
            request, settings, Filled(**known), problems={field: str(error)}, status=status_of(error)
        )


router.add_api_route("/datasets/new", begin_import, methods=["POST"], route_class_override=_FormRoute)


def limits_of(settings: Settings) -> str:
    """What can be uploaded, in a few words."""
    return f"up to {settings.max_upload_mb:,} MB"


def _form(
    request: Request,
    settings: Settings,
    filled: Filled,
    *,
    problems: Mapping[str, str],
    status: int = 200,
) -> Response:
    roots = tuple(root for root in settings.import_roots.split(":") if root)
    urls = settings.import_urls == "on"
    page = NewDatasetPage(
        **page_context(request),
        limits=limits_of(settings),
        roots=roots,
        urls=urls,
        code_pages=tuple((page, words) for page, words in CODE_PAGES.items() if page != PLAIN),
        filled=filled,
        problems={
            "file" if field == "path" and not (roots or urls) else field: message
            for field, message in problems.items()
        },
    )
    return render("datasets/new.html", page, status=status)


def _source(
    settings: Settings, filled: Filled, file: UploadFile | None
) -> tuple[Origin, StatedLayout | None]:
    """The zip that was just sent, the place that is named, or the zip that was sent earlier.

    Raises Invalid, Forbidden.
    """
    encoding = filled.zip_encoding or None
    if file is not None and file.filename:
        zipped, inside = uploaded_images(
            file.file,
            filename=file.filename,
            uploads_dir=settings.uploads_dir,
            max_bytes=settings.max_upload_mb * 1_000_000,
            zip_encoding=encoding,
        )
        return zipped, StatedLayout(labels=inside) if inside else None
    if filled.path:
        return place_named(settings, filled.path, zip_encoding=encoding, columns=StatedColumns())
    if not filled.stored:
        raise Invalid("Choose a zip of class folders to upload, or name a folder on the server.")
    upload = settings.uploads_dir / f"{filled.stored}.zip"
    if not re.fullmatch("[0-9a-f]{64}", filled.stored) or not upload.is_file():
        raise Invalid("The zip that was sent before is no longer there; choose it again.")
    return Origin(str(upload.resolve()), filled.stored_name[:255] or "the uploaded zip", encoding), None


def _labels_sent(settings: Settings, filled: Filled) -> StatedLayout | None:
    """The label file that was sent earlier, if there is one. Raises Invalid."""
    if not filled.stored_labels:
        return None
    upload = settings.uploads_dir / f"{filled.stored_labels}.labels"
    if not re.fullmatch("[0-9a-f]{64}", filled.stored_labels) or not upload.is_file():
        raise Invalid("The label file that was sent before is no longer there; choose it again.")
    name = printable(filled.stored_labels_name)[:255] or "labels.csv"
    return StatedLayout(labels=StatedLabels(name, str(upload.resolve())))


def _is_upload(settings: Settings, source: str) -> bool:
    """Whether a source is a zip that was uploaded, or copied, to this server."""
    return "://" not in source and Path(source).parent == settings.uploads_dir.resolve()
