"""Exports a version of a data set: streamed, with the same bytes every time."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.models import Dataset, DatasetVersion
from app.datasets.versions import members
from app.errors import Invalid, NotFound
from app.export.formats import Format, check_format
from app.export.rows import ExportPlan
from app.files import persons_mode, sweep, write_atomically
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
) -> Export:
    """The version in one of `FORMATS`.

    Raises Invalid for an unknown format or without a run that it needs, NotFound, and Conflict for an
    unfinished run.

    The ranking columns are those of `run_id`; left out, of the newest run that had finished when the version
    was frozen, so later runs change nothing. The chunks read the committed state in short transactions of
    their own: they may be used after `session` is closed, but not before a version that it made is committed.
    """
    entry = check_format(format)
    version = session.get(DatasetVersion, version_id)
    if version is None:
        raise NotFound(f"There is no version with the id {version_id}.")
    dataset = session.get_one(Dataset, version.dataset_id)
    plan = ExportPlan(
        engine=session.get_bind().engine.execution_options(read_only=True, postgresql_readonly=True),
        source=dataset.origin,
        classes=tuple(class_names(session, dataset_id=dataset.id)),
        version_id=version.id,
        version=version.number,
        version_members=members(version),
        run_id=_ranking_at(session, version) if run_id is None else _finished(session, version, run_id),
        include_deleted=include_deleted,
    )
    if entry.needs_run and plan.run_id is None:
        raise Invalid(
            f"The format {entry.name} has the probabilities of a run, and none had finished when version "
            f"{version.number} was frozen; choose a run (--run N, run=N)."
        )
    parts = [
        version.digest,
        entry.name,
        f"v{version.number}",
        f"run{plan.run_id or 0}",
        *(["deleted"] if include_deleted else []),
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
    if str(output) == "-":
        for chunk in export.chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    try:
        sweep(output.parent, name=output.name, older_than=0)  # temporary files of killed exports
        with write_atomically(output, mode=persons_mode()) as partial, partial.open("wb") as file:
            file.writelines(export.chunks)
    except OSError as error:
        raise Invalid(
            f"{output} cannot be written ({error.strerror}); choose a file in an existing folder."
        ) from error


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


def _finished(session: Session, version: DatasetVersion, run_id: int) -> int:
    run = session.get(Run, run_id)
    if run is None or run.dataset_id != version.dataset_id:
        raise NotFound(f"There is no run {run_id} of this data set; its list of runs shows all.")
    if run.state != "finished":
        raise unfinished(run)(
            f"Run {run_id} has no ranking: it is {run.state}. Choose one that has finished."
        )
    return run_id
