"""The start weights of a network: torchvision's ImageNet weights, a local file or a parent run.

No file is unpickled.
"""

import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torchvision.models import ResNet34_Weights

from app.ml import checkpoints, imagenet
from app.ml.backbone import LITE_NORMALISATION, load_backbone
from app.ml.batches import IMAGENET, Normalisation
from app.ml.errors import WeightsUnavailable
from app.ml.network import build_model, cut_lite0, set_stem
from app.ml.recipes import LITE, NETWORK_NAMES, RESNET34, Network, StartFrom

ADVICE = (  # ends the message of every WeightsUnavailable
    "Set TOPLOSS_WEIGHTS=none to start from random weights, or to the path of a .safetensors or .pth file of "
    "a ResNet34."
)
_LITE_ADVICE = f"Choose the start imagenet: the weights of {NETWORK_NAMES[LITE]} came with Toploss."
_DEEP = "0.0.0.weight"  # a tensor that only networks with our deep stem have
# the positions of torchvision's parts in fastai's body, which is a sequence of the same layers
_BODY = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def load_start(
    model: torch.nn.Module,
    start: StartFrom,
    class_names: tuple[str, ...],
    network: Network = RESNET34,
) -> tuple[Normalisation | None, str]:
    """Fill `model`, fastai's body and head of a `network`, with the weights of `start`.

    The model has torchvision's stem unless the start is "none". Returns the normalisation of the weights
    (None for random weights, where the data determine it) and a sentence for people. A head is loaded only if
    it fits and, from a parent, if the classes are the same in the same order. Raises WeightsUnavailable or,
    for a parent, CheckpointError.
    """
    if start.kind == "none":
        because = f": {start.why}" if start.why else ""
        return None, f"The network starts from random weights{because}."
    if start.kind == "imagenet" and network == LITE:
        body = cut_lite0(load_backbone())
        model[0].load_state_dict(body.state_dict())  # type: ignore[index]
        return (
            LITE_NORMALISATION,
            f"The network's body starts from the ImageNet weights of {NETWORK_NAMES[LITE]}.",
        )
    if start.kind == "imagenet":
        path = start.path or obtain_imagenet(imagenet.torch_cache())
        _fill(model, _read_file(path), str(path), with_head=False)
        return IMAGENET, f"The network's body starts from ImageNet weights ({path.name}, sha256 verified)."
    if start.path is None:
        raise ValueError(f"a start from a {start.kind} needs its path")
    if start.kind == "parent":
        parent = checkpoints.load(start.path)
        set_stem(model, parent.stem)
        same = parent.class_names == class_names
        weights = checkpoints.load_weights(start.path, parent)
        _fill(model, weights, str(start.path), with_head=same, network=network)
        what = "The network" if same else "The network's body (the classes differ)"
        return parent.normalisation, f"{what} starts from the model before it."
    state = _read_file(start.path)
    if _DEEP in state and network == RESNET34:
        set_stem(model, "deep")
    head = _fill(model, state, str(start.path), with_head=True, network=network)
    normalisation = LITE_NORMALISATION if network == LITE else IMAGENET
    return normalisation, f"The network{'' if head else chr(39) + 's body'} starts from {start.path.name}."


def obtain_imagenet(
    folder: Path,
    *,
    report: imagenet.Report = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """A verified file with ImageNet weights that fit, in `folder`; it may be downloaded first.

    Raises WeightsUnavailable and Cancelled.
    """
    url = ResNet34_Weights.IMAGENET1K_V1.url
    try:
        path = imagenet.obtain(folder, url=url, report=report, should_stop=should_stop)
    except WeightsUnavailable as error:
        raise WeightsUnavailable(f"ImageNet weights cannot be used: {error}. {ADVICE}") from error
    _fill(build_model(2), _read_file(path), str(path), with_head=False)
    return path


def _read_file(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        if path.suffix == ".safetensors":
            loaded: Any = load_file(path)
        else:
            with warnings.catch_warnings():  # about pickles it then refuses
                warnings.simplefilter("ignore", UserWarning)
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsUnavailable(f"There is no weights file {path}. {ADVICE}") from error
    except pickle.UnpicklingError as error:
        raise WeightsUnavailable(
            f"{path} contains more than tensors, and a pickle can run code, so it was not opened. Save it as "
            f".safetensors. {ADVICE}"
        ) from error
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise WeightsUnavailable(f"{path} cannot be read as weights ({error}). {ADVICE}") from error
    for wrapper in ("state_dict", "model"):  # training scripts like to store more than the weights
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping):
        raise WeightsUnavailable(f"{path} contains no table of weights. {ADVICE}")
    return loaded


def _fill(
    model: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    origin: str,
    *,
    with_head: bool,
    network: Network = RESNET34,
) -> bool:
    """Load the body and, with `with_head`, a fitting head; return whether the head was loaded."""
    own = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in ((_fastai_name(name), tensor) for name, tensor in state.items())
        if name in own and isinstance(tensor, torch.Tensor) and tensor.shape == own[name].shape
    }
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    body = {name for name in needed if name.startswith("0.")}
    missing, advice = body - fitting.keys(), _LITE_ADVICE if network == LITE else ADVICE
    if missing:
        raise WeightsUnavailable(
            f"{origin} is no {NETWORK_NAMES[network]}: {len(missing)} of {len(body)} tensors are missing. "
            f"{advice}"
        )
    broken = sum(not bool(torch.isfinite(fitting[name]).all()) for name in body)
    if broken:
        raise WeightsUnavailable(
            f"{origin} has {broken} tensors with values that are no finite numbers. {advice}"
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
