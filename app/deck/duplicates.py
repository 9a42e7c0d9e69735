"""Groups of images that are or look the same but have different labels: at least one label is wrong."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import String, and_, case, cast, func, select, union
from sqlalchemy.orm import Session

from app.datasets.gold import gold_ids, visible_samples
from app.datasets.models import MissingFile, Sample
from app.deck.filters import Filter, Tile, look
from app.errors import Conflict, Invalid
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.models import Decision, SampleReview
from app.review.standing import label_now
from app.review.undoing import undo

MOST = 5_000  # samples looked at; more are shown when these are resolved
LARGEST = 200  # samples of one group that can be decided at once


@dataclass(frozen=True)
class Twins:
    """One group, the members by id."""

    tiles: tuple[Tile, ...]
    identical: bool  # byte for byte; if not, at least one only looks the same
    splits: tuple[str, ...]  # several: an image that the network learnt from is in the hold-out as well
    looked_at: (
        bool  # somebody looked at each of them alone or beside the others: their labels differ on purpose
    )

    lost: int = 0  # members whose files are missing or changed: nobody can see them, so their labels stay

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that stand, the most frequent first."""
        found = [tile.label for tile in self.tiles if tile.label]
        return tuple(sorted(set(found), key=lambda label: (-found.count(label), label)))


def torn_groups(session: Session, *, dataset_id: int) -> list[Twins]:
    """All groups whose current labels differ, unreviewed groups first; without the gold part."""
    gold = {int(sample_id) for sample_id in gold_ids(session, dataset_id=dataset_id)}
    tiles = look(
        session, dataset_id=dataset_id, which=Filter(duplicates=True), order="path", limit=MOST
    ).tiles
    facts = _facts(session, [tile.sample_id for tile in tiles])
    groups: defaultdict[object, list[Tile]] = defaultdict(list)
    for tile in sorted(
        (tile for tile in tiles if tile.sample_id not in gold), key=lambda tile: tile.sample_id
    ):
        sample, _ = facts[tile.sample_id]
        groups[sample.lookalikes or sample.sha256].append(tile)
    lost = _lost(session, list(facts))
    found = [_twins(members, facts, lost) for members in groups.values()]
    return sorted(
        (twins for twins in found if len(twins.labels) > 1),
        key=lambda twins: (twins.looked_at, twins.tiles[0].sample_id),
    )


def count_torn(session: Session, *, dataset_id: int) -> int:
    """How many groups have different labels and were not looked at yet; without the gold part."""
    label = label_now()
    key = func.coalesce(cast(Sample.lookalikes, String), Sample.sha256)
    alone = and_(SampleReview.in_bulk.is_(False), SampleReview.verdict != "unsure")
    # Few images have a twin: these are found in indexes, and only they are looked at.
    mine = Sample.dataset_id == dataset_id
    copied = select(Sample.sha256).where(mine).group_by(Sample.sha256).having(func.count() > 1)
    twins = union(
        select(Sample.id).where(mine, Sample.lookalikes.is_not(None)),
        select(Sample.id).where(mine, Sample.sha256.in_(copied.correlate(None))),
    )
    groups = (
        visible_samples(key.label("key"))
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(Sample.id.in_(twins), label.is_not(None))
        .group_by(key)
        .having(func.count(label.distinct()) > 1, func.sum(case((alone, 1), else_=0)) < func.count())
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(groups)) or 0


def recommended(tiles: Collection[Tile]) -> str | None:
    """The label of the group that the model gives most to, over all its images; None if it gives none any."""
    shares: defaultdict[str, float] = defaultdict(float)
    for tile in tiles:
        if tile.predicted_label is not None and tile.confidence is not None:
            shares[tile.predicted_label] += tile.confidence
    labels = {tile.label for tile in tiles if tile.label}
    return max(labels & shares.keys(), key=lambda label: (shares[label], label), default=None)


def resolve(
    session: Session,
    *,
    dataset_id: int,
    user_id: int,
    sample_ids: list[int],
    verdict: str,
    label: str | None,
    client_id: str,
) -> int:
    """Give every sample of a group one verdict; return the number of decisions.

    Samples whose files are missing or changed can only be deleted: they keep their labels otherwise.

    The same client id again is the same answer. Raises Invalid, NotFound and Conflict as `decide` does, and
    then changes nothing.
    """
    if not 0 < len(sample_ids) <= LARGEST:
        raise Invalid(f"A group has 1 to {LARGEST} images; decide about larger ones on the grid.")
    if verdict not in ("keep", "relabel", "delete"):
        raise Invalid("Choose a class for the whole group, or keep all labels, or delete all images.")
    chosen = set(sample_ids)
    if verdict != "delete":
        chosen = chosen - _lost(session, sample_ids) or chosen  # where all are lost, the refusal says so
    for sample_id in sorted(chosen):
        decide(
            session,
            Answer(
                sample_id=sample_id,
                verdict=verdict,
                label=label,
                client_id=f"{client_id}:{sample_id}",
                origin="duplicates",
            ),
            dataset_id=dataset_id,
            user_id=user_id,
        )
    return len(chosen)


def undo_resolve(session: Session, *, dataset_id: int, user_id: int, client_id: str) -> int:
    """Undo the annotator's answer about a group; return the number of undone decisions.

    Raises Conflict without one.
    """
    mine = select(Decision.id).where(
        Decision.dataset_id == dataset_id,
        Decision.user_id == user_id,
        Decision.client_id.startswith(f"{client_id}:", autoescape=True),
        Decision.origin == "duplicates",
    )
    ids = list(session.scalars(mine.order_by(Decision.sample_id)))
    if not ids:
        raise Conflict("There is nothing to undo.")
    for decision_id in ids:
        undo(session, user_id=user_id, decision_id=decision_id)
    return len(ids)


def _lost(session: Session, sample_ids: list[int]) -> set[int]:
    return set(session.scalars(select(MissingFile.sample_id).where(MissingFile.sample_id.in_(sample_ids))))


def _facts(session: Session, sample_ids: list[int]) -> dict[int, tuple[Sample, SampleReview | None]]:
    query = (
        select(Sample, SampleReview)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(Sample.id.in_(sample_ids))
    )
    return {sample.id: (sample, review) for sample, review in session.execute(query)}


def _twins(
    members: list[Tile], facts: dict[int, tuple[Sample, SampleReview | None]], lost: set[int]
) -> Twins:
    samples = [facts[tile.sample_id][0] for tile in members]
    seen = [tile for tile in members if tile.sample_id not in lost]
    reviews = [facts[tile.sample_id][1] for tile in seen or members]
    return Twins(
        tiles=tuple(members),
        identical=len({sample.sha256 for sample in samples}) == 1,
        splits=tuple(sorted({sample.split for sample in samples})),
        looked_at=all(
            review is not None and not review.in_bulk and review.verdict != "unsure" for review in reviews
        ),
        lost=len(members) - len(seen),
    )
