"""Label issues that are open, and how many the deciding thread remembers."""

import uuid

from sqlalchemy import delete, select

from app.db.engine import Database
from app.review import counters, desk
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.desk import Change
from app.review.issues import open_again
from app.review.models import OpenIssue, SampleReview
from tests.conftest import People
from tests.factories import Made


def open_samples(database: Database, made: Made) -> list[int]:
    with database.read() as session:
        query = select(OpenIssue.sample_id).where(OpenIssue.run_id == made.run_id).order_by(OpenIssue.rank)
        return list(session.scalars(query))


def remembered(database: Database, made: Made) -> int:
    return database.write_in_group(lambda s: counters.open_issues(s, run_id=made.run_id)).result()


def test_a_ranking_opens_its_issues_and_no_other_samples(database: Database, made: Made) -> None:
    assert open_samples(database, made) == list(made.ranked[:10])
    assert remembered(database, made) == 10


def test_an_issue_closes_with_a_decision_and_opens_again_where_none_stands(
    database: Database, made: Made, people: People
) -> None:
    sample = made.ranked[3]
    assert remembered(database, made) == 10
    database.write_in_group(
        lambda s: decide(
            s,
            Answer(sample_id=sample, verdict="keep", client_id=str(uuid.uuid4())),
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
        )
    ).result()
    assert remembered(database, made) == len(open_samples(database, made)) == 9
    assert sample not in open_samples(database, made)

    def none_stands(session) -> None:
        session.execute(delete(SampleReview).where(SampleReview.sample_id == sample))
        open_again(session, [sample])
        desk.apply(session, Change(opened=(sample,)))

    database.write_in_group(none_stands).result()
    assert remembered(database, made) == 10
    assert open_samples(database, made) == list(made.ranked[:10])


def test_opening_an_open_issue_again_changes_nothing(database: Database, made: Made) -> None:
    with database.write() as session:
        open_again(session, [made.ranked[0], made.ranked[-1]])
    assert open_samples(database, made) == list(made.ranked[:10])
