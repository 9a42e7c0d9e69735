"""The start weights of a network: torchvision's ImageNet weights, a local file or a parent run.

No file is unpickled.
"""

import pickle
import socket
import warnings
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torchvision.models import ResNet34_Weights

from app.ml import checkpoints
from app.ml.batches import IMAGENET, Normalisation
from app.ml.errors import WeightsUnavailable
from app.ml.network import set_stem
from app.ml.recipes import StartFrom

_ADVICE = (
    "Set TOPLOSS_WEIGHTS=none to start from random weights, or to the path of a .safetensors or .pth file of "
    "a ResNet34."
)
_DEEP = "0.0.0.weight"  # a tensor that only networks with our deep stem have
_TIMEOUT = 30.0  # seconds without a byte: a firewall that swallows packets must not hang the worker
# the positions of torchvision's parts in fastai's body, which is a sequence of the same layers
_BODY = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def load_start(
    model: torch.nn.Module, start: StartFrom, class_names: tuple[str, ...]
) -> tuple[Normalisation | None, str]:
    """Fill `model`, fastai's body and head, with the weights of `start`.

    The model has torchvision's stem unless the start is "none". Returns the normalisation of the weights
    (None for random weights, where the data determine it) and a sentence for people. A head is loaded only if
    it fits and, from a parent, if the classes are the same in the same order. Raises WeightsUnavailable or,
    for a parent, CheckpointError.
    """
    if start.kind == "none":
        return None, "The network starts from random weights."
    if start.kind == "imagenet":
        _fill(model, _imagenet(), "torchvision's ImageNet weights", with_head=False)
        return IMAGENET, "The network's body starts from torchvision's ImageNet weights."
    if start.path is None:
        raise ValueError(f"a start from a {start.kind} needs its path")
    if start.kind == "parent":
        parent = checkpoints.load(start.path)
        set_stem(model, parent.stem)
        same = parent.class_names == class_names
        _fill(model, checkpoints.load_weights(start.path, parent), str(start.path), with_head=same)
        what = "The network" if same else "The network's body (the classes differ)"
        return parent.normalisation, f"{what} starts from its parent run."
    state = _read_file(start.path)
    if _DEEP in state:
        set_stem(model, "deep")
    head = _fill(model, state, str(start.path), with_head=True)
    return IMAGENET, f"The network{'' if head else chr(39) + 's body'} starts from {start.path.name}."


def _imagenet() -> Mapping[str, torch.Tensor]:
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        weights: Mapping[str, torch.Tensor] = ResNet34_Weights.IMAGENET1K_V1.get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except (
        OSError,
        HTTPException,
        RuntimeError,
        pickle.UnpicklingError,
        EOFError,
    ) as error:  # URLError is an OSError
        raise WeightsUnavailable(
            f"The ImageNet weights cannot be downloaded or read ({error}). {_ADVICE}"
        ) from error
    finally:
        socket.setdefaulttimeout(patience)
    return weights


def _read_file(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        if path.suffix == ".safetensors":
            loaded: Any = load_file(path)
        else:
            with warnings.catch_warnings():  # about pickles it then refuses
                warnings.simplefilter("ignore", UserWarning)
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsUnavailable(f"There is no weights file {path}. {_ADVICE}") from error
    except pickle.UnpicklingError as error:
        raise WeightsUnavailable(
            f"{path} contains more than tensors, and a pickle can run code, so it was not opened. Save it as "
            f".safetensors. {_ADVICE}"
        ) from error
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise WeightsUnavailable(f"{path} cannot be read as weights ({error}). {_ADVICE}") from error
    for wrapper in ("state_dict", "model"):  # training scripts like to store more than the weights
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping):
        raise WeightsUnavailable(f"{path} contains no table of weights. {_ADVICE}")
    return loaded


def _fill(model: torch.nn.Module, state: Mapping[str, torch.Tensor], origin: str, *, with_head: bool) -> bool:
    """Load the body and, with `with_head`, a fitting head; return whether the head was loaded."""
    own = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in ((_fastai_name(name), tensor) for name, tensor in state.items())
        if name in own and isinstance(tensor, torch.Tensor) and tensor.shape == own[name].shape
    }
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    body = {name for name in needed if name.startswith("0.")}
    missing = body - fitting.keys()
    if missing:
        raise WeightsUnavailable(
            f"{origin} is no ResNet34: {len(missing)} of {len(body)} tensors are missing. {_ADVICE}"
        )
    head = with_head and needed <= fitting.keys()
    model.load_state_dict({n: t for n, t in fitting.items() if head or n.startswith("0.")}, strict=False)
    return head


def _fastai_name(name: str) -> str:
    """`module.layer1.0.conv1.weight` -> `0.4.0.conv1.weight`; names that are fastai's already stay."""
    for prefix in ("module.", "model."):
        name = name.removeprefix(prefix)
    first, _, rest = name.partition(".")
    return f"0.{_BODY[first]}.{rest}" if first in _BODY else name
