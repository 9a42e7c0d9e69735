"""What a deletion would remove, in sentences."""

from app.datasets.catalog import get_dataset
from app.datasets.removing import disk_use
from app.db.engine import Database
from app.deck.losses import lost_with
from app.settings import Settings
from app.training.runs import train_anew
from tests.factories import Made


def test_it_names_what_is_lost_what_is_stopped_and_what_stays(
    database: Database, settings: Settings, made: Made
) -> None:
    with database.write() as session:
        run = train_anew(session, dataset_id=made.dataset_id, version_id=made.version_id, weights="none")
        dataset = get_dataset(session, name="faces")
        said = lost_with(session, dataset=dataset, disk=disk_use(session, settings, dataset=dataset))
    assert said[0] == (
        "This deletes for ever the labels of 24 images, 0 decisions, 1 version and 2 runs with their "
        "checkpoints."
    )
    assert "are not touched" in said[2]
    assert said[3] == f"Run {run.id} is queued; it is cancelled first."
