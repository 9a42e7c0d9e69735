from collections import Counter

import pytest
import torch

from app.ml import device
from app.ml.threads import ThreadTuner


@pytest.fixture(autouse=True)
def threads_as_before(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(device, "_limit", [])
    yield
    torch.set_num_threads(before)


def train_with(seconds: dict[int, float], start: int, batches: int = 200) -> Counter:
    """How many batches ran with each number of threads when an image takes `seconds[threads]`."""
    device.use_threads(max(seconds))
    torch.set_num_threads(start)
    tuner, used = ThreadTuner(), Counter()
    for _ in range(batches):
        used[torch.get_num_threads()] += 1
        tuner.note(seconds[torch.get_num_threads()])
    tuner.after_fit()
    return used


def test_a_busy_machine_gets_fewer_threads_at_once():
    used = train_with({2: 5.0, 1: 1.0}, start=2)
    assert torch.get_num_threads() == 1
    assert used[2] < 10


def test_an_idle_machine_gets_them_back():
    used = train_with({2: 0.7, 1: 1.0}, start=1)
    assert torch.get_num_threads() == 2
    assert used[1] < 15


def test_the_best_of_many_is_found_from_either_side():
    seconds = {8: 4.0, 4: 1.0, 2: 1.5, 1: 3.0}
    for start in (8, 1):
        assert train_with(seconds, start).most_common(1)[0][0] == 4
        assert torch.get_num_threads() == 4


def test_what_makes_no_difference_is_not_changed_and_seldom_tried():
    used = train_with({2: 1.0, 1: 0.97}, start=2)
    assert torch.get_num_threads() == 2
    assert used[1] <= 15


def test_one_thread_stays_one():
    assert train_with({1: 1.0}, start=1) == {1: 200}
