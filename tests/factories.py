"""Small, real data for tests: image files on disk, an imported data set, a stored ranking."""

import io
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.models import draw_key
from app.datasets.versions import labels_of, latest_version
from app.db.engine import Database
from app.ml.recipes import RECIPES
from app.photos.photos import Kept, Sent, keep_photos, receive
from app.ranking.models import StagedPrediction
from app.ranking.rankings import ranking_rows
from app.review.issues import publish
from app.settings import Settings
from app.training.ending import end_run, record_epoch, start_run
from app.training.first_looks import request_first_look
from app.training.folds import assign_folds
from app.training.models import Epoch, Run
from app.training.requesting import request_run
from tests.copies import Rows, insert_rows, is_empty, read_rows

CLASSES = ("cat", "dog", "owl")


@dataclass(frozen=True)
class Made:
    """What `make_dataset` made."""

    name: str
    dataset_id: int
    version_id: int
    run_id: int
    sample_ids: tuple[int, ...]  # by id
    paths: tuple[str, ...]  # by id
    ranked: tuple[int, ...]  # sample ids, the most suspicious first


def write_images(
    folder: Path,
    *,
    per_class: int = 6,
    splits: tuple[str, ...] = ("train", "valid"),
    size: int = 16,
    seed: int = 0,
) -> Path:
    """A folder of class folders with small noise images.

    A class has its own brightness, so that a network can learn it.
    """
    for name, content in _images(per_class, splits, size, seed):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@cache
