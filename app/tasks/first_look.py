"""The job of a first look: describe every image with a pretrained network, and rank the labels by it.

It may be killed at any time: the descriptions lie in a file of the run, and the rest is made of them again.
"""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.gold import gold_ids
from app.datasets.missing import (
    Lost,
    RecordedFile,
    files_of,
    left_out_words,
    mark,
    read_unchanged,
    reason_of,
)
from app.datasets.models import Dataset, Sample
from app.datasets.scales import measure_scales
from app.datasets.versions import VersionSamples, frozen_names, labels_of
from app.errors import Invalid
from app.jobs.engine import JobContext
from app.ml.backbone import Embedder, load_timm
from app.ml.device import keep_freed_memory, usable_cores, use_threads
from app.ml.embedding import PrincipalComponents
from app.ml.errors import TrainingFailed
from app.ml.features import (
    TRIED_AT,
    affords_mirrors,
    choose_size,
    compute_features,
    measure_pace,
    open_features,
    reading_size,
    take_readable,
)
from app.ml.images import StreamedImages
from app.ml.patches import SIDE
from app.ranking.embeddings import write_embedding
from app.ranking.opinions import Opinion
from app.ranking.out_of_fold import FOLDS, OutOfFold, judge
from app.ranking.rankings import ranking_rows, stage_ranking
from app.ranking.scoring import Ints
from app.ranking.starting import start
from app.review.claims import release_cards
from app.review.issues import publish
from app.storage import open_source
from app.tasks.copies import group_copies
from app.tasks.ending import end, ending_badly
from app.tasks.machine import machine_facts
from app.tasks.off_topic import store_off_topic
from app.tasks.opinions import LOOK
from app.tasks.patches import BACKBONE, BOTH, LARGEST, Facts, SmallImages, with_patches
from app.training.ending import start_run
from app.training.first_looks import newest_first_look
from app.training.models import Run
from app.training.pace import FIRST_LOOK_PACE
from app.training.phases import COMPARES, LOOKS
from app.training.runs import get_run

log = logging.getLogger(__name__)
load_timm()  # with this module, while no other job loads anything
NEIGHBOUR_DIMENSIONS = 64  # of the embedding that finds similar images
SEEN_FOR_DIRECTIONS = 4096  # images that these are chosen by


@dataclass(frozen=True)
class _Look:
    """What a first look needs, read once; the samples are those of its version."""

    run_id: int
    dataset_id: int
    names: tuple[str, ...]
    samples: VersionSamples
    gold: np.ndarray  # (n,) whether it is in the gold part, whose labels teach nothing
    size: int  # pixels of the side of the square that is looked at
    reading: int  # pixels of the side of the image that this square is the middle of
    mirrored: bool  # whether its mirror image is looked at too
    is_small: bool  # whether the images are so small that patches of them may describe them better


def run(context: JobContext) -> None:
    """Describe, compare, rank; the run ends as its job does."""
    run_id = int(context.job.arguments["run"])
    with context.database.write() as session:
        if session.scalar(select(Run.job_id).where(Run.id == run_id)) != context.job.id:
            return  # it was resumed under another job
        if start_run(session, run_id=run_id).state != "running":
            return
    with ending_badly(context, run_id, kept="what it has seen is kept"), keep_freed_memory():
        threads = use_threads(context.settings.worker_threads or usable_cores())
        embedder = Embedder(TRIED_AT)
        look = _plan(context, run_id, threads, embedder)
        features, lost = _describe(context, look, embedder)
        _rank(context, look, features)
        _find_copies(context, look, features)
        note = left_out_words(lost)
    end(context, run_id, "finished", note)


def _plan(context: JobContext, run_id: int, threads: int, embedder: Embedder) -> _Look:
    pace = measure_pace(embedder)
    with context.database.write() as session:
        started = get_run(session, run_id=run_id)
        samples = labels_of(session, version_id=started.version_id)
        if not len(samples.paths):
            raise Invalid("This version has no images; keep some of them, or import more.")
        gold = gold_ids(session, dataset_id=started.dataset_id)
        sides = _sides(session, started.dataset_id)
        size = started.recipe.get("image_size") or choose_size(sides, pace=pace)
        reading = started.recipe.get("reading_size") or reading_size(sides, size=size)
        mirrored = started.recipe.get("mirrored", affords_mirrors(len(sides), size=size, pace=pace))
        chosen = {"image_size": size, "reading_size": reading, "mirrored": mirrored}
        started.recipe = started.recipe | chosen | {"folds": FOLDS}
        machine = machine_facts(context, threads=threads)
        started.facts = started.facts | machine | {FIRST_LOOK_PACE: round(pace, 1)}
        return _Look(
            run_id,
            started.dataset_id,
            tuple(frozen_names(session, version_id=started.version_id)),
            samples,
            np.isin(samples.sample_ids, gold),
            size,
            reading,
            mirrored,
            bool(np.median(sides) <= LARGEST),
        )


