import errno
import io
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from app.ml import checkpoints
from app.ml.errors import CheckpointError, TrainingFailed, TrainingStopped
from app.ml.images import StreamedImages
from app.ml.network import build_model
from app.ml.recipes import RECIPES, Phase, StartFrom, with_epochs
from app.ml.scorer import predict_log_probs
from app.ml.trainer import train
from tests.ml.conftest import NAMES, TINY, coloured_images

ONE_EPOCH = with_epochs(TINY, 1)
NONE = np.empty(0, np.int64)


def train_tiny(folder, images, labels, **changes):
    options = {
        "train_index": np.arange(24),
        "valid_index": np.arange(24, 36),
        "class_names": NAMES,
        "recipe": TINY,
        "start": StartFrom("none"),
        "seed": 3,
    } | changes
    return train(images, labels, folder=folder, **options)


def weights_of(folder):
    return checkpoints.load_weights(folder, checkpoints.load(folder))


def test_a_training_learns_and_says_how_far_it_is(trained):
    outcome, reports = trained
    losses = [epoch.train_loss for epoch in outcome.history]
    assert losses[-1] < 0.7 * losses[0]
    assert 0 <= outcome.history[-1].error_rate <= 1
    assert outcome.history[-1].valid_loss > 0
    assert outcome.resumed_after == 0
    assert outcome.notes == ("The network starts from random weights.",)
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert [len(report.history) for report in reports if report.batch == report.batches][-1] == 3


def test_a_finished_training_is_returned_without_training_again(trained, coloured):
    def never(_):
        raise AssertionError

    again = train_tiny(trained[0].folder, *coloured, on_progress=never)
    assert again.history == trained[0].history
    assert again.resumed_after == 3


def test_a_folder_of_another_training_is_left_alone(trained, coloured):
    images, labels = coloured
    for change in (
        {"seed": 4},
        {"recipe": ONE_EPOCH},
        {"train_index": np.arange(23)},
        {"class_names": ("a", "b", "c")},
    ):
        with pytest.raises(CheckpointError, match="another training"):
            train_tiny(trained[0].folder, images, labels, **change)
    with pytest.raises(CheckpointError, match="another training"):
        train_tiny(trained[0].folder, images, (labels + 1) % 3)


