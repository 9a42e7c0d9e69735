"""The job that shows photos to a network, and the same from the shell, with a real small ResNet34."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.accounts.tokens import Person
from app.db.engine import Database
from app.errors import Cancelled, Conflict, Invalid, NotFound
from app.jobs.engine import JobContext
from app.jobs.models import Job
from app.ml.errors import CheckpointError
from app.ml.recipes import StartFrom
from app.ml.scorer import predict_image
from app.ml.trainer import train
from app.photos.photos import list_photos, photo_path, remove_photo, see_photo
from app.predicting import choose_run, predict_files
from app.settings import Settings
from app.tasks import predict
from app.training.models import Run
from tests.factories import CLASSES, Kept, Made, make_dataset, photo, show_photo
from tests.ml.conftest import TINY, coloured_images


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A network that tells red (cat), green (dog) and blue (owl) apart."""
    images, labels = coloured_images(48)
    folder = tmp_path_factory.mktemp("network")
    train(
        images,
        labels,
        train_index=np.arange(36),
        valid_index=np.arange(36, 48),
        class_names=CLASSES,
        recipe=TINY,
        start=StartFrom("none"),
        seed=3,
        folder=folder,
    )
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """SQLite alone: what is stored is tested on either database without a network."""
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", worker_threads=1, _env_file=None)


@pytest.fixture
def made(database: Database, tmp_path: Path, settings: Settings, network: Path) -> Made:
    """A data set whose finished run has the network."""
    found = make_dataset(database, tmp_path / "images")
    folder = settings.runs_dir / str(found.run_id)
    folder.mkdir(parents=True)
    (folder / "main").symlink_to(network)
    return found


def work(database: Database, settings: Settings, kept: Kept) -> JobContext:
    with database.read() as session:
        context = JobContext(job=session.get_one(Job, kept.job_id), database=database, settings=settings)
    predict.run(context)
    return context


def said(database: Database, kept: Kept) -> dict[str, float]:
    with database.read() as session:
        return see_photo(session, photo_id=kept.ids[0]).probabilities


def encoded(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def test_a_photo_gets_the_probability_of_each_class_from_the_runs_network(
    database: Database, settings: Settings, made: Made, network: Path
) -> None:
    for colour, name in (((180, 60, 60), "cat"), ((60, 180, 60), "dog"), ((60, 60, 180), "owl")):
        kept = show_photo(database, settings, made.run_id, photo(colour))
        work(database, settings, kept)
        found = said(database, kept)
        assert found == pytest.approx(predict_image(network, photo(colour)))
        assert (next(iter(found)), sum(found.values())) == (name, pytest.approx(1, abs=1e-4))


def test_a_turned_photo_and_a_transparent_one_are_seen_as_a_person_sees_them(
    database: Database, settings: Settings, made: Made
) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20], pixels[20:] = (180, 60, 60), (60, 60, 180)
    upright = Image.fromarray(pixels)
    turned = Image.Exif()
    turned[0x0112] = 3  # stored upside down
    pairs = [(encoded(upright), encoded(upright.rotate(180), exif=turned))]
    clear = upright.convert("RGBA")
    clear.putalpha(128)
    on_white = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    pairs.append((encoded(on_white), encoded(clear)))
    answers = []
    for plain, other in pairs:
        seen = [show_photo(database, settings, made.run_id, content) for content in (plain, other)]
        for kept in seen:
            work(database, settings, kept)
        first, second = (said(database, kept) for kept in seen)
        assert second == pytest.approx(first)
        answers.append(first)
    assert answers[0] != pytest.approx(answers[1])


