"""Jobs that wait for the write lock are done, or refused at their own deadline; none is forgotten."""

from concurrent.futures import Future
from typing import Any

import pytest

from app.db.group_commit import _Job, _refuse_late
from app.db.trouble import busy
from app.deadline import Deadline
from app.errors import Busy


class Passing(Deadline):
    """A deadline that passes after it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__(60)
        self.looks = looks

    @property
    def left(self) -> float:
        """A second, then nothing."""
        self.looks -= 1
        return 1.0 if self.looks >= 0 else 0.0


def job(until: Deadline) -> _Job:
    future: Future[Any] = Future()
    return _Job(lambda session: None, future, until)


@pytest.mark.parametrize("looks", [0, 1, 2, 3])
def test_a_job_whose_deadline_passes_at_any_moment_still_waits_or_is_refused(looks: int) -> None:
    late = job(Passing(looks))
    rest = _refuse_late([late], busy())
    assert rest == ([late] if looks else [])
    if not rest:
        with pytest.raises(Busy):
            late.future.result(timeout=0)


def test_a_job_that_its_caller_has_cancelled_waits_no_longer() -> None:
    cancelled, waiting = job(Deadline(60)), job(Deadline(60))
    cancelled.future.cancel()
    assert _refuse_late([cancelled, waiting], busy()) == [waiting]
