"""What an annotator answers about a sample, and what must hold before the answer becomes a decision."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from app.datasets.catalog import ARCHIVED, answer_position
from app.datasets.gold import get_gold_part, is_gold
from app.datasets.missing import SAID, lost_for
from app.datasets.models import Dataset, Sample
from app.db.compiled import Prepared
from app.errors import Conflict, Invalid, NotFound
from app.ranking.models import IS_ISSUE, Prediction
from app.review import counters
from app.review.fold import VERDICTS
from app.review.models import Claim, Decision, SampleReview
from app.review.policy import SETTLED, seen_blind, was_in_view

MAX_CLIENT_ID = 64
USED = "This client id was used for another decision; make a new one for every decision."

# Every decision runs these, so they are built once: building takes longer than running.
_LOCK = Prepared(  # and what the run says of the sample
    select(
        Sample.id,
        Sample.dataset_id,
        Sample.path,
        Sample.given_label,
        Sample.given_now,
        Sample.sha256,
        Prediction.rank,
        IS_ISSUE.label("is_issue"),
        lost_for(Sample.id).label("lost"),
        exists().where(Dataset.id == Sample.dataset_id, Dataset.archived_at.is_not(None)).label("archived"),
    )
    .outerjoin(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == bindparam("run")))
    .where(Sample.id == bindparam("sample"))
    .with_for_update(key_share=True, of=Sample)
)
_SECOND_LOOK = Prepared(  # shown blind, as the server gave it out
    select(SampleReview.sample_id).where(
        SampleReview.sample_id == bindparam("sample"),
        seen_blind(SampleReview.sample_id),
        or_(
            exists().where(
                Claim.sample_id == SampleReview.sample_id,
                Claim.user_id == bindparam("user"),
                Claim.lease_until > bindparam("moment"),
            ),
            exists().where(
                Decision.sample_id == SampleReview.sample_id,
                Decision.user_id == bindparam("user"),
                Decision.blind,
            ),
        ),
    )
)
_OF_GOLD = (
    Prepared(  # of an image of the gold part: what stands in the way of a blind look, or of the last word
        select(
            exists().where(SampleReview.sample_id == bindparam("sample"), SETTLED).label("settled"),
            exists()
            .where(SampleReview.sample_id == bindparam("sample"), SampleReview.waits == "adjudication")
            .label("drawn"),
            was_in_view(bindparam("sample", type_=Integer)).label("in_view"),
        ).where(is_gold(bindparam("sample", type_=Integer)))
    )
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An annotator's answer about one sample."""

    sample_id: int
    verdict: str  # keep, relabel, delete or unsure
    label: str | None = None  # the name of the class that a relabel moves to
    client_id: str  # the same one again is the same decision
    run_id: int | None = None  # whose ranking showed the card; None: not said, the current ranking
    milliseconds: int | None = None  # from the card to the answer
    origin: str = "deck"  # where it was given; `mixed` becomes deck or audit
    blind: bool | None = None  # whether only the image was shown; None: found out by `how_given`

    @property
    def names_ranking(self) -> bool:
        """Whether it names the ranking that showed the card: then the annotator has seen what it says."""
        return self.run_id is not None and self.blind is None


@dataclass(frozen=True)
class Given:
    """How an answer was given."""

    origin: str
    blind: bool
    gold: bool  # the sample is of the gold part
    shown: bool  # with what a ranking says of it


def lock_sample(session: Session, *, sample_id: int, dataset_id: int, run_id: int | None = None) -> Any:
    """Lock a sample; return its facts and the run's prediction for it.

    Raises NotFound, and Conflict if the data set is archived.
    """
    # Two decisions on one sample are folded one after the other (SQLite has one writer anyway).
    sample = _LOCK.one(session, sample=sample_id, run=run_id)
    if sample is None or sample.dataset_id != dataset_id:
        raise NotFound(f"There is no image {sample_id} here; the page Images shows those there are.")
    if sample.archived:
        raise Conflict(ARCHIVED)
    return sample


def check_answer(session: Session, answer: Answer, *, sample: Any, user_id: int) -> tuple[str, int | None]:
    """The verdict and class position to record: a relabel to the given label is recorded as a keep.

    Raises Invalid for a verdict, label or client id that makes no sense, Conflict for a label of a lost file.
    """
    verdict, position = _checked(session, sample, verdict=answer.verdict, label=answer.label)
    if not 0 < len(answer.client_id) <= MAX_CLIENT_ID:
        raise Invalid(f"A client id has 1 to {MAX_CLIENT_ID} characters; a random UUID is a good one.")
    _check_file(session, sample, user_id, answer.client_id, verdict=verdict)
    return verdict, position