def test_a_killed_training_goes_on_and_ends_where_it_would_have_ended(trained, coloured, tmp_path):
    program = f"""
import os, signal
from pathlib import Path
import pytest
from app.ml import watch
from tests.ml.conftest import coloured_images
from tests.ml.test_trainer import train_tiny
from tests.small_network import use_small_network
use_small_network(pytest.MonkeyPatch())
watch._REPORT_EVERY = 0  # a fast device ends the epoch before the first report of it
def kill(progress):
    if progress.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
train_tiny(Path({str(tmp_path)!r}), *coloured_images(36), on_progress=kill)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert len(checkpoints.load(tmp_path).history) == 1
    resumed = train_tiny(tmp_path, *coloured)
    assert resumed.resumed_after == 1
    assert [epoch.epoch for epoch in resumed.history] == [1, 2, 3]
    straight = trained[0]
    assert [e.train_loss for e in resumed.history] == pytest.approx(
        [e.train_loss for e in straight.history], abs=1e-5
    )
    expected = weights_of(straight.folder)
    for name, tensor in weights_of(tmp_path).items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-5, rtol=1e-4)
    left = {"checkpoint.json", "model.safetensors", *(f"epoch-000{number}.npy" for number in (1, 2, 3))}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_a_stopped_training_keeps_its_last_epoch(coloured, tmp_path):
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 5  # 3 batches of training and 2 of validation are an epoch

    with pytest.raises(TrainingStopped, match="after 1 finished epoch"):
        train_tiny(tmp_path, *coloured, should_stop=stop)
    assert len(checkpoints.load(tmp_path).history) == 1
    assert predict_log_probs(tmp_path, coloured[0], np.arange(4)).shape == (4, 3)


def test_an_error_of_the_listener_arrives_as_it_is(coloured, tmp_path):
    def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train_tiny(tmp_path, *coloured, on_progress=broken)
    assert not torch.is_autocast_enabled("cpu")


def test_the_same_seed_gives_the_same_network_and_another_seed_another(coloured, tmp_path):
    torch.set_num_threads(1)
    first, second, other = (
        train_tiny(tmp_path / str(i), *coloured, recipe=ONE_EPOCH, seed=seed).history[0].train_loss
        for i, seed in enumerate((5, 5, 6))
    )
    assert first == second
    assert first != other


def test_images_that_are_decoded_when_needed_train_the_same_network(coloured, tmp_path):
    torch.set_num_threads(1)
    images, labels = coloured

    def read(i: int) -> bytes:
        out = io.BytesIO()
        Image.fromarray(images[i]).save(out, "PNG")
        return out.getvalue()

    streamed = StreamedImages(read, len(images), size=32)
    losses = [
        train_tiny(tmp_path / str(n), x, labels, recipe=ONE_EPOCH).history[0].train_loss
        for n, x in enumerate((images, streamed))
    ]
    assert losses[0] == losses[1]
    found = [predict_log_probs(tmp_path / "0", x, np.arange(36)) for x in (images, streamed)]
    assert (found[0] == found[1]).all()


def test_outputs_stand_at_the_position_of_their_class_even_if_one_has_no_samples(coloured, tmp_path):
    images, labels = coloured
    names = ("nothing", "red", "green", "blue", "nothing either")
    train_tiny(
        tmp_path, images, labels + 1, class_names=names, recipe=replace(with_epochs(TINY, 2), batch_size=4)
    )
    log_probs = predict_log_probs(tmp_path, images, np.arange(24))
    assert log_probs.shape == (24, 5)
    assert (log_probs.argmax(axis=1) == labels[:24] + 1).mean() > 0.6


@pytest.mark.parametrize("samples", [1, 2, 9])
def test_no_batch_is_too_small_for_batch_norm(coloured, tmp_path, samples):
    outcome = train_tiny(
        tmp_path, *coloured, train_index=np.arange(samples), valid_index=NONE, recipe=ONE_EPOCH
    )
    assert np.isfinite(outcome.history[0].train_loss)
    assert outcome.history[0].valid_loss is None
    assert outcome.history[0].error_rate is None


def test_every_part_of_a_recipe_is_used(coloured, tmp_path):
    phases = (
        Phase(epochs=1, frozen=True, lr_min=1e-4, lr_max=1e-3),
        Phase(epochs=1, frozen=False, lr_min=1e-5, lr_max=1e-4),
    )
    recipe = replace(
        TINY,
        phases=phases,
        mixup=0.4,
        label_smoothing=0.1,
        flip=False,
        class_weights=(("red", 1), ("blue", 5)),
    )
    outcome = train_tiny(tmp_path, *coloured, recipe=recipe)
    assert [epoch.phase for epoch in outcome.history] == [1, 2]
    assert "unfrozen" in outcome.notes[1]
    assert checkpoints.load(tmp_path).recipe == recipe


def test_rare_classes_can_weigh_more(coloured, tmp_path):
    images, labels = coloured
    rare = np.concatenate([np.flatnonzero(labels[:24] == 0)[:2], np.flatnonzero(labels[:24] != 0)])
    recipe = replace(ONE_EPOCH, class_weights="frequency")
    plain, weighted = (
        train_tiny(tmp_path / name, images, labels, train_index=rare, recipe=chosen).history[0]
        for name, chosen in (("plain", ONE_EPOCH), ("weighted", recipe))
    )
    assert plain.train_loss != weighted.train_loss


def test_small_images_get_a_deep_stem_and_fewer_pixels_first(coloured, tmp_path):
    recipe = replace(TINY, stem="deep", early_size=16, early_epochs=2)
    sizes = []
    train_tiny(
        tmp_path,
        *coloured,
        recipe=recipe,
        on_progress=lambda _: sizes.append(checkpoints.load(tmp_path).size) if _.history else 0,
    )
    assert list(dict.fromkeys(sizes)) == [16, 32]
    assert checkpoints.load(tmp_path).stem == "deep"
    assert weights_of(tmp_path)["0.0.0.weight"].shape[1:] == (3, 3, 3)
    child = tmp_path / "child"
    train_tiny(child, *coloured, recipe=recipe, start=StartFrom.from_parent(tmp_path))
    assert (checkpoints.load(child).stem, checkpoints.load(child).size) == ("deep", 32)
    as_file = train_tiny(
        tmp_path / "file",
        *coloured,
        recipe=ONE_EPOCH,
        start=StartFrom("file", tmp_path / "model.safetensors"),
    )
    assert checkpoints.load(as_file.folder).stem == "deep"


def test_the_averaged_weights_judge_and_the_others_are_trained_on(coloured, tmp_path):
    def stop_after_two(progress):
        if len(progress.history) == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train_tiny(tmp_path, *coloured, on_progress=stop_after_two)
    stored = checkpoints.load(tmp_path)
    judge, trained = build_model(3), build_model(3)
    checkpoints.load_model(tmp_path, stored, judge)
    checkpoints.load_trained(tmp_path, stored, trained)
    assert not torch.equal(judge[1][-1].weight, trained[1][-1].weight)


def losing(monkeypatch, losses):
    """Let the validation losses be these, by epoch."""
    from fastai.learner import Recorder

    record = Recorder.after_epoch

    def after_epoch(self):
        record(self)
        if len(self.values):
            self.values[-1][1] = losses[self.learn.epoch]

    monkeypatch.setattr(Recorder, "after_epoch", after_epoch)


def test_patience_ends_a_training_and_the_best_epoch_is_kept(coloured, tmp_path, monkeypatch):
    losing(monkeypatch, [3.0, 1.0, 2.0, 2.0, 0.5, 0.5])
    recipe = replace(with_epochs(TINY, 6), patience=2, keep="best")
    kept = {}

    def remember(progress):
        if len(progress.history) == 2 and not kept:
            kept.update(weights_of(tmp_path))

    outcome = train_tiny(tmp_path, *coloured, recipe=recipe, on_progress=remember)
    assert len(outcome.history) == 4
    assert checkpoints.load(tmp_path).best_epoch == 2
    for name, tensor in weights_of(tmp_path).items():
        assert torch.equal(tensor, kept[name])
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["model.safetensors"]


def test_without_patience_the_last_epoch_is_kept_whatever_the_loss(coloured, tmp_path, monkeypatch):
    losing(monkeypatch, [1.0, 2.0, 3.0])
    outcome = train_tiny(tmp_path, *coloured)
    assert len(outcome.history) == 3
    assert checkpoints.load(tmp_path).best_epoch is None


def test_a_child_starts_with_what_its_parent_knew(trained, coloured, tmp_path):
    images, labels = coloured
    start = StartFrom.from_parent(trained[0].folder)
    child = train_tiny(tmp_path, images, labels, start=start)
    assert len(child.history) == 1  # the fine-tuning phases, not the others
    assert child.history[0].train_loss < trained[0].history[1].train_loss
    assert checkpoints.load(tmp_path).normalisation == checkpoints.load(trained[0].folder).normalisation


def test_a_frozen_body_stays_as_it_was_loaded(trained, coloured, tmp_path):
    frozen = (Phase(epochs=1, frozen=True, lr_min=1e-3, lr_max=1e-3),)
    recipe = replace(TINY, fine_tune_phases=frozen)
    train_tiny(tmp_path, *coloured, recipe=recipe, start=StartFrom.from_parent(trained[0].folder))
    before, after = weights_of(trained[0].folder), weights_of(tmp_path)
    assert torch.equal(before["0.0.weight"], after["0.0.weight"])
    assert not torch.equal(before["1.8.weight"], after["1.8.weight"])


def test_what_cannot_be_trained_is_said_clearly(coloured, tmp_path):
    images, labels = coloured
    with pytest.raises(TrainingFailed, match="no images"):
        train_tiny(tmp_path, images, labels, train_index=NONE)
    with pytest.raises(TrainingFailed, match="two classes"):
        train_tiny(tmp_path, images, np.zeros_like(labels), class_names=("one",))
    with pytest.raises(ValueError, match="class positions"):
        train_tiny(tmp_path, images, labels + 1)
    with pytest.raises(ValueError, match="uint8"):
        train_tiny(tmp_path, images.astype(np.float32), labels)


def test_a_loss_that_explodes_ends_the_training(coloured, tmp_path):
    wild = replace(TINY, phases=(Phase(epochs=2, frozen=False, lr_min=1e30, lr_max=1e30, warm_up=0.01),))
    with pytest.raises(TrainingFailed, match="learning rate"):
        train_tiny(tmp_path, *coloured, recipe=wild)


def test_weights_that_explode_in_the_last_step_end_the_training_too(coloured, tmp_path, monkeypatch):
    """The loss of the last batch is from before that step."""

    def explode(self, *_):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.fill_(float("nan"))

    monkeypatch.setattr("torch.optim.AdamW.step", explode)
    with pytest.raises(TrainingFailed, match="learning rate"):
        train_tiny(tmp_path, *coloured, valid_index=NONE, recipe=replace(ONE_EPOCH, batch_size=24))
    assert not checkpoints.exists(tmp_path)


def test_a_full_disk_ends_the_training_in_words_and_keeps_the_epochs_before(coloured, tmp_path, monkeypatch):
    def full(progress):
        if len(progress.history) == 1:
            monkeypatch.setattr("os.fsync", refuse)

    def refuse(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(TrainingFailed, match="disk is full"):
        train_tiny(tmp_path, *coloured, on_progress=full)
    monkeypatch.undo()
    assert len(checkpoints.load(tmp_path).history) == 1
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]
    assert train_tiny(tmp_path, *coloured).resumed_after == 1


def test_a_training_is_the_same_after_its_parents_folder_was_moved(trained, coloured, tmp_path):
    child = {"recipe": with_epochs(TINY, 1)}
    shutil.copytree(trained[0].folder, tmp_path / "old")
    train_tiny(tmp_path / "child", *coloured, start=StartFrom.from_parent(tmp_path / "old"), **child)
    (tmp_path / "old").rename(tmp_path / "new")
    assert (
        train_tiny(
            tmp_path / "child", *coloured, start=StartFrom.from_parent(tmp_path / "new"), **child
        ).resumed_after
        == 1
    )


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_machines_with_and_without_bfloat16_train_and_predict(coloured, tmp_path, monkeypatch, dtype):
    monkeypatch.setattr("app.ml.device.low_precision", lambda _: dtype)
    outcome = train_tiny(
        tmp_path, *coloured, train_index=np.arange(8), valid_index=np.arange(8, 10), recipe=ONE_EPOCH
    )
    assert np.isfinite(outcome.history[0].valid_loss)
    assert np.isfinite(predict_log_probs(tmp_path, coloured[0], np.arange(3))).all()


def test_the_shipped_recipes_can_be_trained(tmp_path):
    images, labels = coloured_images(16)
    for recipe in RECIPES.values():
        short = replace(with_epochs(recipe, 1), image_size=32, batch_size=16, phases=recipe.phases[-1:])
        train_tiny(
            tmp_path / recipe.name,
            images,
            labels,
            train_index=np.arange(16),
            valid_index=NONE,
            recipe=with_epochs(short, 1),
        )
