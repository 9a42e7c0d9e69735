"""The table of the method: four networks on one hold-out."""

from app.datasets.versions import get_version
from app.db.engine import Database
from app.measuring.paper_table import paper_table
from tests.conftest import People
from tests.factories import Made, make_run
from tests.measuring.reviewed import frozen, hold_out, review


def test_the_table_of_the_method_takes_the_newest_runs_that_fit(
    database: Database, made: Made, people: People
) -> None:
    with database.read() as session:
        empty = paper_table(session, dataset_id=made.dataset_id)
    assert [cell.run_id for cell in empty.cells] == [made.run_id, None, None, None]
    further = make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id)
    lone = make_run(database, made.dataset_id, made.version_id, seed=3)  # newer, but nothing goes on from it
    review(database, made, people, hold_out(made)[0], "dog")
    review(database, made, people, hold_out(made)[1], None)
    version = frozen(database, made)
    cleaned = make_run(database, made.dataset_id, version, parent_id=made.run_id)
    with database.read() as session:
        three = paper_table(session, dataset_id=made.dataset_id)
    assert [cell.run_id for cell in three.cells] == [made.run_id, further, cleaned, None]
    assert lone not in [cell.run_id for cell in three.cells]
    last = make_run(database, made.dataset_id, version, parent_id=cleaned)
    with database.read() as session:
        found = paper_table(session, dataset_id=made.dataset_id)
        digest = get_version(session, dataset_id=made.dataset_id, number=1).digest
    assert [
        (cell.labels, cell.training, cell.run_id, cell.parent_id, cell.version) for cell in found.cells
    ] == [
        ("original", "trained", made.run_id, None, 0),
        ("original", "fine-tuned", further, made.run_id, 0),
        ("cleaned", "trained", cleaned, made.run_id, 1),
        ("cleaned", "fine-tuned", last, cleaned, 1),
    ]
    assert (found.filled, found.samples, found.version, found.cells[3].digest, found.cells[3].samples) == (
        4,
        5,
        1,
        digest,
        23,
    )
    assert [
        (cell.given.wrong, cell.reviewed.wrong) for cell in found.cells if cell.given and cell.reviewed
    ] == [
        (0, 1),
        (0, 1),
        (1, 0),
        (1, 0),
    ]
