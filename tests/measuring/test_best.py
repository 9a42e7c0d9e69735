"""The best run and its figure, which leaves out what no network could have learnt."""

from pathlib import Path

import pytest

from app.datasets.gold import gold_ids
from app.db.engine import Database
from app.measuring.best import choose_best, evaluate_on_gold, gold_rates
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.gold import draw_gold
from app.training.models import Run
from tests.conftest import People
from tests.factories import Made, make_dataset, make_run


def two_runs(database: Database, made: Made, dog: int) -> tuple[int, int]:
    """One had no training images of cats and knows all others; the other has one dog wrong."""
    paths = dict(zip(made.sample_ids, made.paths, strict=True))
    no_cats = {sample: 1 for sample, path in paths.items() if "/cat/" in path}
    ids = [
        make_run(database, made.dataset_id, made.version_id, seed=seed, says=says)
        for seed, says in ((1, no_cats), (2, {dog: 2}))
    ]
    with database.write() as session:
        for run_id, untrained in ((ids[0], [0]), (made.run_id, [0, 1, 2])):
            run = session.get_one(Run, run_id)
            run.facts = {**run.facts, "untrained": untrained}
    return ids[0], ids[1]


def test_the_best_run_is_chosen_by_the_figure_that_is_shown(database: Database, made: Made) -> None:
    dog = next(
        sample
        for sample, path in zip(made.sample_ids, made.paths, strict=True)
        if path.startswith("valid/dog/")
    )
    without_cats, _ = two_runs(database, made, dog)
    with database.read() as session:
        best = choose_best(session, dataset_id=made.dataset_id)
    assert best
    assert best.rate
    assert best.rate.value == 0
    assert best.run.id == without_cats


def test_by_the_gold_part_too(
    database: Database, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.measuring.best.ENOUGH", 3)
    made = make_dataset(database, tmp_path / "images", per_class=30)
    with database.write() as session:
        draw_gold(session, dataset_id=made.dataset_id, size=20, looks=1)
        gold = gold_ids(session, dataset_id=made.dataset_id).tolist()
    paths = dict(zip(made.sample_ids, made.paths, strict=True))
    without_cats, _ = two_runs(database, made, next(sample for sample in gold if "/dog/" in paths[sample]))
    for sample in gold:
        answer = Answer(sample_id=sample, verdict="keep", client_id=str(sample), origin="gold", blind=True)
        with database.write() as session:
            decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
    cats = sum("/cat/" in paths[sample] for sample in gold)
    with database.read() as session:
        best = choose_best(session, dataset_id=made.dataset_id)
        found = evaluate_on_gold(session, run_id=without_cats)
        rates = gold_rates(session, made.dataset_id)
    assert best
    assert (best.by, best.run.id) == ("gold", without_cats)
    assert found
    assert found.error_rate == best.rate == rates[without_cats]
    assert (found.untrained, best.rate.n if best.rate else 0) == (cats, 20 - cats)
    assert f"“cat”: no training images, so {cats} agreed images are left out of it." in best.words


def test_the_best_error_leaves_out_classes_without_training_images_and_says_so(
    database: Database, made: Made
) -> None:
    with database.read() as session:
        before = choose_best(session, dataset_id=made.dataset_id)
    with database.write() as session:
        run = session.get_one(Run, made.run_id)
        run.facts = {**run.facts, "untrained": [0]}
    with database.read() as session:
        best = choose_best(session, dataset_id=made.dataset_id)
    assert before
    assert before.rate
    assert best
    assert best.rate
    left_out = before.rate.n - best.rate.n
    assert left_out == sum(path.startswith("valid/cat/") for path in made.paths) > 0
    assert f"no training images, so {left_out} hold-out images are left out of it." in best.words
