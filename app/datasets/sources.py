"""From the path, zip or URL that a person gives to the source of an import."""

import io
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.orm import Session

from app.datasets.catalog import IMPORT, refuse_archived
from app.datasets.completing import has_version
from app.datasets.creating import create_dataset, is_empty
from app.datasets.embedded import holds_images, unpack, unpack_file
from app.datasets.kinds import HEAD, image_kind, reason_by_name
from app.datasets.label_reading import StatedColumns, StatedLabels
from app.datasets.layout_choice import StatedLayout
from app.datasets.models import Dataset
from app.datasets.naming import printable
from app.datasets.proposals import proposal_of, propose, stated_proposal
from app.datasets.surveying import Survey, decide, fitting, store_reading, stored_reading, survey
from app.datasets.uploads import no_zip, store_label_file, store_labels, store_zip
from app.datasets.urls import check_url, download, source_of_list
from app.decoding import budget
from app.errors import Forbidden, Invalid, NotFound, NotNow
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.storage import LINKS, MAX_FILE_BYTES, ImageSource, Origin, Unreadable, open_source
from app.storage.entries import problem_of
from app.storage.zip_names import check_encoding

MAX_NAME = 255  # characters of a file's name
LOOKED_AT = 20  # files that are read before an import if no name is that of an image
MAX_LOCAL_ZIP = 1 << 50  # no limit: users of the command line have access to the disk


def resolve_source(
    text: str, *, uploads_dir: Path, zip_encoding: str | None = None, follow_links: bool = False
) -> Origin:
    """The origin of a folder, which stays in place, a zip, which is stored once, or a URL.

    `follow_links` only for folders: links are followed, also out of them. Raises Invalid.
    """
    if zip_encoding:
        zip_encoding = check_encoding(zip_encoding)
    if "://" in text:
        if not text.partition("://")[2].strip("/"):
            raise Invalid(f"{text} names no server and no bucket; write them behind the ://.")
        return Origin(text.rstrip("/"))
    path = _path(text)
    if follow_links and not path.is_dir():
        raise Invalid(f"{text} is no folder, so there are no links to follow; leave --follow-links out.")
    if path.is_dir():
        _refuse_own_data(path.resolve(), uploads_dir.resolve().parent)
        if follow_links:
            return Origin(f"{LINKS}{path.resolve()}", f"{path.resolve()} (with links)")
        return Origin(str(path.resolve()))
    if not path.is_file():
        raise Invalid(f"There is no folder or zip at {text}; check the path.")
    if path.suffix.lower() != ".zip":
        raise Invalid(_no_zip(text, path))
    try:
        file = path.open("rb")
    except OSError as error:
        raise Invalid(_closed(text, error)) from error
    with file:
        stored = store_zip(uploads_dir, file, max_bytes=MAX_LOCAL_ZIP)
    return Origin(str(stored.resolve()), path.name, zip_encoding)


def uploaded_zip(
    file: BinaryIO, *, filename: str, uploads_dir: Path, max_bytes: int, zip_encoding: str | None = None
) -> Origin:
    """Store an uploaded zip once; `filename` is its name for people. Raises Invalid."""
    if zip_encoding:
        zip_encoding = check_encoding(zip_encoding)
    stored = store_zip(uploads_dir, file, max_bytes=max_bytes)
    name = printable(filename.replace("\\", "/").rpartition("/")[2])[:MAX_NAME]
    return Origin(str(stored.resolve()), name or "the uploaded zip", zip_encoding)


def resolve_images(
    text: str,
    *,
    uploads_dir: Path,
    zip_encoding: str | None = None,
    follow_links: bool = False,
    label_column: str = "",
) -> tuple[Origin, StatedLabels | None]:
    """As `resolve_source`; images in Parquet files are unpacked, and their label file is returned too."""
    if text.casefold().endswith(".parquet") and "://" not in text and holds_images(_path(text)):
        return unpack_file(
            _path(text), name=_path(text).name, uploads_dir=uploads_dir, label_column=label_column
        )
    origin = resolve_source(
        text, uploads_dir=uploads_dir, zip_encoding=zip_encoding, follow_links=follow_links
    )
    return unpack(origin, uploads_dir=uploads_dir, label_column=label_column) or (origin, None)


