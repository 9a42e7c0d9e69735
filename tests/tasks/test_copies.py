"""The first look's job groups copies that perceptual hashes do not find."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from app.datasets.models import Sample
from app.db.engine import Database
from app.deck.duplicates import torn_groups
from app.errors import Cancelled
from app.jobs.engine import JobContext
from app.jobs.models import Job
from app.ml import alike
from app.rounds.first_look import look_at_new_images
from app.settings import Settings
from app.tasks import copies, first_look
from app.tasks.copies import group_copies
from app.training.runs import get_run
from tests.factories import import_folder
from tests.pictures import cropped, mirrored, scene

PLANTED = {"train/dog/mirrored.png": "train/cat/00.png", "valid/owl/cropped.png": "train/owl/01.png"}


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """SQLite alone: what is stored are groups, which are tested on either database where they are made."""
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Different pictures; a mirrored copy in another class, a cropped one in another part."""
    pictures = {
        f"{part}/{name}/{number:02}.png": scene(seed + 3 * number + 100 * (part == "valid"))
        for part, many in (("train", 8), ("valid", 2))
        for seed, name in enumerate(("cat", "dog", "owl"))
        for number in range(many)
    }
    pictures["train/dog/mirrored.png"] = mirrored(pictures["train/cat/00.png"])
    pictures["valid/owl/cropped.png"] = cropped(pictures["train/owl/01.png"])
    for path, image in pictures.items():
        save(image, tmp_path / "images" / path)
    return tmp_path / "images"


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(first_look, "measure_pace", lambda _: 100.0)
    return Settings(data_dir=tmp_path / "data", worker_threads=1, _env_file=None)


def context_of(database: Database, settings: Settings, dataset_id: int) -> JobContext:
    """The context of a new first look at the data set."""
    with database.write() as session:
        run = look_at_new_images(session, dataset_id=dataset_id)
        assert run is not None
        job = session.get_one(Job, run.job_id)
    return JobContext(job=job, database=database, settings=settings)


def groups(database: Database) -> set[tuple[str, ...]]:
    """The paths of every group."""
    with database.read() as session:
        found = session.execute(select(Sample.lookalikes, Sample.path).order_by(Sample.path)).all()
    return {tuple(path for other, path in found if other == group) for group, _ in found if group is not None}


def test_mirrored_and_cropped_copies_are_grouped_and_no_other_image(
    database: Database, settings: Settings, folder: Path
) -> None:
    dataset_id = import_folder(database, folder)
    assert groups(database) == set()  # of the import
    context = context_of(database, settings, dataset_id)
    first_look.run(context)
    expected = {tuple(sorted(pair)) for pair in PLANTED.items()}
    assert groups(database) == expected
    with database.read() as session:
        torn = torn_groups(session, dataset_id=dataset_id)
        assert [twins.labels for twins in torn] == [("cat", "dog")]
        assert not torn[0].identical
        facts = get_run(session, run_id=int(context.job.arguments["run"])).facts["copies"]
    assert facts["found"] == 2
    assert 2 < facts["compared"] == facts["candidates"]
    save(cropped(scene(0), 0.75), folder / "train/cat/new.png")
    import_folder(database, folder)
    assert groups(database) == expected  # the import of more images takes nothing apart
    first_look.run(context_of(database, settings, dataset_id))
    mirror, crop = sorted(expected)
    assert groups(database) == {tuple(sorted((*mirror, "train/cat/new.png"))), crop}


def test_of_very_many_pairs_the_nearest_are_compared_and_a_lost_file_is_left_out(
    database: Database, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = import_folder(database, folder)
    with database.read() as session:
        samples = session.execute(select(Sample.id, Sample.path).order_by(Sample.id)).all()
    place = {path: number for number, (_, path) in enumerate(samples)}
    features = np.random.default_rng(0).normal(size=(len(samples), 40)).astype(np.float32)
    for copy, original in PLANTED.items():
        features[place[copy]] = features[place[original]]
    (folder / "train/cat/00.png").unlink()
    monkeypatch.setattr(alike, "ALL", 0)
    monkeypatch.setattr(copies, "MOST_READ", 4)
    context = context_of(database, settings, dataset_id)
    ids = np.array([sample_id for sample_id, _ in samples])
    found = group_copies(context, dataset_id=dataset_id, sample_ids=ids, features=features)
    assert (found.compared, found.found) == (1, 1)
    assert found.candidates > 2
    assert groups(database) == {("train/owl/01.png", "valid/owl/cropped.png")}


def test_a_cancelled_search_stores_nothing(
    database: Database, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = import_folder(database, folder)
    context = context_of(database, settings, dataset_id)
    monkeypatch.setattr(context, "should_stop", lambda: True)
    ids = np.arange(1, 33)
    with pytest.raises(Cancelled):
        group_copies(context, dataset_id=dataset_id, sample_ids=ids, features=np.ones((32, 9), np.float32))
    assert groups(database) == set()
