"""The worklist learns from answers, in a look of the worker."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import tasks
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.review.orders import newest_order
from app.review.undoing import undo_last
from app.tasks import ordering
from app.tasks.learning import EVERY, Learner
from app.training.runs import current_ranking, get_run
from tests.conftest import People
from tests.factories import Made, make_dataset, make_dataset_anew, make_first_look, make_run
from tests.review.answers import answer
from tests.web.html import flat


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """120 samples; of the 60 issues half are labelled cat, and half dog."""
    return make_dataset(database, tmp_path / "images", per_class=30, wrong=60)


def labels(api: TestClient, count: int) -> list[str]:
    claimed = api.post("/api/v1/datasets/faces/worklist/claims", json={"count": count}).json()["items"]
    return [card["given_label"] for card in claimed]


def say(database: Database, made: Made, people: People, samples: tuple[int, ...]) -> None:
    """Cats are right, and dogs are wrong."""
    cats = set(made.sample_ids[:30])
    for sample in samples:
        answer(database, made, people.annotator.id, sample, "keep" if sample in cats else "delete")


def orders(database: Database, made: Made) -> int:
    with database.read() as session:
        ranking = current_ranking(session, dataset_id=made.dataset_id)
        assert ranking is not None
        return ranking.order


def mixed(made: Made) -> tuple[int, ...]:
    """Issues of both classes in turn."""
    return tuple(
        sample for pair in zip(made.sample_ids[:30], made.sample_ids[30:60], strict=True) for sample in pair
    )


def test_answers_about_a_class_move_its_other_images(
    database: Database, made: Made, people: People, api: dict[str, TestClient]
) -> None:
    assert set(labels(api["bob"], 10)) == {"cat"}  # the network is surest about these
    api["bob"].delete("/api/v1/datasets/faces/worklist/claims")
    say(database, made, people, mixed(made)[:40])
    Learner(database).look()
    assert orders(database, made) == 1
    assert labels(api["bob"], 10) == ["dog"] * 10
    with database.read() as session:
        order = newest_order(session, run_id=made.run_id)
        assert order is not None
        assert (order.answers, order.wrong) == (40, 20)
        assert order.facts["left"]["cards"] == 20
        assert order.facts["left"]["low"] <= order.facts["left"]["wrong"] <= order.facts["left"]["high"]
        assert sum(share for _, share in order.facts["evidence"]) == pytest.approx(1, abs=0.01)


def test_the_claimed_cards_say_how_probably_their_label_is_wrong(
    database: Database, made: Made, people: People, api: dict[str, TestClient]
) -> None:
    say(database, made, people, mixed(made)[:40])
    Learner(database).look()
    claimed = api["bob"].post("/api/v1/datasets/faces/worklist/claims", json={"count": 20}).json()["items"]
    wrong = [card["error_probability"] for card in claimed]
    assert wrong == sorted(wrong, reverse=True)
    assert wrong[0] > 0.5


def test_no_job_loads_torch_while_the_worklist_is_ordered(
    database: Database, made: Made, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load: list[bool] = []

    def another_thread_asks(*_: object, **__: object) -> None:
        with ThreadPoolExecutor() as others:
            may_load.append(others.submit(tasks._LOADING.acquire, blocking=False).result())

    monkeypatch.setattr("app.tasks.ordering.order_worklist", another_thread_asks)
    say(database, made, people, mixed(made)[:40])
    Learner(database).look()
    assert may_load == [False]


def test_too_few_answers_change_nothing(database: Database, made: Made, people: People) -> None:
    say(database, made, people, mixed(made)[:19])
    learner = Learner(database)
    learner.look()
    assert orders(database, made) == 0
    say(database, made, people, mixed(made)[19:20])
    learner.look()
    assert orders(database, made) == 1


def test_the_next_order_comes_with_the_tenth_new_answer(
    database: Database, made: Made, people: People
) -> None:
    learner = Learner(database)
    say(database, made, people, mixed(made)[:20])
    learner.look()
    say(database, made, people, mixed(made)[20 : 20 + EVERY - 1])
    learner.look()
    assert orders(database, made) == 1
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    learner.look()
    learner.look()
    assert orders(database, made) == 2


def test_a_better_ranking_of_the_same_run_is_ordered_at_once(
    database: Database, made: Made, people: People
) -> None:
    say(database, made, people, mixed(made)[:20])
    learner = Learner(database)
    learner.look()
    with database.write() as session:
        get_run(session, run_id=made.run_id).ranked_epochs = 2
    learner.look()
    assert orders(database, made) == 2


def test_a_failure_is_not_repeated_until_there_is_news(
    database: Database, made: Made, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def fail(*_: object, dataset_id: int, **__: object) -> None:
        tried.append(dataset_id)
        raise OSError("no memory")

    monkeypatch.setattr("app.tasks.ordering.order_worklist", fail)
    say(database, made, people, mixed(made)[:20])
    learner = Learner(database)
    with pytest.raises(OSError, match="no memory"):
        learner.look()
    learner.look()
    assert len(tried) == 1
    say(database, made, people, mixed(made)[20:21])
    with pytest.raises(OSError, match="no memory"):
        learner.look()


def test_a_new_ranking_is_ordered_by_the_answers_that_are_there(
    database: Database, made: Made, people: People
) -> None:
    say(database, made, people, mixed(made)[:20])
    learner = Learner(database)
    learner.look()
    with database.read() as session:
        version = latest_version(session, dataset_id=made.dataset_id).id
    make_first_look(database, made.dataset_id, version, wrong=60)
    second = make_run(database, made.dataset_id, version, wrong=60)
    learner.look()
    with database.read() as session:
        order = newest_order(session, run_id=second)
        assert order is not None
        assert (order.number, order.answers) == (1, 20)
        assert {name for name, _ in order.facts["evidence"]} >= {"Network", "First look"}


def test_the_overview_and_the_run_say_what_was_learnt(
    database: Database, made: Made, people: People, browser_of: dict[str, TestClient]
) -> None:
    say(database, made, people, mixed(made)[:20])
    Learner(database).look()
    overview = flat(browser_of["ann"].get("/d/faces").text)
    assert re.search(r"\d+ to \d+ of the next 40 labels are wrong", overview)
    page = flat(browser_of["ann"].get(f"/d/faces/models/{made.run_id}").text)
    assert "learnt from 20 answered images, of which 10 had a wrong label" in page


def test_a_data_set_that_cannot_be_ordered_keeps_no_other_one_from_it(
    database: Database, made: Made, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_dataset_anew(database, tmp_path / "others", name="others", per_class=30, wrong=60)
    for each in (made, other):
        say(database, each, people, mixed(each)[:20])
    order_worklist = ordering.order_worklist

    def break_the_first(database: Database, *, dataset_id: int, **more: Any) -> Any:
        if dataset_id == made.dataset_id:
            raise ValueError("its evidence is broken")
        return order_worklist(database, dataset_id=dataset_id, **more)

    monkeypatch.setattr(ordering, "order_worklist", break_the_first)
    with pytest.raises(ValueError, match="its evidence is broken"):
        Learner(database).look()
    assert (orders(database, made), orders(database, other)) == (0, 1)
