"""The deck as an annotator sees it: after an answer, and when the page is loaded."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.datasets.catalog import classes_of
from app.datasets.gold import get_gold_part
from app.datasets.models import Dataset
from app.deck.progress import ReviewProgress, review_progress
from app.deck.queues import Queue, RandomLook, newest_look
from app.deck.selection import SelectionProgress, selection_progress
from app.deck.worklist import DEFAULT, Card, get_card, my_cards
from app.review.gold import GoldStanding, gold_standing
from app.review.log import RecentDecision
from app.review.recent import recent
from app.training.progress import RunProgress, run_progress
from app.training.runs import current_ranking, has_open_run, open_run


@dataclass(frozen=True)
class Deck:
    """The cards that an annotator holds and the page does not have yet, and what is shown around them."""

    cards: tuple[Card, ...]
    gone: tuple[int, ...]  # samples that the page has and the annotator no longer holds
    run_id: int | None  # whose ranking is the current one
    model: str  # the name of its model; empty: none
    ranking: str  # which of that run's
    class_names: tuple[str, ...]  # that take answers, by position
    class_positions: tuple[int, ...]  # theirs among all classes
    progress: ReviewProgress
    selection: SelectionProgress | None  # where the queue is not the whole review
    recent: tuple[RecentDecision, ...]
    will_rank: bool  # a run, which ends with a ranking, waits or works
    training: RunProgress | None  # that run, where the annotator has no card
    ranked: int  # samples in the current ranking
    has_gold: bool  # a gold part is drawn
    gold: GoldStanding | None  # where the queue is the gold part
    random_look: RandomLook | None = None  # the newest audit, where nothing of its queue is left
    is_imported: bool = True  # where nothing is ranked: whether the import has finished


def look(
    session: Session,
    *,
    dataset_id: int,
    user_id: int,
    known: Collection[int] = (),
    known_by: str = "",
    queue: Queue = DEFAULT,
    front: int | None = None,
) -> Deck:
    """The cards of an annotator.

    `known` are the samples that the page already has from the ranking `known_by`; they are left out. The
    sample `front`, if given, is the first card.
    """
    claimed = my_cards(
        session, dataset_id=dataset_id, user_id=user_id, known=known, known_by=known_by, queue=queue
    )
    cards = claimed.cards
    if front is not None:
        cards = (
            get_card(session, dataset_id=dataset_id, sample_id=front, blind_for=user_id),
            *(card for card in cards if card.sample_id != front),
        )
    classes = classes_of(session, dataset_id=dataset_id)
    ranking = current_ranking(session, dataset_id=dataset_id)
    will_rank = has_open_run(session, dataset_id=dataset_id)
    training = open_run(session, dataset_id=dataset_id) if will_rank and not cards and not known else None
    return Deck(
        cards=cards,
        gone=claimed.gone,
        run_id=claimed.run_id,
        model=ranking.model if ranking else "",
        ranking=claimed.ranking,
        class_names=tuple(classes.open_names),
        class_positions=classes.open_positions,
        progress=review_progress(session, dataset_id=dataset_id, user_id=user_id),
        selection=selection_progress(session, dataset_id=dataset_id, queue=queue),
        recent=recent(session, dataset_id=dataset_id, user_id=user_id),
        will_rank=will_rank,
        training=run_progress(session, run_id=training.id) if training else None,
        ranked=ranking.samples if ranking else 0,
        has_gold=get_gold_part(session, dataset_id=dataset_id) is not None,
        gold=gold_standing(session, dataset_id=dataset_id, user_id=user_id) if queue.is_gold else None,
        random_look=newest_look(session, dataset_id=dataset_id)
        if queue.is_audit and queue.is_plain and not cards
        else None,
        is_imported=ranking is not None or session.get_one(Dataset, dataset_id).state == "ready",
    )
