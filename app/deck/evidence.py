"""Evidence for or against the label of a sample: copies, nearest samples, and the reasons in words."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.datasets.catalog import get_sample, names_now
from app.datasets.gold import visible_samples
from app.datasets.models import Sample
from app.deck.reasons import Copy, Known, Predicted, further_reasons
from app.ranking.embeddings import Embedding, read_embedding
from app.ranking.neighbours import nearest
from app.ranking.rankings import opinions
from app.review.models import SampleReview
from app.training.models import Run
from app.training.runs import current_ranking

NEAREST, NEAREST_VERIFIED = 10, 5
COPIES_SHOWN = 12
_MOST_COPIES = 1000
_FEWEST, _PER_CLASS = 20, 3  # least verified samples of a data set for showing the nearest ones
_SPARE = 4  # candidates per place, because copies of one another count once

_LIKE = (
    visible_samples(Sample, SampleReview, User.name)  # the gold part is never evidence
    .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
    .outerjoin(User, User.id == SampleReview.user_id)
)
_VERIFIED = select(SampleReview.sample_id).where(  # by a person who looked at it alone, and settled
    SampleReview.dataset_id == bindparam("dataset"),
    SampleReview.verdict.in_(("keep", "relabel")),
    SampleReview.waits == "",
    ~SampleReview.in_bulk,
)


@dataclass(frozen=True)
class Similar:
    """A sample that is like the one looked at."""

    sample_id: int
    path: str
    sha256: str
    width: int
    height: int
    given_label: str
    label: str | None  # as it stands; none: deleted
    verdict: str | None
    by: str | None  # whose verdict
    in_bulk: bool  # that verdict was one for many
    identical: bool  # byte for byte
    similarity: float | None = None  # cosine, -1…1; none for a copy


@dataclass(frozen=True)
class Evidence:
    """All evidence on a sample.

    Nearest samples need an embedding, nearest verified ones enough verified samples.
    """

    reasons: tuple[str, ...]
    copies: tuple[Similar, ...]  # those with another label first
    verified: tuple[Similar, ...]  # the nearest first
    nearest: tuple[Similar, ...]


def gather_evidence(session: Session, *, dataset_id: int, sample_id: int, runs_dir: Path) -> Evidence:
    """The evidence on a sample, by the embedding of the run whose ranking is the current one.

    Raises NotFound.
    """
    sample = get_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    names = names_now(session, dataset_id=dataset_id)
    given = names[sample.given_now]
    ranking = current_ranking(session, dataset_id=dataset_id)
    copies = _copies(session, sample, names)
    embedding = read_embedding(runs_dir / str(ranking.run_id)) if ranking else None
    verified, others = (
        _neighbours(session, sample, names, embedding, [copy.sample_id for copy in copies])
        if embedding
        else ((), ())
    )
    said = opinions(session, sample_id=sample_id)
    now_said = next((opinion for opinion in said if ranking and opinion.run_id == ranking.run_id), None)
    finished = [opinion for opinion in said if opinion.state == "finished"]
    known = Known(
        given_label=given,
        copies=[Copy(copy.label, copy.identical) for copy in copies if copy.label],
        verified=[each.label for each in verified if each.label],
        nearest=[each.label for each in others if each.label],
        runs=[Predicted(opinion.kind, names[opinion.predicted_label]) for opinion in finished],
        class_noise=_class_noise(session, ranking.run_id, given) if ranking else 0.0,
        doubted_unseen=bool(now_said and now_said.out_of_sample and names[now_said.predicted_label] != given),
    )
    return Evidence(further_reasons(known), copies[:COPIES_SHOWN], verified, others)


def _copies(session: Session, sample: Sample, names: list[str]) -> tuple[Similar, ...]:
    alike = [Sample.sha256 == sample.sha256]
    if sample.lookalikes is not None:
        alike.append(Sample.lookalikes == sample.lookalikes)
    query = _LIKE.where(Sample.dataset_id == sample.dataset_id, or_(*alike), Sample.id != sample.id).order_by(
        Sample.id
    )
    found = [_similar(row, names, like=sample) for row in session.execute(query.limit(_MOST_COPIES))]
    return tuple(sorted(found, key=lambda copy: copy.label in (None, names[sample.given_now])))


def _neighbours(
    session: Session, sample: Sample, names: list[str], embedding: Embedding, copies: list[int]
) -> tuple[tuple[Similar, ...], tuple[Similar, ...]]:
    """The nearest verified samples, and the nearest of all samples, without copies of the sample itself."""
    row = embedding.row_of(sample.id)
    if row is None:
        return (), ()
    witnesses = ~np.isin(embedding.sample_ids, copies)
    by_people = list(session.scalars(_VERIFIED, {"dataset": sample.dataset_id}))
    verified = witnesses & np.isin(embedding.sample_ids, by_people)
    verified[row] = False
    enough = verified.sum() >= max(_FEWEST, _PER_CLASS * len(names))
    return (
        _nearest(session, sample, names, embedding, row, among=verified, k=NEAREST_VERIFIED)
        if enough
        else (),
        _nearest(session, sample, names, embedding, row, among=witnesses, k=NEAREST),
    )


def _nearest(
    session: Session,
    sample: Sample,
    names: list[str],
    embedding: Embedding,
    row: int,
    *,
    among: NDArray[np.bool_],
    k: int,
) -> tuple[Similar, ...]:
    rows, similarities = nearest(embedding.vectors, row, k=_SPARE * k, among=among)
    ids = [int(each) for each in embedding.sample_ids[rows]]
    by_id = {found[0].id: found for found in session.execute(_LIKE.where(Sample.id.in_(ids)))}
    chosen: list[Similar] = []
    seen: set[object] = set()
    for sample_id, similarity in zip(ids, similarities, strict=True):
        if sample_id not in by_id or len(chosen) == k:
            continue
        other: Sample = by_id[sample_id][0]
        found = _similar(by_id[sample_id], names, like=sample)
        same = {other.sha256, other.lookalikes} - {None}
        if found.label is not None and not same & seen:
            chosen.append(replace(found, similarity=float(similarity)))
            seen |= same
    return tuple(chosen)


def _similar(row: Any, names: list[str], *, like: Sample) -> Similar:
    sample, review, by = row
    label = sample.given_now if review is None else review.label
    return Similar(
        sample_id=sample.id,
        path=sample.path,
        sha256=sample.sha256,
        width=sample.width,
        height=sample.height,
        given_label=names[sample.given_now],
        label=None if label is None else names[label],
        verdict=review.verdict if review else None,
        by=by,
        in_bulk=bool(review and review.in_bulk),
        identical=sample.sha256 == like.sha256,
    )


def _class_noise(session: Session, run_id: int, name: str) -> float:
    """The run's estimate; older runs stored none."""
    facts: dict[str, Any] = session.get_one(Run, run_id).facts
    return float(facts.get("class_noise", {}).get(name, 0.0))
