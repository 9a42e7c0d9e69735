"""A network as files: weights in safetensors, and a JSON sidecar that describes them.

The sidecar names its files and is replaced last, in one step, so it always describes a complete set. Nothing
here unpickles data.
"""

import dataclasses
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from app.ml.batches import Normalisation
from app.ml.errors import CheckpointError
from app.ml.files import write_whole
from app.ml.recipes import Recipe, Stem, recipe_from_json

SIDECAR = "checkpoint.json"
_FORMAT = 1
_TRAINED = "trained/"


@dataclass(frozen=True)
class EpochMetrics:
    """One finished epoch. Losses are those of the recipe (class weights and smoothing included)."""

    phase: int  # from 1
    epoch: int  # from 1, counted over all phases
    train_loss: float  # mean over the epoch, while the network changes, augmentation and dropout on
    valid_loss: float | None  # None without a validation part
    error_rate: float | None  # of the given labels of the validation part, 0 to 1
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """What the sidecar says."""

    class_names: tuple[str, ...]  # by position of the network's output
    recipe: Recipe
    normalisation: Normalisation
    seed: int
    fingerprint: str  # of data, recipe, start and seed: what a resumed training must share
    history: tuple[EpochMetrics, ...]
    finished: bool
    phase: int  # of the last finished epoch, from 1
    phase_epoch: int  # finished epochs of that phase
    notes: tuple[str, ...]  # what a person should know about the start
    weights: str  # file names beside the sidecar; these weights judge
    optimiser: str | None  # its state and, where the judging weights are averages, those that are trained
    versions: Mapping[str, str]
    saved_at: str  # ISO 8601, UTC
    stem: Stem = "plain"
    size: int = 0  # pixels of the images in the last epoch; 0 from versions that knew only the recipe's
    best: str | None = (
        None  # file with the weights of the epoch that was the best so far, where that one is to be kept
    )
    best_epoch: int | None = None  # counted over all phases


def save(
    folder: Path,
    checkpoint: Checkpoint,
    judge: torch.nn.Module,
    *,
    trained: torch.nn.Module | None = None,
    optimiser: torch.optim.Optimizer | None = None,
) -> Checkpoint:
    """Write the checkpoint into `folder`, atomically; return it with file names, versions and time.

    `judge` is the network that predicts. With an `optimiser` its state is kept too, and the weights of the
    network that is `trained` if that is another one, so that the training can go on. When `best_epoch` is the
    last epoch, its weights are kept until a better one comes; a finished checkpoint holds the best there was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    epoch = checkpoint.history[-1].epoch
    step = "" if checkpoint.finished else f"-{epoch:04d}"
    best = checkpoint.best
    if checkpoint.best_epoch == epoch and not checkpoint.finished:
        best = f"best{step}.safetensors"
        _write_tensors(folder / best, judge.state_dict())
    stored = dataclasses.replace(
        checkpoint,
        weights=f"model{step}.safetensors",
        optimiser=None if optimiser is None else f"optimiser{step}.safetensors",
        best=None if checkpoint.finished else best,
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "fastai")},
        },
        saved_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    earlier = best if checkpoint.finished and checkpoint.best_epoch != epoch else None
    _write_tensors(
        folder / stored.weights, judge.state_dict() if earlier is None else _read_tensors(folder / earlier)
    )
    if optimiser is not None and stored.optimiser is not None:
        state = optimiser.state_dict()["state"]
        flat = {f"{number}.{name}": value for number, entry in state.items() for name, value in entry.items()}
        if trained is not None:
            flat |= {f"{_TRAINED}{name}": value for name, value in trained.state_dict().items()}
        _write_tensors(folder / stored.optimiser, flat)
    text = json.dumps({"format": _FORMAT, **dataclasses.asdict(stored)}, indent=1)
    write_whole(folder / SIDECAR, lambda partial: partial.write_text(text, encoding="utf-8"))
    for path in folder.glob("*.safetensors*"):
        if path.name not in (stored.weights, stored.optimiser, stored.best):
            path.unlink(missing_ok=True)
    return stored


def load(folder: Path) -> Checkpoint:
    """The sidecar of `folder`. Raises CheckpointError when there is none or it is not one of ours."""
    path = folder / SIDECAR
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("format") != _FORMAT:
            raise CheckpointError(f"{path} was written by another version of Toploss.")
        data["recipe"] = recipe_from_json(data["recipe"])
        (*mean,), (*std,) = data["normalisation"]["mean"], data["normalisation"]["std"]
        data["normalisation"] = Normalisation((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
        data["history"] = tuple(EpochMetrics(**epoch) for epoch in data["history"])
        data["class_names"], data["notes"] = tuple(data["class_names"]), tuple(data["notes"])
        checkpoint = Checkpoint(**data)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint in {folder}.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged or not a checkpoint of Toploss: {error}") from error
    if any(
        name and Path(name).name != name
        for name in (checkpoint.weights, checkpoint.optimiser, checkpoint.best)
    ):
        raise CheckpointError(f"{path} names files outside its folder.")
    return checkpoint


def exists(folder: Path) -> bool:
    """Whether there is a sidecar, valid or not."""
    return (folder / SIDECAR).exists()


def load_weights(folder: Path, checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """The network's tensors by name, on the CPU. Raises CheckpointError."""
    return _read_tensors(folder / checkpoint.weights)


def load_model(folder: Path, checkpoint: Checkpoint, model: torch.nn.Module) -> None:
    """Fill `model`, which may be on the meta device, with the stored weights.

    Raises CheckpointError when they do not fit.
    """
    _fill(folder, model, load_weights(folder, checkpoint), assign=True)


def load_trained(folder: Path, checkpoint: Checkpoint, model: torch.nn.Module) -> None:
    """Fill `model` with the weights for resuming a training. Raises CheckpointError."""
    if checkpoint.optimiser is not None:
        tensors = _read_tensors(folder / checkpoint.optimiser)
        weights = {
            name.removeprefix(_TRAINED): value for name, value in tensors.items() if name.startswith(_TRAINED)
        }
        if weights:
            _fill(folder, model, weights)
            return
    _fill(folder, model, load_weights(folder, checkpoint))


def load_optimiser(folder: Path, checkpoint: Checkpoint, optimiser: torch.optim.Optimizer) -> None:
    """Give `optimiser` the stored state of each parameter; its groups (rates) stay.

    Raises CheckpointError.
    """
    if checkpoint.optimiser is None:
        raise CheckpointError(f"The checkpoint in {folder} has no optimiser state to resume from.")
    params = [param for group in optimiser.param_groups for param in group["params"]]
    try:
        for key, value in _read_tensors(folder / checkpoint.optimiser).items():
            if key.startswith(_TRAINED):
                continue
            number, name = key.split(".")
            param = params[int(number)]
            # in the parameter's memory layout: the fused step works on memory order, not on indices
            alike = value.shape == param.shape
            optimiser.state[param][name] = (
                torch.empty_like(param).copy_(value) if alike else value.to(param.device)
            )
    except (ValueError, IndexError, RuntimeError) as error:
        raise CheckpointError(f"The optimiser state in {folder} does not fit the network: {error}") from error


def _fill(
    folder: Path, model: torch.nn.Module, weights: Mapping[str, torch.Tensor], *, assign: bool = False
) -> None:
    try:
        model.load_state_dict(weights, assign=assign)
    except RuntimeError as error:
        raise CheckpointError(f"The weights in {folder} do not fit the network: {error}") from error


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    write_whole(path, lambda partial: save_file(plain, partial))


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}") from error
    return tensors
