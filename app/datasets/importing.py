"""Imports a folder or zip of class folders: every file becomes a sample or a rejected file with a reason.

Files are read without a transaction and stored in batches, so an import that is cancelled or killed keeps its
samples, and the next one resumes: it skips paths that are samples already. Samples never change: an import
that is repeated after a complete one checks their files, marks missing and changed ones (`missing.py`), and
lists the changed ones as rejected.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from app.datasets.catalog import DELETING, class_names
from app.datasets.classes import former_names, positions_of_new
from app.datasets.completing import ImportReport, complete, has_version, split_rule
from app.datasets.coverage import new_class_words
from app.datasets.creating import is_empty
from app.datasets.inspection import Facts, too_flat
from app.datasets.layout import Layout, PathMeaning
from app.datasets.layout_outline import empty_words
from app.datasets.layout_reading import Reading
from app.datasets.lookalikes import group_samples, mark_lookalikes
from app.datasets.misplaced import notes_of_classes, notes_of_folders, reasons_of
from app.datasets.models import Dataset, ImageAppearance, LabelClass, RejectedFile, Sample
from app.datasets.naming import printable, zip_notes
from app.datasets.problems import MEASURED, find_problems, store_appearances, store_problems
from app.datasets.proposals import proposal_of, propose
from app.datasets.reading import Result, inspect_all
from app.datasets.rechecking import in_words as lost_in_words
from app.datasets.rechecking import recheck
from app.datasets.scales import in_words as scales_in_words
from app.datasets.scales import measure_scales, narrow_words, scales_of
from app.datasets.spellings import unify
from app.datasets.surveying import (
    IN_A_JOB,
    Survey,
    check_same,
    decide,
    fitting,
    store_reading,
    stored_reading,
    survey,
    unclear,
)
from app.db.engine import Database
from app.decoding.appearance import Appearance
from app.decoding.tones import Tones, kind_of
from app.errors import AmbiguousLayout, Cancelled, NotFound
from app.spelling import search_key
from app.storage import UNKNOWN_SIZE, ImageSource, JoinedSource, ZipSource, open_source

BATCH_ROWS = 1000
BATCH_SECONDS = 2.0  # at most this much work is lost when the worker is killed, also with large images
CHANGED = "changed since it was imported: it stays as it was imported; give the new image another name"

Progress = Callable[[str, int, int], None]  # (stage, done, total; 0: not known yet)
Choose = Callable[[Survey, Reading | None], Reading]  # from the source and the stored reading


def import_images(
    database: Database,
    *,
    dataset_id: int,
    max_pixels: int,
    seed: int = 0,
    on_progress: Progress,
    should_stop: Callable[[], bool],
    choose: Choose | None = None,
) -> ImportReport:
    """Import the files that are not imported yet; the first complete import freezes version 0.

    `choose` is called once and returns how the folders are read; it gets the stored reading, if there is one.
    Without `choose` the folders are read as before, or in the only clear way. `should_stop` is called before
    every file. Raises AmbiguousLayout; Cancelled when `should_stop` returns True; NotFound without data set
    or source; Invalid when the source as a whole cannot be imported. The state of the data set then becomes
    `failed`, or `waiting` for a choice, or stays `ready` when it has a version already.
    """
    with database.write() as session:
        dataset = session.get(Dataset, dataset_id)
        if dataset is None:
            raise NotFound(f"There is no data set {dataset_id}.")
        dataset.state = "importing"
        origin = dataset.origin
    try:
        with closing(open_source(origin)) as source:
            work = _Import(database, dataset_id, on_progress, should_stop, choose or _as_before, source)
            added, known = work.run(
                source.main if isinstance(source, JoinedSource) else source,
                where=str(origin),
                max_pixels=max_pixels,
                seed=seed,
            )
        with database.read() as session:
            alike = group_samples(session, dataset_id=dataset_id)
            problems = find_problems(session, dataset_id=dataset_id)
        with database.write() as session:
            mark_lookalikes(session, dataset_id=dataset_id, groups=alike)
            store_problems(session, dataset_id=dataset_id, found=problems, kinds=MEASURED)
            return complete(session, dataset_id=dataset_id, seed=seed, added=added, known=known)
    except BaseException:
        with database.write() as session:
            state = "ready" if has_version(session, dataset_id=dataset_id) else "failed"
            # a question about the folders and a deletion stay as they are
            asks = (Dataset.id == dataset_id, Dataset.state.not_in(("waiting", DELETING)))
            session.execute(update(Dataset).where(*asks).values(state=state))
        raise


@dataclass
class _Import:
    database: Database
    dataset_id: int
    on_progress: Progress
    should_stop: Callable[[], bool]
    choose: Choose
    whole: ImageSource | None = None  # the source with what was added to it; None: nothing was
    listed: set[str] = field(default_factory=set)  # rejected files written so far

    def run(self, source: ImageSource, *, where: str, max_pixels: int, seed: int) -> tuple[int, int]:
        """Return (samples added, samples that existed before)."""
        found = self._survey(source)
        sizes, rejected = found.sizes, found.rejected
        layout, notes = self._one_class_a_name(self._arrange(found))
        misplaced = reasons_of(source, sizes, layout.misplaced, on_file=self._stop_if_asked)
        rejected |= misplaced | layout.reasons
        notes += [*layout.notes, *empty_words(layout.empty)]
        notes += notes_of_folders(misplaced, layout.places)
        with self.database.write() as session:
            session.execute(delete(RejectedFile).where(RejectedFile.dataset_id == self.dataset_id))
            self._reject(session, rejected)
            dataset = session.get_one(Dataset, self.dataset_id)
            dataset.notes = notes
            if isinstance(source, ZipSource) and source.names.encoding:
                dataset.zip_encoding = source.names.encoding
                dataset.notes = [*notes, *zip_notes(source.names)]
        found.check_layout(layout, rejected, where=where)
        with self.database.write() as session:
            query = select(Sample.path, Sample.bytes).where(Sample.dataset_id == self.dataset_id)
            stored = dict(session.execute(query).all())
            unmeasured = list(
                session.scalars(
                    query.with_only_columns(Sample.path)
                    .outerjoin(ImageAppearance, ImageAppearance.sample_id == Sample.id)
                    .where(or_(Sample.perceptual_hash.is_(None), ImageAppearance.sample_id.is_(None)))
                )
            )
            changed = [
                path
                for path in layout.places.keys() & stored.keys()
                if sizes[path] not in (stored[path], UNKNOWN_SIZE)
            ]
            positions = self._classes(session, layout, known=stored.keys())
            chosen = not found.is_clear(layout.reading)
            store_reading(session, dataset_id=self.dataset_id, reading=layout.reading, chosen=chosen)
            scales = scales_of(session, dataset_id=self.dataset_id)
            self._reject(session, dict.fromkeys(changed, CHANGED))
            side = split_rule(session, layout, dataset_id=self.dataset_id, seed=seed)
        new = sorted(layout.places.keys() - stored.keys())
        known = len(layout.places) - len(new)
        added = 0
        looks = {path: sizes[path] for path in new}
        tones: dict[str, tuple[str, Tones]] = {}  # of deep grey images without a scale
        unread: dict[str, list[str]] = defaultdict(list)  # by class, why its files are no samples
        for batch in self._batches(
            inspect_all(source, looks, max_pixels=max_pixels, scales=scales),
            done=known,
            total=len(layout.places),
        ):
            rows = [
                row_of(
                    self.dataset_id,
                    path,
                    facts,
                    split=side(path, facts.sha256),
                    given_label=positions[layout.places[path].label],
                )
                for path, facts in batch
                if isinstance(facts, Facts)
            ]
            with self.database.write() as session:
                if rows:
                    session.execute(insert(Sample), rows)
                    store_appearances(session, dataset_id=self.dataset_id, seen=_appearances(batch))
                self._reject(session, {path: why for path, why in batch if isinstance(why, str)})
            for path, why in batch:
                if isinstance(why, str):
                    unread[layout.places[path].label].append(why)
            added += len(rows)
            tones |= {
                path: (facts.mode, facts.tones)
                for path, facts in batch
                if isinstance(facts, Facts) and facts.tones and kind_of(facts.mode) not in scales
            }
        added -= self._settle_scales(source, tones)
        self._recheck(self.whole or source, stored, sizes)
        self._look_again(
            source,
            {path: sizes[path] for path in unmeasured if path in layout.places and path not in changed},
            max_pixels=max_pixels,
        )
        self._tell_of_empty(unread, positions)
        return added, known

    def _recheck(self, source: ImageSource, stored: Mapping[str, int], sizes: Mapping[str, int]) -> None:
        """Check the files of an earlier complete import; a resumed import has just read its files."""
        with self.database.read() as session:
            first = not has_version(session, dataset_id=self.dataset_id)
        if first or not stored:
            return
        lost = recheck(
            self.database,
            dataset_id=self.dataset_id,
            source=source,
            sizes=sizes,
            on_progress=self.on_progress,
            stop_if_asked=self._stop_if_asked,
        )
        with self.database.write() as session:
            self._note(session, lost_in_words(lost))
            self._reject(session, {each.path: CHANGED for each in lost if each.reason == "changed"})

    def _settle_scales(self, source: ImageSource, tones: Mapping[str, tuple[str, Tones]]) -> int:
        """Measure missing scales of deep greys; reject images that have a single colour on their scale."""
        scales = measure_scales(self.database, dataset_id=self.dataset_id, source=source)
        known = {kind: Tones.of(scale) for kind, scale in scales.items()}
        flat = {
            path: problem
            for path, (mode, own) in tones.items()
            if (scale := known.get(kind_of(mode) or "")) and (problem := too_flat(own, scale))
        }
        with self.database.write() as session:
            self._note(session, [*scales_in_words(scales), *narrow_words(tones.values(), scales)])
            if has_version(session, dataset_id=self.dataset_id):
                return 0  # the samples may have decisions already
            for path in flat:
                session.execute(
                    delete(Sample).where(Sample.dataset_id == self.dataset_id, Sample.path == path)
                )
            self._reject(session, flat)
        return len(flat)

    def _tell_of_empty(self, unread: Mapping[str, list[str]], positions: Mapping[str, int]) -> None:
        """Add notes about classes without any readable image."""
        with self.database.write() as session:
            query = select(Sample.given_label).where(Sample.dataset_id == self.dataset_id).distinct()
            filled = set(session.scalars(query))
            empty = {name: why for name, why in unread.items() if positions[name] not in filled}
            self._note(session, notes_of_classes(empty))

    def _classes(self, session: Session, layout: Layout, *, known: Collection[str]) -> dict[str, int]:
        """Where new images go, by class name; the new classes of a repeated import get a note.

        `known` are the paths of samples. Raises Conflict if one of them would have another class now.
        """
        before = class_names(session, dataset_id=self.dataset_id)
        names = [*layout.classes, *layout.empty]
        positions = add_classes(session, dataset_id=self.dataset_id, names=names)
        if known:
            self._note(session, new_class_words([name for name in positions if name not in before]))
        classes = {path: place.label for path, place in layout.places.items()}
        check_same(session, layout, positions, dataset_id=self.dataset_id)
        session.flush()
        new = {name for path, name in classes.items() if path not in known}
        positions, notes = positions_of_new(
            session, dataset_id=self.dataset_id, positions=positions, names=new
        )
        self._note(session, notes)
        return positions

    def _note(self, session: Session, sentences: list[str]) -> None:
        """Add notes to the data set."""
        dataset = session.get_one(Dataset, self.dataset_id)
        dataset.notes = [*dataset.notes, *sentences]

    def _one_class_a_name(self, layout: Layout) -> tuple[Layout, list[str]]:
        """The layout with the class names of the data set, and notes for people."""
        with self.database.read() as session:
            before = former_names(session, dataset_id=self.dataset_id)
            names = class_names(session, dataset_id=self.dataset_id)
        unified = unify(layout.places, [*names, *before])
        classes = {label: before.get(name, name) for label, name in unified.classes.items()}
        places = {
            path: PathMeaning(place.split, classes[place.label]) for path, place in layout.places.items()
        }
        return replace(layout, places=places), unified.notes

    def _look_again(self, source: ImageSource, paths: dict[str, int], *, max_pixels: int) -> None:
        """Measure samples of versions that did not: their perceptual hashes, and how they appear."""
        if not paths:
            return
        for batch in self._batches(
            inspect_all(source, paths, max_pixels=max_pixels), done=0, total=len(paths)
        ):
            with self.database.write() as session:
                same: list[Result] = []
                for path, facts in batch:
                    if isinstance(facts, Facts):
                        mine = (
                            Sample.dataset_id == self.dataset_id,
                            Sample.path == path,
                            Sample.sha256 == facts.sha256,
                        )
                        changed = session.execute(
                            update(Sample).where(*mine).values(perceptual_hash=facts.looks)
                        )
                        same += [(path, facts)] * changed.rowcount  # type: ignore[attr-defined]
                store_appearances(session, dataset_id=self.dataset_id, seen=_appearances(same))

    def _survey(self, source: ImageSource) -> Survey:
        def on_files(count: int) -> None:
            self._stop_if_asked()
            if count % BATCH_ROWS == 0:
                self.on_progress("Looking for files", count, 0)

        return survey(source, on_files=on_files)

    def _arrange(self, found: Survey) -> Layout:
        with self.database.read() as session:
            stored = stored_reading(session, dataset_id=self.dataset_id)
            before = stored or fitting(session, found, dataset_id=self.dataset_id)
        try:
            return found.arrange(self.choose(found, before))
        except AmbiguousLayout:
            self._let_it_wait(found)
            raise

    def _let_it_wait(self, found: Survey) -> None:
        proposal = proposal_of(found)
        with self.database.write() as session:
            dataset = session.get_one(Dataset, self.dataset_id)
            if proposal is not None and is_empty(session, dataset):
                propose(session, dataset=dataset, proposal=proposal)

    def _batches(self, results: Generator[Result], *, done: int, total: int) -> Iterator[list[Result]]:
        """Group the results into batches; a stop still yields the last, incomplete batch."""
        batch: list[Result] = []
        since = time.monotonic()
        self.on_progress("Reading images", done, total)
        with closing(results):  # ends its threads
            for result in results:
                batch.append(result)
                done += 1
                stopping = self.should_stop()
                if stopping or len(batch) >= BATCH_ROWS or time.monotonic() - since > BATCH_SECONDS:
                    yield batch
                    self.on_progress("Reading images", done, total)
                    batch, since = [], time.monotonic()
                if stopping:
                    self._stop_if_asked()
        if batch:
            yield batch
        self.on_progress("Reading images", done, total)

    def _reject(self, session: Session, reasons: Mapping[str, str]) -> None:
        """Store each rejected file once: entries of a zip may share a name, or look the same when shown."""
        shown = {printable(path): printable(reason) for path, reason in reasons.items()}
        new = sorted(shown.keys() - self.listed)
        if new:
            session.execute(
                insert(RejectedFile),
                [{"dataset_id": self.dataset_id, "path": path, "reason": shown[path]} for path in new],
            )
            self.listed.update(new)

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            raise Cancelled(
                "The import was stopped; what is done is kept, and importing again resumes from there."
            )


def _appearances(results: list[Result]) -> dict[str, Appearance]:
    return {path: facts.appearance for path, facts in results if isinstance(facts, Facts)}


def _as_before(found: Survey, stored: Reading | None) -> Reading:
    try:
        return decide(found, stored=stored)
    except AmbiguousLayout as error:
        raise unclear(found, where=IN_A_JOB) from error


def add_classes(session: Session, *, dataset_id: int, names: list[str]) -> dict[str, int]:
    """Positions by name; new classes get the next positions, and existing positions never change."""
    rows = session.execute(
        select(LabelClass.name, LabelClass.position).where(LabelClass.dataset_id == dataset_id)
    )
    positions = dict(rows.all())
    new = [name for name in names if name not in positions]
    positions |= {name: position for position, name in enumerate(new, start=len(positions))}
    session.add_all([LabelClass(dataset_id=dataset_id, position=positions[name], name=name) for name in new])
    return positions


def row_of(dataset_id: int, path: str, facts: Facts, *, split: str, given_label: int) -> dict[str, object]:
    """The columns of a new sample."""
    return {
        "dataset_id": dataset_id,
        "path": path,
        "folded_path": search_key(path),
        "sha256": facts.sha256,
        "bytes": facts.bytes,
        "width": facts.width,
        "height": facts.height,
        "mode": facts.mode,
        "format": facts.format,
        "split": split,
        "given_label": given_label,
        "given_now": given_label,
        "perceptual_hash": facts.looks,
    }
