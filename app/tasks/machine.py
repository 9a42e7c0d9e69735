"""What a run keeps of the machine and the code that made it."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from app.jobs.engine import JobContext
from app.ml.device import choose_device, low_precision


def machine_facts(context: JobContext, *, threads: int) -> dict[str, Any]:
    """The device, precision, threads, worker and versions."""
    device = choose_device()
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "precision": str(low_precision(device) or torch.float32).removeprefix("torch."),
        "threads": threads,
        "worker": context.settings.worker_id,  # another one may run on another machine
        "torch": torch.__version__,
        "python": platform.python_version(),
        "toploss": version("toploss"),
        "code": code_digest(),
    }


def code_digest() -> str:
    """The first 12 hex digits of the sha256 of the code that trains and predicts."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(
        path for folder in ("ml", "ranking", "tasks", "training") for path in (root / folder).rglob("*.py")
    ):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
