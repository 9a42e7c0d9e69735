"""A training whose image files are gone, or are others by now."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from app.datasets.catalog import class_names
from app.datasets.missing import count_missing, missing_files
from app.datasets.models import Dataset, Sample
from app.db.engine import Database
from app.deck.progress import lacking_words
from app.errors import Invalid
from app.jobs.models import Job
from app.measuring.evaluations import evaluate_run
from app.ml.images import StreamedImages
from app.ml.recipes import RECIPES, Phase
from app.ranking.models import Prediction
from app.settings import Settings
from app.tasks import train
from app.tasks.images import TrainingImages, prepare
from app.tasks.plan import make_plan
from app.training.ending import end_run, start_run
from app.training.runs import get_run, open_run
from tests.factories import import_folder, write_images
from tests.tasks.test_train import Context, ask, context_of

TINY = replace(
    RECIPES["quick"],
    image_size=32,
    batch_size=8,
    phases=(Phase(epochs=1, frozen=False, lr_min=2e-3, lr_max=2e-3),),
)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path / "images", per_class=4)


@pytest.fixture
def dataset(database: Database, images: Path) -> int:
    return import_folder(database, images)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", worker_threads=1, _env_file=None)


def begin(database: Database, settings: Settings, dataset: int) -> tuple[Context, TrainingImages]:
    """A new run as far as its images."""
    with database.write() as session:
        before = open_run(session, dataset_id=dataset)
        if before:
            end_run(session, run_id=before.id, state="cancelled")
    context = context_of(database, settings, ask(database, dataset, TINY))
    return context, again(context)


def again(context: Context) -> TrainingImages:
    with context.database.write() as session:
        started = start_run(session, run_id=int(context.job.arguments["run"]))
    return prepare(context, make_plan(context, started))


def listed(database: Database, dataset: int) -> dict[str, str]:
    with database.read() as session:
        return {path: each.reason for each, path in missing_files(session, dataset_id=dataset)}


def alter(path: Path) -> None:
    """Another image in a file of the same size."""
    size = path.stat().st_size
    Image.new("RGB", (16, 16), (1, 2, 3)).save(path)  # smaller than noise
    content = path.read_bytes()
    path.write_bytes(content + b"\0" * (size - len(content)))
    assert path.stat().st_size == size


def test_a_training_leaves_out_what_is_lost_says_so_and_ranks_the_rest(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    (images / "train/dog/001.png").unlink()
    (images / "train/cat/000.png").write_bytes(b"shorter")
    context = context_of(database, settings, ask(database, dataset, TINY))
    train.run(context)
    run_id = int(context.job.arguments["run"])
    told = (
        "2 images were left out: train/cat/000.png has changed since it was imported, "
        "train/dog/001.png is missing."
    )
    with database.read() as session:
        run = get_run(session, run_id=run_id)
        assert run.state == "finished"
        assert run.note.startswith(told)
        assert run.facts["left_out"] == 2
        of = select(Sample.path).join(Prediction, Prediction.sample_id == Sample.id)
        ranked = set(session.scalars(of.where(Prediction.run_id == run_id)))
        everything = set(session.scalars(select(Sample.path)))
    assert everything - ranked == {"train/dog/001.png", "train/cat/000.png"}
    assert context.note.startswith(told)  # of the job
    assert listed(database, dataset) == {"train/dog/001.png": "missing", "train/cat/000.png": "changed"}


def test_a_file_that_changed_and_kept_its_size_is_not_trained_on(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    alter(images / "train/owl/002.png")
    _, prepared = begin(database, settings, dataset)
    assert "train/owl/002.png" not in prepared.plan.samples.paths
    assert len(prepared.images) == len(prepared.plan.samples.paths) == 14
    assert listed(database, dataset) == {"train/owl/002.png": "changed"}
    _, later = begin(database, settings, dataset)  # out of the cache, without decoding anything again
    assert (np.asarray(later.images) == np.asarray(prepared.images)).all()


def test_the_array_has_the_images_of_its_rows(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    _, whole = begin(database, settings, dataset)
    expected = dict(zip(whole.plan.samples.paths, np.array(whole.images[:]), strict=True))
    for file in settings.cache_dir.glob("*.npy"):
        file.unlink()
    alter(images / "train/cat/001.png")
    (images / "valid/owl/000.png").unlink()
    _, prepared = begin(database, settings, dataset)
    assert len(prepared.images) == 13
    for path, square in zip(prepared.plan.samples.paths, prepared.images[:], strict=True):
        assert (square == expected[path]).all()


def test_a_file_that_is_there_again_is_in_the_next_training(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    file = images / "train/dog/001.png"
    content = file.read_bytes()
    file.unlink()
    begin(database, settings, dataset)
    assert listed(database, dataset)
    file.write_bytes(content)
    _, prepared = begin(database, settings, dataset)
    assert file.relative_to(images).as_posix() in prepared.plan.samples.paths
    assert prepared.note == ""
    assert listed(database, dataset) == {}


def test_a_training_that_goes_on_has_the_images_it_began_with(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    file = images / "train/dog/001.png"
    content = file.read_bytes()
    file.unlink()
    context, first = begin(database, settings, dataset)
    file.write_bytes(content)
    assert again(context).plan.samples.paths == first.plan.samples.paths
    for cached in settings.cache_dir.glob("*.npy"):
        cached.unlink()
    (images / "train/cat/000.png").unlink()
    later = again(context)
    assert later.plan.samples.paths == first.plan.samples.paths
    assert "Shown as grey, because the training had begun with them: train/cat/000.png" in later.note
    assert (later.images[later.plan.samples.paths.index("train/cat/000.png")] == 128).all()


def test_a_class_whose_files_are_all_gone_is_left_out_and_named_and_the_numbers_of_the_classes_stay(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    with database.read() as session:
        assert lacking_words(session, dataset_id=dataset) == []
    for part in ("train", "valid"):
        shutil.rmtree(images / part / "dog")
    context = context_of(database, settings, ask(database, dataset, TINY))
    train.run(context)
    run_id = int(context.job.arguments["run"])
    told = "“dog”: no training images are left, because all 4 files of it are missing, changed or unreadable."
    with database.read() as session:
        run = get_run(session, run_id=run_id)
        assert (run.state, run.facts["untrained"]) == ("finished", [1])
        assert run.note.startswith(told)
        ranked = session.execute(select(Prediction.label, Prediction.predicted_label)).all()
        assert {label for label, _ in ranked} == {0, 2}  # cat and owl
        assert class_names(session, dataset_id=dataset) == ["cat", "dog", "owl"]
        [words] = lacking_words(
            session, dataset_id=dataset
        )  # on the pages of runs and export, and in the shell
        assert words.startswith(
            "“dog”: the files of all 4 training images are missing, changed or unreadable."
        )
        assert evaluate_run(session, run_id=run_id).class_names == ("cat", "dog", "owl")
    assert context.note.startswith(told)
    resumed = again(context)  # as after a crash
    assert resumed.note.startswith(told)
    assert resumed.untrained == [1]


def test_a_class_that_has_hold_out_images_alone_is_named_too(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    shutil.rmtree(images / "train/dog")
    _, prepared = begin(database, settings, dataset)
    assert prepared.untrained == [1]
    assert prepared.note.startswith("“dog”: no training images are left")
    assert any(path.startswith("valid/dog") for path in prepared.plan.samples.paths)


def test_one_class_alone_is_nothing_to_train_on(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    for name in ("dog", "owl"):
        (images / "train" / name).rename(images / f"away-{name}")
    with pytest.raises(Invalid, match=r"No training image of dog, owl is left: .* leaves 1 of the classes"):
        begin(database, settings, dataset)
    assert set(listed(database, dataset).values()) == {"missing"}


def test_a_source_that_is_gone_as_a_whole_stops_the_training_and_marks_nothing(
    database: Database, settings: Settings, dataset: int, images: Path
) -> None:
    images.rename(images.with_name("elsewhere"))
    with pytest.raises(Invalid, match="The images are not where they were imported from"):
        begin(database, settings, dataset)
    with database.read() as session:
        assert count_missing(session, dataset_id=dataset) == 0
    images.with_name("elsewhere").rename(images)
    assert begin(database, settings, dataset)[1].note == ""


def test_images_that_are_decoded_on_the_way_are_checked_all_the_same(
    database: Database, settings: Settings, dataset: int, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ml.images._new_array", lambda *_: None)
    alter(images / "train/owl/002.png")
    _, prepared = begin(database, settings, dataset)
    assert isinstance(prepared.images, StreamedImages)
    assert len(prepared.images) == 14
    assert "train/owl/002.png has changed" in prepared.note
    (images / "train/dog/000.png").unlink()  # from now on it is grey, and the training goes on
    row = prepared.plan.samples.paths.index("train/dog/000.png")
    assert (prepared.images[np.array([row])] == 128).all()


def test_a_training_keeps_the_scale_of_deep_greys(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    for name, low in (("cold", 0), ("warm", 2000)):
        for i in range(8):
            path = tmp_path / "deep" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            values = np.random.default_rng(i + low).integers(low, low + 2000, (16, 16)).astype(np.uint16)
            Image.fromarray(values).save(path)
    dataset = import_folder(database, tmp_path / "deep", name="deep")
    with database.write() as session:
        scale = dict(session.get_one(Dataset, dataset).grey_scales)
        session.get_one(Dataset, dataset).grey_scales = {}  # as if imported before there was one
    context, prepared = begin(database, settings, dataset)
    with database.read() as session:
        assert session.get_one(Dataset, dataset).grey_scales == scale
        assert get_run(session, run_id=int(context.job.arguments["run"])).facts["grey_scales"] == scale
        assert session.get_one(Job, context.job.id)
    brightness = [float(square.mean()) for square in prepared.images[:]]
    cold = [
        value for value, path in zip(brightness, prepared.plan.samples.paths, strict=True) if "cold" in path
    ]
    assert max(cold) < 80
    assert np.mean(brightness) == pytest.approx(127, abs=12)
