import copy

import pytest
import torch
from torch import nn

from app.ml.inference import Judge
from app.ml.network import build_model

CPU = torch.device("cpu")


def _network(stem: str) -> nn.Module:
    """Random weights, and batch statistics that matter."""
    torch.manual_seed(0)
    model = build_model(4, stem).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(1, 2)
            module.weight.data.uniform_(0.2, 0.8)
    return model


@pytest.mark.parametrize("stem", ["plain", "deep"])
@pytest.mark.parametrize("pixels", [32, 48, 70])
def test_a_judge_says_what_its_network_says(monkeypatch, stem, pixels):
    monkeypatch.setattr("app.ml.inference.low_precision", lambda _: None)
    model, x = _network(stem), torch.randn(5, 3, pixels, pixels)
    with torch.inference_mode():
        expected = torch.log_softmax(model(x), dim=1)
        judge = Judge(copy.deepcopy(model), CPU)
        assert torch.allclose(judge(x), expected, atol=1e-4)
        assert torch.allclose(judge(x[:1]), expected[:1], atol=1e-4)


@pytest.mark.parametrize("stem", ["plain", "deep"])
def test_in_low_precision_probabilities_move_by_less_than_a_hundredth(stem):
    model, x = _network(stem), torch.randn(16, 3, 48, 48)
    with torch.inference_mode():
        expected = torch.softmax(model(x), dim=1)
        assert (Judge(model, CPU)(x).exp() - expected).abs().max() < 0.01


def test_where_onednn_is_missing_it_judges_all_the_same(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    model, x = _network("deep"), torch.randn(3, 3, 48, 48)
    with torch.inference_mode():
        expected = torch.log_softmax(model(x), dim=1)
        judge = Judge(model, CPU)
        assert not judge.blocked
        assert torch.allclose(judge(x), expected, atol=1e-4)
