"""How a verdict came about, from real answers."""

from sqlalchemy import insert, select

from app.accounts.models import User
from app.db.engine import Database
from app.review.how_decided import how_decided
from app.review.models import Decision, SampleReview
from app.rounds.retraining import freeze_labels
from tests.export.pets import content, table
from tests.factories import Made


def test_people_who_agree_an_admin_and_one_person_alone_are_told_apart(
    database: Database, made: Made
) -> None:
    agreed, adjudicated, alone, split, waiting, undone = made.sample_ids[:6]
    answers = [  # sample, person, verdict, origin
        *((agreed, person, "keep", "deck") for person in (1, 2)),
        (adjudicated, 1, "keep", "deck"),
        (adjudicated, 2, "delete", "adjudication"),
        (alone, 1, "keep", "deck"),
        (split, 1, "keep", "deck"),
        (split, 2, "delete", "deck"),  # one look each: the last counts
        *((waiting, person, "keep", "deck") for person in (1, 2)),
        *((undone, person, "keep", "deck") for person in (1, 2)),
    ]
    with database.write() as session:
        known = set(session.scalars(select(User.name)))
        for name in {"one", "two"} - known:
            session.add(User(name=name, role="annotator", password_hash=""))
        session.flush()
        people = list(session.scalars(select(User.id).order_by(User.id)))[-2:]
        last: dict[int, Decision] = {}
        for number, (sample_id, person, verdict, origin) in enumerate(answers):
            last[sample_id] = Decision(
                dataset_id=made.dataset_id,
                sample_id=sample_id,
                user_id=people[person - 1],
                verdict=verdict,
                origin=origin,
                client_id=f"how {number}",
            )
            session.add(last[sample_id])
            session.flush()
        undo = {"verdict": "undo", "undoes_id": last[undone].id, "client_id": "how undo"}
        session.execute(
            insert(Decision).values(dataset_id=made.dataset_id, sample_id=undone, user_id=people[1], **undo)
        )
        first = session.scalar(
            select(Decision).where(Decision.sample_id == undone, Decision.user_id == people[0])
        )
        assert first
        last[undone] = first
        for sample_id, decision in last.items():
            session.add(
                SampleReview(
                    sample_id=sample_id,
                    dataset_id=made.dataset_id,
                    verdict=decision.verdict,
                    label=None if decision.verdict == "delete" else 0,
                    decision_id=decision.id,
                    user_id=decision.user_id,
                    reviews=2,
                    decided_at=decision.created_at,
                    waits="second" if sample_id == waiting else "",
                )
            )
        session.flush()
        found = how_decided(session, dataset_id=made.dataset_id)
        assert {i: found[i] for i in found} == {agreed: "agreed", adjudicated: "adjudicated"}
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
        version_id = version.id
    rows = {
        int(row["sample_id"]): row
        for row in table(content(database, version_id, "csv", include_deleted=True))
    }
    assert [rows[i]["status"] for i in (agreed, adjudicated, alone, split, waiting)] == [
        "agreed",
        "adjudicated",
        "single",
        "single",
        "single",
    ]
    assert rows[made.sample_ids[7]]["status"] == "unreviewed"
