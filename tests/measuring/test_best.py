"""The best run and its figure, which leaves out what no network could have learnt."""

from app.db.engine import Database
from app.measuring.best import choose_best
from app.training.models import Run
from tests.factories import Made


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
