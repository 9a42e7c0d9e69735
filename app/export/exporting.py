"""Exports a version of a data set: streamed, with the same bytes every time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, DatasetVersion
from app.datasets.versions import frozen_names, last_member
from app.errors import Invalid, NotFound
from app.export.formats import VALID_FOLDERS, Format, check_format, check_probabilities, check_valid_folder
from app.export.output import open_output
from app.export.rows import ExportPlan
from app.ranking.models import Prediction
from app.training.models import Run
from app.training.runs import unfinished


@dataclass(frozen=True)
class Export:
    """A file to send or write: `chunks` yields its bytes once; equal `etag`s (quoted) mean equal bytes."""

    media_type: str
    filename: str
    etag: str
    run_id: int | None  # the run whose scores it contains
    chunks: Iterator[bytes]
    entry: Format
    plan: ExportPlan


def export_version(
    session: Session,
    *,
    version_id: int,
    format: str,  # noqa: A002 - the option's name everywhere
    run_id: int | None = None,
    include_deleted: bool = False,
    probabilities: bool = False,
    valid_folder: str = VALID_FOLDERS[0],
) -> Export:
    """The version in one of `FORMATS`.

    Raises Invalid for an unknown format, without a run that it needs, or for probabilities that it cannot
    have, NotFound, and Conflict for an unfinished run.

    The ranking columns are those of `run_id`; left out, of the newest run that had finished when the version
    was frozen, so later runs change nothing. If none had and probabilities are asked for, they are those of
    the first run that finished afterwards. The chunks read the committed state in short transactions of their
    own: they may be used after `session` is closed, but not before a version that it made is committed.
    """
    entry = check_format(format)
    version = session.get(DatasetVersion, version_id)
    if version is None:
        raise NotFound(f"There is no version with the id {version_id}.")
    dataset = session.get_one(Dataset, version.dataset_id)
    run_id = _ranking_at(session, version) if run_id is None else _finished(session, version, run_id)
    check_valid_folder(entry, valid_folder)
    check_probabilities(entry, asked=probabilities)
    if run_id is None and (entry.needs_run or probabilities):
        run_id = _first_run_since(session, version, entry)
    plan = ExportPlan(
        engine=session.get_bind().engine.execution_options(read_only=True, postgresql_readonly=True),
        source=dataset.origin,
        classes=tuple(_names(session, version, run_id)),
        version_id=version.id,
        version=version.number,
        digest=version.digest,
        dataset_id=dataset.id,
        last_sample_id=last_member(session, version),
        run_id=run_id,
        model=session.get_one(Run, run_id).name_with_id if run_id else "",
        include_deleted=include_deleted,
        probabilities=probabilities,
        valid_folder=valid_folder,
        predicted_classes=_predicted_classes(session, run_id),
    )
    parts = [
        version.digest,
        entry.name,
        f"v{version.number}",
        f"run{plan.run_id or 0}",
        *(["deleted"] if include_deleted else []),
        *(["probabilities"] if probabilities else []),
        *([valid_folder] if valid_folder != VALID_FOLDERS[0] else []),
    ]
    etag = f'"{"-".join(parts)}"'
    return Export(
        entry.media_type,
        f"{dataset.name}-v{version.number}{entry.suffix}",
        etag,
        plan.run_id,
        entry.write(plan),
        entry,
        plan,
    )


def write_export(export: Export, output: Path) -> None:
    """Write it to a file, which is created or replaced only when complete; `-` is standard output."""
    with open_output(output) as file:
        file.writelines(export.chunks)


def _predicted_classes(session: Session, run_id: int | None) -> int:
    """How many classes the run predicts."""
    query = select(Prediction.probabilities).where(Prediction.run_id == (run_id or 0)).limit(1)
    said = session.scalar(query)
    return 0 if said is None else len(said)


def _names(session: Session, version: DatasetVersion, run_id: int | None) -> list[str]:
    """The class names of the version, and of classes that only the run knows, by position."""
    learnt = frozen_names(session, version_id=session.get_one(Run, run_id).version_id) if run_id else []
    return [*version.classes, *learnt[len(version.classes) :]]


def _ranking_at(session: Session, version: DatasetVersion) -> int | None:
    """The run whose ranking was the newest when the version was frozen."""
    mine = (
        Run.dataset_id == version.dataset_id,
        Run.state == "finished",
        Run.finished_at <= version.created_at,
    )
    return session.scalar(
        select(Run.id).where(*mine).order_by(Run.finished_at.desc(), Run.id.desc()).limit(1)
    )


def _first_run_since(session: Session, version: DatasetVersion, entry: Format) -> int:
    """The first run that finished after a version was frozen; later ones change nothing. Raises Invalid."""
    mine = (Run.dataset_id == version.dataset_id, Run.state == "finished")
    found = session.scalar(select(Run.id).where(*mine).order_by(Run.finished_at, Run.id).limit(1))
    if found is None:
        what = f"The format {entry.name} has" if entry.needs_run else "The columns are"
        raise Invalid(f"{what} the probabilities of a model, and none has finished yet; train first.")
    return found


def _finished(session: Session, version: DatasetVersion, run_id: int) -> int:
    run = session.get(Run, run_id)
    if run is None or run.dataset_id != version.dataset_id:
        raise NotFound(
            f"There is no model with the id {run_id} in this data set; its list of models shows all."
        )
    if run.state != "finished":
        raise unfinished(run)(f"{run.name} has no ranking: it is {run.state}. Choose one that has finished.")
    return run_id
