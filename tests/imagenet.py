"""Weights of a ResNet34 as torchvision publishes them, with random numbers, and networks that are absent."""

import hashlib
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet34


def write_weights(folder: Path, *, seed: int = 11, state: dict[str, torch.Tensor] | None = None) -> Path:
    """A file whose name has the first digits of its sha256; a whole ResNet34 unless `state` is given."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    file = folder / "new.pth"
    torch.save(resnet34().state_dict() if state is None else state, file)
    digits = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    return file.rename(folder / f"resnet34-{digits}.pth")


def without_network(patched: pytest.MonkeyPatch, cache: Path) -> None:
    """Everything goes to a proxy that is not there, and torch's cache is elsewhere."""
    patched.setenv("TORCH_HOME", str(cache))
    for name in ("https_proxy", "http_proxy"):
        patched.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    for name in ("no_proxy", "NO_PROXY"):
        patched.delenv(name, raising=False)
    patched.setattr("urllib.request._opener", None)  # made anew, it reads the proxy
