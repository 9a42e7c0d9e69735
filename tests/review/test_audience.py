"""Who sees a data set, changed, and the cards of those who see it no more."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.accounts.users import add_user, change_user
from app.datasets.models import Dataset
from app.db.engine import Database
from app.deck.worklist import take
from app.errors import Invalid
from app.review.audience import NewAudience, change_audience, let_in_and_out
from app.review.models import Claim
from tests.conftest import People
from tests.factories import Made


def change(database: Database, made: Made, people: list[str] | None) -> NewAudience:
    with database.write() as session:
        return change_audience(session, session.get_one(Dataset, made.dataset_id), people=people)


def test_a_change_says_who_is_shut_out_and_what_it_did(
    database: Database, people: People, made: Made
) -> None:
    first = change(database, made, ["ann"])
    assert (first.before, first.after, first.shut_out) == (None, ("ann",), ("bob",))
    assert first.words == "only for admins, ann"
    second = change(database, made, ["bob"])
    assert (second.shut_out, second.words) == (("ann",), "let in bob; shut out ann")
    assert change(database, made, ["bob", "bob"]).words == ""
    third = change(database, made, ["bob", "ada"])
    assert (third.shut_out, third.words) == ((), "let in ada")
    last = change(database, made, None)
    assert (last.after, last.shut_out, last.words) == (None, (), "for everybody again")


def test_people_are_added_and_removed_one_by_one(database: Database, people: People, made: Made) -> None:
    def add(*let_in: str, remove: tuple[str, ...] = ()) -> NewAudience:
        with database.write() as session:
            dataset = session.get_one(Dataset, made.dataset_id)
            return let_in_and_out(session, dataset, let_in=let_in, shut_out=remove)

    assert add("ann").shut_out == ("bob",)
    assert add("bob").after == ("ann", "bob")
    assert add("ada", remove=("ann",)).after == ("ada", "bob")
    assert add(remove=("ada", "bob", "bob")).after == ()
    for let_in, remove, words in (
        (("zoe",), (), "no user named zoe"),
        (("ann",), ("bob",), "bob is not among the chosen"),
        ((), (), "at least one person"),
    ):
        with pytest.raises(Invalid, match=words):
            add(*let_in, remove=remove)
    assert change(database, made, []).before == ()


def test_who_has_no_access_or_is_an_admin_is_not_shut_out(
    database: Database, people: People, made: Made
) -> None:
    with database.write() as session:
        add_user(session, name="eve", role="admin", password_hash="x")  # noqa: S106
        change_user(session, name="bob", active=False)
    assert change(database, made, []).shut_out == ("ann",)


def test_an_unknown_name_changes_nothing(database: Database, people: People, made: Made) -> None:
    with pytest.raises(Invalid, match="no user named zoe"):
        change(database, made, ["ann", "zoe"])
    assert change(database, made, None).before is None


def test_the_cards_of_who_is_shut_out_are_free_for_others(
    database: Database, people: People, made: Made
) -> None:
    with database.write() as session:
        for user in (people.annotator, people.other):
            take(session, dataset_id=made.dataset_id, user_id=user.id, count=2, lease=timedelta(hours=1))
        held = set(session.scalars(select(Claim.sample_id).where(Claim.user_id == people.annotator.id)))
    assert len(held) == 2
    assert change(database, made, ["bob"]).cards == 2
    with database.write() as session:
        assert set(session.scalars(select(Claim.user_id))) == {people.other.id}
        take(session, dataset_id=made.dataset_id, user_id=people.other.id, count=20, lease=timedelta(hours=1))
        assert held <= set(session.scalars(select(Claim.sample_id)))
