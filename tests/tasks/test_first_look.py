"""The job of a first look, with the real backbone on a few tiny images."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sqlalchemy import select

from app.accounts.users import add_user
from app.datasets.creating import create_dataset
from app.datasets.missing import Lost, mark
from app.datasets.models import Dataset, MissingFile, Sample
from app.db.engine import Database
from app.errors import Cancelled, Invalid
from app.jobs.engine import JobContext
from app.jobs.models import Job
from app.jobs.requests import ask
from app.ml.backbone import Embedder
from app.ml.patches import PatchEmbedder
from app.ranking.embeddings import read_embedding
from app.ranking.models import UNJUDGED, Prediction
from app.ranking.rankings import top_losses
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.gold import draw_gold
from app.review.models import OpenIssue
from app.rounds.first_look import look_again, look_at_new_images
from app.settings import Settings
from app.tasks import first_look, import_images
from app.tasks.progress import of_first_look
from app.training.models import Run
from app.training.requesting import resume_run
from app.training.runs import get_run, list_runs
from tests.factories import import_folder, write_images

MOVED = ("train/cat/000.png", "train/owl/003.png")  # into the folder of the dogs


class Context(JobContext):
    """`after` sees every report."""

    after: Callable[[str, int], None] = staticmethod(lambda *_: None)

    def report(self, stage: str, done: int, total: int, *, force: bool = False) -> None:
        self.after(stage, done)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """SQLite alone: what a ranking does to either database is tested without a backbone."""
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of three classes, of which two lie in a wrong class folder."""
    images = write_images(tmp_path / "images", per_class=21, size=32)
    for path in MOVED:
        (images / path).rename(images / "train" / "dog" / f"moved-{path.split('/')[1]}.png")
    return images


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", worker_threads=1, _env_file=None)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images the backbone describes at once, call by call."""
    counts: list[int] = []
    embed = Embedder.embed

    def count(self: Embedder, batch: np.ndarray) -> np.ndarray:
        counts.append(len(batch))
        return embed(self, batch)

    monkeypatch.setattr(Embedder, "embed", count)
    monkeypatch.setattr("app.ml.features._WINDOW", 16)
    monkeypatch.setattr(first_look, "measure_pace", lambda _: 100.0)  # it describes images too
    return counts


def request(database: Database, dataset_id: int) -> int:
    with database.write() as session:
        run = look_at_new_images(session, dataset_id=dataset_id)
        assert run is not None
        return run.id


def context_of(database: Database, settings: Settings, run_id: int) -> Context:
    with database.read() as session:
        job = session.get_one(Job, get_run(session, run_id=run_id).job_id)
    return Context(job=job, database=database, settings=settings)


def run_of(database: Database, run_id: int) -> Run:
    with database.read() as session:
        return get_run(session, run_id=run_id)


def test_labels_that_do_not_fit_their_image_come_first_before_any_training(
    database: Database, settings: Settings, folder: Path
) -> None:
    run_id = request(database, import_folder(database, folder))
    first_look.run(context_of(database, settings, run_id))
    run = run_of(database, run_id)
    assert (run.state, run.kind, run.ranked_epochs, run.label_issues) == ("finished", "first look", 0, 2)
    assert run.recipe["image_size"] == 160
    assert run.recipe["features"] == "backbone"  # of noise there are no patches that return
    assert run.facts["patches"]["images"] == 84
    with database.read() as session:
        ranked = top_losses(session, run_id=run_id, limit=100)
        first = sorted(sample.path for sample in ranked[:2])
        assert first == ["train/dog/moved-cat.png", "train/dog/moved-owl.png"]
        wrong = [sample.error_probability or 0 for sample in ranked]
        assert min(wrong[:2]) > 0.5 > max(wrong[2:])
        assert len(session.scalars(select(OpenIssue).where(OpenIssue.run_id == run_id)).all()) == 2
    embedding = read_embedding(settings.runs_dir / str(run_id))
    assert embedding is not None
    assert embedding.vectors.shape == (len(ranked), first_look.NEIGHBOUR_DIMENSIONS)


