import threading

import pytest
import torch
from torch import nn

from app.ml import device
from app.ml.parallel import Dropout, SplitBatches
from app.ml.threads import Workers


@pytest.fixture(autouse=True)
def four_threads(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(device, "_limit", [4])
    monkeypatch.setattr(device, "low_precision", lambda _: None)
    yield
    torch.set_num_threads(before)


def small_network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))


def gradients(network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    network.zero_grad()
    network(x).square().mean().backward()
    return [parameter.grad.clone() for parameter in network.parameters()]


@pytest.mark.parametrize("images", [2, 7, 16])
def test_parts_side_by_side_have_the_gradients_of_the_whole_batch(images):
    x = torch.randn(images, 5)
    expected = gradients(small_network(), x)
    with Workers(4) as workers:
        split = SplitBatches(small_network(), workers)
        for _ in range(2):  # what the twins kept of the first batch must not count in the second
            split.model.zero_grad()
            split(x).square().mean().backward()
            for parameter, wanted in zip(split.model.parameters(), expected, strict=True):
                torch.testing.assert_close(parameter.grad, wanted)


def test_the_twins_follow_the_weights_of_the_model():
    x = torch.randn(8, 5)
    with Workers(2) as workers:
        split = SplitBatches(small_network(), workers)
        with torch.no_grad():
            split.model[0].weight.mul_(2)
        torch.testing.assert_close(split(x), split.model(x))


def test_batch_norm_keeps_running_and_dropout_repeats_for_a_seed():
    network = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), Dropout(0.5), nn.Linear(8, 3))
    x = torch.randn(64, 5)
    with Workers(2) as workers:
        split = SplitBatches(network, workers).train()
        first, second = [], []
        for results in (first, second):
            torch.manual_seed(3)
            results.extend(split(x) for _ in range(2))
        assert torch.equal(first[0], second[0])
        assert not torch.equal(first[0], first[1])
        assert network[1].num_batches_tracked == 4
        split.eval()
        assert torch.equal(split(x), split(x))
        assert split.release() is network
    assert network[2].generator is None


def test_judging_uses_the_judge_and_every_part_its_own_thread():
    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.threads, self.meet = set(), threading.Barrier(2, timeout=60)

        def forward(self, x):
            self.meet.wait()
            self.threads.add(threading.get_ident())
            return x.sum(dim=1, keepdim=True)

    spy = Spy()
    with Workers(2) as workers, torch.no_grad():
        split = SplitBatches(small_network(), workers)
        split.judge = spy
        assert split(torch.ones(40, 5)).tolist() == [[5.0]] * 40
    assert len(spy.threads) == 2


def test_an_error_in_a_part_arrives_and_the_threads_are_given_back():
    class Broken(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError

    torch.set_num_threads(3)
    with Workers(2) as workers:
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            SplitBatches(Broken(), workers)(torch.ones(4, 5))
    assert torch.get_num_threads() == 3


def test_to_its_outside_it_has_the_state_of_the_model():
    with Workers(2) as workers:
        split = SplitBatches(small_network(), workers)
        assert split.state_dict().keys() == small_network().state_dict().keys()
        split.load_state_dict({name: torch.zeros_like(tensor) for name, tensor in split.state_dict().items()})
        assert all(not parameter.any() for parameter in split.twins[1].parameters())
