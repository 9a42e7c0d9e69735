"""What the home page shows of all data sets: never the checked test set, and in few statements."""

import re
from pathlib import Path

from sqlalchemy import Engine, delete, event, select, update
from starlette.testclient import TestClient

from app.datasets.gold import gold_ids
from app.db.engine import Database
from app.ranking.models import Prediction
from app.review.gold import draw_gold
from app.review.models import OpenIssue
from app.rounds.home import SHOWN, suspects
from app.training.models import Run
from tests.factories import Made, import_folder, make_dataset, write_images


def shown(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'src="/api/v1/samples/(\d+)/image\?size=thumbnail"', page)]


def test_images_of_the_checked_test_set_are_never_shown(
    browser_of: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    made = make_dataset(database, tmp_path / "many", per_class=60, wrong=200)
    with database.write() as session:  # the hold-out, whose ids are the last ones, is the most suspicious
        session.execute(update(Prediction).values(rank=-Prediction.rank))
        session.execute(update(Prediction).values(rank=len(made.ranked) + 1 + Prediction.rank))
        draw_gold(session, dataset_id=made.dataset_id, size=50, seed=0, looks=2)
    with database.read() as session:
        hidden = set(gold_ids(session, dataset_id=made.dataset_id).tolist())
        first = session.scalars(select(Prediction.sample_id).order_by(Prediction.rank).limit(SHOWN)).all()
    assert hidden & set(first)

    def images() -> list[int]:
        page = browser_of["ann"].get("/").text
        assert len(set(shown(page))) == SHOWN
        with database.read() as session:
            strip = suspects(session, dataset_id=made.dataset_id, limit=10)
        assert not hidden & {each.sample_id for each in strip}
        return shown(page)

    assert not hidden & set(images())
    with database.write() as session:  # nothing is left to review
        session.execute(delete(OpenIssue))
    assert not hidden & set(images())
    with database.write() as session:  # nothing is ranked
        session.execute(update(Run).values(state="failed", ranked_epochs=None))
    assert not hidden & set(images())


def test_the_number_of_statements_does_not_grow_with_the_data_sets(
    browser_of: dict[str, TestClient], made: Made, database: Database, tmp_path: Path
) -> None:
    def statements() -> int:
        seen: list[str] = []

        def read(*about: object) -> None:
            seen.append(str(about[2]))

        event.listen(Engine, "before_cursor_execute", read)
        try:
            assert browser_of["ann"].get("/").status_code == 200
        finally:
            event.remove(Engine, "before_cursor_execute", read)
        return len(seen)

    for number in range(2):
        make_dataset(database, tmp_path / f"images-{number}", name=f"more-{number}")
        import_folder(database, write_images(tmp_path / f"bare-{number}"), name=f"bare-{number}")
    statements()  # signs in
    few = statements()
    for number in range(2, 6):
        make_dataset(database, tmp_path / f"images-{number}", name=f"more-{number}")
        import_folder(database, write_images(tmp_path / f"bare-{number}"), name=f"bare-{number}")
    statements()  # counts the errors of the new models once
    assert statements() == few
    assert few < 25
