import json
import shutil

import pytest

from app.ml import checkpoints
from app.ml.errors import CheckpointError
from app.ml.network import build_model


@pytest.fixture
def sidecar(trained, tmp_path):
    shutil.copy(trained[0].folder / checkpoints.SIDECAR, tmp_path)
    return tmp_path / checkpoints.SIDECAR


def test_the_sidecar_tells_what_a_person_needs(trained):
    data = json.loads((trained[0].folder / checkpoints.SIDECAR).read_text())
    assert data["class_names"] == ["red", "green", "blue"]
    assert data["recipe"]["name"] == "tiny"
    assert data["seed"] == 3
    assert {"python", "torch", "fastai"} <= data["versions"].keys()
    assert checkpoints.load(trained[0].folder).history == trained[0].history


def damaged(text: str) -> list[str]:
    data = json.loads(text)
    without = {key: value for key, value in data.items() if key != "class_names"}
    return [
        "",
        "{",
        "[]",
        "null",
        json.dumps(without),
        json.dumps(data | {"unknown": 1}),
        json.dumps(data | {"normalisation": {}}),
    ]


@pytest.mark.parametrize("which", range(7))
def test_a_damaged_sidecar_is_named(sidecar, which):
    sidecar.write_text(damaged(sidecar.read_text())[which])
    with pytest.raises(CheckpointError, match="damaged or not a checkpoint"):
        checkpoints.load(sidecar.parent)


def test_a_sidecar_of_another_format_or_with_files_elsewhere_is_refused(sidecar):
    data = json.loads(sidecar.read_text())
    for change, message in (
        ({"format": 99}, "another version"),
        ({"weights": "../model.safetensors"}, "outside"),
    ):
        sidecar.write_text(json.dumps(data | change))
        with pytest.raises(CheckpointError, match=message):
            checkpoints.load(sidecar.parent)


def test_missing_torn_and_foreign_weights_are_named(sidecar, trained):
    folder = sidecar.parent
    checkpoint = checkpoints.load(folder)
    with pytest.raises(CheckpointError, match="missing or damaged"):
        checkpoints.load_weights(folder, checkpoint)
    whole = (trained[0].folder / checkpoint.weights).read_bytes()
    (folder / checkpoint.weights).write_bytes(whole[:5000])
    with pytest.raises(CheckpointError, match="missing or damaged"):
        checkpoints.load_weights(folder, checkpoint)
    with pytest.raises(CheckpointError, match="do not fit"):
        checkpoints.load_model(trained[0].folder, checkpoint, build_model(7))


def test_a_finished_checkpoint_has_no_optimiser_to_go_on_with(trained):
    with pytest.raises(CheckpointError, match="no optimiser"):
        checkpoints.load_optimiser(trained[0].folder, checkpoints.load(trained[0].folder), None)