def test_a_photo_that_is_removed_or_whose_file_is_gone_stops_no_other(
    database: Database, settings: Settings, made: Made
) -> None:
    kept = [show_photo(database, settings, made.run_id, photo((i, 200, 0))) for i in range(3)]
    with database.write() as session:
        remove_photo(
            session,
            photo_id=kept[0].ids[0],
            by=Person(0, "ada", "admin"),
            folder=settings.photos_dir,
            cache=settings.pictures_dir,
        )
        gone = see_photo(session, photo_id=kept[1].ids[0]).photo
    photo_path(settings.photos_dir, run_id=made.run_id, sha256=gone.sha256).unlink()
    for each in kept:
        work(database, settings, each)
    with database.read() as session:
        found = {seen.photo.id: seen for seen in list_photos(session, run_id=made.run_id)}
    assert list(found) == [kept[2].ids[0], gone.id]
    assert (found[gone.id].state, "send it again" in found[gone.id].problem) == ("failed", True)
    assert found[kept[2].ids[0]].predicted == "dog"


def test_a_job_that_starts_again_looks_only_at_what_is_left(
    database: Database, settings: Settings, made: Made
) -> None:
    kept = show_photo(database, settings, made.run_id, photo())
    context = work(database, settings, kept)
    before = said(database, kept)
    with database.read() as session:
        looked_at = see_photo(session, photo_id=kept.ids[0]).photo
    photo_path(settings.photos_dir, run_id=made.run_id, sha256=looked_at.sha256).unlink()
    predict.run(context)
    assert said(database, kept) == before


def test_a_stopped_job_and_one_without_a_network_say_so(
    database: Database, settings: Settings, made: Made
) -> None:
    kept = show_photo(database, settings, made.run_id, photo())
    with database.read() as session:
        context = JobContext(
            job=session.get_one(Job, kept.job_id), database=database, settings=settings, _stop=True
        )
    context.report = lambda *_, **__: None  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        predict.run(context)
    (settings.runs_dir / str(made.run_id) / "main").unlink()
    with pytest.raises(CheckpointError, match="no checkpoint"):
        work(database, settings, kept)


def test_files_are_predicted_as_photos_are_and_each_bad_one_has_its_sentence(
    database: Database, settings: Settings, made: Made, network: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(photo())
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "half.jpg").write_bytes(photo(kind="JPEG")[:300])
    (tmp_path / "b.jpg").write_bytes(photo((60, 180, 60), kind="JPEG"))
    files = [str(tmp_path / name) for name in ("a.png", "notes.txt", "none.png", "half.jpg", "b.jpg")]
    with database.read() as session:
        run, chosen = choose_run(session, [str(made.run_id), *files, str(tmp_path)], dataset=None)
    problems: list[str] = []
    found = predict_files(run, chosen, settings=settings, on_problem=problems.append)
    assert [(each.file, each.predicted) for each in found] == [(files[0], "cat"), (files[4], "dog")]
    assert found[0].probabilities == pytest.approx(
        predict_image(network, photo()), abs=0.02
    )  # alone, not in a batch
    assert problems[0] == f"{files[1]} is not an image."
    assert problems[1] == f"There is no file {files[2]}; check the path."
    assert problems[2].startswith(f"{files[3]} is truncated or damaged")
    assert problems[3] == f"{tmp_path} is a folder; name the images in it."


def test_the_best_run_of_a_data_set_needs_no_number(database: Database, made: Made) -> None:
    with database.read() as session:
        run, files = choose_run(session, ["7", "b.png"], dataset="faces")
        assert (run.id, run.dataset, files) == (made.run_id, "faces", ["7", "b.png"])
    with database.write() as session:
        session.get_one(Run, made.run_id).state = "running"
    with database.read() as session, pytest.raises(Conflict, match="faces has no finished training yet"):
        choose_run(session, ["b.png"], dataset="faces")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["a.png"], Invalid, "not the id of a run"),
        (["9" * 30, "a.png"], Invalid, "not the id of a run"),
        (["1"], Invalid, "at least one image"),
        (["²", "a.png"], Invalid, "not the id of a run"),
        (["77", "a.png"], NotFound, "There is no model with the id 77"),
    ],
)
def test_arguments_that_name_no_run_or_no_image_are_refused(
    database: Database, made: Made, arguments: list[str], error: type[Exception], words: str
) -> None:
    with database.read() as session, pytest.raises(error, match=words):
        choose_run(session, arguments, dataset=None)
