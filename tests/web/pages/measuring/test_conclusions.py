"""How differences are written for people."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.measuring.comparison import Column
from app.measuring.evaluations import evaluate
from app.training.statistics import paired_difference
from app.web.pages.measuring.conclusions import chance, difference_shown, points, signed
from app.web.rendering import percent


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


def column_of(old_wrong: int, new_wrong: int, n: int) -> Column:
    """Two runs with so many errors on n images of two classes."""
    labels = np.zeros(n, dtype=np.int64)
    old, new = ((np.arange(n) < wrong).astype(np.int64) for wrong in (old_wrong, new_wrong))
    return Column(
        kind="reviewed",
        version=1,
        digest="",
        samples=n,
        deleted=0,
        old=evaluate(labels, old, ["cat", "dog"]),
        new=evaluate(labels, new, ["cat", "dog"]),
        old_with_deleted=None,
        new_with_deleted=None,
        difference=paired_difference(labels != old, labels != new),
        per_class=(),
    )


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))))
@example((73, 68, 485))  # 15.05 % and 14.02 %, which lie 1.03 points apart
def test_a_difference_is_that_of_the_errors_above_it(errors: tuple[int, int, int]) -> None:
    column = column_of(*errors)
    old, new = (evaluation.error_rate for evaluation in (column.old, column.new))
    assert old
    assert new
    assert column.difference
    written = float(signed(difference_shown(column, column.difference)).replace("−", "-"))
    shown = [float(percent(rate.value).removesuffix("\u00a0%")) for rate in (old, new)]
    assert written == pytest.approx(shown[1] - shown[0], abs=0.01)
