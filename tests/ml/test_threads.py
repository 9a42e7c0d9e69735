import threading

import pytest
import torch

from app.ml.threads import Workers


def test_every_part_has_a_thread_of_its_own_and_the_results_come_in_order():
    together = threading.Barrier(3)

    def work(number):
        together.wait(60)  # passed only when all three run at once
        return number * 10, threading.get_ident()

    with Workers(3) as workers:
        found = workers.map(work, [1, 2, 3])
    assert [result for result, _thread in found] == [10, 20, 30]
    assert len({thread for _result, thread in found}) == 3


def test_one_worker_is_the_calling_thread():
    with Workers(1) as workers:
        assert workers.map(lambda _: threading.get_ident(), [1, 2]) == [threading.get_ident()] * 2


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_is_raised_and_torch_gets_its_threads_back(count):
    torch.set_num_threads(3)

    def fail(_):
        raise ZeroDivisionError

    with Workers(count) as workers:
        assert torch.get_num_threads() == workers.share
        with pytest.raises(ZeroDivisionError):
            workers.map(fail, [1, 2])
    assert torch.get_num_threads() == 3
