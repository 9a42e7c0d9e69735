import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet34

from app.ml.errors import WeightsUnavailable
from app.ml.network import build_model
from app.ml.recipes import StartFrom
from app.ml.weights import load_start, obtain_imagenet
from tests.imagenet import without_network, write_weights

FULL_SIZE = True  # what torchvision publishes is


@pytest.fixture(scope="module")
def torchvision_state():
    torch.manual_seed(11)
    return {name: tensor.clone() for name, tensor in resnet34().state_dict().items()}


@pytest.fixture
def model():
    return build_model(3)


def check_body(model, state):
    own = model.state_dict()
    assert torch.equal(own["0.0.weight"], state["conv1.weight"])
    assert torch.equal(own["0.1.running_var"], state["bn1.running_var"])
    assert torch.equal(own["0.7.2.conv2.weight"], state["layer4.2.conv2.weight"])


def test_a_safetensors_file_fills_the_body(model, torchvision_state, tmp_path):
    save_file(torchvision_state, tmp_path / "w.safetensors")
    normalisation, note = load_start(model, StartFrom("file", tmp_path / "w.safetensors"), ("a", "b", "c"))
    check_body(model, torchvision_state)
    assert normalisation.mean == (0.485, 0.456, 0.406)
    assert note == "The network's body starts from w.safetensors."


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": {f"module.{n}": t for n, t in s.items()}, "epoch": 3}]
)
def test_a_pth_file_fills_the_body_wrapped_or_not(model, torchvision_state, tmp_path, wrap):
    torch.save(wrap(torchvision_state), tmp_path / "w.pth")
    load_start(model, StartFrom("file", tmp_path / "w.pth"), ("a", "b", "c"))
    check_body(model, torchvision_state)


def test_a_file_of_ours_fills_the_head_too_if_it_fits(model, tmp_path):
    source = build_model(3)
    torch.nn.init.normal_(source[1][-1].weight)
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    start = StartFrom("file", tmp_path / "w.safetensors")
    load_start(model, start, ("a", "b", "c"))
    assert torch.equal(model[1][-1].weight, source[1][-1].weight)
    other = build_model(5)
    _, note = load_start(other, start, tuple("abcde"))
    assert torch.equal(other[0][0].weight, source[0][0].weight)
    assert "body" in note


class Attack:
    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('owned').touch()",))


@pytest.mark.parametrize("dump", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
def test_a_file_with_code_in_it_is_refused_and_not_run(model, tmp_path, monkeypatch, dump):
    monkeypatch.chdir(tmp_path)
    dump({"conv1.weight": Attack()}, tmp_path / "w.pth")
    with pytest.raises(WeightsUnavailable, match="pickle can run code"):
        load_start(model, StartFrom("file", tmp_path / "w.pth"), ("a", "b", "c"))
    assert not (tmp_path / "owned").exists()


def test_files_that_are_no_weights_say_so(model, torchvision_state, tmp_path):
    (tmp_path / "text.safetensors").write_text("hello")
    (tmp_path / "text.pth").write_text("")
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    save_file({"conv1.weight": torchvision_state["conv1.weight"]}, tmp_path / "part.safetensors")
    for name in ("text.safetensors", "text.pth", "tensor.pth", "part.safetensors", "missing.pth"):
        with pytest.raises(WeightsUnavailable, match="TOPLOSS_WEIGHTS=none"):
            load_start(model, StartFrom("file", tmp_path / name), ("a", "b", "c"))


def test_without_a_network_the_imagenet_start_says_what_to_do(model, tmp_path, monkeypatch):
    without_network(monkeypatch, tmp_path)
    with pytest.raises(WeightsUnavailable, match=r"cannot be downloaded.*TOPLOSS_WEIGHTS=none"):
        load_start(model, StartFrom("imagenet"), ("a", "b", "c"))


def test_imagenet_weights_in_torchs_cache_are_used(model, tmp_path, monkeypatch):
    without_network(monkeypatch, tmp_path)
    cached = write_weights(tmp_path / "hub" / "checkpoints")
    _, note = load_start(model, StartFrom("imagenet"), ("a", "b", "c"))
    check_body(model, torch.load(cached, weights_only=True))
    assert note == f"The network's body starts from ImageNet weights ({cached.name}, sha256 verified)."


def test_a_file_of_the_right_name_that_is_no_resnet34_is_refused(tmp_path, monkeypatch, torchvision_state):
    without_network(monkeypatch, tmp_path)
    broken = torchvision_state | {"layer1.0.conv1.weight": torch.full((64, 64, 3, 3), torch.nan)}
    for number, (state, words) in enumerate([({"a": torch.zeros(3)}, "no ResNet34"), (broken, "no finite")]):
        write_weights(tmp_path / str(number), state=state)
        with pytest.raises(WeightsUnavailable, match=words):
            obtain_imagenet(tmp_path / str(number))


def test_the_deep_stem_has_torchvisions_number_of_channels():
    stem = build_model(3, "deep").state_dict()
    assert (stem["0.0.0.weight"].shape, stem["0.0.6.weight"].shape) == ((32, 3, 3, 3), (64, 32, 3, 3))


def test_nothing_is_loaded_from_nowhere(model):
    before = np.asarray(model[0][0].weight.detach()).copy()
    assert load_start(model, StartFrom("none"), ("a", "b", "c"))[0] is None
    assert (np.asarray(model[0][0].weight.detach()) == before).all()
