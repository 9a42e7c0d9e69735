"""Runs that differ only in their seed."""

import pytest

from app.db.engine import Database
from app.web.pages.measuring.conclusions import conclude
from tests.factories import Made, make_run
from tests.measuring.reviewed import compared, hold_out


def test_runs_that_differ_by_their_seed_alone_say_what_a_seed_makes(database: Database, made: Made) -> None:
    valid = hold_out(made)
    other = make_run(
        database, made.dataset_id, made.version_id, says={valid[0]: 1, valid[1]: 1, valid[2]: 2}, seed=7
    )
    child = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1}, parent_id=made.run_id)
    found = compared(database, made, made.run_id, child)
    assert [(run.id, run.seed, run.error.wrong) for run in found.seeds.old] == [
        (other, 7, 3),
        (made.run_id, 0, 0),
    ]
    assert found.seeds.new == ()
    assert found.seeds.spread == pytest.approx(3 / 6)
    assert any("this difference is no larger" in sentence for sentence in conclude(found).not_said)
    nephew = make_run(
        database, made.dataset_id, made.version_id, parent_id=other
    )  # of a parent that differs by the seed
    assert {run.id for run in compared(database, made, made.run_id, child).seeds.new} == {child, nephew}


def test_runs_with_the_same_seed_do_not_say_what_a_seed_makes(database: Database, made: Made) -> None:
    valid = hold_out(made)
    again = make_run(database, made.dataset_id, made.version_id)
    child = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1}, parent_id=made.run_id)
    found = compared(database, made, made.run_id, child)
    assert found.seeds.old == ()
    assert found.seeds.spread is None
    assert any("the seed’s part is not known" in sentence for sentence in conclude(found).not_said)
    make_run(database, made.dataset_id, made.version_id, parent_id=again)  # of a parent with the same seed
    assert compared(database, made, made.run_id, child).seeds.new == ()


def test_of_runs_with_the_same_seed_one_counts_among_the_seed_twins(database: Database, made: Made) -> None:
    valid = hold_out(made)
    make_run(database, made.dataset_id, made.version_id)
    other = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1}, seed=7)
    child = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1}, parent_id=made.run_id)
    found = compared(database, made, made.run_id, child)
    assert [run.id for run in found.seeds.old] == [other, made.run_id]
    assert found.seeds.runs == 2
