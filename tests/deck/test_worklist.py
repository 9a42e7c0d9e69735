import threading
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.db.engine import Database
from app.db.types import now
from app.deck import worklist
from app.deck.progress import review_progress
from app.deck.worklist import claim, get_card, hold, my_cards
from app.errors import Invalid
from app.ranking.models import Prediction
from app.review.checks import Answer
from app.review.claims import release
from app.review.decisions import decide
from app.review.issues import open_again
from app.review.models import Claim
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import Made, import_folder, write_images

LEASE = timedelta(minutes=5)


def take(database: Database, made: Made, user_id: int, count: int, lease: timedelta = LEASE) -> list[int]:
    with database.write() as session:
        return [
            card.sample_id
            for card in claim(
                session, dataset_id=made.dataset_id, user_id=user_id, count=count, lease=lease
            ).cards
        ]


def answer(
    database: Database, made: Made, user_id: int, sample: int, verdict: str, label: str | None = None
) -> int:
    with database.write() as session:
        return decide(
            session,
            Answer(
                sample_id=sample, verdict=verdict, label=label, client_id=str(uuid.uuid4()), milliseconds=2000
            ),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )[0].id


def test_cards_come_in_the_order_of_loss(database: Database, made: Made, people: People) -> None:
    assert take(database, made, people.annotator.id, 4) == list(made.ranked[:4])


def test_a_card_says_what_the_model_says(database: Database, made: Made, people: People) -> None:
    with database.write() as session:
        card = claim(
            session, dataset_id=made.dataset_id, user_id=people.annotator.id, count=1, lease=LEASE
        ).cards[0]
    assert (card.given_label, card.predicted_label, card.rank, card.run_id) == ("cat", "dog", 1, made.run_id)
    assert [name for name, _ in card.probabilities] == ["cat", "dog", "owl"]
    assert sum(p for _, p in card.probabilities) == pytest.approx(1, abs=1e-5)
    assert card.self_confidence == pytest.approx(dict(card.probabilities)["cat"], rel=1e-5)
    assert card.confidence == max(p for _, p in card.probabilities)


def test_two_annotators_never_hold_the_same_card(database: Database, made: Made, people: People) -> None:
    mine, yours = take(database, made, people.annotator.id, 4), take(database, made, people.other.id, 4)
    assert not set(mine) & set(yours)
    assert mine + yours == list(made.ranked[:8])


def test_claiming_again_gives_the_cards_already_held_and_renews_them(
    database: Database, made: Made, people: People
) -> None:
    first = take(database, made, people.annotator.id, 3)
    assert take(database, made, people.annotator.id, 5)[:3] == first


def test_a_card_whose_lease_has_ended_goes_to_the_next_who_asks(
    database: Database, made: Made, people: People
) -> None:
    first = take(database, made, people.annotator.id, 2)
    with database.write() as session:
        session.execute(update(Claim).values(lease_until=now() - timedelta(seconds=1)))
    assert take(database, made, people.other.id, 2) == first
    with database.read() as session:
        assert my_cards(session, dataset_id=made.dataset_id, user_id=people.annotator.id).cards == ()


