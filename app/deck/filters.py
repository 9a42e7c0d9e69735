"""One filter for the samples of a data set; it also selects the samples of a bulk verdict."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.accounts.models import User
from app.datasets.catalog import class_names, class_position
from app.datasets.gold import get_gold_part, is_visible
from app.datasets.models import ImageProblem, Sample
from app.datasets.problems import KINDS
from app.deck.lasso import is_within
from app.errors import Invalid
from app.ranking.models import IS_ISSUE, Prediction
from app.review.fold import VERDICTS
from app.review.log import is_answer
from app.review.models import Decision, OpenIssue, SampleReview
from app.review.policy import is_visible_or_settled
from app.review.standing import label_now
from app.spelling import folded_path
from app.training.runs import current_ranking

StateFilter = Literal["", "issues", "open", "unreviewed", "reviewed", "waiting", "bulk"]
SPLITS = ("train", "valid", "test")
Order = Literal["rank", "loss", "margin", "disagreement", "random", "path", "mixed", "gold"]


_MOST_NAMED = 20  # people that a sentence lists
KB = 1000  # bytes


@dataclass(frozen=True)
class Filter:
    """Which samples; empty fields do not restrict them. Classes by name."""

    label: str = ""  # the current label
    given: str = ""
    predicted: str = ""  # by the current ranking
    split: str = ""
    # issues: predicted ≠ label; open: those not decided; waiting: for a second opinion; bulk: decided only
    # in bulk
    state: StateFilter = ""
    verdict: str = ""  # as it stands
    annotator: str = ""  # who has a decision on it that counts
    duplicates: bool = False  # whose twin has another label
    problem: str = ""  # of the image itself, by its kind
    text: str = ""  # in the path
    min_kb: int | None = None  # size of the file
    max_kb: int | None = None
    within: str = ""  # an area of the map (`lasso.py`)


@dataclass(frozen=True)
class Tile:
    """A sample as the grid shows it."""

    sample_id: int
    path: str
    width: int
    height: int
    given_label: str
    label: str | None  # as it stands; none: deleted
    verdict: str | None
    in_bulk: bool
    predicted_label: str | None
    confidence: float | None
    rank: int | None
    ranked: int = 0  # samples in that ranking
    self_confidence: float | None = None
    error_probability: float | None = None  # that the given label is wrong


@dataclass(frozen=True)
class Grid:
    """One page of the samples that match."""

    matching: int
    tiles: tuple[Tile, ...]


def look(
    session: Session, *, dataset_id: int, which: Filter, order: Order = "rank", limit: int, offset: int = 0
) -> Grid:
    """A page of the samples that match, the most suspicious first.

    Raises Invalid for a class or split that does not exist.
    """
    names = class_names(session, dataset_id=dataset_id)
    query = matching(session, dataset_id, which)
    count = count_matching(session, dataset_id=dataset_id, which=which)
    columns = (Sample, SampleReview, Prediction.predicted_label, Prediction.confidence, Prediction.rank)
    learnt = func.coalesce(_LEARNT, Prediction.error_probability)
    page = query.with_only_columns(*columns, Prediction.self_confidence, learnt)
    page = page.order_by(*ORDERS[order], Sample.id).limit(limit).offset(offset)
    ranking = current_ranking(session, dataset_id=dataset_id)
    return Grid(
        count,
        tuple(
            replace(
                tile_of(names, *row),
                ranked=ranking.samples if ranking else 0,
                self_confidence=own,
                error_probability=wrong,
            )
            for *row, own, wrong in session.execute(page)
        ),
    )


def count_matching(session: Session, *, dataset_id: int, which: Filter) -> int:
    """How many samples match. Raises Invalid as `look` does."""
    return session.scalar(matching(session, dataset_id, which).with_only_columns(func.count())) or 0


def matching_ids(session: Session, *, dataset_id: int, which: Filter) -> list[int]:
    """The ids of all samples that match, in their order. Raises Invalid as `look` does."""
    return list(
        session.scalars(matching(session, dataset_id, which).with_only_columns(Sample.id).order_by(Sample.id))
    )


_LABEL = label_now()
_LEARNT = (  # what the worklist has learnt of an open issue
    select(OpenIssue.error_probability).where(OpenIssue.of(Sample.id, Prediction.run_id)).scalar_subquery()
)
STATES: dict[StateFilter, ColumnElement[bool]] = {
    "issues": IS_ISSUE,
    "open": and_(IS_ISSUE, or_(SampleReview.sample_id.is_(None), SampleReview.verdict == "unsure")),
    "unreviewed": SampleReview.sample_id.is_(None),
    "reviewed": SampleReview.sample_id.is_not(None),
    "waiting": or_(SampleReview.verdict == "unsure", SampleReview.waits != ""),
    "bulk": SampleReview.in_bulk.is_(True),
}
_NEVER_RANKED = Prediction.rank.is_(None)
ORDERS: dict[Order, tuple[Any, ...]] = {
    "rank": (_NEVER_RANKED, Prediction.rank),
    "loss": (_NEVER_RANKED, Prediction.loss.desc()),
    "margin": (_NEVER_RANKED, Prediction.margin),
    "disagreement": (_NEVER_RANKED, func.coalesce(Prediction.disagreement, 0.0).desc(), Prediction.rank),
    "random": (Sample.random_key,),
    "path": (Sample.path,),
    "gold": (Sample.random_key,),
    "mixed": (
        _NEVER_RANKED,
        Prediction.rank,
    ),  # of a worklist (`queues.mixed`); on a page of the grid there is nothing to mix
}


def matching(session: Session, dataset_id: int, which: Filter) -> Select[*tuple[Any, ...]]:
    """The query of the ids that match, joined with their state and what the current ranking says of them.

    Raises Invalid.

    An unsettled image of the gold part never matches: any filter would reveal something about it.
    """
    _check(session, which)
    ranking = current_ranking(session, dataset_id=dataset_id)

    classes = (
        (_LABEL, which.label),
        (Sample.given_now, which.given),
        (Prediction.predicted_label, which.predicted),
    )
    plain = ((Sample.split, which.split), (SampleReview.verdict, which.verdict))
    wanted: list[ColumnElement[bool]] = [
        Sample.dataset_id == dataset_id,
        *(
            column == class_position(session, dataset_id=dataset_id, name=name)
            for column, name in classes
            if name
        ),
        *(column == value for column, value in plain if value),
    ]
    if get_gold_part(session, dataset_id=dataset_id) is not None:
        wanted.append(is_visible_or_settled(Sample.id))
    if which.state:
        wanted.append(STATES[which.state])
    if which.annotator:
        wanted.append(_decided_by(which.annotator))
    if which.duplicates:
        wanted.append(_has_another_label(dataset_id))
    if which.problem:
        wanted.append(has_problem(dataset_id, which.problem))
    if which.text:
        searched = func.coalesce(Sample.folded_path, func.lower(Sample.path))
        wanted.append(searched.contains(folded_path(which.text), autoescape=True))
    if which.within:
        wanted.append(is_within(session, dataset_id, which.within))
    if which.min_kb is not None:
        wanted.append(Sample.bytes >= which.min_kb * KB)
    if which.max_kb is not None:
        wanted.append(Sample.bytes <= which.max_kb * KB)
    return (
        select(Sample.id)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .outerjoin(
            Prediction,
            and_(
                Prediction.sample_id == Sample.id, Prediction.run_id == (ranking.run_id if ranking else None)
            ),
        )
        .where(*wanted)
    )


def _check(session: Session, which: Filter) -> None:
    """Raises Invalid for what would match nothing.

    That is an unknown split, verdict or annotator, or a least file size above the largest.
    """
    for what, said, known in (
        ("split", which.split, SPLITS),
        ("verdict", which.verdict, VERDICTS),
        ("problem", which.problem, KINDS),
    ):
        if said and said not in known:
            raise Invalid(f"There is no {what} “{said}”; there are {', '.join(known)}.")
    if which.annotator and not session.scalar(select(exists().where(User.name == which.annotator))):
        names = list(session.scalars(select(User.name).order_by(User.name).limit(_MOST_NAMED + 1)))
        more = " and others" if len(names) > _MOST_NAMED else ""
        known_names = ", ".join(names[:_MOST_NAMED]) + more
        raise Invalid(f"There is no annotator “{which.annotator}”; there are {known_names}.")
    if which.min_kb is not None and which.max_kb is not None and which.min_kb > which.max_kb:
        raise Invalid(
            f"No file has at least {which.min_kb:,} kB and at most {which.max_kb:,} kB; exchange the two "
            "numbers, or leave one of them out."
        )


def _decided_by(name: str) -> ColumnElement[bool]:
    return exists().where(
        Decision.sample_id == Sample.id,
        is_answer(),
        Decision.user_id.in_(select(User.id).where(User.name == name)),
    )


def _has_another_label(dataset_id: int) -> ColumnElement[bool]:
    """Whether an image that is or looks the same has another current label."""

    def torn(key: InstrumentedAttribute[Any]) -> Select[Any]:
        return (
            select(key)
            .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
            .where(Sample.dataset_id == dataset_id, key.is_not(None))
            .group_by(key)
            .having(func.count(_LABEL.distinct()) > 1)
            .correlate(None)
        )

    return and_(
        _LABEL.is_not(None),
        or_(Sample.lookalikes.in_(torn(Sample.lookalikes)), Sample.sha256.in_(torn(Sample.sha256))),
    )


def has_problem(dataset_id: int, kind: str) -> ColumnElement[bool]:
    """Whether the image has a problem of this kind.

    A leak is what learns while a copy, or an image that looks the same, is held out, and that copy.
    """
    if kind != "leak":
        mine = (ImageProblem.dataset_id == dataset_id, ImageProblem.kind == kind)
        return Sample.id.in_(select(ImageProblem.sample_id).where(*mine).correlate(None))
    learns = case((Sample.split == "train", 1), else_=0)
    torn = (
        select(Sample.lookalikes)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(
            Sample.dataset_id == dataset_id,
            Sample.lookalikes.is_not(None),
            _LABEL.is_not(None),
            is_visible(Sample.id),
        )
        .group_by(Sample.lookalikes)
        .having(func.min(learns) < func.max(learns))
        .correlate(None)
    )
    return and_(_LABEL.is_not(None), Sample.lookalikes.in_(torn))


def tile_of(
    names: list[str],
    sample: Sample,
    review: SampleReview | None,
    predicted: int | None,
    confidence: float | None,
    rank: int | None,
) -> Tile:
    """A sample with its state and prediction as the grid shows it."""
    label = sample.given_now if review is None else review.label
    return Tile(
        sample_id=sample.id,
        path=sample.path,
        width=sample.width,
        height=sample.height,
        given_label=names[sample.given_now],
        label=None if label is None else names[label],
        verdict=review.verdict if review else None,
        in_bulk=bool(review and review.in_bulk),
        predicted_label=None if predicted is None else names[predicted],
        confidence=confidence,
        rank=rank,
    )
