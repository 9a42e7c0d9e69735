import numpy as np
import pytest
import torch

from app.ml import checkpoints
from app.ml.dynamics import Targets, read_epochs, write_epoch
from app.ml.errors import TrainingStopped
from app.ml.learner import _Loss
from app.ml.scorer import predict_log_probs


def test_every_epoch_says_something_of_every_image_that_was_used(trained):
    folder = trained[0].folder
    tables = list(read_epochs(folder, 3))
    assert len(tables) == 3
    for table in tables:
        assert table.shape == (36, 3)
        assert np.exp(table.astype(np.float32)).sum(axis=1) == pytest.approx(np.ones(36), abs=0.01)
    assert not np.array_equal(tables[0], tables[1])


def test_the_hold_out_is_judged_after_the_epoch_by_the_network_that_is_stored(trained, coloured):
    last = list(read_epochs(trained[0].folder, 3))[-1]
    held = np.arange(24, 36)
    assert last[held] == pytest.approx(predict_log_probs(trained[0].folder, coloured[0], held), abs=0.05)


def test_images_that_were_not_used_are_not_spoken_of(coloured, tmp_path):
    from tests.ml.test_trainer import ONE_EPOCH, train_tiny

    train_tiny(
        tmp_path, *coloured, train_index=np.arange(10), valid_index=np.arange(30, 36), recipe=ONE_EPOCH
    )
    [table] = read_epochs(tmp_path, 1)
    assert np.flatnonzero(~np.isnan(table[:, 0])).tolist() == [*range(10), *range(30, 36)]


def test_mixtures_of_two_images_are_not_written_down(coloured, tmp_path):
    from dataclasses import replace

    from tests.ml.test_trainer import ONE_EPOCH, train_tiny

    train_tiny(tmp_path, *coloured, recipe=replace(ONE_EPOCH, mixup=0.4))
    [table] = read_epochs(tmp_path, 1)
    assert np.flatnonzero(~np.isnan(table[:, 0])).tolist() == list(range(24, 36))
    assert checkpoints.load(tmp_path).finished


def test_epochs_that_are_missing_are_passed_over(tmp_path):
    for epoch in (1, 3):
        write_epoch(tmp_path, epoch, np.full((2, 2), -epoch, np.float16))
    assert [float(table[0, 0]) for table in read_epochs(tmp_path, 4)] == [-1.0, -3.0]


def test_a_target_moves_from_the_label_towards_what_was_said_of_the_image():
    said = np.log(np.array([[0.2, 0.8], [0.9, 0.1], [np.nan, np.nan]], np.float32)).astype(np.float16)
    labels, rows = np.array([0, 0, 1]), np.array([2, 0, 1])
    found = Targets(labels, [said], share=0.1, smoothing=0.0).of(rows)
    assert found == pytest.approx(np.array([[0, 1], [0.92, 0.08], [0.99, 0.01]]), abs=1e-3)
    twice = Targets(labels, [said, said], share=0.1, smoothing=0.1).of(rows)
    assert twice.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert twice[1, 0] == pytest.approx(0.95 * 0.81 + 0.2 * 0.19, abs=1e-3)


def test_self_adaptive_targets_begin_after_a_quarter_and_are_the_same_after_a_stop(coloured, tmp_path):
    from dataclasses import replace

    from tests.ml.conftest import TINY
    from tests.ml.test_trainer import train_tiny

    phase = replace(TINY.phases[0], epochs=4)
    usual, adaptive = (replace(TINY, phases=(phase,), self_adaptive=share) for share in (0.0, 0.3))
    labels = np.where(np.arange(36) % 4 == 0, (coloured[1] + 1) % 3, coloured[1])  # a quarter is wrong
    plain = train_tiny(tmp_path / "plain", coloured[0], labels, recipe=usual)
    straight = train_tiny(tmp_path / "straight", coloured[0], labels, recipe=adaptive)
    with pytest.raises(TrainingStopped):
        train_tiny(
            tmp_path / "stopped",
            coloured[0],
            labels,
            recipe=adaptive,
            should_stop=lambda: checkpoints.exists(tmp_path / "stopped"),
        )
    resumed = train_tiny(tmp_path / "stopped", coloured[0], labels, recipe=adaptive)
    assert resumed.resumed_after > 0
    losses = [[epoch.train_loss for epoch in each.history] for each in (plain, straight, resumed)]
    assert losses[2] == pytest.approx(losses[1], abs=1e-5)
    assert losses[1][:2] == pytest.approx(losses[0][:2], abs=1e-6)
    assert losses[1][2] != pytest.approx(losses[0][2], abs=1e-4)


@pytest.mark.parametrize("weights", [None, torch.tensor([0.2, 1.0, 4.0])])
def test_a_target_that_is_its_label_costs_what_the_label_costs(weights):
    loss = _Loss(weight=weights)
    said, labels = torch.randn(12, 3), torch.arange(12) % 3
    sure = torch.nn.functional.one_hot(labels, 3).float()
    assert float(loss(said, sure)) == pytest.approx(float(loss(said, labels)), rel=1e-5)
    doubted = sure * 0.6 + 0.2
    assert float(loss(said, doubted)) != pytest.approx(float(loss(said, labels)), rel=1e-2)