def uploaded_images(
    file: BinaryIO,
    *,
    filename: str,
    uploads_dir: Path,
    max_bytes: int,
    zip_encoding: str | None = None,
    label_column: str = "",
) -> tuple[Origin, StatedLabels | None]:
    """As `uploaded_zip`, also for a Parquet file with images, alone or in the zip. Raises Invalid."""
    if filename.casefold().endswith(".parquet"):
        name = printable(filename.replace("\\", "/").rpartition("/")[2])[:MAX_NAME]
        sent = store_labels(uploads_dir, file, max_bytes=max_bytes)
        try:
            if not holds_images(sent):
                raise Invalid(
                    f"{name} has no images in it; send it as the file of labels, beside a zip of images."
                )
            return unpack_file(sent, name=name, uploads_dir=uploads_dir, label_column=label_column)
        finally:
            sent.unlink(missing_ok=True)
    origin = uploaded_zip(
        file, filename=filename, uploads_dir=uploads_dir, max_bytes=max_bytes, zip_encoding=zip_encoding
    )
    return unpack(origin, uploads_dir=uploads_dir, label_column=label_column) or (origin, None)


def resolve_list(
    text: str,
    *,
    uploads_dir: Path,
    columns: StatedColumns,
    check: Callable[[str], None] = lambda _: None,
) -> tuple[Origin, StatedLabels]:
    """The origin of the images behind the URLs of a label file, and that file; `text` is its path or URL.

    `check` is called with an address of each server. Raises Invalid, NotFound and what `check` raises.
    """
    name = text.partition("?")[0].rpartition("/")[2]
    url = text if "://" in text else ""
    try:
        content = download(text) if url else _path(text).read_bytes()
    except OSError as error:
        raise Invalid(_closed(text, error)) from error
    origin = source_of_list(content, name=name, url=url, uploads_dir=uploads_dir, check=check)
    stored = store_labels(uploads_dir, io.BytesIO(content), max_bytes=MAX_FILE_BYTES)
    return origin, StatedLabels(name, str(stored), columns)


def named_labels(text: str, *, source: str, uploads_dir: Path, columns: StatedColumns) -> StatedLabels:
    """A label file that is named in the shell: one in the source, or another one, which is stored once."""
    path = _path(text)
    folder = _path(source) if "://" not in source else None
    if folder is not None and folder.is_dir() and path.resolve().is_relative_to(folder.resolve()):
        return StatedLabels(path.resolve().relative_to(folder.resolve()).as_posix(), columns=columns)
    if not path.is_file():
        return StatedLabels(text, columns=columns)
    with path.open("rb") as file:
        stored, name = store_label_file(uploads_dir, file, name=path.name, max_bytes=MAX_FILE_BYTES)
    return StatedLabels(name, str(stored), columns)


def check_allowed(text: str, *, roots: str, urls: bool) -> None:
    """Raises Forbidden if a browser or script names a place that the operator does not permit."""
    allowed = [root for root in roots.split(":") if root]
    if "://" in text:
        check_url(text, urls=urls)
        return
    path = _path(text).resolve()
    if not any(path.is_relative_to(Path(root).resolve()) for root in allowed):
        raise Forbidden(
            "This place on the server is not open for imports; upload a zip, use the command line, "
            "or add its folder to TOPLOSS_IMPORT_ROOTS."
        )


def look(source: Origin) -> Survey | None:
    """The survey of a source before its import; None if the system cannot list it now.

    If the names of all files say that they are no images, some are read, and all are refused if these are.
    Raises NotFound or Invalid when the whole source cannot be read.
    """
    try:
        with closing(open_source(source)) as files:
            found = survey(files)
            named = {path: reason_by_name(path) for path in found.sizes}
            if all(named.values()) and not (found.guess().refusal or _any_image(files, found)):
                return Survey({}, found.rejected | named)
            return found
    except OSError:
        return None


def _any_image(source: ImageSource, found: Survey) -> bool:
    """Whether the content of one of the first files is that of an image."""
    for path in islice(found.sizes, LOOKED_AT):
        with suppress(Unreadable, NotFound), budget.files.share(found.sizes[path]):
            if image_kind(source.read(path)[:HEAD]):
                return True
    return False


