"""Data sets that only chosen people see."""

import pytest

from app.accounts.users import change_user
from app.datasets.chosen import (
    choose_people,
    chosen_people,
    hidden_from,
    is_hidden_name,
    unseeing,
)
from app.datasets.creating import create_dataset
from app.datasets.models import Dataset
from app.datasets.renaming import rename_dataset
from app.db.engine import Database
from tests.conftest import People


@pytest.fixture
def secret(database: Database, people: People) -> int:
    """A data set that ann is chosen for, beside one that everybody sees."""
    with database.write() as session:
        create_dataset(session, name="open", source="/nowhere")
        made = create_dataset(session, name="Before", source="/nowhere")
        rename_dataset(session, made, name="Secret")
        choose_people(session, made, user_ids=[people.annotator.id])
        return made.id


def test_who_is_not_chosen_does_not_see_it_but_admins_do(
    database: Database, people: People, secret: int
) -> None:
    with database.read() as session:
        seen = {
            user.name: dict(hidden_from(session, user_id=user.id))
            for user in (people.annotator, people.other, people.admin)
        }
        assert seen == {"ann": {}, "bob": {secret: "Secret"}, "ada": {}}
        assert chosen_people(session, dataset_id=secret) == ["ann"]


def test_none_of_its_names_leads_there(database: Database, people: People, secret: int) -> None:
    with database.read() as session:
        hidden = hidden_from(session, user_id=people.other.id)
        names = ("Secret", "SECRET", "Before", "before", "open", "OPEN", "nothing")
        found = [is_hidden_name(session, hidden, name=name) for name in names]
        assert found == [True, True, True, True, False, False, False]


def test_without_anybody_chosen_only_admins_see_it_until_it_is_opened(
    database: Database, people: People, secret: int
) -> None:
    with database.write() as session:
        dataset = session.get_one(Dataset, secret)
        choose_people(session, dataset, user_ids=[])
        assert chosen_people(session, dataset_id=secret) == []
        session.flush()
        assert hidden_from(session, user_id=people.annotator.id) == {secret: "Secret"}
        change_user(session, name="ann", role="admin")
        session.flush()
        assert hidden_from(session, user_id=people.annotator.id) == {}
        choose_people(session, dataset, user_ids=None)
        session.flush()
        assert chosen_people(session, dataset_id=secret) is None
        assert hidden_from(session, user_id=people.other.id) == {}


def test_who_is_chosen_twice_is_chosen_once(database: Database, people: People, secret: int) -> None:
    ann, bob = people.annotator.id, people.other.id
    with database.write() as session:
        choose_people(session, session.get_one(Dataset, secret), user_ids=[ann, bob, ann])
    with database.read() as session:
        assert chosen_people(session, dataset_id=secret) == ["ann", "bob"]


def test_who_does_not_see_it_is_listed_without_admins_and_who_was_deactivated(
    database: Database, people: People, secret: int
) -> None:
    with database.write() as session:
        assert unseeing(session, dataset_id=secret) == {people.other.id: "bob"}
        change_user(session, name="bob", active=False)
        session.flush()
        assert unseeing(session, dataset_id=secret) == {}
