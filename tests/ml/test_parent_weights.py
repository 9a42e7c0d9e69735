import pytest
import torch

from app.ml.errors import CheckpointError
from app.ml.network import build_model
from app.ml.recipes import StartFrom
from app.ml.weights import load_start


def test_a_parent_with_other_classes_gives_its_body_only(trained):
    folder = trained[0].folder
    same, other = build_model(3), build_model(3)
    _, note = load_start(same, StartFrom.from_parent(folder), ("red", "green", "blue"))
    assert note == "The network starts from the model before it."
    load_start(other, StartFrom.from_parent(folder), ("green", "red", "blue"))
    assert torch.equal(same[0][0].weight, other[0][0].weight)
    assert not torch.equal(same[1][-1].weight, other[1][-1].weight)


def test_a_parent_that_is_gone_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_start(build_model(3), StartFrom.from_parent(tmp_path / "gone"), ("a", "b", "c"))
