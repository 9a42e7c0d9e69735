"""The images of a training as one array, without those whose files are missing or changed.

The list of left-out images is fixed when the training begins and stored in the run's folder, because a
resumed training must have the same images.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.datasets.coverage import listed
from app.datasets.missing import (
    Lost,
    RecordedFile,
    by_sample,
    files_of,
    in_a_sentence,
    left_out_words,
    look,
    mark,
    read_unchanged,
    reason_of,
)
from app.datasets.scales import measure_scales
from app.decoding.tones import Scales
from app.errors import Cancelled, Invalid
from app.jobs.engine import JobContext
from app.ml.files import write_whole
from app.ml.images import Images, StreamedImages, prepare_images
from app.review.claims import release_cards
from app.storage import UNKNOWN_SIZE, ImageSource, RemoteSource, open_source
from app.tasks.plan import Plan
from app.training.phases import CHECKS, READS
from app.training.runs import get_run

_LEFT_OUT = "left-out.json"  # in the run's folder
FEWEST = 2  # classes that a training needs
_REPORT = 500  # files between two progress reports


@dataclass(frozen=True)
class TrainingImages:
    """The input of a training."""

    plan: Plan  # without what is left out
    images: Images
    note: str  # for the person who started it
    untrained: list[int]  # positions of classes that have samples, but no training images


def prepare(context: JobContext, plan: Plan) -> TrainingImages:
    """The images of the plan's samples, decoded once for all runs; what is lost is left out, marked and told.

    A class that has lost all its training images keeps its number and is named. Raises Invalid when fewer
    than two classes, where the plan has more, are left to train on, and Cancelled.
    """
    source = open_source(plan.source)
    with context.database.read() as session:
        recorded = {file.sample_id: file for file in files_of(session, dataset_id=plan.dataset_id)}
    scales = measure_scales(context.database, dataset_id=plan.dataset_id, source=source)
    settled = _read(plan.folder)
    lost = _look_for(context, plan, source, recorded) if settled is None else settled
    rest = _without(plan, lost)
    if settled is None:
        _check(context, plan, rest, lost, source)
    problems: dict[int, Exception] = {}
    images = _decode(context, rest, source, recorded, scales, problems, may_leave_out=settled is None)
    late = [_lost(rest, row, error) for row, error in problems.items()]
    if settled is None:
        lost, whole = [*lost, *late], rest
        rest = _without(whole, late)
        _check(context, plan, rest, lost, source)
        if isinstance(images, StreamedImages) and late:
            images = _streamed(rest, source, recorded, scales)
        _write(plan.folder, lost)
    if not isinstance(images, StreamedImages):
        source.close()  # else it is read from until the job ends
    gone, _ = _classes_gone(plan, rest)
    trained = set(map(int, plan.samples.sample_ids[~plan.held_out]))
    theirs = [each for each in _of(plan, lost, set(gone)) if each.sample_id in trained]
    note = _gone_words([plan.names[position] for position in gone], len(theirs)) + left_out_words(lost)
    if settled is not None and late:
        note += f" Shown as grey, because the training had begun with them: {in_a_sentence(late)}."
        lost = [*lost, *late]
    _store(context, plan, lost=lost, note=note.strip(), scales=scales)
    return TrainingImages(rest, images, note, sorted({*rest.untrained, *gone}))


def _look_for(
    context: JobContext, plan: Plan, source: ImageSource, recorded: dict[int, RecordedFile]
) -> list[Lost]:
    """The lost files, by existence and size; for samples in the list of lost files also by content."""
    with context.database.read() as session:
        before = {file.sample_id for file in files_of(session, dataset_id=plan.dataset_id, only_lost=True)}
    # Checking each file of a bucket would take as long as the training.
    listed = source.walk() if isinstance(source, RemoteSource) else None
    sizes = None if listed is None else {entry.path: entry.size for entry in listed}
    lost: list[Lost] = []
    n = len(plan.samples.paths)
    for place, sample_id in enumerate(map(int, plan.samples.sample_ids)):
        if place % _REPORT == 0:
            context.report(CHECKS, place, n)
            if context.should_stop():
                raise Cancelled("Looking for the image files was stopped.")
        file = recorded[sample_id]
        if sizes is not None and sample_id not in before:
            size = sizes.get(file.path)
            if size not in (UNKNOWN_SIZE, file.bytes):
                lost.append(Lost(sample_id, file.path, "missing" if size is None else "changed"))
        elif problem := look(source, file, content=sample_id in before):
            lost.append(problem)
    return lost


def _check(context: JobContext, plan: Plan, rest: Plan, lost: list[Lost], source: ImageSource) -> None:
    """Raises Invalid when too little is left to train on."""
    if not lost:
        return
    if not len(rest.samples.paths) or not source.is_there():
        raise Invalid(
            f"The images are not where they were imported from, {plan.source}: {in_a_sentence(lost)}. "
            "Put them back, or mount the disk again, and resume the training."
        )
    gone, left = _classes_gone(plan, rest)
    if gone and left < FEWEST:
        _mark(context, plan, lost)
        names = ", ".join(plan.names[position] for position in gone)
        raise Invalid(
            f"No training image of {names} is left: {in_a_sentence(_of(plan, lost, set(gone)))}. "
            f"That leaves {left} of the classes to train on. Put the files back and resume the training."
        )


def _classes_gone(plan: Plan, rest: Plan) -> tuple[list[int], int]:
    """The positions of classes whose training images are all lost, and how many classes have some left."""
    before, after = (
        np.bincount(each.samples.labels[~each.held_out], minlength=len(plan.names)) for each in (plan, rest)
    )
    return [int(position) for position in np.flatnonzero((before > 0) & (after == 0))], int((after > 0).sum())


def _gone_words(names: list[str], lost: int) -> str:
    """What a person should know of classes that a training had to leave out; empty where there are none."""
    if not names:
        return ""
    them = "it" if len(names) == 1 else "them"
    files = "its 1 file is" if lost == 1 else f"all {lost:,} files of {them} are"
    return (
        f"{listed(names)}: no training images are left, because {files} missing, changed or unreadable. "
        f"This model does not learn {them}; the numbers of the classes stay as they are. "
    )


def _of(plan: Plan, lost: list[Lost], labels: set[int]) -> list[Lost]:
    label = dict(zip(map(int, plan.samples.sample_ids), map(int, plan.samples.labels), strict=True))
    return [each for each in lost if label[each.sample_id] in labels]


def _without(plan: Plan, lost: list[Lost]) -> Plan:
    return (
        plan.only(np.flatnonzero(~np.isin(plan.samples.sample_ids, list(by_sample(lost))))) if lost else plan
    )


def _lost(plan: Plan, row: int, error: Exception) -> Lost:
    return Lost(int(plan.samples.sample_ids[row]), plan.samples.paths[row], reason_of(error))


def _decode(
    context: JobContext,
    plan: Plan,
    source: ImageSource,
    recorded: dict[int, RecordedFile],
    scales: Scales,
    problems: dict[int, Exception],
    *,
    may_leave_out: bool,
) -> Images:
    """The array of the plan's images; named after what it holds, so that runs share it."""
    out = _cache(plan, scales)
    if not may_leave_out and not out.exists():  # it may have grey images, which are nobody else's
        out = out.with_name(out.name.replace("px.npy", f"px-run{plan.run_id}.npy"))
    images = prepare_images(
        _reader(plan, source, recorded),
        len(plan.samples.paths),
        out,
        size=plan.recipe.image_size,
        on_progress=lambda done, total: context.report(READS, done, total),
        should_stop=context.should_stop,
        scales=scales,
        file_bytes=[recorded[int(i)].bytes for i in plan.samples.sample_ids],
        problems=problems,
        without=(lambda rows: _cache(plan.only(rows), scales)) if may_leave_out else None,
    )
    if isinstance(images, np.memmap):
        for other in out.parent.glob(f"{plan.dataset_id}-*-{plan.recipe.image_size}px*.npy"):
            if other != Path(
                str(images.filename)
            ):  # of an earlier version; whoever still reads it has it mapped
                other.unlink(missing_ok=True)
    return images


