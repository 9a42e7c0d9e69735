"""A person's own model: a file of its predictions becomes a run that ranks the labels."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import deadline
from app.datasets.catalog import class_names, lock_dataset
from app.datasets.gold import get_gold_part
from app.datasets.models import Sample
from app.datasets.versions import VersionSamples, labels_of, names_of
from app.db.engine import Database
from app.db.types import now
from app.errors import Cancelled, Invalid, about
from app.files import temporary_file, write_atomically
from app.jobs import requests as jobs
from app.ranking.own_model import order, own_rows
from app.ranking.prediction_checks import Gathered, gather, open_predictions
from app.ranking.prediction_parts import SHOWN, listed
from app.ranking.rankings import stage_ranking
from app.ranking.scoring import Floats, Ints
from app.review.issues import publish
from app.rounds.retraining import version_to_train
from app.training.ending import announce_run
from app.training.models import OWN_MODEL, Run
from app.training.names import model_name
from app.training.numbers import next_number
from app.training.phases import COMPARES, STORES
from app.training.runs import OWN_TASK as TASK
from app.training.runs import get_run, version_number

_KEPT, _IDS = "predictions.f32", "predictions.npy"  # of a run that a job ranks
FEWEST = 2  # classes: labels of a single class cannot be compared
_INTERRUPTED = "The import of these predictions was interrupted; import the file again."
_IN_SAMPLE = (
    "In sample: the model may have learnt these labels, so it finds fewer of the wrong ones, and the "
    "hold-out error counts only if it did not learn the hold-out. Better are predictions out of sample, such "
    "as cross_val_predict gives."
)


@dataclass(frozen=True)
class PredictionFile:
    """A file of predictions, and what its owner says of it."""

    path: Path
    name: str  # for people
    out_of_sample: bool  # no row is of an image whose label the model has learnt
    allow_missing: bool = False  # images may have no row; they are not in the ranking then
    ids: Path | None = None  # of an array, a file with the id of each row
    classes: Path | None = None  # of an array, a file with the class of each column


@dataclass(frozen=True)
class Imported:
    """The run of an imported file."""

    run_id: int
    number: int  # of its model
    version: int
    rows: int  # ranked images
    label_issues: int
    notes: tuple[str, ...]
    job_id: str | None = None  # that ranks them; None: they are ranked

    @property
    def name(self) -> str:
        """What people call the model."""
        return model_name(self.number)


def import_predictions(
    database: Database,
    *,
    dataset_id: int,
    file: PredictionFile,
    folder: Path,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
    most_at_once: int | None = None,
    user_id: int | None = None,
) -> Imported:
    """Check the file, freeze the labels as they stand, and rank them by its predictions.

    `folder` is that of all runs, and for temporary files. More images than `most_at_once` are ranked by a job
    of the worker. A refused file changes nothing. Raises Invalid.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with database.read() as session:
        names = class_names(session, dataset_id=dataset_id)
        rows = session.execute(
            select(Sample.id, Sample.path).where(Sample.dataset_id == dataset_id).order_by(Sample.id)
        ).all()
    if len(names) < FEWEST:
        raise Invalid("This data set has fewer than two classes, so its labels cannot be compared.")
    sample_ids, paths = np.array([row[0] for row in rows], np.int64), [row[1] for row in rows]
    on_progress("Reading the predictions", 0, 1)
    with ExitStack() as stack:
        table = _table(stack.enter_context(temporary_file(folder)), len(rows), len(names))
        opened = open_predictions(
            file.path, names=names, most=len(rows), folder=folder, ids=file.ids, classes=file.classes
        )
        with about("file"), opened as found:
            gathered = gather(found, sample_ids=sample_ids, paths=paths, names=names, out=table)
        digest = _digest(file.path)
        deadline.restart()  # reading a large file takes time, but no lock is held
        with database.write() as session:
            run, samples, notes = _request(session, dataset_id, file, digest, gathered, sample_ids)
            run_id = run.id
            if most_at_once is not None and len(samples.paths) > most_at_once:
                run.state, run.note, run.started_at, run.finished_at = "queued", "", None, None
                run.facts = run.facts | {"notes": list(notes)}
                table.flush()
                _keep(folder / str(run_id), Path(str(table.filename)), sample_ids)
                run.job_id = jobs.ask(
                    session, task=TASK, dataset_id=dataset_id, arguments={"run": run_id}, user_id=user_id
                ).id
                version = version_number(session, run)
                return Imported(run_id, run.number, version, len(samples.paths), 0, notes, run.job_id)
        given = np.searchsorted(sample_ids, samples.sample_ids)
        rows_of = table if len(given) == len(table) else _chosen(stack, folder, table, given)
        on_progress(COMPARES, 0, 1)
        return _rank(database, run_id, samples, rows_of, names, out_of_sample=file.out_of_sample, notes=notes)