def _images(per_class: int, splits: tuple[str, ...], size: int, seed: int) -> tuple[tuple[str, bytes], ...]:
    """Their paths and contents, the same every time: encoding them takes longer than writing them."""
    random = np.random.default_rng(seed)
    images = []
    for split in splits:
        for position, name in enumerate(CLASSES):
            for i in range(per_class if split == "train" else max(1, per_class // 3)):
                pixels = random.normal(60 + 70 * position, 20, (size, size, 3)).clip(0, 255).astype(np.uint8)
                out = io.BytesIO()
                Image.fromarray(pixels).save(out, "PNG")
                images.append((f"{split}/{name}/{i:03}.png", out.getvalue()))
    return tuple(images)


def import_folder(database: Database, folder: Path, *, name: str = "faces") -> int:
    """Import it; the answer is the data set's id."""
    with database.write() as session:
        dataset = create_dataset(session, name=name, source=str(folder))
    import_images(
        database,
        dataset_id=dataset.id,
        max_pixels=20_000_000,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    return dataset.id


def make_dataset(
    database: Database, folder: Path, *, name: str = "faces", per_class: int = 6, wrong: int = 10
) -> Made:
    """A data set whose run predicts another class for the first `wrong` samples, with falling confidence.

    In an otherwise empty database it is a copy of the same that was made earlier in this process.
    """
    wanted = (name, per_class, wrong)
    with database.read() as session:
        is_alone = is_empty(session.connection())
    if is_alone and wanted in _made:
        made, rows = _made[wanted]
        write_images(folder, per_class=per_class)
        with database.write() as session:
            insert_rows(session.connection(), rows, change=partial(_in_folder, folder))
        return made
    made = make_dataset_anew(database, folder, name=name, per_class=per_class, wrong=wrong)
    if is_alone:
        _keep(database, wanted, made)
    return made


_made: dict[tuple[str, int, int], tuple[Made, Rows]] = {}  # by the arguments of make_dataset


def _keep(database: Database, wanted: tuple[str, int, int], made: Made) -> None:
    with database.read() as session:
        _made[wanted] = made, read_rows(session.connection())


def _in_folder(folder: Path, table: str, row: dict[str, Any]) -> dict[str, Any]:
    """What no two data sets have in common."""
    if table == "dataset":
        return row | {"source": str(folder)}
    return row | {"random_key": draw_key()} if table == "sample" else row


def make_dataset_anew(
    database: Database, folder: Path, *, name: str = "faces", per_class: int = 6, wrong: int = 10
) -> Made:
    """The same, made by the product's own functions."""
    dataset_id = import_folder(database, write_images(folder, per_class=per_class), name=name)
    with database.read() as session:
        version = latest_version(session, dataset_id=dataset_id)
    run_id = make_run(database, dataset_id, version.id, wrong=wrong)
    with database.read() as session:
        samples = labels_of(session, version_id=version.id)
        from app.ranking.rankings import top_losses

        ranked = tuple(sample.sample_id for sample in top_losses(session, run_id=run_id, limit=10_000))
    return Made(
        name,
        dataset_id,
        version.id,
        run_id,
        tuple(int(i) for i in samples.sample_ids),
        tuple(samples.paths),
        ranked,
    )


def make_run(
    database: Database,
    dataset_id: int,
    version_id: int,
    *,
    wrong: int = 0,
    parent_id: int | None = None,
    seed: int = 0,
    says: dict[int, int] | None = None,
) -> int:
    """A finished run with a ranking made by hand.

    `says` is what it predicts for samples by id, otherwise than by `wrong`.
    """
    with database.write() as session:
        run = request_run(
            session,
            dataset_id=dataset_id,
            version_id=version_id,
            recipe=RECIPES["quick"],
            weights="none",
            parent_id=parent_id,
            seed=seed,
            user_id=None,
        )
        rank_by_hand(session, run, wrong=wrong, says=says or {})
        record_epoch(
            session,
            Epoch(
                run_id=run.id, fold=-1, epoch=0, train_loss=1.0, valid_loss=1.1, error_rate=0.4, seconds=2.0
            ),
        )
        end_run(session, run_id=run.id, state="finished")
        session.refresh(run)
        run.started_at = run.finished_at - timedelta(
            seconds=2
        )  # as long as its epoch took, however busy the machine is
    return run.id


def make_first_look(database: Database, dataset_id: int, version_id: int, *, wrong: int = 0) -> int:
    """A finished first look with a ranking made by hand, as of `make_run`."""
    with database.write() as session:
        run = request_first_look(session, dataset_id=dataset_id, version_id=version_id)
        assert run
        rank_by_hand(session, run, wrong=wrong, says={})
        end_run(session, run_id=run.id, state="finished")
    return run.id


def rank_by_hand(session: Session, run: Run, *, wrong: int, says: dict[int, int]) -> None:
    """Start a run and give it the ranking that `make_run` says."""
    start_run(session, run_id=run.id)
    samples = labels_of(session, version_id=run.version_id)
    n = len(samples.sample_ids)
    favourite = np.where(np.arange(n) < wrong, (samples.labels + 1) % len(CLASSES), samples.labels)
    favourite = np.array([says.get(int(i), k) for i, k in zip(samples.sample_ids, favourite, strict=True)])
    logits = np.zeros((n, len(CLASSES)), dtype=np.float32)
    logits[np.arange(n), favourite] = np.linspace(5, 1, n)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    error = 1 - np.exp(log_probs[np.arange(n), samples.labels])
    ceiling = np.where(favourite == samples.labels, 0.2, 1.0)  # what it predicts is no label issue
    folds = assign_folds(samples.sha256, folds=2)
    folds[np.array(samples.splits) == "valid"] = -1
    rows = ranking_rows(
        run.id,
        sample_ids=samples.sample_ids,
        paths=samples.paths,
        labels=samples.labels,
        log_probs=log_probs.astype(np.float32),
        folds=folds,
        error_probability=None if run.is_training else np.minimum(error, ceiling),
    )
    session.execute(insert(StagedPrediction), list(rows))
    publish(session, run_id=run.id, epochs=int(run.is_training))


def photo(
    colour: tuple[int, int, int] = (200, 60, 60),
    *,
    kind: str = "PNG",
    size: tuple[int, int] = (24, 16),
    **options: Any,
) -> bytes:
    """An encoded image of one colour, as somebody may send it."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **options)
    return out.getvalue()


def show_photo(
    database: Database,
    settings: Settings,
    run_id: int,
    content: bytes,
    *,
    name: str = "a.png",
    user_id: int | None = None,
) -> Kept:
    """Send a photo to a run's network."""
    with (
        receive(
            [Sent(name, io.BytesIO(content))],
            folder=settings.photos_dir,
            max_pixels=settings.max_image_pixels,
        ) as received,
        database.write() as session,
    ):
        return keep_photos(
            session,
            run_id=run_id,
            received=received,
            folder=settings.photos_dir,
            cache=settings.pictures_dir,
            user_id=user_id,
        )
