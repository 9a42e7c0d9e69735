"""What a deletion would remove, in sentences."""

import io
from pathlib import Path

from app.datasets.adding import pack_files
from app.datasets.catalog import get_dataset
from app.datasets.layout_choice import StatedLayout
from app.datasets.models import Dataset
from app.datasets.removing import DiskUse, disk_use
from app.db.engine import Database
from app.deck.losses import lost_with
from app.settings import Settings
from app.storage import Origin
from app.training.requesting import train_anew
from tests.datasets.test_adding import add
from tests.factories import Made, photo, write_images


def test_it_names_what_is_lost_what_is_stopped_and_what_stays(
    database: Database, settings: Settings, made: Made
) -> None:
    with database.write() as session:
        run = train_anew(session, dataset_id=made.dataset_id, version_id=made.version_id, weights="none")
        dataset = get_dataset(session, name="faces")
        said = lost_with(session, dataset=dataset, disk=disk_use(session, settings, dataset=dataset))
    assert said[0] == (
        "This deletes for ever the labels of 24 images, 0 decisions, 1 version and 2 models with their "
        "checkpoints."
    )
    assert said[2].startswith("24 images lie in ")
    assert said[2].endswith(" and are not touched.")
    assert said[3] == f"Model {run.id} is queued; it is cancelled first."


def test_it_says_how_many_images_are_lost_for_ever_and_how_many_stay(
    database: Database, settings: Settings, made: Made, tmp_path: Path
) -> None:
    sent = [("a.png", io.BytesIO(photo((9, 2, 3)))), ("b.png", io.BytesIO(photo((200, 2, 3))))]
    packed = pack_files(sent, class_name="cat", uploads_dir=settings.uploads_dir)
    add(database, packed, folders=StatedLayout())
    more = write_images(tmp_path / "more", seed=4)
    add(database, Origin(str(more)))
    stored = Path(packed.source).stat().st_size

    def said() -> tuple[list[str], DiskUse]:
        with database.read() as session:
            dataset = get_dataset(session, name="faces")
            disk = disk_use(session, settings, dataset=dataset)
            return lost_with(session, dataset=dataset, disk=disk)[2:], disk

    words, disk = said()
    lost, *stay = words
    assert lost.startswith(
        "2 images lie in zips in the data folder, which are deleted: they are lost for ever"
    )
    assert stay == [
        f"24 images lie in {tmp_path / 'images'} and are not touched.",
        f"24 images lie in {more} and are not touched.",
    ]
    files = [*(tmp_path / "images").rglob("*.png"), *more.rglob("*.png")]
    assert (disk.uploads, disk.outside) == (stored, sum(file.stat().st_size for file in files))
    with database.write() as session:
        session.add(Dataset(name="other", source=packed.source))
    words, disk = said()
    assert words[0] == "2 images lie in a zip in the data folder that another data set uses, and are kept."
    assert disk.uploads == 0
