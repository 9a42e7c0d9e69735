import copy

import pytest
import torch
from torch import nn

from app.ml.network import build_model
from app.ml.small_maps import SmallMapConv2d, matrix_of, unroll_small_maps

MAPS = [
    (1, 3, 1, 1),
    (2, 3, 1, 1),
    (2, 3, 2, 1),
    (1, 3, 2, 1),
    (3, 7, 2, 3),
    (4, 3, 1, 1),
    (3, 3, 1, 0),
    (2, 5, 1, 2),
]


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), MAPS)
def test_results_and_gradients_are_those_of_the_convolution(size, kernel, stride, padding):
    torch.manual_seed(size)
    plain = nn.Conv2d(5, 4, kernel, stride, padding, bias=False).double()
    unrolled = copy.deepcopy(plain)
    unroll_small_maps(unrolled)
    x, y = (torch.randn(3, 5, size, size, dtype=torch.float64).requires_grad_() for _ in range(2))
    y.data = x.data.clone()
    expected, found = plain(x), unrolled(y)
    toward = torch.randn_like(expected)
    expected.backward(toward)
    found.backward(toward)
    assert type(unrolled) is SmallMapConv2d
    assert torch.allclose(found, expected)
    assert torch.allclose(y.grad, x.grad)
    assert torch.allclose(unrolled.weight.grad, plain.weight.grad)


def test_small_maps_do_become_matrix_products(monkeypatch):
    asked = []
    monkeypatch.setattr("app.ml.small_maps.matrix_of", lambda *a: asked.append(a[1]) or matrix_of(*a))
    model = build_model(3).eval()
    unroll_small_maps(model)
    with torch.no_grad():
        model(torch.randn(2, 3, 48, 48))
        assert asked == [2] * 5  # the last stage, without the convolution that halves 3 x 3
        asked.clear()
        model(torch.randn(2, 3, 96, 96))
    assert not asked


@pytest.mark.parametrize("pixels", [32, 48])
def test_a_whole_network_says_the_same(pixels):
    torch.manual_seed(0)
    model = build_model(3).eval()
    other = copy.deepcopy(model)
    unroll_small_maps(other)
    x = torch.randn(4, 3, pixels, pixels)
    with torch.no_grad():
        assert torch.allclose(other(x), model(x), atol=1e-4)
    assert list(other.state_dict()) == list(model.state_dict())


@pytest.mark.parametrize(
    "options", [{"groups": 2}, {"dilation": 2}, {"padding_mode": "reflect"}, {"padding": "same"}]
)
def test_other_convolutions_are_left_alone(options):
    conv = nn.Conv2d(4, 4, 3, **{"padding": 1, "bias": False} | options)
    unroll_small_maps(conv)
    assert type(conv) is nn.Conv2d