def _sides(session: Session, dataset_id: int) -> np.ndarray:
    """The shorter side of every image, in pixels (n,)."""
    query = select(Sample.width, Sample.height).where(Sample.dataset_id == dataset_id)
    return np.array([min(width, height) for width, height in session.execute(query)])


def _describe(context: JobContext, look: _Look, embedder: Embedder) -> tuple[np.ndarray, list[Lost]]:
    """The features (n, 1280) of every image, NaN where its file is lost; the lost ones are marked."""
    files = _files(context, look)
    problems: dict[int, Exception] = {}
    with _reading(context, look, files, size=look.reading, problems=problems) as images:
        out = features_file(context, look.run_id, look)
        known = take_readable(out) or _known(context, look)
        features = compute_features(
            images,
            out,
            embedder=embedder.at(look.size, mirrored=look.mirrored),
            problems=problems,
            known=known,
            on_progress=lambda done, total: context.report(LOOKS, done, total),
            should_stop=context.should_stop,
        )
    is_lost = np.isnan(features[:, 0])
    lost = [_lost(files[row], problems.get(int(row))) for row in np.flatnonzero(is_lost)]
    found = [files[row].sample_id for row in np.flatnonzero(~is_lost).tolist() if row not in known]
    with context.database.write() as session:
        release_cards(session, mark(session, dataset_id=look.dataset_id, lost=lost, found=found))
    return features, lost


def _files(context: JobContext, look: _Look) -> list[RecordedFile]:
    with context.database.read() as session:
        recorded = {file.sample_id: file for file in files_of(session, dataset_id=look.dataset_id)}
    return [recorded[int(sample_id)] for sample_id in look.samples.sample_ids]


@contextmanager
def _reading(
    context: JobContext,
    look: _Look,
    files: list[RecordedFile],
    *,
    size: int,
    problems: dict[int, Exception],
) -> Iterator[StreamedImages]:
    """The images in these files, decoded to this size; of those that cannot be read the errors by row."""
    with context.database.read() as session:
        origin = session.get_one(Dataset, look.dataset_id).origin
    with closing(open_source(origin)) as source:
        yield StreamedImages(
            lambda row: read_unchanged(source, files[row]),
            len(files),
            size=size,
            scales=measure_scales(context.database, dataset_id=look.dataset_id, source=source),
            file_bytes=[file.bytes for file in files],
            problems=problems,
        )


def features_file(context: JobContext, run_id: int, look: _Look) -> Path:
    """The file of the features of a first look, this one or another, that looks in the same way as `look`."""
    way = f"{look.size}-of-{look.reading}" + ("-mirrored" if look.mirrored else "")
    return context.settings.runs_dir / str(run_id) / f"features-{way}.f16"


def _known(context: JobContext, look: _Look) -> dict[int, np.ndarray]:
    """By row, the features that the newest first look before this one has found at the same size."""
    before = _before(context, look)
    if before is None:
        return {}
    run_id, rows = before
    features = open_features(features_file(context, run_id, look))
    there = np.flatnonzero((rows >= 0) & (rows < len(features))).tolist()
    return {row: features[rows[row]] for row in there if not np.isnan(features[rows[row], 0])}


def _before(context: JobContext, look: _Look) -> tuple[int, Ints] | None:
    """The newest first look that has finished, and the row in it of each row of this one, -1 for none."""
    with context.database.read() as session:
        run = newest_first_look(session, dataset_id=look.dataset_id)
        if run is None:
            return None
        sample_ids = labels_of(session, version_id=run.version_id).sample_ids.tolist()
    place = {sample_id: row for row, sample_id in enumerate(sample_ids)}
    return run.id, np.array([place.get(sample_id, -1) for sample_id in look.samples.sample_ids.tolist()])


