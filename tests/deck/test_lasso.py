"""An area of the map as a filter."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select

from app.db.engine import Database
from app.deck.filters import Filter, count_matching, matching_ids
from app.deck.lasso import MOST, Lasso
from app.errors import Invalid
from app.ranking.maps import SIDE, store_map
from app.review.gold import draw_gold
from tests.factories import Made, make_dataset
from tests.ranking.test_maps import draw

number = st.integers(0, SIDE)
corner = st.tuples(number, number) | st.tuples(st.integers(0, 6), st.integers(0, 6))
lassos = st.builds(Lasso, st.just(1), st.lists(corner, min_size=3, max_size=12).map(tuple))
IN_MEMORY = create_engine("sqlite://")


def winding(lasso: Lasso, x: int, y: int) -> bool:
    """The even-odd rule by the places where the sides cross the line through the point, as fractions."""
    crossings = 0
    for (x1, y1), (x2, y2) in zip(lasso.corners, (*lasso.corners[1:], lasso.corners[0]), strict=True):
        if (y1 > y) != (y2 > y):
            crossings += x < Fraction((x2 - x1) * (y - y1), y2 - y1) + x1
    return crossings % 2 == 1


def text_of(lasso: Lasso) -> str:
    return "_".join([str(lasso.map_id), *(f"{x}.{y}" for x, y in lasso.corners)])


@given(lassos, st.lists(corner, min_size=1, max_size=30, unique=True))
def test_the_database_finds_the_points_that_lie_inside(lasso: Lasso, points: list[tuple[int, int]]) -> None:
    inside = {point for point in points if winding(lasso, *point)}
    assert {point for point in points if lasso.contains(*point)} == inside
    table = Table("place", MetaData(), Column("x", Integer), Column("y", Integer))
    with IN_MEMORY.begin() as connection:
        table.drop(connection, checkfirst=True)
        table.create(connection)
        connection.execute(insert(table), [{"x": x, "y": y} for x, y in points])
        found: list[Any] = list(
            connection.execute(select(table).where(lasso.condition(table.c.x, table.c.y))).all()
        )
    assert {(row.x, row.y) for row in found} == inside


@given(lassos)
def test_an_address_names_the_same_area_again(lasso: Lasso) -> None:
    assert Lasso.parse(text_of(lasso)) == lasso


NO_AREAS = ("1", "x", "1_2.3_4.5", "1_2.3_4.5_6", "1_2.3_4.5_6.7_", "1_0.0_0.9_10001.0", "1_2.3_4.5_-6.7")


@pytest.mark.parametrize("text", [*NO_AREAS, "1" + "_1.1" * (MOST + 1), "1_2.3_4.5_6.7 ", "１_2.3_4.5_6.7"])
def test_what_is_no_area_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid, match="no area of the map"):
        Lasso.parse(text)


@pytest.fixture
def drawn(database: Database, made: Made) -> int:
    """Sample number i lies at (100 i, 100 i)."""
    return draw(database, made)


def test_a_filter_holds_the_samples_in_the_area_and_combines_with_others(
    database: Database, made: Made, drawn: int
) -> None:
    area = f"{drawn}_150.150_550.150_550.550_150.550"
    with database.read() as session:
        where = {"dataset_id": made.dataset_id}
        found = matching_ids(session, which=Filter(within=area), **where)
        assert found == list(made.sample_ids[2:6])
        cats = matching_ids(session, which=Filter(within=area, given="cat"), **where)
        assert (
            cats == [i for i, path in zip(made.sample_ids, made.paths, strict=True) if "/cat/" in path][2:6]
        )
        everything = Filter(within=f"{drawn}_0.0_10000.0_10000.10000_0.10000")
        assert count_matching(session, which=everything, **where) == len(made.sample_ids)
        flat = Filter(within=f"{drawn}_0.200_10000.200_500.200")
        assert count_matching(session, which=flat, **where) == 0


def test_the_area_of_the_map_before_still_holds_and_an_older_one_is_refused(
    database: Database, made: Made, drawn: int
) -> None:
    which = Filter(within=f"{drawn}_150.150_550.150_550.550_150.550")
    draw(database, made)
    with database.read() as session:
        assert count_matching(session, dataset_id=made.dataset_id, which=which) == 4
    draw(database, made)
    with database.read() as session, pytest.raises(Invalid, match="drawn anew since"):
        count_matching(session, dataset_id=made.dataset_id, which=which)


def test_the_map_of_another_data_set_is_refused(
    database: Database, made: Made, drawn: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = make_dataset(database, tmp_path_factory.mktemp("other"), name="other")
    which = Filter(within=f"{drawn}_0.0_9.9_9.0")
    with database.read() as session, pytest.raises(Invalid, match="drawn anew since"):
        count_matching(session, dataset_id=other.dataset_id, which=which)


def test_images_of_the_checked_test_set_are_in_no_area(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = make_dataset(database, tmp_path_factory.mktemp("gold"), name="gilded", per_class=30, wrong=120)
    ids = np.array(made.sample_ids)
    map_id = store_map(
        database,
        dataset_id=made.dataset_id,
        run_id=made.run_id,
        sample_ids=ids,
        places=np.full((len(ids), 2), 500, np.int32),
    )
    which = Filter(within=f"{map_id}_0.0_1000.0_1000.1000_0.1000")
    with database.write() as session:
        draw_gold(session, dataset_id=made.dataset_id, size=20)
    with database.read() as session:
        assert count_matching(session, dataset_id=made.dataset_id, which=which) == len(ids) - 20
