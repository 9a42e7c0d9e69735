"""Looks for new answers and has the worklist ordered anew: a thread of the worker, which makes nobody wait.

It keeps nothing that cannot be made again: a worker that is killed learns from the same decisions when it
starts. Two workers may learn at once; then the later order counts.
"""

import logging
import threading

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset
from app.db.engine import Database
from app.review.models import Decision
from app.review.orders import count_new_answers, newest_order
from app.tasks import load, nothing_loads
from app.training.runs import CurrentRanking, current_ranking

log = logging.getLogger(__name__)
EVERY = 10  # answers between two orders
SECONDS = 1.0  # between two looks for new answers


def learn(database: Database, stop: threading.Event) -> None:
    """Learn until `stop` is set; a failure is logged, and the next answers are learnt from."""
    learner = Learner(database)
    while not stop.wait(SECONDS):
        try:
            learner.look()
        except Exception:
            log.exception("the worklist could not be ordered anew; trying again with the next answers")


class Learner:
    """Knows what was learnt from, so that a look without news costs next to nothing."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._seen: tuple[int | None, dict[int, CurrentRanking]] | None = None  # when it looked last
        self._evidence: object = None  # of the data set that was ordered last

    def look(self) -> None:
        """Order the worklist of each data set that has enough new answers.

        Raises the first failure, after the other data sets were ordered.
        """
        with self.database.read() as session:
            newest = session.scalar(select(Decision.id).order_by(Decision.id.desc()).limit(1))
            rankings = {
                dataset_id: ranking
                for dataset_id in session.scalars(select(Dataset.id))
                if newest and (ranking := current_ranking(session, dataset_id=dataset_id))
            }
            if (newest, rankings) == self._seen:
                return
            due = [each for each in rankings.items() if _is_due(session, each[1])]
        self._seen = newest, rankings  # also after a failure, so that it is not repeated without news
        failures = []
        for dataset_id, ranking in due:
            try:
                self._order(dataset_id, ranking)
            except Exception as error:  # noqa: BLE001 - the other data sets do not wait for this one
                failures.append(error)
        if failures:
            raise failures[0]

    def _order(self, dataset_id: int, ranking: CurrentRanking) -> None:
        order = load("ordering").order_worklist
        with nothing_loads():
            self._evidence = order(
                self.database, dataset_id=dataset_id, ranking=ranking, before=self._evidence
            )


def _is_due(session: Session, ranking: CurrentRanking) -> bool:
    """Whether enough answers are new since the last order, or the predictions are."""
    new = count_new_answers(session, run_id=ranking.run_id)
    if order := newest_order(session, run_id=ranking.run_id) if ranking.order else None:
        return new >= EVERY or order.facts.get("epochs") != ranking.epochs
    return new > 0
