"""The memory that decoders share."""

import threading
from collections.abc import Callable

import pytest

from app.decoding.budget import QUEUE, SMALL, Budget
from app.errors import Busy

MUCH = 4 * SMALL


class Holder:
    """A thread that holds a share until it is told to let go."""

    def __init__(self, budget: Budget, size: int, on_turn: Callable[[], None] = lambda: None) -> None:
        self.has, self.may_go = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._hold, args=(budget, size, on_turn))
        self.thread.start()

    def _hold(self, budget: Budget, size: int, on_turn: Callable[[], None]) -> None:
        with budget.share(size):
            on_turn()
            self.has.set()
            self.may_go.wait(60)

    def end(self) -> None:
        self.may_go.set()
        self.thread.join(60)


def until_waiting(budget: Budget, number: int) -> None:
    """Go on when so many threads wait for their turn."""
    for _ in range(6000):
        if len(budget._waiting) >= number:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{len(budget._waiting)} wait, not {number}")


def test_those_that_fit_together_work_together_and_the_next_waits() -> None:
    budget = Budget(2 * MUCH)
    first, second = Holder(budget, MUCH), Holder(budget, MUCH)
    assert first.has.wait(60)
    assert second.has.wait(60)
    third = Holder(budget, MUCH)
    until_waiting(budget, 1)
    first.end()
    assert third.has.wait(60)
    second.end()
    third.end()


def test_one_that_is_larger_than_all_there_is_goes_alone() -> None:
    budget = Budget(MUCH)
    huge = Holder(budget, 100 * MUCH)
    assert huge.has.wait(60)
    other = Holder(budget, SMALL + 1)
    until_waiting(budget, 1)
    huge.end()
    assert other.has.wait(60)
    other.end()


def test_a_large_one_is_not_passed_by_small_ones_for_ever() -> None:
    budget, order = Budget(MUCH), list[str]()
    first = Holder(budget, MUCH - SMALL - 1)
    assert first.has.wait(60)
    large = Holder(budget, MUCH, lambda: order.append("large"))
    until_waiting(budget, 1)
    later = Holder(budget, SMALL + 1, lambda: order.append("later"))
    until_waiting(budget, 2)  # there is room for it, but it is not its turn
    first.end()
    assert large.has.wait(60)
    large.end()
    later.end()
    assert order == ["large", "later"]


def test_who_is_out_of_patience_is_told_when_to_come_back_and_blocks_nobody() -> None:
    budget = Budget(MUCH)
    holder = Holder(budget, MUCH)
    assert holder.has.wait(60)
    with pytest.raises(Busy) as refused, budget.share(MUCH, patience=0.01):
        raise AssertionError
    assert refused.value.retry_after > 0
    holder.end()
    with budget.share(MUCH, patience=0.01):
        pass


def test_nobody_joins_a_queue_that_is_too_long() -> None:
    budget = Budget(MUCH)
    holders = [Holder(budget, MUCH) for _ in range(QUEUE + 1)]
    until_waiting(budget, QUEUE)
    with pytest.raises(Busy), budget.share(MUCH, patience=1000):
        raise AssertionError
    for holder in holders:
        holder.may_go.set()
    for holder in holders:
        holder.end()


def test_a_small_image_never_waits() -> None:
    budget = Budget(MUCH)
    holder = Holder(budget, MUCH)
    assert holder.has.wait(60)
    with budget.share(SMALL, patience=0):
        pass
    holder.end()


def test_a_share_is_given_back_when_the_work_fails() -> None:
    budget = Budget(MUCH)
    with pytest.raises(ValueError, match="torn"), budget.share(MUCH):
        raise ValueError("torn")
    with budget.share(MUCH, patience=0.01):
        pass
