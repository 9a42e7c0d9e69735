"""Charts of numbers with intervals: an axis from 0 that holds every whisker."""

from hypothesis import given
from hypothesis import strategies as st

from app.web.pages.intervals import Given, axis, interval_chart


@given(st.floats(0, 1))
def test_an_axis_of_shares_begins_at_0_and_reaches_the_highest_one(highest: float) -> None:
    ticks = axis(highest, share=True, limit=1)
    places = [at for at, _ in ticks]
    assert ticks[0] == (0, "0 %")
    assert places == sorted(set(places))
    assert highest <= places[-1] <= 1
    assert 2 <= len(ticks) <= 7


@given(st.integers(0, 10**9))
def test_an_axis_of_counts_has_whole_numbers(highest: int) -> None:
    ticks = axis(highest, share=False)
    assert all(at == round(at) for at, _ in ticks)
    assert highest <= ticks[-1][0]
    assert len({words for _, words in ticks}) == len(ticks)


def test_places_are_in_percent_of_the_axis() -> None:
    row = Given("Model 1", 0.12, 0.202, "15.7 %", "12.0 % to 20.2 %", value=0.157)
    chart = interval_chart("Error", [row])
    assert [tick.words for tick in chart.ticks] == ["0 %", "10 %", "20 %", "30 %"]
    assert [round(place, 1) for place in (chart.rows[0].low, chart.rows[0].high)] == [40.0, 67.3]
    assert round(chart.rows[0].value or 0, 1) == 52.3


def test_a_number_of_images_is_not_exceeded() -> None:
    chart = interval_chart("Errors left", [Given("All", 3, 24, "3 to 24", "")], share=False, most=24)
    assert [tick.words for tick in chart.ticks] == ["0", "10", "20", "24"]
    assert chart.rows[0].high == 100
