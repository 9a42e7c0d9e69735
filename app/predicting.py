"""What a run's network predicts for image files, for the command line.

Loads torch, but only when there is an image to predict.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset
from app.datasets.models import Dataset
from app.decoding.tones import Scales
from app.errors import Conflict, Invalid
from app.measuring.evaluations import best_run
from app.settings import Settings
from app.training.runs import finished_run

GROUP = 256  # images in memory at a time
MOST_COLUMNS = 12  # classes as columns; more classes are shown as rows
LONGEST_RUN = 9  # digits of a run's number


@dataclass(frozen=True)
class Chosen:
    """The run whose network predicts."""

    id: int
    dataset: str
    scales: Scales = field(default_factory=dict)  # for deep grey images of the data set


@dataclass(frozen=True)
class FilePrediction:
    """The probability of each class for one file, in the network's order."""

    file: str
    probabilities: dict[str, float]

    @property
    def predicted(self) -> str:
        """The most probable class."""
        return max(self.probabilities, key=lambda name: self.probabilities[name])


def choose_run(
    session: Session, arguments: Sequence[str], *, dataset: str | None
) -> tuple[Chosen, list[str]]:
    """The run and the files. Without `dataset` the first argument is the run; with it, its best run is used.

    Raises NotFound, Conflict for a run that has not finished, Invalid when no run or no image is named.
    """
    if dataset is not None:
        chosen = get_dataset(session, name=dataset)
        best = best_run(session, dataset_id=chosen.id)
        if best is None:
            raise Conflict(
                f"{dataset} has no finished training yet; train one with `toploss train {dataset}`."
            )
        finished_run(session, run_id=best.id)  # with its network
        return Chosen(best.id, dataset, chosen.grey_scales), list(arguments)
    first, *files = arguments
    if not (first.isascii() and first.isdecimal() and len(first) <= LONGEST_RUN):
        raise Invalid(
            f"“{first}” is not the id of a run; begin with one, or use a data set's best model with "
            "--dataset NAME."
        )
    run = finished_run(session, run_id=int(first))
    if not files:
        raise Invalid(f"Name at least one image to show to {run.name}.")
    of = session.get_one(Dataset, run.dataset_id)
    return Chosen(run.id, of.name, of.grey_scales), files


def predict_files(
    run: Chosen, files: Sequence[str], *, settings: Settings, on_problem: Callable[[str], None]
) -> list[FilePrediction]:
    """Predict each file that is a valid image; `on_problem` gets a sentence for each other file.

    Raises CheckpointError when the run's network is not in the data folder.
    """
    from app.ml import checkpoints
    from app.ml.decoding import decode_square
    from app.ml.device import usable_cores, use_threads
    from app.ml.scorer import predict_squares
    from app.tasks.plan import network_name
    from app.training.folds import WHOLE

    folder = settings.runs_dir / str(run.id) / network_name(WHOLE)
    size = checkpoints.load(folder).recipe.image_size
    use_threads(settings.worker_threads or usable_cores())
    said: list[FilePrediction] = []
    for group in _groups(files):
        squares = {}
        for place, file in enumerate(group):
            try:
                content = read_image(file, max_pixels=settings.max_image_pixels)
                squares[place] = decode_square(content, size, scales=run.scales)
            except Invalid as problem:
                on_problem(str(problem))
        if squares:
            answers = predict_squares(folder, list(squares.values()))
            said += [
                FilePrediction(group[place], answer) for place, answer in zip(squares, answers, strict=True)
            ]
    return said


def read_image(file: str, *, max_pixels: int) -> bytes:
    """The file's content.

    Raises Invalid when it is not a valid image, by the same checks as an import.
    """
    from app.datasets.inspection import Rejected, inspect
    from app.storage import MAX_FILE_BYTES

    path = Path(file)
    if path.is_dir():
        raise Invalid(f"{file} is a folder; name the images in it.")
    if not path.is_file():  # reading a pipe or device could block for ever
        raise Invalid(f"There is no file {file}; check the path.")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Invalid(f"{file} is larger than {MAX_FILE_BYTES // 10**6} MB.")
        content = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from error
    try:
        inspect(content, max_pixels=max_pixels)
    except Rejected as refusal:
        raise Invalid(f"{file} is {refusal.reason}.") from refusal
    return content


def as_json(run: Chosen, said: Sequence[FilePrediction]) -> str:
    """One object: the run, and each image with its probabilities."""
    images = [
        {"image": each.file, "predicted": each.predicted, "probabilities": each.probabilities}
        for each in said
    ]
    return json.dumps({"run": run.id, "dataset": run.dataset, "images": images}, indent=1)


def as_table(said: Sequence[FilePrediction]) -> str:
    """One row per image and one column per class, or with many classes the other way round."""
    names = list(said[0].probabilities)
    files = [
        os.fsencode(each.file).decode(errors="replace") for each in said
    ]  # some file names cannot be printed as they are
    cells = [[f"{each.probabilities[name]:.4f}" for name in names] for each in said]
    if len(names) <= MOST_COLUMNS:
        header = ["image", "predicted", *names]
        rows = [[file, each.predicted, *line] for file, each, line in zip(files, said, cells, strict=True)]
        return aligned(header, rows, words=2)
    header = ["class", *files]
    last = ["predicted", *(each.predicted for each in said)]
    rows = [[name, *column] for name, column in zip(names, zip(*cells, strict=True), strict=True)]
    return aligned(header, [*rows, last], words=1)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> str:
    """A text table; the first `words` columns are aligned left, the rest right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join(map(line, (header, *rows)))


def _groups(files: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(files), GROUP):
        yield files[first : first + GROUP]
