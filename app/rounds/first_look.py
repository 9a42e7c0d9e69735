"""A first look after an import: the images of a data set are ranked before anybody trains.

Once labels are corrected, a look at them tells in seconds whether the corrections help: what the images look
like is known, so only the labels are compared anew.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, DatasetVersion, Sample
from app.datasets.versions import latest_version
from app.deck.progress import PendingChanges
from app.errors import Conflict, NotNow
from app.rounds.retraining import freeze_labels, version_to_train
from app.training.first_looks import covers, newest_first_look, open_first_look, request_first_look
from app.training.models import Run


def look_at_new_images(session: Session, *, dataset_id: int, user_id: int | None = None) -> Run | None:
    """Request a first look of the labels as they stand, if there are images that none has seen.

    New images are in no version yet, so the labels are frozen with them, as for a training. Nothing is
    requested for an archived data set.
    """
    samples = session.scalar(select(func.count()).where(Sample.dataset_id == dataset_id)) or 0
    archived = session.scalar(select(Dataset.archived_at).where(Dataset.id == dataset_id)) is not None
    if archived or not samples or covers(session, dataset_id=dataset_id, samples=samples):
        return None
    version = version_to_train(session, dataset_id=dataset_id)
    return request_first_look(session, dataset_id=dataset_id, version_id=version.id, user_id=user_id)


def can_look_again(session: Session, *, dataset_id: int, pending: PendingChanges) -> bool:
    """Whether labels have changed since the newest first look, and none is queued or running.

    `pending`: what no version has, which every page that asks has read already.
    """
    before = newest_first_look(session, dataset_id=dataset_id)
    if before is None or open_first_look(session, dataset_id=dataset_id):
        return False
    newest = latest_version(session, dataset_id=dataset_id)
    return before.version_id != newest.id or bool(pending.wait)


def look_again(
    session: Session, *, dataset_id: int, user_id: int | None = None
) -> tuple[Run, DatasetVersion]:
    """Freeze the labels as they stand, and request a first look at them.

    Raises NotNow while a first look is queued or running; Conflict if the newest one saw these very labels,
    for fewer than two classes, and for an archived data set.
    """
    if unfinished := open_first_look(session, dataset_id=dataset_id):
        raise NotNow(f"{unfinished.name}, a first look, is {unfinished.state}; wait until it has finished.")
    version, _ = freeze_labels(session, dataset_id=dataset_id)
    before = newest_first_look(session, dataset_id=dataset_id)
    if before is not None and before.version_id == version.id:
        raise Conflict(
            f"No label has changed since the first look of {before.name}; review some labels, then look "
            "again."
        )
    run = request_first_look(
        session, dataset_id=dataset_id, version_id=version.id, user_id=user_id, like=before
    )
    if run is None:
        raise Conflict("A first look compares classes, and this data set has only one.")
    return run, version
