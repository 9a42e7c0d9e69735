"""A small network's checkpoint as a training writes it, epoch after epoch."""

from pathlib import Path

import torch

from app.ml import checkpoints
from app.ml.batches import Normalisation
from app.ml.recipes import RECIPES


def network(weight: float) -> torch.nn.Module:
    """All weights the same."""
    made = torch.nn.Linear(64, 64)
    for parameter in made.parameters():
        torch.nn.init.constant_(parameter, weight)
    return made


def save_epoch(folder: Path, epoch: int) -> None:
    """The checkpoint of this epoch, instead of the one before; its weights are the epoch's number."""
    history = tuple(
        checkpoints.EpochMetrics(
            phase=1, epoch=i, train_loss=1.0, valid_loss=1.0, error_rate=0.5, seconds=1.0
        )
        for i in range(1, epoch + 1)
    )
    made = network(epoch)
    optimiser = torch.optim.Adam(made.parameters())
    made(torch.ones(1, 64)).sum().backward()
    optimiser.step()
    checkpoint = checkpoints.Checkpoint(
        class_names=("cat", "dog", "owl"),
        recipe=RECIPES["quick"],
        normalisation=Normalisation((0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
        seed=0,
        fingerprint="of this test",
        history=history,
        finished=False,
        phase=1,
        phase_epoch=epoch,
        notes=(),
        weights="",
        optimiser=None,
        versions={},
        saved_at="",
    )
    checkpoints.save(folder, checkpoint, network(epoch), trained=made, optimiser=optimiser)


def load_epoch(folder: Path) -> int:
    """The epoch of the checkpoint, whose weights and optimiser state are loaded.

    Raises what a training would.
    """
    checkpoint = checkpoints.load(folder)
    made = network(0)
    checkpoints.load_model(folder, checkpoint, made)
    checkpoints.load_optimiser(folder, checkpoint, torch.optim.Adam(made.parameters()))
    epoch = checkpoint.history[-1].epoch
    assert torch.all(next(made.parameters()) == float(epoch))
    return epoch
