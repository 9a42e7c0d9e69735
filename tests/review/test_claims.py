"""Claims that are remembered between the transactions of the deciding thread are those of the database."""

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.types import now
from app.deck.filters import Filter
from app.deck.queues import Queue
from app.deck.worklist import my_cards, take
from app.review import desk
from app.review.checks import Answer
from app.review.claims import give_back, held_cards, hold, next_free, release_cards
from app.review.decisions import decide
from app.review.desk import Claimant, Held, Place
from app.review.models import Claim
from tests.conftest import People
from tests.factories import Made

LEASE = timedelta(minutes=5)
RANKED, OWLS = Queue(), Queue(Filter(given="owl", state="unreviewed"))


@pytest.fixture
def ann(made: Made, people: People) -> Claimant:
    return Claimant(made.dataset_id, people.annotator.id, made.run_id, now())


@pytest.fixture
def bob(ann: Claimant, people: People) -> Claimant:
    return ann._replace(user=people.other.id)


def places(made: Made, *ranks: int) -> dict[int, Place | None]:
    return {made.ranked[rank - 1]: Place(rank, None) for rank in ranks}


def fresh(database: Database, who: Claimant) -> list[int]:
    with database.read() as session:
        return [card.sample_id for card in held_cards(session, who)]


def known(database: Database, who: Claimant) -> list[int]:
    cards: list[Held] = database.write_in_group(lambda s: held_cards(s, who)).result()
    return [card.sample_id for card in cards]


def ends(database: Database) -> dict[int, tuple[int, datetime]]:
    with database.read() as session:
        rows = session.execute(select(Claim.sample_id, Claim.user_id, Claim.lease_until))
        return {sample_id: (user_id, until) for sample_id, user_id, until in rows}


