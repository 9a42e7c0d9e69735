"""What a run, and the other runs beside it, say of the labels: read from their stored predictions."""

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.catalog import classes_of
from app.datasets.models import Sample
from app.ranking.models import UNJUDGED, Prediction
from app.ranking.opinions import Kind, Opinion
from app.ranking.rankings import log_probs_of
from app.training.folds import NEVER_TRAINED, WHOLE
from app.training.models import FIRST_LOOK, OWN_MODEL, TRAINING, Run

Source = tuple[Kind, int]  # what kind of opinion a run gives, and the run
NETWORK: Kind = "along the training"
LOOK: Kind = "first look"
PARENT: Kind = "parent"
OWN: Kind = "own model"
_NAMES: dict[Kind, str] = {NETWORK: "Network"}
_KINDS: dict[str, Kind] = {TRAINING: NETWORK, FIRST_LOOK: LOOK, OWN_MODEL: OWN}


def source_of(run: Run) -> Source:
    """The run's own opinion."""
    return (_KINDS[run.kind], run.id)


def sources_beside(session: Session, run: Run) -> tuple[Source, ...]:
    """The other runs whose opinion counts in the ranking of a run.

    They are its parent, the newest first look, and the newest predictions of a person's own model.
    """
    found: list[Source] = []
    if run.parent_id and session.get_one(Run, run.parent_id).ranked_epochs is not None:
        found.append((PARENT, run.parent_id))
    for kind in (FIRST_LOOK, OWN_MODEL):
        newest = (
            select(Run.id)
            .where(Run.dataset_id == run.dataset_id, Run.kind == kind, Run.state == "finished")
            .order_by(Run.id.desc())
        )
        if kind != run.kind and (other := session.scalar(newest.limit(1))):
            found.append((_KINDS[kind], other))
    return tuple(found)


def own_opinion(log_probs: np.ndarray, *, learnt: np.ndarray) -> Opinion:
    """That of a training, whose network has learnt the labels of the samples `learnt` (n,)."""
    return Opinion(NETWORK, log_probs, learnt, _NAMES[NETWORK])


def read_opinion(
    session: Session, source: Source, *, sample_ids: np.ndarray, labels: np.ndarray, classes: int
) -> Opinion:
    """What a run says of these samples (n,), which have these `labels` (n,) now.

    It says nothing of samples that it has not seen, nor of labels of a class that it could not judge: it had
    no image of it, or a single one, or none outside the gold part.
    """
    kind, run_id = source
    said = log_probs_of(session, run_id=run_id, sample_ids=sample_ids, classes=classes)
    rows = session.execute(
        select(
            Prediction.label, Prediction.label_quality, Prediction.sample_id, Prediction.fold, Sample.split
        )
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == run_id)
    ).all()
    judged = {row.label for row in rows if row.label_quality < UNJUDGED}
    known = classes_of(session, dataset_id=session.get_one(Run, run_id).dataset_id)
    for position in range(
        min(classes, len(known.names))
    ):  # of a class that was merged since, what was said is said of the other
        into = known.place_now(position)
        if into != position and into < classes and not (labels == position).any():
            said[:, into] = np.logaddexp(said[:, into], said[:, position])
            said[:, position] = np.log(np.finfo(np.float32).tiny)
            judged |= {into} if position in judged else set()
    said[~np.isin(labels, list(judged))] = np.nan
    if kind == LOOK or (kind == OWN and session.get_one(Run, run_id).is_out_of_sample):
        return Opinion(kind, said)
    if kind == OWN:
        return Opinion(kind, said, np.ones(len(labels), np.bool_))
    learnt = [row.sample_id for row in rows if row.fold == WHOLE and row.split not in NEVER_TRAINED]
    return Opinion(kind, said, np.isin(sample_ids, learnt), _NAMES.get(kind, ""))