def rank_kept(
    database: Database,
    *,
    run_id: int,
    folder: Path,
    on_progress: Callable[[str, int, int], None],
    should_stop: Callable[[], bool],
) -> None:
    """Rank by the predictions that a run has kept, and end it; `folder` is that of all runs.

    Raises Cancelled, Invalid.
    """
    kept = folder / str(run_id)
    with database.read() as session:
        run = get_run(session, run_id=run_id)
        samples = labels_of(session, version_id=run.version_id)
        names = names_of(session, version_id=run.version_id)
        notes, out_of_sample = tuple(run.facts["notes"]), run.is_out_of_sample
    try:
        sample_ids = np.load(kept / _IDS, allow_pickle=False)
        table = np.memmap(kept / _KEPT, np.float32, "r").reshape(len(sample_ids), -1)
    except (OSError, ValueError) as error:
        raise Invalid("The predictions of this model are no longer there; import the file again.") from error
    places = np.minimum(np.searchsorted(sample_ids, samples.sample_ids), len(sample_ids) - 1)
    has_row = (sample_ids[places] == samples.sample_ids) & (table[places, 0] >= 0)
    with ExitStack() as stack:
        chosen = _chosen(stack, folder, table, places[has_row])
        _rank(
            database,
            run_id,
            samples.only(np.flatnonzero(has_row)),
            chosen,
            names[: table.shape[1]],
            out_of_sample=out_of_sample,
            notes=notes,
            on_progress=on_progress,
            should_stop=should_stop,
        )
    for name in (_KEPT, _IDS):
        (kept / name).unlink(missing_ok=True)


