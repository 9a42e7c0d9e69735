"""Stored rankings, on both databases."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select

from app.datasets.versions import labels_of
from app.db.engine import Database
from app.ml.recipes import RECIPES
from app.ranking.models import Prediction, StagedPrediction
from app.ranking.rankings import log_probs_of, ranking_rows, stage_ranking, top_losses
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.issues import publish
from app.review.models import OpenIssue
from app.training.ending import end_run, start_run
from app.training.models import Run
from app.training.requesting import request_run
from app.training.runs import newest_ranked
from tests.conftest import People
from tests.factories import Made


def store(database: Database, *, run_id: int, rows, epochs: int) -> None:
    stage_ranking(database, run_id=run_id, rows=rows)
    with database.write() as session:
        publish(session, run_id=run_id, epochs=epochs)


@pytest.fixture
def rows_of(database: Database, made: Made):
    """Rows of a ranking whose first image, by path, is the most suspicious or the least."""
    with database.read() as session:
        samples = labels_of(session, version_id=made.version_id)

    def rows(run_id: int, *, first: bool = True):
        n = len(samples.paths)
        doubt = np.linspace(0.9, 0.1, n) if first else np.linspace(0.1, 0.9, n)
        probabilities = np.full((n, 3), 0.0, np.float32)
        probabilities[np.arange(n), samples.labels] = 1 - doubt
        probabilities[np.arange(n), (samples.labels + 1) % 3] = doubt
        return ranking_rows(
            run_id,
            sample_ids=samples.sample_ids,
            paths=samples.paths,
            labels=samples.labels,
            log_probs=np.log(np.maximum(probabilities, 1e-30)),
            folds=np.full(n, -1),
        )

    return rows


def test_a_ranking_replaces_the_one_before(database: Database, made: Made, rows_of) -> None:
    store(database, run_id=made.run_id, rows=rows_of(made.run_id), epochs=2)
    store(database, run_id=made.run_id, rows=rows_of(made.run_id, first=False), epochs=4)
    with database.read() as session:
        first = top_losses(session, run_id=made.run_id, limit=1)[0]
        assert first.sample_id == made.sample_ids[-1]
        assert session.scalar(select(func.count()).select_from(Prediction)) == len(made.sample_ids)
        assert session.scalar(select(func.count()).select_from(StagedPrediction)) == 0
        assert session.get_one(Run, made.run_id).ranked_epochs == 4


def test_a_ranking_that_breaks_off_changes_nothing_and_leaves_nothing_behind(
    database: Database, made: Made, rows_of
) -> None:
    def broken():
        yield from list(rows_of(made.run_id))[:5]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store(database, run_id=made.run_id, rows=broken(), epochs=2)
    with database.read() as session:
        assert [sample.sample_id for sample in top_losses(session, run_id=made.run_id, limit=100)] == list(
            made.ranked
        )
    store(database, run_id=made.run_id, rows=rows_of(made.run_id), epochs=3)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Prediction)) == len(made.sample_ids)


def test_an_early_ranking_is_reviewed_until_there_is_a_finished_one(
    database: Database, made: Made, rows_of
) -> None:
    def another() -> int:
        with database.write() as session:
            run = request_run(
                session,
                dataset_id=made.dataset_id,
                version_id=made.version_id,
                recipe=replace(RECIPES["quick"], name="other"),
                weights="none",
                parent_id=None,
                seed=9,
                user_id=None,
            )
            start_run(session, run_id=run.id)
            return run.id

    second = another()
    store(database, run_id=second, rows=rows_of(second), epochs=2)
    with database.read() as session:
        assert newest_ranked(session, dataset_id=made.dataset_id).id == made.run_id
    with database.write() as session:
        session.execute(Run.__table__.update().where(Run.id == made.run_id).values(state="failed"))
    with database.read() as session:
        assert newest_ranked(session, dataset_id=made.dataset_id).id == second
    with database.write() as session:
        end_run(session, run_id=second, state="finished")
    third = another()
    store(database, run_id=third, rows=rows_of(third), epochs=2)
    with database.read() as session:
        assert newest_ranked(session, dataset_id=made.dataset_id).id == second


def test_the_quality_of_a_label_is_its_margin_and_orders_the_ranking(
    database: Database, made: Made, rows_of
) -> None:
    store(database, run_id=made.run_id, rows=rows_of(made.run_id), epochs=2)
    with database.read() as session:
        found = session.scalars(
            select(Prediction).where(Prediction.run_id == made.run_id).order_by(Prediction.rank)
        ).all()
    assert [p.label_quality for p in found] == sorted(p.label_quality for p in found)
    assert [p.label_quality for p in found] == pytest.approx([(p.margin + 1) / 2 for p in found], abs=1e-6)


def test_a_parents_word_is_found_by_sample_also_with_a_new_class(database: Database, made: Made) -> None:
    ids = np.array([*made.sample_ids[:2][::-1], 10**6])
    with database.read() as session:
        table = log_probs_of(session, run_id=made.run_id, sample_ids=ids, classes=4)
        mine = session.get_one(Prediction, (made.run_id, int(ids[0])))
    assert np.exp(table[0, :3]) == pytest.approx(mine.probabilities, abs=1e-6)
    assert np.exp(table[0, 3]) == pytest.approx(0, abs=1e-6)
    assert np.isnan(table[2]).all()


def test_a_new_ranking_opens_the_issues_that_have_no_verdict_yet(
    database: Database, made: Made, people: People, rows_of
) -> None:
    with database.write() as session:
        for sample, verdict in ((made.ranked[0], "delete"), (made.ranked[1], "unsure")):
            decide(
                session,
                Answer(sample_id=sample, verdict=verdict, client_id=verdict),
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
            )
    store(
        database, run_id=made.run_id, rows=rows_of(made.run_id), epochs=2
    )  # doubts the first half of the samples
    with database.read() as session:
        doubted = set(
            session.scalars(
                select(Prediction.sample_id).where(Prediction.predicted_label != Prediction.label)
            )
        )
        assert doubted > set(made.ranked[:2])
        assert set(session.scalars(select(OpenIssue.sample_id))) == doubted - set(
            made.ranked[:2]
        )  # what waits is a worklist of its own
        assert session.get_one(Run, made.run_id).label_issues == len(doubted)
