"""Which run is reviewed, and which has a network."""

import pytest

from app.db.engine import Database
from app.errors import Conflict, NotFound, NotNow
from app.training.ending import cancel_run
from app.training.runs import (
    current_ranking,
    finished_run,
    get_run,
    newest_finished,
)
from tests.factories import Made
from tests.training.test_requesting import ask


def test_the_newest_finished_run_is_reviewed_and_an_open_one_has_no_network(
    database: Database, made: Made
) -> None:
    with database.write() as session:
        run = ask(session, made)
        with pytest.raises(NotNow, match="wait until it has finished"):
            finished_run(session, run_id=run.id)
        cancel_run(session, run_id=run.id)
        with pytest.raises(Conflict, match="use a model that has finished"):
            finished_run(session, run_id=run.id)
        newest = newest_finished(session, dataset_id=made.dataset_id)
        ranking = current_ranking(session, dataset_id=made.dataset_id)
        assert newest
        assert ranking
        assert newest.id == ranking.run_id == made.run_id
        assert (ranking.label_issues, ranking.samples) == (10, 24)
        assert newest_finished(session, dataset_id=made.dataset_id, before=newest.started_at) is None
        with pytest.raises(NotFound):
            get_run(session, run_id=made.run_id, dataset_id=made.dataset_id + 1)