def test_cards_taken_through_a_filter_are_in_the_hands_that_were_known_before(
    database: Database, made: Made, people: People, ann: Claimant
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    for queue in (RANKED, OWLS):
        database.write_in_group(lambda s, q=queue: take(s, **me, count=2, lease=LEASE, queue=q)).result()
        assert known(database, ann) == fresh(database, ann)
    owls = database.write_in_group(lambda s: my_cards(s, **me, queue=OWLS)).result().cards
    with database.read() as session:
        assert owls == my_cards(session, **me, queue=OWLS).cards
    assert len(owls) == 2
    assert len(fresh(database, ann)) == 4


def test_a_card_in_somebodys_hands_is_not_taken_and_one_whose_lease_has_ended_is(
    database: Database, made: Made, ann: Claimant, bob: Claimant
) -> None:
    until = ann.moment + LEASE
    with database.write() as session:
        hold(session, ann, cards=places(made, 1, 2), until=until)
        session.execute(update(Claim).where(Claim.sample_id == made.ranked[1]).values(lease_until=ann.moment))
        hold(session, bob, cards=places(made, 1, 2, 3), until=until)
    assert fresh(database, ann) == [made.ranked[0]]
    assert fresh(database, bob) == list(made.ranked[1:3])


def test_holding_ones_own_card_again_renews_its_lease(database: Database, made: Made, ann: Claimant) -> None:
    for minutes in (5, 9):
        with database.write() as session:
            hold(session, ann, cards=places(made, 1), until=ann.moment + timedelta(minutes=minutes))
    assert ends(database) == {made.ranked[0]: (ann.user, ann.moment + timedelta(minutes=9))}


def test_a_card_is_out_of_hands_at_the_very_end_of_its_lease(
    database: Database, made: Made, ann: Claimant
) -> None:
    until = ann.moment + LEASE
    database.write_in_group(lambda s: hold(s, ann, cards=places(made, 1), until=until)).result()
    for moment, held in ((until - timedelta(seconds=1), [made.ranked[0]]), (until, [])):
        at = ann._replace(moment=moment)
        assert known(database, at) == fresh(database, at) == held


def test_giving_back_lets_go_of_ones_own_card_alone(
    database: Database, made: Made, ann: Claimant, bob: Claimant
) -> None:
    until = ann.moment + LEASE
    for who, ranks in ((ann, (1, 2)), (bob, (3,))):
        database.write_in_group(lambda s, w=who: held_cards(s, w)).result()
        database.write_in_group(
            lambda s, w=who, r=ranks: hold(s, w, cards=places(made, *r), until=until)
        ).result()
    for sample in (made.ranked[0], made.ranked[2]):
        database.write_in_group(
            lambda s, i=sample: desk.apply(s, give_back(s, sample_id=i, user_id=ann.user))
        ).result()
    assert known(database, ann) == fresh(database, ann) == [made.ranked[1]]
    assert known(database, bob) == fresh(database, bob) == [made.ranked[2]]


def test_nobody_holds_what_was_let_go(database: Database, made: Made, ann: Claimant, bob: Claimant) -> None:
    until = ann.moment + LEASE
    for who, ranks in ((ann, (1, 2)), (bob, (3, 4))):
        database.write_in_group(lambda s, w=who: held_cards(s, w)).result()
        database.write_in_group(
            lambda s, w=who, r=ranks: hold(s, w, cards=places(made, *r), until=until)
        ).result()
    database.write_in_group(lambda s: release_cards(s, [made.ranked[0], made.ranked[3]])).result()
    assert known(database, ann) == fresh(database, ann) == [made.ranked[1]]
    assert known(database, bob) == fresh(database, bob) == [made.ranked[2]]


def free(session: Session, who: Claimant) -> list[int]:
    return list(next_free(session, who, "ranked", most=20))


def test_what_is_held_or_decided_is_offered_to_nobody(
    database: Database, made: Made, ann: Claimant, bob: Claimant
) -> None:
    issues = list(made.ranked[:10])
    assert database.write_in_group(lambda s: free(s, bob)).result() == issues
    database.write_in_group(lambda s: hold(s, ann, cards=places(made, 1), until=ann.moment + LEASE)).result()
    database.write_in_group(
        lambda s: decide(
            s,
            Answer(sample_id=issues[1], verdict="keep", client_id=str(uuid.uuid4())),
            dataset_id=made.dataset_id,
            user_id=ann.user,
        )
    ).result()
    with database.read() as session:
        assert free(session, bob) == issues[2:]
    assert database.write_in_group(lambda s: free(s, bob)).result() == issues[2:]


def test_a_card_whose_lease_ends_is_offered_again(
    database: Database, made: Made, ann: Claimant, bob: Claimant
) -> None:
    issues, until = list(made.ranked[:10]), ann.moment + LEASE
    assert database.write_in_group(lambda s: free(s, bob)).result() == issues
    database.write_in_group(lambda s: hold(s, ann, cards=places(made, 1), until=until)).result()
    assert database.write_in_group(lambda s: free(s, bob)).result() == issues[1:]
    later = bob._replace(moment=until)
    assert database.write_in_group(lambda s: free(s, later)).result() == issues
    with database.read() as session:
        assert free(session, later) == issues


def test_no_more_are_offered_than_were_asked_for_and_none_without_a_ranking(
    database: Database, made: Made, ann: Claimant
) -> None:
    with database.read() as session:
        assert list(next_free(session, ann, "ranked", most=3)) == list(made.ranked[:3])
        assert next_free(session, ann, "ranked", most=0) == {}
        assert next_free(session, ann._replace(run=None), "random", most=3) == {}


def test_by_chance_offers_what_is_no_issue_and_random_everything(
    database: Database, made: Made, ann: Claimant
) -> None:
    with database.read() as session:
        by_chance, anything = (
            next_free(session, ann, stream, most=100) for stream in ("by chance", "random")
        )
    assert set(by_chance) == set(made.ranked[10:])
    assert set(anything) == set(made.ranked)
    assert all(place.rank is None for place in by_chance.values())
    keys = [place.random_key for place in anything.values()]
    assert keys == sorted(keys)


def test_the_hands_are_asked_anew_when_another_process_has_changed_them(
    database: Database, made: Made, ann: Claimant
) -> None:
    until = ann.moment + LEASE
    database.write_in_group(lambda s: hold(s, ann, cards=places(made, 1), until=until)).result()
    assert known(database, ann) == [made.ranked[0]]
    with database.write() as session:
        session.execute(delete(Claim))
    assert known(database, ann) == []


@pytest.mark.parametrize("minutes", [(9, 5), (5, 9)])
def test_of_two_leases_the_one_that_ends_first_is_offered_again_first(
    database: Database, made: Made, ann: Claimant, bob: Claimant, minutes: tuple[int, int]
) -> None:
    issues = list(made.ranked[:10])
    assert database.write_in_group(lambda s: free(s, bob)).result() == issues
    for rank, lease in enumerate(minutes, start=1):
        until = ann.moment + timedelta(minutes=lease)
        database.write_in_group(
            lambda s, r=rank, u=until: hold(s, ann, cards=places(made, r), until=u)
        ).result()
    later = bob._replace(moment=ann.moment + timedelta(minutes=6))
    first = issues[minutes.index(5)]
    assert database.write_in_group(lambda s: free(s, later)).result() == sorted(
        [first, *issues[2:]], key=issues.index
    )
