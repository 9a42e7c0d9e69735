"""Adds images to an existing data set: a zip, a folder, a URL or single files with a class.

What is added is a part: a source of its own, whose samples have paths that begin with `added-N/`. The main
source and earlier parts are not read again. A job that is killed continues after the last batch.
"""

import io
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from app.datasets.catalog import DELETING, class_names, lock_dataset, refuse_archived
from app.datasets.classes import check_class_name, former_names, positions_of_new
from app.datasets.completing import complete, has_version, split_rule
from app.datasets.importing import BATCH_ROWS, BATCH_SECONDS, Progress, add_classes, row_of
from app.datasets.inspection import Facts
from app.datasets.layout import Layout, PathMeaning
from app.datasets.layout_choice import StatedLayout
from app.datasets.layout_reading import Reading
from app.datasets.lookalikes import group_samples, mark_lookalikes
from app.datasets.misplaced import reasons_of
from app.datasets.models import Dataset, MissingFile, RejectedFile, Sample
from app.datasets.naming import folder_name, name_problem, printable
from app.datasets.problems import MEASURED, find_problems, store_appearances, store_problems
from app.datasets.reading import inspect_all
from app.datasets.scales import measure_scales, scales_of
from app.datasets.sources import refuse_second
from app.datasets.spellings import unify
from app.datasets.surveying import Survey, decide, survey
from app.datasets.uploads import store_zip
from app.db.engine import Database
from app.decoding.appearance import Appearance
from app.errors import Cancelled, Conflict, Invalid, NotFound
from app.storage import Origin, folder_of, open_source

AT_ONCE = 100  # files that a request reads itself; more are read by a job


@dataclass(frozen=True)
class Part:
    """Images that are to be added, and how their folders are read."""

    dataset_id: int
    number: int
    origin: Origin
    reading: Reading
    files: int


@dataclass(frozen=True)
class Added:
    """What was added."""

    samples: int
    known: int  # files that are there already, by path or by content and class
    rejected: dict[str, str]  # the reason by path
    notes: tuple[str, ...]

    @property
    def words(self) -> str:
        """For the person who added."""
        return added_words(self.samples, self.known, len(self.rejected))


def added_words(samples: int, known: int, rejected: int) -> str:
    """How many images were added, were there already, and how many files were not, for who added."""
    words = ["1 image was added" if samples == 1 else f"{samples:,} images were added"]
    if known:
        words.append("1 was there already" if known == 1 else f"{known:,} were there already")
    if rejected:
        words.append("1 file was not" if rejected == 1 else f"{rejected:,} files were not")
    return "; ".join(words) + "."


def pack_files(files: Sequence[tuple[str, BinaryIO]], *, class_name: str, uploads_dir: Path) -> Origin:
    """Store single files of one class as a zip, so that they are kept like other uploads. Raises Invalid."""
    folder = folder_name(check_class_name(class_name))
    packed, used = io.BytesIO(), set[str]()
    with zipfile.ZipFile(packed, "w") as archive:
        for sent, content in files:
            name = sent.replace("\\", "/").rpartition("/")[2] or "image"
            if problem := name_problem(name):
                raise Invalid(f"The file {printable(name)} cannot be added: {problem}.")
            stem, dot, suffix = name.rpartition(".")
            number = 2
            while name in used:
                name, number = f"{stem}-{number}{dot}{suffix}", number + 1
            used.add(name)
            entry = zipfile.ZipInfo(f"{folder}/{name}")  # the same files make the same zip
            archive.writestr(entry, content.read())
    size = packed.tell()
    packed.seek(0)
    stored = store_zip(uploads_dir, packed, max_bytes=size)
    label = files[0][0] if len(files) == 1 else f"{len(files)} files"
    return Origin(str(stored.resolve()), printable(label)[:255])


def look_at_part(origin: Origin, *, folders: StatedLayout | None) -> tuple[Survey, Reading]:
    """What is to be added and how its folders are read.

    Raises AmbiguousLayout with the choices, Invalid if nothing in it can be added, NotFound.
    """
    with closing(open_source(origin)) as source:
        found = survey(source)
        reading = decide(found, stored=None) if folders is None else found.reading_of(folders)
        if not found.arrange(reading).places:
            found.check(reading, where=origin)
            raise Invalid(f"No file in {origin} lies in a class folder, so nothing can be added.")
        return found, reading