def request_import(
    session: Session,
    *,
    name: str,
    source: Origin | str,
    user_id: int | None,
    found: Survey | None = None,
    folders: StatedLayout | None = None,
) -> tuple[Dataset, Job]:
    """The data set and its import job. Raises Conflict while an import of it is queued or running.

    With `found`, a survey of the source, AmbiguousLayout is raised here, not in the job, if its folders can
    be read in several ways, and Invalid if it cannot be imported at all. `folders` chooses how they are read;
    raises Invalid for a folder that does not exist.
    """
    dataset = create_dataset(session, name=name, source=source)
    refuse_second(session, dataset)
    if found is not None:
        if not found.sizes:
            found.check(where=dataset.origin)
        before = stored_reading(session, dataset_id=dataset.id) or fitting(
            session, found, dataset_id=dataset.id
        )
        reading = decide(found, stored=before) if folders is None else found.reading_of(folders)
        found.check(reading, where=dataset.origin)
        store_reading(session, dataset_id=dataset.id, reading=reading, chosen=folders is not None)
    if dataset.state == "waiting":
        dataset.state = "importing"
    return dataset, jobs.ask(
        session, task=IMPORT, dataset_id=dataset.id, arguments={"dataset": dataset.id}, user_id=user_id
    )


def propose_import(
    session: Session,
    *,
    name: str,
    source: Origin,
    found: Survey | None,
    folders: StatedLayout | None = None,
) -> bool:
    """Whether a new data set must wait until a person chooses how its folders are read.

    Raises Conflict as `request_import` does, and Invalid if the source of a new data set cannot be imported
    whatever its folders mean. A data set with samples never waits.
    """
    dataset = create_dataset(session, name=name, source=source)
    refuse_second(session, dataset)
    proposal = proposal_of(found) if found is not None else None
    if found is not None and folders is not None:
        proposal = stated_proposal(found, folders)
        found.check(proposal.choices[0].reading, where=dataset.origin)
    if proposal is None or not is_empty(session, dataset):
        if found is not None and is_empty(session, dataset):
            found.check(where=dataset.origin)
        return False
    propose(session, dataset=dataset, proposal=proposal)
    return True


def cancel_import(session: Session, *, job_id: str) -> Job:
    """Cancel an import.

    If it has not begun, the data set can be imported again, also from another source. Raises NotFound, and
    Conflict when the job has ended.
    """
    job = jobs.cancel(session, job_id=job_id)
    dataset = session.get(Dataset, job.dataset_id) if job.state == "cancelled" else None
    if dataset is not None and dataset.state == "importing":
        dataset.state = "ready" if has_version(session, dataset_id=dataset.id) else "failed"
    return job


def refuse_second(session: Session, dataset: Dataset) -> None:
    """Raises Conflict while an import of the data set is queued or running."""
    refuse_archived(session, dataset_id=dataset.id)
    if jobs.open_job(session, dataset_id=dataset.id, task=IMPORT):
        raise NotNow(f"{dataset.name} is being imported already; wait for it, or cancel it.")


def _refuse_own_data(folder: Path, data: Path) -> None:
    """Raises Invalid for the data folder, for folders that contain it, and for Toploss's folders in it."""
    own = (data / name for name in ("uploads", "runs", "photos", "cache"))
    if data.is_relative_to(folder) or any(folder.is_relative_to(each) for each in own):
        raise Invalid(
            "This folder is or contains the folder in which Toploss keeps its own data (uploads, runs, "
            "cache); import the folder with your images."
        )


def _no_zip(text: str, path: Path) -> str:
    """The sentence about a file whose name is not that of a zip."""
    if zipfile.is_zipfile(path):
        return f"{text} is a zip, but its name does not say so; give it the suffix .zip."
    try:
        return no_zip(text, path)
    except OSError as error:
        return _closed(text, error)


def _closed(text: str, error: OSError) -> str:
    return f"{text} cannot be opened ({problem_of(error)}); check who may read it."


def _path(text: str) -> Path:
    """The text as a path. Raises Invalid if the system cannot look it up."""
    try:
        path = Path(text).expanduser()
        path.exists()
        path.resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise Invalid("This is no path that the server can look up; check it for typing errors.") from error
    return path