def test_released_cards_are_free_at_once(database: Database, made: Made, people: People) -> None:
    first = take(database, made, people.annotator.id, 2)
    with database.write() as session:
        release(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert take(database, made, people.other.id, 2) == first


def test_a_decided_card_does_not_come_back(database: Database, made: Made, people: People) -> None:
    first, second = take(database, made, people.annotator.id, 2)
    answer(database, made, people.annotator.id, first, "keep")
    assert take(database, made, people.annotator.id, 1) == [second]
    assert first not in take(database, made, people.other.id, 20)


def test_an_unsure_card_goes_to_somebody_else(database: Database, made: Made, people: People) -> None:
    first = take(database, made, people.annotator.id, 1)[0]
    answer(database, made, people.annotator.id, first, "unsure")
    assert first not in take(database, made, people.annotator.id, 20)
    with database.write() as session:
        release(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert first in take(database, made, people.other.id, 20)


def test_a_card_that_two_people_were_unsure_about_is_asked_of_neither_again(
    database: Database, made: Made, people: People
) -> None:
    first = take(database, made, people.annotator.id, 1)[0]
    for user in (people.annotator.id, people.other.id):
        answer(database, made, user, first, "unsure")
    for user, left in ((people.annotator.id, 9), (people.other.id, 9), (people.admin.id, 10)):
        with database.write() as session:
            release(session, dataset_id=made.dataset_id, user_id=user)
            assert review_progress(session, dataset_id=made.dataset_id, user_id=user).remaining == left
            held = claim(session, dataset_id=made.dataset_id, user_id=user, count=20, lease=LEASE)
            assert (first in [card.sample_id for card in held.cards]) == (left == 10)
            release(session, dataset_id=made.dataset_id, user_id=user)


def test_cards_of_a_former_ranking_are_released_but_for_the_shown_one(
    database: Database, made: Made, people: People
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id, "lease": LEASE}
    for sample in made.ranked[5:9]:
        with database.write() as session:
            hold(session, **me, sample_id=sample)
    with database.write() as session:
        worklist.take(session, **me, count=4, known_by="another", shown=made.ranked[6])
        mine = my_cards(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert [card.sample_id for card in mine.cards] == [*made.ranked[:3], made.ranked[6]]
    with database.write() as session:
        worklist.take(session, **me, count=4, known_by=mine.ranking, shown=made.ranked[0])
        again = my_cards(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert again.cards == mine.cards


def test_a_verdict_takes_the_card_out_of_everybodys_hands(
    database: Database, made: Made, people: People
) -> None:
    first, second = take(database, made, people.annotator.id, 2)
    answer(database, made, people.other.id, first, "delete")
    answer(database, made, people.other.id, second, "unsure")
    with database.read() as session:
        held = my_cards(
            session, dataset_id=made.dataset_id, user_id=people.annotator.id, known=[first, second]
        )
    assert held.cards == ()
    assert held.gone == (first, second)  # the second one comes back blind


def test_after_an_undo_the_card_is_in_the_worklist_again(
    database: Database, made: Made, people: People
) -> None:
    first = take(database, made, people.annotator.id, 1)[0]
    decision = answer(database, made, people.annotator.id, first, "delete")
    with database.write() as session:
        undo(session, user_id=people.annotator.id, decision_id=decision)
        hold(session, dataset_id=made.dataset_id, user_id=people.annotator.id, sample_id=first, lease=LEASE)
    assert take(database, made, people.annotator.id, 1) == [first]


def test_holding_never_takes_a_card_out_of_somebodys_hands(
    database: Database, made: Made, people: People
) -> None:
    first = take(database, made, people.annotator.id, 1)[0]
    with database.write() as session:
        hold(session, dataset_id=made.dataset_id, user_id=people.other.id, sample_id=first, lease=LEASE)
    assert take(database, made, people.annotator.id, 1) == [first]


def test_only_samples_that_the_model_sees_otherwise_are_in_the_worklist(
    database: Database, made: Made, people: People
) -> None:
    assert len(take(database, made, people.annotator.id, 100)) == 10


def test_a_label_that_all_opinions_doubt_is_in_the_worklist_though_its_run_predicts_it(
    database: Database, made: Made, people: People
) -> None:
    [agreed] = made.ranked[-1:]
    with database.write() as session:
        said = session.get_one(Prediction, (made.run_id, agreed))
        assert said.predicted_label == said.label
        said.error_probability = 0.3
        session.flush()
        open_again(session, [agreed])
    assert agreed in take(database, made, people.annotator.id, 100)


def test_ten_annotators_at_once_share_the_worklist_without_a_double(
    database: Database, made: Made, people: People
) -> None:
    taken: list[list[int]] = []

    def work(user_id: int) -> None:
        taken.append(take(database, made, user_id, 5))

    threads = [
        threading.Thread(target=work, args=(user,))
        for user in (people.annotator.id, people.other.id, people.admin.id)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = [sample for cards in taken for sample in cards]
    assert len(given) == len(set(given)) == 10


def test_without_a_ranking_there_is_nothing_to_claim(database: Database, people: People, tmp_path) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "plain", per_class=2))
    with database.write() as session:
        held = claim(session, dataset_id=dataset_id, user_id=people.annotator.id, count=5, lease=LEASE)
    assert (held.run_id, held.cards) == (None, ())


@pytest.mark.parametrize("count", [0, -1, 101])
def test_a_senseless_number_of_cards_is_refused(
    database: Database, made: Made, people: People, count: int
) -> None:
    with pytest.raises(Invalid, match="1 to 100"):
        take(database, made, people.annotator.id, count)


def test_any_sample_can_be_looked_at_as_a_card(database: Database, made: Made, people: People) -> None:
    answer(database, made, people.annotator.id, made.ranked[-1], "relabel", "owl")
    with database.read() as session:
        card = get_card(session, dataset_id=made.dataset_id, sample_id=made.ranked[-1])
    assert (card.verdict, card.label, card.rank) == ("relabel", "owl", len(made.ranked))