def add_part(session: Session, dataset: Dataset, origin: Origin, found: Survey, reading: Reading) -> Part:
    """Make the source a part of the data set; `read_part` then reads its images.

    A source that was added before is the same part. Raises Conflict if the data set is archived, is being
    imported, or has this main source.
    """
    lock_dataset(session, dataset_id=dataset.id)
    session.refresh(dataset)
    refuse_archived(session, dataset_id=dataset.id)
    refuse_second(session, dataset)
    if not has_version(session, dataset_id=dataset.id):
        raise Conflict(
            f"The import of {dataset.name} has to finish before images are added; wait for it, or import "
            "again if it failed."
        )
    files = len(found.arrange(reading).places)
    if dataset.source == origin.source:
        raise Conflict(
            f"{dataset.name} was imported from {origin}; import it again, so that it is read anew."
        )
    for number, part in enumerate(dataset.parts, start=1):
        if part["source"] == origin.source:  # only what is no sample yet is read
            return Part(dataset.id, number, origin, reading, files)
    dataset.parts = [
        *dataset.parts,
        {"source": origin.source, "name": origin.name, "zip_encoding": origin.zip_encoding},
    ]
    session.flush()
    return Part(dataset.id, len(dataset.parts), origin, reading, files)


def read_part(
    database: Database,
    part: Part,
    *,
    max_pixels: int,
    on_progress: Progress = lambda *_: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Added:
    """Read the images of a part that are no samples yet.

    Raises Cancelled, NotFound if the data set is deleted meanwhile, and the errors of the source.
    """
    try:
        return _read_part(
            database, part, max_pixels=max_pixels, on_progress=on_progress, should_stop=should_stop
        )
    except Exception:
        with database.read() as session:
            _check_there(session, part)
        raise


def _read_part(
    database: Database,
    part: Part,
    *,
    max_pixels: int,
    on_progress: Progress,
    should_stop: Callable[[], bool],
) -> Added:
    with closing(open_source(part.origin)) as source:
        found = survey(source)
        layout = found.arrange(part.reading)
        rejected = found.rejected | layout.reasons
        rejected |= reasons_of(source, found.sizes, layout.misplaced, on_file=lambda: None)
        with database.write() as session:
            _hold(session, part)
            layout, positions, notes = _placed(session, part, layout)
            scales = scales_of(session, dataset_id=part.dataset_id)
            side = split_rule(session, layout, dataset_id=part.dataset_id, seed=0)
            prefix = f"{folder_of(part.number)}/"
            mine = (Sample.dataset_id == part.dataset_id, Sample.path.startswith(prefix, autoescape=True))
            known = {path.removeprefix(prefix) for path in session.scalars(select(Sample.path).where(*mine))}
        new = {path: found.sizes[path] for path in sorted(layout.places.keys() - known)}
        readable = 0
        batch: list[tuple[str, Facts]] = []
        added, since = 0, time.monotonic()
        with closing(inspect_all(source, new, max_pixels=max_pixels, scales=scales)) as results:
            for done, (path, facts) in enumerate(results, start=1):
                if isinstance(facts, Facts):
                    batch.append((path, facts))
                    readable += 1
                else:
                    rejected[path] = facts
                stopping = should_stop()
                is_late = len(batch) >= BATCH_ROWS or time.monotonic() - since > BATCH_SECONDS
                if stopping or is_late or done == len(new):
                    rows = [
                        row_of(
                            part.dataset_id,
                            prefix + path,
                            facts,
                            split=side(path, facts.sha256),
                            given_label=positions[layout.places[path].label],
                        )
                        for path, facts in batch
                    ]
                    seen = {prefix + path: facts.appearance for path, facts in batch}
                    added, batch = added + _store(database, part, rows, seen), []
                    on_progress("Reading images", done, len(new))
                    since = time.monotonic()
                if stopping:
                    raise Cancelled("Adding images was stopped; what is done is kept.")
    _finish(database, part, {prefix + path: why for path, why in rejected.items()}, notes, added)
    there = len(layout.places.keys() & known) + readable - added
    return Added(added, there, rejected, tuple(notes))


def _placed(session: Session, part: Part, layout: Layout) -> tuple[Layout, dict[str, int], list[str]]:
    """The layout with the class names of the data set, the positions of its classes, and notes."""
    before = former_names(session, dataset_id=part.dataset_id)
    names = class_names(session, dataset_id=part.dataset_id)
    unified = unify(layout.places, [*names, *before])
    classes = {label: before.get(name, name) for label, name in unified.classes.items()}
    places = {path: PathMeaning(at.split, classes[at.label]) for path, at in layout.places.items()}
    used = sorted({at.label for at in places.values()})
    positions = add_classes(session, dataset_id=part.dataset_id, names=used)
    session.flush()
    positions, notes = positions_of_new(session, dataset_id=part.dataset_id, positions=positions, names=used)
    new = [name for name in used if name not in names]
    notes = [*unified.notes, *layout.notes, *([f"New classes: {', '.join(new)}."] if new else []), *notes]
    return replace(layout, places=places), positions, notes


def _store(database: Database, part: Part, rows: list[dict[str, object]], seen: dict[str, Appearance]) -> int:
    """Store those that are new, and return how many.

    Another request may have stored some of the same part meanwhile. An image that another source of the data
    set has, with the same label, is not stored twice: people add a zip of a folder that was imported, or a
    folder that has grown. One whose file is missing does not count, so that its image comes back.
    """
    if not rows:
        return 0
    with database.write() as session:
        _hold(session, part)
        mine = Sample.dataset_id == part.dataset_id
        known = set(
            session.scalars(select(Sample.path).where(mine, Sample.path.in_([row["path"] for row in rows])))
        )
        elsewhere = select(Sample.sha256, Sample.given_now).where(
            mine,
            Sample.sha256.in_({row["sha256"] for row in rows}),
            ~Sample.path.startswith(f"{folder_of(part.number)}/", autoescape=True),
            ~exists().where(MissingFile.sample_id == Sample.id),
        )
        same = {(sha256, label) for sha256, label in session.execute(elsewhere)}
        new = [
            row
            for row in rows
            if row["path"] not in known and (row["sha256"], row["given_label"]) not in same
        ]
        if new:
            session.execute(insert(Sample), new)
            stored = {row["path"] for row in new}
            seen = {path: each for path, each in seen.items() if path in stored}
            store_appearances(session, dataset_id=part.dataset_id, seen=seen)
        return len(new)


def _hold(session: Session, part: Part) -> None:
    """Until the transaction ends nobody else adds to the data set or deletes it. Raises NotFound."""
    lock_dataset(session, dataset_id=part.dataset_id)
    _check_there(session, part)


def _check_there(session: Session, part: Part) -> None:
    state = session.scalar(select(Dataset.state).where(Dataset.id == part.dataset_id))
    if state in (None, DELETING):
        raise NotFound("The data set was deleted while images were added to it.")


def _finish(database: Database, part: Part, rejected: dict[str, str], notes: list[str], added: int) -> None:
    """What an import does at its end: scales, lookalikes, problems, notes, rejected files."""
    with database.read() as session:
        origin = session.get_one(Dataset, part.dataset_id).origin
    with closing(open_source(origin)) as whole:
        measure_scales(database, dataset_id=part.dataset_id, source=whole)
    with database.read() as session:
        alike = group_samples(session, dataset_id=part.dataset_id)
        problems = find_problems(session, dataset_id=part.dataset_id)
    with database.write() as session:
        _hold(session, part)
        listed = set(
            session.scalars(select(RejectedFile.path).where(RejectedFile.dataset_id == part.dataset_id))
        )
        mark_lookalikes(session, dataset_id=part.dataset_id, groups=alike)
        store_problems(session, dataset_id=part.dataset_id, found=problems, kinds=MEASURED)
        session.get_one(Dataset, part.dataset_id).notes = notes
        why = {printable(path): printable(reason) for path, reason in rejected.items()}
        rows = [
            {"dataset_id": part.dataset_id, "path": path, "reason": reason}
            for path, reason in why.items()
            if path not in listed
        ]
        if rows:
            session.execute(insert(RejectedFile), rows)
        complete(session, dataset_id=part.dataset_id, seed=0, added=added, known=0)