def _lost(file: RecordedFile, error: Exception | None) -> Lost:
    return Lost(file.sample_id, file.path, reason_of(error) if error else "unreadable")


def _rank(context: JobContext, look: _Look, features: np.ndarray) -> None:
    """Judge each label by a model that has not seen it, and store the ranking."""
    rows = np.flatnonzero(~np.isnan(features[:, 0]))
    if not len(rows):
        raise Invalid("No image of this version can be read; put the files back and resume the first look.")
    context.report(COMPARES, 0, 1, force=True)
    vectors, samples = features[rows].astype(np.float32), look.samples.only(rows)
    known = np.where(look.gold[rows], -1, samples.labels)  # the labels of the gold part teach nothing
    groups = np.unique(samples.sha256, return_inverse=True)[1]
    opinion = judge(vectors, known, len(look.names), groups=groups)
    found: Facts = {}
    if look.is_small:
        opinion, found = _with_patches(context, look, opinion, vectors, rows, known, groups)
    first = start(
        [Opinion(LOOK, opinion.log_probs)],
        samples.labels,
        classes=len(look.names),
        unjudged=~opinion.judged,
    )
    stage_ranking(
        context.database,
        run_id=look.run_id,
        rows=ranking_rows(
            look.run_id,
            sample_ids=samples.sample_ids,
            paths=samples.paths,
            labels=samples.labels,
            log_probs=opinion.log_probs,
            quality=first.label_quality,
            error_probability=first.error_probability,
            folds=opinion.folds,
        ),
    )
    _keep_embedding(context, look, samples.sample_ids, vectors)
    store_off_topic(
        context,
        dataset_id=look.dataset_id,
        sample_ids=samples.sample_ids,
        features=vectors,
        labels=known,
        classes=len(look.names),
    )
    with context.database.write() as session:
        publish(session, run_id=look.run_id, epochs=0)
        run = get_run(session, run_id=look.run_id)
        run.facts = run.facts | {
            "strength": opinion.strength,
            "class_noise": dict(zip(look.names, map(float, first.noise.round(4)), strict=True)),
        }
        run.recipe = run.recipe | {"features": BOTH if found.get("used") else BACKBONE}
        if found:
            run.facts = run.facts | {"patches": found}


def _with_patches(
    context: JobContext,
    look: _Look,
    opinion: OutOfFold,
    vectors: np.ndarray,
    rows: Ints,
    labels: np.ndarray,
    groups: Ints,
) -> tuple[OutOfFold, Facts]:
    """The opinion with that of the images' patches, if this is better."""
    before, runs = _before(context, look), context.settings.runs_dir
    problems: dict[int, Exception] = {}
    with _reading(context, look, _files(context, look), size=SIDE, problems=problems) as images:
        small = SmallImages(
            images,
            problems,
            runs / str(look.run_id),
            (runs / str(before[0]), before[1]) if before else None,
            context.report,
            context.should_stop,
        )
        return with_patches(
            opinion,
            vectors,
            rows=rows,
            labels=labels,
            groups=groups,
            classes=len(look.names),
            small=small,
        )


def _find_copies(context: JobContext, look: _Look, features: np.ndarray) -> None:
    """After the ranking, for which nobody has to wait longer."""
    rows = np.flatnonzero(~np.isnan(features[:, 0]))
    ids = look.samples.sample_ids[rows]
    copies = group_copies(context, dataset_id=look.dataset_id, sample_ids=ids, features=features[rows])
    with context.database.write() as session:
        run = get_run(session, run_id=look.run_id)
        run.facts = run.facts | {"copies": copies.facts()}


def _keep_embedding(context: JobContext, look: _Look, sample_ids: np.ndarray, vectors: np.ndarray) -> None:
    """Shorter vectors of the images, by which the pages find similar ones."""
    part = vectors[:: max(1, len(vectors) // SEEN_FOR_DIRECTIONS)]
    short = PrincipalComponents.of(part, dimensions=NEIGHBOUR_DIMENSIONS).apply(vectors)
    try:
        folder = context.settings.runs_dir / str(look.run_id)
        write_embedding(folder, sample_ids=sample_ids, vectors=short)
    except (TrainingFailed, OSError):  # a ranking is worth more than the nearest samples beside it
        log.exception("run %s: its embedding could not be stored", look.run_id)
