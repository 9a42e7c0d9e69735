"""A first look after an import: the images of a data set are ranked before anybody trains."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, Sample
from app.rounds.retraining import version_to_train
from app.training.first_looks import covers, request_first_look
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
