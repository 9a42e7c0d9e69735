"""The points of the map are the images of the page Images."""

from pathlib import Path

import numpy as np
import pytest

from app.datasets.versions import DELETED
from app.db.engine import Database
from app.deck.bulk import decide_many
from app.deck.filters import Filter, matching_ids
from app.deck.image_map import (
    AGREES,
    REVIEWED,
    STANDINGS,
    SUSPICIOUS,
    Points,
    count_labels,
    count_placed,
    map_points,
    points_tag,
)
from app.ranking.maps import store_map
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.gold import draw_gold
from tests.conftest import People
from tests.factories import Made, make_dataset
from tests.ranking.test_maps import draw


def points(database: Database, made: Made) -> Points:
    with database.read() as session:
        found = map_points(session, dataset_id=made.dataset_id)
    assert found is not None
    return found


def tag(database: Database, made: Made) -> str:
    with database.read() as session:
        return points_tag(session, dataset_id=made.dataset_id)


def test_before_a_map_is_drawn_there_are_no_points(database: Database, made: Made) -> None:
    with database.read() as session:
        assert map_points(session, dataset_id=made.dataset_id) is None


def test_every_image_is_a_point_with_its_label_and_whether_it_is_in_doubt(
    database: Database, made: Made
) -> None:
    map_id = draw(database, made)
    found = points(database, made)
    assert (found.map_id, found.run_id, found.classes) == (map_id, made.run_id, ("cat", "dog", "owl"))
    assert found.samples == list(made.sample_ids)
    assert found.x == found.y == [100 * i for i in range(len(made.sample_ids))]
    named = [found.classes[label] for label in found.labels]
    assert named == [path.split("/")[1] for path in made.paths]
    doubted = {i for i, what in zip(found.samples, found.standings, strict=True) if what == SUSPICIOUS}
    with database.read() as session:
        where = {"dataset_id": made.dataset_id}
        assert doubted == set(matching_ids(session, which=Filter(state="open"), **where))
        assert len(doubted) == 10
    assert set(found.standings) == {SUSPICIOUS, AGREES}
    assert max(found.standings) < len(STANDINGS)


def test_points_follow_the_decisions_and_their_tag_with_them(
    database: Database, made: Made, people: People
) -> None:
    draw(database, made)
    tags = [tag(database, made)]
    with database.write() as session:
        answer = Answer(sample_id=made.ranked[0], verdict="relabel", label="owl", client_id="a")
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
    tags.append(tag(database, made))
    with database.write() as session:
        decide_many(
            session,
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
            samples=made.ranked[1:3],
            verdict="delete",
            client_id="b",
        )
    tags.append(tag(database, made))
    assert tag(database, made) == tags[-1]
    found = points(database, made)
    at = {sample: place for place, sample in enumerate(found.samples)}
    labels = [found.labels[at[sample]] for sample in made.ranked[:3]]
    assert labels == [2, DELETED, DELETED]
    assert {found.standings[at[sample]] for sample in made.ranked[:3]} == {REVIEWED}
    draw(database, made)
    tags.append(tag(database, made))
    assert len(set(tags)) == len(tags)
    with database.read() as session:
        counts = {each.name: each.images for each in count_labels(session, dataset_id=made.dataset_id)}
    assert counts == {name: found.labels.count(at) for at, name in enumerate(found.classes)}


@pytest.fixture
def gilded(database: Database, tmp_path: Path) -> Made:
    made = make_dataset(database, tmp_path / "images", name="gilded", per_class=30, wrong=120)
    draw(database, made)
    with database.write() as session:
        draw_gold(session, dataset_id=made.dataset_id, size=20)
    return made


def test_the_checked_test_set_is_not_on_the_map(database: Database, gilded: Made) -> None:
    found = points(database, gilded)
    with database.read() as session:
        where = {"dataset_id": gilded.dataset_id}
        shown = matching_ids(session, which=Filter(), **where)
        assert found.samples == shown
        assert len(shown) == len(gilded.sample_ids) - 20
        assert sum(each.images for each in count_labels(session, **where)) == len(shown)
        assert count_placed(session, map_id=found.map_id, **where) == len(shown)


def test_images_that_no_map_has_seen_are_no_points(database: Database, made: Made) -> None:
    ids = np.array(made.sample_ids[:-4])
    places = np.zeros((len(ids), 2), np.int32)
    map_id = store_map(
        database, dataset_id=made.dataset_id, run_id=made.run_id, sample_ids=ids, places=places
    )
    assert points(database, made).samples == ids.tolist()
    with database.read() as session:
        assert count_placed(session, dataset_id=made.dataset_id, map_id=map_id) == len(ids)
