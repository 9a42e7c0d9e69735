"""The images of an export: under which names and with which bytes they leave.

A file leaves as it is if torchvision, fastai and `datasets` read its format. Other formats (GIF, HEIC, AVIF,
JPEG 2000) become PNG, as a person sees the image: upright, of an animation the first frame. A name whose
suffix torchvision does not know gets the suffix of the format behind it, because torchvision leaves out
such files in silence.
"""

import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.missing import Changed, Lost, RecordedFile, by_sample, read_unchanged, reason_of
from app.datasets.models import Sample
from app.datasets.naming import folder_name
from app.decoding.opening import memory_to_decode, open_image
from app.decoding.seen import as_seen
from app.errors import NotFound
from app.export.rows import ExportPlan, ExportRow, export_rows
from app.storage import Unreadable, open_source

KNOWN_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # to torchvision
KEPT = ("PNG", "JPEG", "MPO", "BMP", "DIB", "TIFF", "WEBP", "PPM")  # formats whose files leave as they are
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "DIB": ".bmp"}


def with_file(plan: ExportPlan) -> Iterator[ExportRow]:
    """The rows that have a label and a file."""
    lost = by_sample(plan.lost)
    return (row for row in export_rows(plan) if row.label is not None and row.sample_id not in lost)


def file_name(row: ExportRow) -> str:
    """The file's name, made safe, with a suffix of its format that every reader knows."""
    name = folder_name(row.path.rpartition("/")[2])
    return with_known_suffix(name.replace("%25", "%"), row)  # a % is safe, and no reader takes it back


def with_known_suffix(name: str, row: ExportRow) -> str:
    """The name or path with a suffix of the file's format that every reader knows."""
    kept = row.image_format in KEPT
    if name.casefold().endswith(KNOWN_SUFFIXES if kept else ".png"):
        return name
    return name + (_SUFFIXES.get(row.image_format, f".{row.image_format.lower()}") if kept else ".png")


def unique_names(files: Iterable[tuple[str, str, str]]) -> list[str]:
    """`<folder>/<name>` of every (folder, name, sha256), in this order; colliding: `<stem>__<sha8><ext>`.

    Names that differ in case or in the way accents are written collide too: not every disk tells them apart.
    Copies of one image under one name are numbered.
    """
    wanted = [(f"{folder}/{name}", sha256) for folder, name, sha256 in files]
    counts = Counter(key_of(path) for path, _ in wanted)
    taken = {key for key, count in counts.items() if count == 1}
    names = []
    for path, sha256 in wanted:
        name = path
        if counts[key_of(path)] > 1:
            dot = path.rfind(".", path.rfind("/") + 2)  # a dot at the start is no suffix
            stem, suffix = (path[:dot], path[dot:]) if dot > 0 else (path, "")
            name, number = f"{stem}__{sha256[:8]}{suffix}", 2
            while key_of(name) in taken:
                name, number = f"{stem}__{sha256[:8]}_{number}{suffix}", number + 1
            taken.add(key_of(name))
        names.append(name)
    return names


def key_of(path: str) -> str:
    """What is equal for paths that are one on Windows or macOS."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def read_images(
    plan: ExportPlan, rows: Iterable[ExportRow], lost: list[Lost]
) -> Iterator[tuple[ExportRow, bytes]]:
    """Each row with the bytes of its file; a file that is lost during the download is added to `lost`."""
    with closing(open_source(plan.source)) as source:
        for row in rows:
            recorded = RecordedFile(row.sample_id, row.path, row.image_bytes, row.sha256)
            try:
                content = read_unchanged(source, recorded)
            except (NotFound, Unreadable, Changed) as error:  # since the files were checked
                lost.append(Lost(row.sample_id, row.path, reason_of(error)))
                continue
            yield row, content if row.image_format in KEPT else as_png(content)


def as_png(content: bytes) -> bytes:
    """An image as a PNG of what a person sees; equal bytes give equal bytes."""
    out = io.BytesIO()
    with open_image(content) as image, memory_to_decode(image, whole=True):
        as_seen(image).save(out, "PNG")
    return out.getvalue()


def image_notes(plan: ExportPlan) -> list[str]:
    """Sentences about images that leave as another file than they came."""
    with Session(plan.engine) as session:
        words = converted_words(session, dataset_id=plan.dataset_id, last_sample_id=plan.last_sample_id)
    return [words] if words else []


def converted_words(session: Session, *, dataset_id: int, last_sample_id: int | None = None) -> str:
    """A sentence about files that leave as PNG, up to a sample or all; empty if there are none."""
    mine = [Sample.dataset_id == dataset_id, Sample.format.not_in(KEPT)]
    if last_sample_id is not None:
        mine.append(Sample.id <= last_sample_id)
    query = select(Sample.format, func.count()).where(*mine)
    counts = session.execute(query.group_by(Sample.format).order_by(Sample.format)).all()
    if not counts:
        return ""
    kinds = " and ".join(f"{count:,} {name}" for name, count in counts)
    return (
        f"Images in formats that torchvision does not read leave as PNG, upright, of an animation the first "
        f"frame: {kinds}."
    )