def test_corrected_labels_are_looked_at_again_without_a_look_at_the_images(
    database: Database,
    settings: Settings,
    folder: Path,
    seen: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset_id = import_folder(database, folder)
    first_look.run(context_of(database, settings, request(database, dataset_id)))
    described = sum(seen)
    with database.write() as session:
        user_id = add_user(session, name="ann", role="annotator", password_hash="").id
        for path, label in (("moved-cat.png", "cat"), ("moved-owl.png", "owl")):
            sample_id = session.scalars(select(Sample.id).where(Sample.path.endswith(path))).one()
            answer = Answer(sample_id=sample_id, verdict="relabel", label=label, client_id=path)
            decide(session, answer, dataset_id=dataset_id, user_id=user_id)
        run, version = look_again(session, dataset_id=dataset_id, user_id=user_id)
    monkeypatch.setattr(first_look, "measure_pace", lambda _: 1.0)  # others use the machine now
    first_look.run(context_of(database, settings, run.id))
    again = run_of(database, run.id)
    assert (again.state, version.number, again.label_issues) == ("finished", 1, 0)
    assert sum(seen) == described


def test_a_stopped_first_look_goes_on_where_it_was(
    database: Database, settings: Settings, folder: Path, seen: list[int]
) -> None:
    run_id = request(database, import_folder(database, folder))
    context = context_of(database, settings, run_id)

    def stop(stage: str, done: int) -> None:
        context._stop = done >= 32

    context.after = stop
    with pytest.raises(Cancelled):
        first_look.run(context)
    assert (run_of(database, run_id).state, sum(seen)) == ("cancelled", 32)
    before = of_first_look(context)
    with database.write() as session:
        resume_run(session, run_id=run_id, user_id=None)
    first_look.run(context_of(database, settings, run_id))
    assert run_of(database, run_id).state == "finished"
    assert sum(seen) == 84  # each image once
    assert of_first_look(context) != before


def test_a_job_that_runs_again_after_its_end_does_nothing(
    database: Database, settings: Settings, folder: Path, seen: list[int]
) -> None:
    run_id = request(database, import_folder(database, folder))
    context = context_of(database, settings, run_id)
    first_look.run(context)
    before = len(seen)
    first_look.run(context)
    assert len(seen) == before


def test_images_that_come_later_are_described_alone(
    database: Database, settings: Settings, folder: Path, seen: list[int]
) -> None:
    first = request(database, import_folder(database, folder))
    first_look.run(context_of(database, settings, first))
    seen.clear()
    write_images(folder, per_class=22, size=32)
    dataset_id = import_folder(database, folder)
    second = request(database, dataset_id)
    first_look.run(context_of(database, settings, second))
    with database.read() as session:
        added = len(top_losses(session, run_id=second, limit=200)) - 84
    # one per class, and two that are at their old place again
    assert (added, sum(seen)) == (5, 5)


def test_small_drawings_are_described_by_patches_too_and_later_ones_by_the_same_patches(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits, counts = load_digits(), []
    embed = PatchEmbedder.embed

    def count(self: PatchEmbedder, batch: np.ndarray) -> np.ndarray:
        counts.append(len(batch))
        return embed(self, batch)

    def write(rows: range) -> None:
        for row in rows:
            label = (digits.target[row] + (row % 20 == 0)) % 10  # one in twenty is wrong
            path = tmp_path / f"images/train/{label}/{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[row] * 15).astype(np.uint8)).save(path)

    monkeypatch.setattr(PatchEmbedder, "embed", count)
    write(range(400))
    first = request(database, import_folder(database, tmp_path / "images"))
    first_look.run(context_of(database, settings, first))
    write(range(400, 420))
    second = request(database, import_folder(database, tmp_path / "images"))
    first_look.run(context_of(database, settings, second))
    assert counts == [256, 144, 20]
    for run in (run_of(database, first), run_of(database, second)):
        assert run.recipe["features"] == "backbone and patches"
        assert run.facts["patches"]["loss_of_both"] < run.facts["patches"]["loss_of_backbone"]
    with database.read() as session:
        worst = top_losses(session, run_id=second, limit=20)
        assert sum(int(Path(sample.path).stem) % 20 == 0 for sample in worst) >= 17  # of 21
        assert read_embedding(settings.runs_dir / str(second)) is not None


def test_a_file_that_is_gone_is_not_found_because_its_features_are_known(
    database: Database, settings: Settings, folder: Path
) -> None:
    first = request(database, import_folder(database, folder))
    first_look.run(context_of(database, settings, first))
    gone = "train/owl/000.png"
    with database.write() as session:
        sample = session.scalars(select(Sample).where(Sample.path == gone)).one()
        mark(session, dataset_id=sample.dataset_id, lost=[Lost(sample.id, gone, "missing")])
    (folder / gone).rename(folder / "train/owl/new.png")
    second = request(database, import_folder(database, folder))
    first_look.run(context_of(database, settings, second))
    with database.read() as session:
        assert session.scalars(select(MissingFile.sample_id)).all() == [sample.id]


def test_files_that_are_gone_are_left_out_with_a_note(
    database: Database, settings: Settings, folder: Path
) -> None:
    run_id = request(database, import_folder(database, folder))
    (folder / "train/owl/000.png").unlink()
    (folder / "train/owl/001.png").write_bytes(b"no image")
    first_look.run(context_of(database, settings, run_id))
    run = run_of(database, run_id)
    assert run.state == "finished"
    assert "2 images were left out: train/owl/000.png is missing, train/owl/001.png has changed" in run.note
    with database.read() as session:
        assert len(top_losses(session, run_id=run_id, limit=200)) == 82


def test_without_any_file_it_fails_in_a_sentence(
    database: Database, settings: Settings, folder: Path
) -> None:
    run_id = request(database, import_folder(database, folder))
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(Invalid, match="put the files back and resume the first look"):
        first_look.run(context_of(database, settings, run_id))
    assert run_of(database, run_id).state == "failed"
    elsewhere.rename(folder)
    with database.write() as session:
        resume_run(session, run_id=run_id, user_id=None)
    first_look.run(context_of(database, settings, run_id))
    assert run_of(database, run_id).state == "finished"


def test_the_gold_part_is_predicted_and_teaches_nothing(
    database: Database, settings: Settings, folder: Path
) -> None:
    dataset_id = import_folder(database, folder)
    with database.write() as session:
        draw_gold(session, dataset_id=dataset_id, size=20, seed=0)
    run_id = request(database, dataset_id)
    first_look.run(context_of(database, settings, run_id))
    with database.read() as session:
        unjudged = select(Prediction.sample_id).where(
            Prediction.run_id == run_id, Prediction.label_quality == UNJUDGED
        )
        splits = session.scalars(select(Sample.split).where(Sample.id.in_(unjudged))).all()
    assert splits == ["valid"] * 20


@pytest.mark.parametrize(("first", "runs"), [("on", 1), ("off", 0)])
def test_an_import_job_asks_for_a_first_look_unless_it_is_switched_off(
    database: Database, folder: Path, tmp_path: Path, first: str, runs: int
) -> None:
    settings = Settings(data_dir=tmp_path / "data", first_look=first, _env_file=None)
    with database.write() as session:
        dataset = create_dataset(session, name="pets", source=str(folder))
        what = {"dataset": dataset.id}
        job = ask(session, task="import", dataset_id=dataset.id, arguments=what, user_id=None)
    import_images.run(Context(job=job, database=database, settings=settings))
    with database.read() as session:
        assert session.scalars(select(Dataset.state)).one() == "ready"
        assert len(list_runs(session, dataset_id=dataset.id)) == runs
