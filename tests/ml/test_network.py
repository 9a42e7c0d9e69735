"""EfficientNet-Lite0 as the network of a training; ResNet34's stems are in the tests of what uses them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from app.ml import checkpoints
from app.ml.backbone import load_backbone
from app.ml.errors import WeightsUnavailable
from app.ml.inference import Judge
from app.ml.learner import build_learner
from app.ml.network import build_model, cut_lite0, layer_groups
from app.ml.recipes import LITE, StartFrom
from app.ml.scorer import predict_log_probs
from tests.ml.conftest import NAMES, TINY
from tests.ml.test_trainer import train_tiny

CPU = torch.device("cpu")
RECIPE = replace(TINY, network=LITE, folds=0, averaging=0.0, phases=(replace(TINY.phases[0], epochs=1),))


def test_it_begins_as_the_backbone_of_the_first_look(coloured, tmp_path):
    images, labels = coloured
    built = build_learner(
        images,
        labels,
        train_index=np.arange(24),
        valid_index=np.arange(24, 36),
        class_names=NAMES,
        recipe=RECIPE,
        start=StartFrom("imagenet"),
        seed=1,
        folder=tmp_path,
    )
    assert built.note == "The network's body starts from the ImageNet weights of EfficientNet-Lite0."
    backbone = load_backbone()
    body, x = built.learner.model[0].eval(), torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(body(x), backbone.forward_features(x), atol=1e-3)


def test_its_layers_are_in_three_groups_and_each_is_in_one():
    model = build_model(3, network=LITE)
    groups = layer_groups(LITE)(model)
    assert len(groups) == 3
    together = [id(parameter) for group in groups for parameter in group]
    assert sorted(together) == sorted(map(id, model.parameters()))


def test_what_it_has_learnt_is_stored_and_goes_on_in_a_retrain(coloured, tmp_path):
    first = train_tiny(tmp_path / "first", *coloured, recipe=RECIPE, start=StartFrom("imagenet"))
    said = np.exp(predict_log_probs(first.folder, coloured[0], np.arange(36)))
    assert said.sum(axis=1) == pytest.approx(1, abs=1e-3)
    retrained = train_tiny(
        tmp_path / "second", *coloured, recipe=RECIPE, start=StartFrom.from_parent(first.folder)
    )
    assert retrained.notes[0] == "The network starts from the model before it."
    begun, gone_on = (checkpoints.load(each.folder) for each in (first, retrained))
    assert gone_on.recipe.network == LITE
    assert gone_on.normalisation == begun.normalisation
    file = StartFrom("file", first.folder / begun.weights)
    again = train_tiny(tmp_path / "third", *coloured, recipe=RECIPE, start=file)
    assert again.notes[0] == f"The network starts from {begun.weights}."


def test_a_file_of_another_network_is_refused_with_what_to_choose(coloured, tmp_path):
    file = tmp_path / "resnet34.safetensors"
    save_file(build_model(3).state_dict(), file)
    with pytest.raises(WeightsUnavailable, match=r"is no EfficientNet-Lite0.*Choose the start imagenet"):
        train_tiny(tmp_path / "run", *coloured, recipe=RECIPE, start=StartFrom("file", file))


def test_it_trains_in_float32_on_a_cpu_whatever_autocast_says():
    body = build_model(3, network=LITE)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert body(torch.rand(2, 3, 32, 32)).dtype == torch.float32


def test_it_judges_as_it_was_trained():
    torch.manual_seed(0)
    model = build_model(4, network=LITE)
    model[0] = cut_lite0(load_backbone())
    x = torch.rand(8, 3, 70, 70)
    with torch.inference_mode():
        expected = torch.softmax(model.eval()(x), dim=1)
        assert torch.allclose(Judge(model, CPU)(x).exp(), expected, atol=1e-4)