def _streamed(
    plan: Plan, source: ImageSource, recorded: dict[int, RecordedFile], scales: Scales
) -> StreamedImages:
    return StreamedImages(
        _reader(plan, source, recorded),
        len(plan.samples.paths),
        size=plan.recipe.image_size,
        scales=scales,
        file_bytes=[recorded[int(i)].bytes for i in plan.samples.sample_ids],
        problems={},
    )


def _reader(plan: Plan, source: ImageSource, recorded: dict[int, RecordedFile]) -> Callable[[int], bytes]:
    files = [recorded[int(sample_id)] for sample_id in plan.samples.sample_ids]
    return lambda row: read_unchanged(source, files[row])


def _cache(plan: Plan, scales: Scales) -> Path:
    told = "\n".join(plan.samples.sha256) + (json.dumps(scales, sort_keys=True) if scales else "")
    content = hashlib.sha256(told.encode()).hexdigest()[:16]
    plan.cache.mkdir(parents=True, exist_ok=True)
    return plan.cache / f"{plan.dataset_id}-{content}-{plan.recipe.image_size}px.npy"


def _read(folder: Path) -> list[Lost] | None:
    """The images left out when the training began; None if it begins now."""
    try:
        return [Lost(**each) for each in json.loads((folder / _LEFT_OUT).read_text())]
    except FileNotFoundError:
        return None


def _write(folder: Path, lost: list[Lost]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        [{"sample_id": each.sample_id, "path": each.path, "reason": each.reason} for each in lost]
    )
    write_whole(folder / _LEFT_OUT, lambda path: path.write_text(text))


def _store(context: JobContext, plan: Plan, *, lost: list[Lost], note: str, scales: Scales) -> None:
    """Update the data set's list of missing files and the notes on the run's page."""
    _mark(context, plan, lost)
    with context.database.write() as session:
        run = get_run(session, run_id=plan.run_id)
        run.note = note
        run.facts = run.facts | {"left_out": len(lost)} | ({"grey_scales": dict(scales)} if scales else {})
    context.note = note


def _mark(context: JobContext, plan: Plan, lost: list[Lost]) -> None:
    gone = set(by_sample(lost))
    found = [int(i) for i in plan.samples.sample_ids if int(i) not in gone]
    with context.database.write() as session:
        release_cards(session, mark(session, dataset_id=plan.dataset_id, lost=lost, found=found))
