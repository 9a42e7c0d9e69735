"""The job of an import: what it tells at its end."""

from pathlib import Path

from app.datasets.creating import create_dataset
from app.db.engine import Database
from app.jobs.engine import JobContext
from app.jobs.requests import ask
from app.settings import Settings
from app.tasks import import_images
from tests.factories import write_images


def test_a_repeated_import_says_what_is_new_and_the_first_one_nothing(
    database: Database, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "images")
    settings = Settings(data_dir=tmp_path / "data", first_look="off", _env_file=None)  # type: ignore[call-arg]
    with database.write() as session:
        dataset = create_dataset(session, name="pets", source=str(folder))
        what = {"dataset": dataset.id}
        job = ask(session, task="import", dataset_id=dataset.id, arguments=what, user_id=None)

    def imported() -> str:
        context = JobContext(job, database, settings)
        import_images.run(context)
        return context.note

    assert imported() == ""
    assert imported() == "0 images were added; 24 were there already."
    first = next((folder / "train" / "cat").iterdir())
    (folder / "train" / "cat" / "new.png").write_bytes(first.read_bytes() + b" ")
    assert imported() == "1 image was added; 24 were there already."
