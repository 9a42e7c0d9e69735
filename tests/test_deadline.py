"""One deadline for a whole request."""

import threading

import pytest

from app import deadline


def test_a_deadline_that_has_passed_has_nothing_left_and_a_new_start_gives_all_of_it_again() -> None:
    assert deadline.Deadline(0).left == 0
    assert deadline.Deadline(-5).left == 0
    limit = deadline.Deadline(1000)
    limit._until = 0.0
    assert limit.left == 0
    limit.restart()
    assert 0 < limit.left <= 1000


def test_within_a_block_the_deadline_is_the_blocks_and_the_outer_one_comes_back() -> None:
    assert not deadline.is_set()
    with deadline.within(1000) as outer:
        assert deadline.current(usual=1) is outer
        with deadline.within(10) as inner:
            assert deadline.current(usual=1) is inner
        assert deadline.current(usual=1) is outer
    assert not deadline.is_set()
    assert deadline.current(usual=1000).left > 0


def test_an_error_ends_the_block_too() -> None:
    with pytest.raises(KeyError), deadline.within(10):
        raise KeyError
    assert not deadline.is_set()


def test_a_restart_is_of_the_current_deadline_and_does_nothing_without_one() -> None:
    deadline.restart()
    with deadline.within(1000) as limit:
        limit._until = 0.0
        deadline.restart()
        assert limit.left > 0


def test_another_thread_has_no_deadline_unless_it_does_the_work() -> None:
    seen: list[bool] = []
    with deadline.within(10):
        thread = threading.Thread(target=lambda: seen.append(deadline.is_set()))
        thread.start()
        thread.join()
    assert seen == [False]
