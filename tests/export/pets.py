"""A data set of nasty class names, its reviewed versions and its exports."""

import csv
import io
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from PIL import Image
from sqlalchemy import select

from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.models import LabelClass, Sample
from app.datasets.versions import FrozenLabel, freeze, latest_version
from app.db.engine import Database
from app.db.types import now
from app.export.exporting import Export, export_version
from app.ranking.models import Prediction
from app.training.models import Run
from app.training.numbers import next_number

COLUMNS = [
    "sample_id",
    "path",
    "sha256",
    "split",
    "given_label",
    "label",
    "verdict",
    "status",
    "reviews",
    "reviewers",
    "decided_at",
    "self_confidence",
    "predicted_label",
    "confidence",
    "loss",
    "rank",
    "run",
    "version",
    "error_probability",
]


def png(colour: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4), colour).save(file, "PNG")
    return file.getvalue()


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def imported(database: Database, source: Path, name: str = "pets") -> int:
    with database.write() as session:
        dataset_id = create_dataset(session, name=name, source=str(source)).id
    import_images(
        database,
        dataset_id=dataset_id,
        max_pixels=10_000,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    with database.read() as session:
        return latest_version(session, dataset_id=dataset_id).id


def exported(database: Database, version_id: int, format: str, **options: int | bool | None) -> Export:  # noqa: A002
    with database.read() as session:
        return export_version(session, version_id=version_id, format=format, **options)  # type: ignore[arg-type]


def content(database: Database, version_id: int, format: str, **options: int | bool | None) -> bytes:  # noqa: A002
    return b"".join(exported(database, version_id, format, **options).chunks)


def table(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def review(database: Database, changes: Mapping[str, str | None]) -> int:
    """A version in which these paths carry these classes; none deletes."""
    with database.write() as session:
        positions = dict(session.execute(select(LabelClass.name, LabelClass.position)).all())
        ids = dict(session.execute(select(Sample.path, Sample.id)).all())
        moment = now().replace(microsecond=120_000)
        reviewed = {
            ids[path]: FrozenLabel(
                positions[label] if label else None, "relabel" if label else "delete", 1, "ann", moment
            )
            for path, label in changes.items()
        }
        return freeze(session, dataset_id=1, reviewed=reviewed)[0].id


def rank(database: Database, version_id: int, *, finished_ago: float, state: str = "finished") -> int:
    """A run that predicts the class at position 0 for every sample, finished so many minutes ago."""
    with database.write() as session:
        run = Run(
            dataset_id=1,
            number=next_number(session, dataset_id=1),
            version_id=version_id,
            recipe={},
            weights="none",
            seed=0,
            state=state,
            finished_at=now() - timedelta(minutes=finished_ago) if state == "finished" else None,
        )
        session.add(run)
        session.flush()
        for place, sample in enumerate(session.scalars(select(Sample).order_by(Sample.path)), start=1):
            session.add(
                Prediction(
                    run_id=run.id,
                    sample_id=sample.id,
                    label=sample.given_label,
                    predicted_label=0,
                    loss=0.5,
                    self_confidence=0.25,
                    margin=0.1,
                    label_quality=0.55,
                    confidence=0.75,
                    rank=place,
                    fold=-1,
                    probabilities=[0.75, 0.15, 0.1],
                )
            )
        return run.id
