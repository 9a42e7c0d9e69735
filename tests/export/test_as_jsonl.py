"""JSON Lines: one object per sample."""

import json
import math

from sqlalchemy import update

from app.db.engine import Database
from app.ranking.models import Prediction
from tests.export.pets import COLUMNS, content, rank, review


def test_json_lines_say_the_same_with_null_where_there_is_nothing(
    database: Database, given_labels: int
) -> None:
    review(database, {"=cat/1.png": None})
    text = content(database, given_labels + 1, "jsonl", include_deleted=True).decode()
    rows = {row["path"]: row for row in map(json.loads, text.splitlines())}
    assert text.endswith("\n")
    assert list(rows["=cat/1.png"]) == COLUMNS
    assert rows["=cat/1.png"]["label"] is None
    assert (rows["=cat/0.png"]["label"], rows["=cat/0.png"]["loss"], rows["=cat/0.png"]["reviews"]) == (
        "=cat",
        None,
        0,
    )


def test_a_number_that_json_has_not_got_is_null(database: Database, given_labels: int) -> None:
    run = rank(database, given_labels, finished_ago=1)
    with database.write() as session:
        session.execute(update(Prediction).where(Prediction.rank == 1).values(loss=math.inf))
    rows = [json.loads(line) for line in content(database, given_labels, "jsonl", run_id=run).splitlines()]
    assert sorted((row["rank"], row["loss"]) for row in rows)[:2] == [(1, None), (2, 0.5)]
