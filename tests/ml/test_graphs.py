import copy

import pytest
import torch
from torch import nn

from app.ml import graphs
from app.ml.graphs import RecordedGraphs


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(72, 4),
    )


def test_what_cannot_be_recorded_is_computed_as_ever_and_was_no_training(network, monkeypatch):
    class Refused:
        def __init__(self, model, x, pool):
            model(x)
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(graphs, "_Pass", Refused)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    plain, x = copy.deepcopy(network), torch.randn(6, 3, 5, 5)
    recorded = RecordedGraphs(network)
    for _ in range(2):
        torch.manual_seed(2)
        said = recorded(x)
        torch.manual_seed(2)
        expected = graphs._compute(plain, x)
        assert torch.equal(said, expected)
        said.sum().backward()
        expected.sum().backward()
    assert torch.equal(network[0].weight.grad, plain[0].weight.grad)
    assert torch.equal(network[1].running_mean, plain[1].running_mean)
    assert network[1].num_batches_tracked == 2


def test_without_a_gpu_nothing_can_be_recorded(network):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert RecordedGraphs(network)(torch.randn(6, 3, 5, 5)).shape == (6, 4)


def test_a_gradient_lies_in_memory_as_its_parameter_does():
    parameter = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last).weight
    gradient = torch.randn(6, 4, 3, 3)
    laid_out = graphs._laid_out_as(parameter, gradient)
    assert laid_out.stride() == parameter.stride()
    assert torch.equal(laid_out, gradient)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_replayed_batch_has_the_gradients_of_a_plain_one(network):
    network[4].p = 0.0
    plain = network.to("cuda", memory_format=torch.channels_last)
    replayed = copy.deepcopy(plain)
    recorded = RecordedGraphs(replayed)
    for images in (16, 16, 15, 16):
        x = torch.randn(images, 3, 5, 5, device="cuda")
        for parameter in (*plain.parameters(), *replayed.parameters()):
            parameter.grad = None
        expected = graphs._compute(plain, x)
        expected.square().mean().backward()
        said = recorded(x)
        torch.testing.assert_close(said, expected, rtol=0.05, atol=0.01)
        said.square().mean().backward()
        for mine, its in zip(replayed.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, its.grad, rtol=0.05, atol=0.01)
            assert mine.grad.stride() == mine.stride()
    assert all(recorded.known.values())
    assert len(recorded.known) == 2
    torch.testing.assert_close(replayed[1].running_mean, plain[1].running_mean)
    assert replayed[1].num_batches_tracked == plain[1].num_batches_tracked == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_dropout_draws_anew_in_every_replay_and_the_same_for_a_seed(network):
    network[4].p = 0.5
    recorded, x = RecordedGraphs(network.cuda()), torch.randn(16, 3, 5, 5, device="cuda")
    said = []
    for _ in range(2):
        torch.manual_seed(3)
        said.append([recorded(x) for _ in range(2)])
    assert torch.equal(said[0][0], said[1][0])
    assert not torch.equal(said[0][0], said[0][1])
