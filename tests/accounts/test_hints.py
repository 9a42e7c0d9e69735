"""The hints of the deck: once per person, kept with the account."""

from app.accounts.hints import put_hints_away, sees_hints
from app.db.engine import Database
from tests.conftest import People


def test_hints_are_shown_to_each_person_until_that_person_puts_them_away(
    database: Database, people: People
) -> None:
    mine, other = people.annotator.id, people.admin.id
    with database.write() as session:
        put_hints_away(session, user_id=mine)
        put_hints_away(session, user_id=mine)
    with database.read() as session:
        assert not sees_hints(session, user_id=mine)
        assert sees_hints(session, user_id=other)
