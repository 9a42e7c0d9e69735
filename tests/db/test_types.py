"""Column types that keep times in UTC and vectors exact."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from app.db.types import FloatVector, UtcDateTime

DIALECT = sqlite.dialect()
floats = st.lists(st.floats(width=32), max_size=20).map(lambda values: np.array(values, np.float32))


@given(floats)
def test_a_vector_comes_back_bit_by_bit(vector: np.ndarray) -> None:
    stored = FloatVector().process_bind_param(vector, DIALECT)
    assert stored is not None
    assert len(stored) == 4 * len(vector)
    found = FloatVector().process_result_value(stored, DIALECT)
    assert found is not None
    assert found.tobytes() == vector.tobytes()
    assert np.array_equal(found, vector, equal_nan=True)


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001
def test_a_time_of_any_zone_is_the_same_moment_in_utc(moment: datetime, hours: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    stored = UtcDateTime().process_bind_param(there, DIALECT)
    assert stored == there
    assert stored is not None
    assert stored.tzinfo is UTC
    assert UtcDateTime().process_result_value(stored.replace(tzinfo=None), DIALECT) == there


def test_a_time_without_a_zone_is_refused_and_none_stays_none() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001
    for kind in (UtcDateTime(), FloatVector()):
        assert kind.process_bind_param(None, DIALECT) is None
        assert kind.process_result_value(None, DIALECT) is None