def _keep(folder: Path, table: Path, sample_ids: Ints) -> None:
    """Move the probabilities to the folder of their run, with the ids of their rows."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    table.replace(folder / _KEPT)
    with write_atomically(folder / _IDS) as partial, partial.open("wb") as file:
        np.save(file, sample_ids)


def _table(path: Path, rows: int, classes: int) -> "np.memmap[Any, np.dtype[np.float32]]":
    """Probabilities in a file, however many there are; a row that is not filled in begins with -1."""
    made = np.memmap(path, np.float32, "w+", shape=(rows, classes))
    made[:, 0] = -1
    return made


def _chosen(stack: ExitStack, folder: Path, table: Floats, rows: Ints) -> Floats:
    found = _table(stack.enter_context(temporary_file(folder)), len(rows), table.shape[1])
    for first in range(0, len(rows), 4096):
        found[first : first + 4096] = table[rows[first : first + 4096]]
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _request(
    session: Session,
    dataset_id: int,
    file: PredictionFile,
    digest: str,
    gathered: Gathered,
    sample_ids: Ints,
) -> tuple[Run, VersionSamples, tuple[str, ...]]:
    """The run, the samples that it ranks, and notes for people. Raises Invalid; then nothing is frozen."""
    lock_dataset(session, dataset_id=dataset_id)
    version = version_to_train(session, dataset_id=dataset_id)
    samples = labels_of(session, version_id=version.id)
    places = np.searchsorted(sample_ids, samples.sample_ids)
    places = np.minimum(places, len(sample_ids) - 1)
    has_row = gathered.seen[places] & (sample_ids[places] == samples.sample_ids)
    notes = list(gathered.notes)
    if missing := int((~has_row).sum()):
        lacking = listed([samples.paths[i] for i in np.flatnonzero(~has_row)[:SHOWN]])
        are = "image has" if missing == 1 else "images have"
        said = f"{missing:,} of {len(has_row):,} {are} no row, such as {lacking}"
        if not file.allow_missing or not has_row.any():
            with about("allow_missing"):
                raise Invalid(
                    f"{said}. Predict them too, or say that rows may be missing (--allow-missing): these "
                    "images are then left out of the ranking."
                )
        notes.append(f"{said}; they are not in the ranking.")
    if deleted := int(gathered.seen.sum()) - int(has_row.sum()):
        notes.append(f"{deleted:,} row{' is' if deleted == 1 else 's are'} of deleted images; left out.")
    if not file.out_of_sample:
        notes.append(_IN_SAMPLE)
    samples = samples.only(np.flatnonzero(has_row))
    gold = get_gold_part(session, dataset_id=dataset_id)
    moment = now()
    run = Run(
        dataset_id=dataset_id,
        number=next_number(session, dataset_id=dataset_id),
        version_id=version.id,
        kind=OWN_MODEL,
        recipe={
            "name": OWN_MODEL,
            "file": file.name,
            "sha256": digest,
            "out_of_sample": file.out_of_sample,
            "rows": len(samples.paths),
        },
        weights=file.name,
        seed=0,
        state="failed",  # until it is ranked: an import that is killed leaves what is true
        note=_INTERRUPTED,
        facts={"gold": gold.digest} if gold else {},
        started_at=moment,
        finished_at=moment,
    )
    session.add(run)
    session.flush()
    return run, samples, tuple(notes)


def _watched(
    rows: Iterator[dict[str, Any]],
    total: int,
    on_progress: Callable[[str, int, int], None],
    should_stop: Callable[[], bool],
) -> Iterator[dict[str, Any]]:
    for done, row in enumerate(rows):
        if done % 2000 == 0:
            on_progress(STORES, done, total)
            if should_stop():
                raise Cancelled("The ranking was cancelled.")
        yield row


def _rank(
    database: Database,
    run_id: int,
    samples: VersionSamples,
    probabilities: Floats,
    names: list[str],
    *,
    out_of_sample: bool,
    notes: tuple[str, ...],
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Imported:
    ordered = order(probabilities, samples.labels, samples.paths)
    usual = float(np.bincount(samples.labels).max() / len(samples.labels))
    if ordered.agreement < usual:
        order_words = (
            f"Only {100 * ordered.agreement:.1f} % of the predicted classes are the given ones, fewer than "
            "the most frequent class alone would give; check the order of the columns and of the rows."
        )
        notes = (*notes, order_words)
    rows = own_rows(
        run_id,
        sample_ids=samples.sample_ids,
        labels=samples.labels,
        probabilities=probabilities,
        ordered=ordered,
        out_of_sample=out_of_sample,
    )
    stage_ranking(database, run_id=run_id, rows=_watched(rows, len(samples.paths), on_progress, should_stop))
    deadline.restart()
    with database.write() as session:
        publish(session, run_id=run_id, epochs=0)
        run = session.get_one(Run, run_id)
        noise = dict(zip(names, map(float, ordered.noise.round(4)), strict=True))
        facts = run.facts | {"class_noise": noise, "agreement": round(ordered.agreement, 4)}
        session.execute(
            update(Run)
            .where(Run.id == run_id)
            .values(state="finished", note=" ".join(notes), facts=facts, finished_at=now())
        )
        session.refresh(run)
        announce_run(session, run_id=run_id, state="finished")
        return Imported(
            run_id, run.number, version_number(session, run), len(samples.paths), run.label_issues or 0, notes
        )
