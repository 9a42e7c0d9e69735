"""Each data set counts its models from 1."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from sqlalchemy import create_engine, delete, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from app.db import migrating
from app.db.engine import Database
from app.training.models import Epoch, Run
from app.training.numbers import names_of_models, next_number
from app.training.runs import list_runs
from tests.factories import Made, make_dataset, make_first_look, make_run

AT_ONCE = 8


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """The second data set of the server; the first one has a model too."""
    make_dataset(database, tmp_path / "first", name="first", per_class=2, wrong=0)
    return make_dataset(database, tmp_path / "images", per_class=2, wrong=0)


def numbers(database: Database, dataset_id: int) -> list[int]:
    """Of a data set's models, the newest first."""
    with database.read() as session:
        return [run.number for run in list_runs(session, dataset_id=dataset_id)]


def test_the_first_model_of_each_data_set_is_model_1_and_first_looks_count_too(
    database: Database, made: Made
) -> None:
    look = make_first_look(database, made.dataset_id, made.version_id)
    child = make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id)
    with database.read() as session:
        runs = {run.id: run for run in list_runs(session, dataset_id=made.dataset_id)}
        assert names_of_models(session, run_ids=[made.run_id, child, 999]) == {
            made.run_id: "Model 1",
            child: "Model 3",
        }
    assert [runs[each].name for each in (made.run_id, look, child)] == ["Model 1", "Model 2", "Model 3"]
    assert (runs[child].parent_name, runs[made.run_id].parent_name) == ("Model 1", "")
    assert runs[child].name_with_id == f"Model 3 (run {child})"


def test_a_number_is_not_used_again_after_the_newest_model_is_gone(database: Database, made: Made) -> None:
    gone = make_run(database, made.dataset_id, made.version_id, seed=1)
    with database.write() as session:
        session.execute(delete(Epoch).where(Epoch.run_id == gone))
        session.execute(delete(Run).where(Run.id == gone))
    make_run(database, made.dataset_id, made.version_id, seed=2)
    assert numbers(database, made.dataset_id) == [3, 1]


def test_models_that_are_requested_at_once_get_numbers_of_their_own(database: Database, made: Made) -> None:
    together = Barrier(AT_ONCE)

    def request(_: int) -> int:
        together.wait()
        with database.write() as session:
            return next_number(session, dataset_id=made.dataset_id)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert sorted(pool.map(request, range(AT_ONCE))) == list(range(2, AT_ONCE + 2))


def test_no_two_models_of_a_data_set_can_have_the_same_number(database: Database, made: Made) -> None:
    second = make_run(database, made.dataset_id, made.version_id, seed=1)
    taken = update(Run).where(Run.id == second).values(number=1)
    with database.write() as session, pytest.raises(IntegrityError), session.begin_nested():
        session.execute(taken)


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the revision before models had numbers."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'older.db'}"
    else:
        engine = create_engine(request.getfixturevalue("empty_postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS unnumbered"))
            connection.execute(text("CREATE DATABASE unnumbered"))
        url = engine.url.set(database="unnumbered").render_as_string(hide_password=False)
        engine.dispose()
    with migrating.migrating_engine(url).begin() as connection:
        command.upgrade(migrating.alembic_config(connection), "0036")
    return url


def test_an_upgrade_numbers_the_models_there_are_in_the_order_of_their_ids(older: str) -> None:
    at = {"now": datetime(2026, 11, 29, tzinfo=UTC)}
    engine = create_engine(older, poolclass=NullPool)
    with engine.begin() as connection:
        for dataset in (1, 2, 3):
            connection.execute(
                text(
                    "INSERT INTO dataset (id, name, source, state, created_at) "
                    "VALUES (:dataset, :name, '/x', 'ready', :now)"
                ),
                at | {"dataset": dataset, "name": f"d{dataset}"},
            )
            connection.execute(
                text(
                    "INSERT INTO dataset_version (id, dataset_id, number, digest, samples, relabelled, "
                    "deleted, created_at) VALUES (:dataset, :dataset, 0, 'x', 1, 0, 0, :now)"
                ),
                at | {"dataset": dataset},
            )
        for run, dataset, parent in ((4, 2, None), (7, 1, None), (8, 2, 4), (12, 2, 8), (13, 1, 7)):
            connection.execute(
                text(
                    "INSERT INTO run (id, dataset_id, version_id, parent_id, recipe, weights, seed, state, "
                    "note, facts, created_at) VALUES (:run, :dataset, :dataset, :parent, '{}', 'none', 0, "
                    "'finished', '', '{}', :now)"
                ),
                at | {"run": run, "dataset": dataset, "parent": parent},
            )
    migrating.migrate(older)
    with engine.connect() as connection:
        known = dict(connection.execute(text("SELECT id, number FROM run")).all())
        counted = dict(connection.execute(text("SELECT id, runs_made FROM dataset")).all())
        assert known == {4: 1, 8: 2, 12: 3, 7: 1, 13: 2}
        assert counted == {1: 2, 2: 3, 3: 0}
        assert connection.scalar(text("SELECT parent_id FROM run WHERE id = 12")) == 8
        with pytest.raises(IntegrityError):
            connection.execute(text("UPDATE run SET number = 1 WHERE id = 8"))
    engine.dispose()
