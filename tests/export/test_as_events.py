"""The decision log: every answer and undo up to the freeze, and nothing after it."""

from sqlalchemy import insert, select, update

from app.accounts.users import add_user
from app.datasets.models import DatasetVersion, GoldMember, GoldPart, Sample
from app.db.engine import Database
from app.db.types import now
from app.export.as_events import COLUMNS
from app.review.models import Decision
from tests.export.pets import content, review, table


def decide(database: Database, path: str, verdict: str, label: int | None = None, **more: object) -> int:
    with database.write() as session:
        sample_id = session.scalar(select(Sample.id).where(Sample.path == path))
        decision = Decision(
            dataset_id=1,
            sample_id=sample_id,
            user_id=1,
            verdict=verdict,
            label=label,
            client_id=f"{path} {verdict}",
            milliseconds=1200,
            **more,
        )
        session.add(decision)
        session.flush()
        return decision.id


def test_the_log_has_every_answer_and_undo_up_to_the_freeze(database: Database, given_labels: int) -> None:
    with database.write() as session:
        add_user(session, name="ann", role="annotator", password_hash="")
    assert content(database, given_labels, "events").decode() == ",".join(COLUMNS) + "\n"
    first = decide(database, "=cat/0.png", "relabel", 1, run_id=None, rank=3, blind=True)
    decide(database, "=cat/1.png", "keep", origin="grid")
    decide(database, "=cat/2.png", "delete")
    decide(database, "=cat/0.png", "undo", undoes_id=first)
    version = review(database, {"=cat/1.png": "con"})
    frozen = content(database, version, "events")
    rows = table(frozen)
    assert list(rows[0]) == list(COLUMNS)
    seen = [[row[c] for c in ("path", "verdict", "from", "to", "undo_of", "shown_in")] for row in rows]
    assert seen == [
        ["=cat/0.png", "relabel", "=cat", "a/b", "", "deck"],
        ["=cat/1.png", "keep", "=cat", "=cat", "", "grid"],
        ["=cat/2.png", "delete", "=cat", "", "", "deck"],
        ["=cat/0.png", "undo", "=cat", "", str(first), "deck"],
    ]
    assert [rows[0][c] for c in ("annotator", "rank", "blind", "milliseconds")] == ["ann", "3", "yes", "1200"]
    assert rows[0]["time"].endswith("Z")
    decide(database, "=cat/3.png", "keep")
    assert content(database, version, "events") == frozen


def test_answers_about_gold_images_that_are_not_settled_are_left_out(
    database: Database, given_labels: int
) -> None:
    with database.write() as session:
        add_user(session, name="ann", role="annotator", password_hash="")
        session.add(GoldPart(dataset_id=1, size=2, seed=0, looks=2, digest="0" * 64))
        session.flush()
        for path in ("=cat/0.png", "=cat/1.png"):
            sample_id = session.scalar(select(Sample.id).where(Sample.path == path))
            session.execute(insert(GoldMember).values(sample_id=sample_id, dataset_id=1))
    for path in ("=cat/0.png", "=cat/1.png", "=cat/2.png"):
        decide(database, path, "keep", blind=True, origin="gold")
    version = review(database, {"=cat/0.png": "con"})  # only this one is settled
    assert [row["path"] for row in table(content(database, version, "events"))] == [
        "=cat/0.png",
        "=cat/2.png",
    ]
    with database.write() as session:  # a version from before the draw
        session.execute(update(GoldPart).values(drawn_at=now()))
        session.execute(update(DatasetVersion).where(DatasetVersion.id == version).values(created_at=now()))
        session.execute(update(GoldPart).values(drawn_at=now()))
    assert len(table(content(database, version, "events"))) == 3
