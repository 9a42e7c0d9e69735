import uuid
from dataclasses import replace

from app.db.engine import Database
from app.measuring.evaluations import best_of, best_run, evaluate_run, run_summaries
from app.review.checks import Answer
from app.review.decisions import decide
from app.rounds.retraining import freeze_labels
from tests.conftest import People
from tests.factories import Made, make_run


def relabel(database: Database, made: Made, people: People, sample: int, label: str | None) -> None:
    with database.write() as session:
        decide(
            session,
            Answer(
                sample_id=sample,
                verdict="relabel" if label else "delete",
                label=label,
                client_id=str(uuid.uuid4()),
            ),
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
        )


def hold_out(made: Made) -> list[int]:
    return [
        sample for sample, path in zip(made.sample_ids, made.paths, strict=True) if path.startswith("valid/")
    ]


def test_the_best_run_has_the_fewest_errors_on_the_newest_labels(
    database: Database, made: Made, people: People
) -> None:
    relabel(database, made, people, hold_out(made)[0], "owl")
    with database.write() as session:
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
    new = make_run(database, made.dataset_id, version.id, wrong=0, parent_id=made.run_id)
    with database.read() as session:
        best = best_run(session, dataset_id=made.dataset_id)
        lines = run_summaries(session, dataset_id=made.dataset_id)
    assert best is not None
    assert best.id == new
    assert [
        (line.id, line.newest_error_rate.wrong if line.newest_error_rate else None) for line in lines
    ] == [
        (new, 0),
        (made.run_id, 1),
    ]


def test_of_runs_with_equal_errors_the_newest_is_the_best(database: Database, made: Made) -> None:
    newer = [make_run(database, made.dataset_id, made.version_id, wrong=0, seed=seed) for seed in (1, 2)]
    with database.read() as session:
        runs = run_summaries(session, dataset_id=made.dataset_id)
    assert {run.newest_error_rate for run in runs} == {runs[0].newest_error_rate}
    for order in (runs, runs[::-1]):
        best = best_of(order)
        assert best is not None
        assert best.id == newer[-1]


def test_an_unfinished_run_is_never_the_best_and_one_without_a_measured_error_is_so_only_alone(
    database: Database, made: Made
) -> None:
    with database.read() as session:
        (run,) = run_summaries(session, dataset_id=made.dataset_id)
    unmeasured = replace(run, id=run.id + 1, newest_error_rate=None)
    failed = replace(run, id=run.id + 2, state="failed")
    assert best_of([unmeasured, failed, run]) == run
    assert best_of([unmeasured, failed]) == unmeasured
    assert best_of([failed]) is None


def test_a_run_is_judged_by_its_own_versions_labels(database: Database, made: Made) -> None:
    with database.read() as session:
        found = evaluate_run(session, run_id=made.run_id)
    assert found.error_rate is not None
    assert (found.error_rate.n, found.error_rate.wrong) == (6, 0)
    assert sum(report.support for report in found.per_class) == 6