def how_given(
    session: Session, answer: Answer, *, sample: Any, verdict: str, user_id: int, moment: datetime
) -> Given:
    """Where an answer was given, and whether blind.

    If the answer does not say it, it was blind where the annotator holds the card of a sample that waits for
    a second opinion, has never answered it with everything in view, and names no ranking that showed it.
    Every look at the gold part is blind, except the last word.

    Raises Conflict where no look at an image of the gold part would be blind, and Invalid for a keep in a
    blind look.
    """
    gold = _gold_look(session, answer, sample=sample, user_id=user_id)
    origin, blind = gold or (answer.origin, answer.blind)
    if blind is None:
        blind = (
            not answer.names_ranking
            and counters.any_waits(session, dataset_id=sample.dataset_id)
            and _SECOND_LOOK.one(session, sample=sample.id, user=user_id, moment=moment) is not None
        )
    if answer.blind is None and blind and verdict == "keep" and answer.verdict != "relabel":
        raise Invalid(
            "Name the class that you see; the given label, which “keep” would mean, is not shown in a "
            "blind look."
        )
    shown = sample.rank is not None and gold is None  # no ranking shows the gold part
    if origin == "mixed":  # what is no label issue was drawn by chance
        origin = "deck" if shown and sample.is_issue else "audit"
    return Given(origin, blind, gold is not None, shown)


def sent_before(session: Session, *, user_id: int, client_id: str) -> Decision | None:
    """The decision or undo that this client id stands for already."""
    if not client_id:
        return None
    return session.scalar(
        select(Decision).where(Decision.user_id == user_id, Decision.client_id == client_id)
    )


def _gold_look(session: Session, answer: Answer, *, sample: Any, user_id: int) -> tuple[str, bool] | None:
    """Where an answer to an image of the gold part is given, and whether blind; None for other images.

    Raises Conflict.
    """
    if get_gold_part(session, dataset_id=sample.dataset_id) is None:  # as mostly
        return None
    found = _OF_GOLD.one(session, sample=sample.id, user=user_id)
    if found is None:
        return None
    origin = answer.origin
    how = (
        ("adjudication", False)
        if origin == "adjudication"
        else ("gold" if origin in ("deck", "audit", "mixed") else origin, True)
    )
    if sent_before(session, user_id=user_id, client_id=answer.client_id) is not None:
        return how  # it was the one that settled the image, perhaps
    if origin == "duplicates":
        raise Conflict(
            "An image of this group belongs to the checked test set, which people look at one by one and "
            "blind; nothing was changed."
        )
    if origin == "adjudication":
        if not found.drawn:
            raise Conflict(
                "Nobody disagrees about this image of the checked test set; only blind looks say what it is."
            )
    elif found.settled:
        raise Conflict(
            "This image of the checked test set is settled: blind answers agree on it. Undo your own answer "
            "to give another."
        )
    elif answer.names_ranking:
        raise Conflict(
            "This image came into the checked test set after its label was shown to you; another person has "
            "to label it blind. Skip it."
        )
    elif found.in_view:
        raise Conflict(
            "You have answered about this image of the checked test set with its label in view; another "
            "person has to label it blind."
        )
    return how


def _checked(session: Session, sample: Any, *, verdict: str, label: str | None) -> tuple[str, int | None]:
    if verdict not in VERDICTS:
        raise Invalid(f"“{verdict}” is no verdict; choose keep, relabel, delete or unsure.")
    if verdict != "relabel":
        if label:
            raise Invalid(
                f"Only a relabel has a label; leave it out to {verdict}."
                if verdict != "unsure"
                else "Only a relabel has a label."
            )
        return verdict, None
    if not label:
        raise Invalid("A relabel needs the label that the image should have.")
    position = answer_position(session, dataset_id=sample.dataset_id, name=label)
    return ("keep", None) if position == sample.given_now else ("relabel", position)


def _check_file(session: Session, sample: Any, user_id: int, client_id: str, *, verdict: str) -> None:
    """Raises Conflict for a label of an image that nobody can see; what was recorded before is recorded."""
    if (
        sample.lost
        and verdict in ("keep", "relabel")
        and not sent_before(session, user_id=user_id, client_id=client_id)
    ):
        raise Conflict(
            f"The file {sample.path} {SAID[sample.lost]}, so nobody can see whether its label is right; "
            "nothing was changed. Put the file back, then decide, or delete the image from the labels."
        )
