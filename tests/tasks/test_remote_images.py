"""Images of a bucket and of a web server, from the import to the export."""

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.datasets.catalog import get_dataset
from app.datasets.importing import ImportReport
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.export.exporting import export_version, write_export
from app.settings import Settings
from app.tasks import train
from app.training.runs import get_run
from tests.datasets.test_importing import imported, write
from tests.datasets.test_urls import bucket, web
from tests.factories import write_images
from tests.tasks.test_train import TINY, ask, context_of

__all__ = ["bucket", "web"]  # the fixtures

SHORT = replace(TINY, phases=(replace(TINY.phases[0], epochs=1),))


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        database_url=database.url.render_as_string(hide_password=False),
        worker_threads=1,
        _env_file=None,
    )


@pytest.fixture
def images(tmp_path: Path) -> dict[str, bytes]:
    """Files of three classes, 30 of them, by path."""
    folder = write_images(tmp_path / "images", per_class=8)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.added, report.known, report.rejected


def train_and_export(database: Database, settings: Settings, url: str, images: dict[str, bytes]) -> None:
    """Import twice, train once, and export twice, as a table and with images: nothing is lost or doubled."""
    assert counts(imported(database, url)) == (30, 0, 0)
    again = imported(database, url)
    assert (counts(again), again.version) == ((0, 30, 0), 0)
    with database.read() as session:
        dataset_id = get_dataset(session, name="pets").id
    run_id = ask(database, dataset_id, SHORT)
    train.run(context_of(database, settings, run_id))
    with database.read() as session:
        run = get_run(session, run_id=run_id)
        assert (run.state, run.facts["left_out"]) == ("finished", 0), run.note
    assert counts(imported(database, url)) == (0, 30, 0)  # also after the training
    written = [exported(database, settings, dataset_id, run_id, form) for form in ("csv", "imagefolder") * 2]
    assert written[:2] == written[2:]  # byte for byte
    table, archive = written[:2]
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    assert {row["path"]: row["label"] for row in rows} == {path: path.split("/")[1] for path in images}
    assert sorted(int(row["rank"]) for row in rows) == list(range(1, 31))
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        assert {path: packed.read(path) for path in packed.namelist() if path.endswith(".png")} == images


def exported(database: Database, settings: Settings, dataset_id: int, run_id: int, form: str) -> bytes:
    output = settings.data_dir / f"export-{form}"
    with database.read() as session:
        version = latest_version(session, dataset_id=dataset_id)
        made = export_version(session, version_id=version.id, format=form, run_id=run_id)
    write_export(made, output)
    return output.read_bytes()


def test_a_bucket_is_imported_twice_trained_and_exported(
    database: Database,
    settings: Settings,
    bucket: Callable[[dict[str, bytes]], None],
    images: dict[str, bytes],
) -> None:
    bucket(images)
    train_and_export(database, settings, "s3://toploss-pets/images", images)


def test_a_folder_of_a_web_server_is_imported_twice_trained_and_exported(
    database: Database,
    settings: Settings,
    web: tuple[str, Path],
    images: dict[str, bytes],
) -> None:
    address, root = web
    write(root / "pets", images)
    train_and_export(database, settings, f"{address}/pets", images)
