"""How differences are written for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.pages.measuring.conclusions import chance, points, signed


@pytest.mark.parametrize(
    ("share", "written"),
    [(-0.0312, "−3.1"), (0.05, "+5.0"), (0.0, "0.0"), (-0.0001, "0.0"), (0.0001, "0.0"), (-1.0, "−100.0")],
)
def test_a_difference_has_a_sign_unless_it_is_nothing(share: float, written: str) -> None:
    assert signed(share) == written


@given(st.floats(-1, 1))
def test_a_difference_reads_back_as_the_number_it_was(share: float) -> None:
    assert float(signed(share).replace("−", "-")) == pytest.approx(100 * share, abs=0.0501)


@pytest.mark.parametrize(
    ("p", "written"), [(0.0000001, "p < 0.001"), (0.0123, "p = 0.012"), (0.5, "p = 0.50"), (1.0, "p = 1.00")]
)
def test_a_small_p_is_not_written_out(p: float, written: str) -> None:
    assert chance(p) == written


def test_one_point_is_no_points() -> None:
    assert (points(0.01), points(0.031)) == ("1.0 point", "3.1 points")
