"""The demo as `make demo` prepares it."""

import stat
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, insert, select

from app.accounts.users import check_password, find_user
from app.datasets.models import Dataset, Sample
from app.datasets.versions import labels_of
from app.db.engine import Database
from app.demo.prepare import found_errors, prepare
from app.jobs.models import Job
from app.ranking.models import StagedPrediction
from app.ranking.rankings import ranking_rows
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.issues import publish
from app.rounds.demo import Planted, found_of_truth, planted_errors
from app.settings import Settings
from app.training.ending import end_run, start_run
from app.training.runs import list_runs, newest_ranked


def make(database: Database, settings: Settings) -> str:
    return prepare(database, settings, images=60, on_progress=lambda *_: None)


@pytest.fixture
def logins(database: Database, settings: Settings) -> dict[str, str]:
    lines = make(database, settings).splitlines()[1:]
    return dict(line.split() for line in lines)


def test_the_log_ins_that_it_prints_open_the_door_and_are_kept_for_their_owner_only(
    database: Database, settings: Settings, logins: dict[str, str]
) -> None:
    with database.read() as session:
        roles = {
            name: check_password(find_user(session, name=name), password=password).role
            for name, password in logins.items()
        }
    assert roles == {"admin": "admin", "annotator": "annotator"}
    assert stat.S_IMODE((settings.data_dir / "demo-logins.txt").stat().st_mode) == 0o600


def test_started_again_it_goes_on_where_it_was(
    database: Database, settings: Settings, logins: dict[str, str]
) -> None:
    again = make(database, settings)
    assert all(password in again for password in logins.values())
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Sample)) == 60
        assert session.scalar(select(func.count()).select_from(Job)) == 1


def test_it_says_what_the_ranking_found_of_the_planted_errors(
    database: Database, settings: Settings, logins: dict[str, str]
) -> None:
    folder: Path = settings.data_dir / "demo"
    wrong = planted_errors(folder)
    with database.write() as session:
        run = list_runs(session, dataset_id=1)[0]
        start_run(session, run_id=run.id)
        samples = labels_of(session, version_id=run.version_id)
        n = len(samples.paths)
        own = np.array([0.01 if path in wrong else 0.9 for path in samples.paths], dtype=np.float32)
        own[np.flatnonzero(own < 0.5)[0]] = 0.95  # one planted error that the ranking misses
        probabilities = np.repeat(((1 - own) / 5)[:, None], 6, axis=1)
        probabilities[np.arange(n), samples.labels] = own
        rows = ranking_rows(
            run.id,
            sample_ids=samples.sample_ids,
            paths=samples.paths,
            labels=samples.labels,
            log_probs=np.log(probabilities),
            folds=np.zeros(n, dtype=np.int64),
        )
        session.execute(insert(StagedPrediction), list(rows))
        publish(session, run_id=run.id, epochs=1)
        end_run(session, run_id=run.id, state="finished")
        session.refresh(run)
        found = found_errors(session, run, folder)
    assert f"The ranking is there: {len(wrong) - 1} of its first {len(wrong)} cards" in found
    assert _of_truth(database, settings) == Planted(len(wrong), len(wrong) - 1, 0)
    path, true = next((path, true) for path, true in wrong.items() if true)
    with database.write() as session:
        sample = session.scalars(select(Sample.id).where(Sample.path == path)).one()
        answer = Answer(sample_id=sample, verdict="relabel", label=true, client_id="1")
        decide(session, answer, dataset_id=1, user_id=1)
    assert _of_truth(database, settings) == Planted(len(wrong), len(wrong) - 1, 1)
    (folder / "truth.csv").unlink()
    assert _of_truth(database, settings) is None


def _of_truth(database: Database, settings: Settings) -> Planted | None:
    with database.read() as session:
        ranked = newest_ranked(session, dataset_id=1)
        return found_of_truth(session, dataset=session.get_one(Dataset, 1), ranked=ranked, settings=settings)
