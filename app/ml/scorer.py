"""Predictions of a stored network: no augmentation, no training, memory that does not grow with the number of images."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from app.errors import Cancelled
from app.ml import checkpoints
from app.ml.batches import pixels
from app.ml.device import choose_device, low_precision
from app.ml.images import decode_square
from app.ml.learner import build_model

_BATCH = 128  # throughput is flat from 64 on, and a stop is noticed within a second


def predict_log_probs(
    folder: Path,
    images: np.ndarray,
    index: np.ndarray,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    batch_size: int = _BATCH,
) -> np.ndarray:
    """Predict `images[index]`: natural logarithms of the class probabilities, float32 (len(index), classes).

    Rows are in the order of `index`, columns in that of the checkpoint's class names. `images`: uint8
    (n, size, size, 3) of the size the network was trained on. `on_progress(done, total)` is called after every batch.
    Raises CheckpointError, or Cancelled when `should_stop` says so.
    """
    checkpoint = checkpoints.load(folder)
    if images.shape[1] != checkpoint.recipe.image_size:
        raise ValueError(f"the network was trained on {checkpoint.recipe.image_size} pixels, not {images.shape[1]}")
    device = choose_device()
    model = build_model(len(checkpoint.class_names))
    checkpoints.load_model(folder, checkpoint, model)
    model.to(device).to(memory_format=torch.channels_last).eval()
    dtype = low_precision(device)
    result = np.empty((len(index), len(checkpoint.class_names)), np.float32)
    with torch.inference_mode():
        for first in range(0, len(index), batch_size):
            if should_stop is not None and should_stop():
                raise Cancelled("The predictions were stopped.")
            chunk = np.asarray(index[first : first + batch_size], np.int64)
            x = checkpoint.normalisation.apply(pixels(images, chunk, device))
            with torch.autocast(device.type, dtype=dtype) if dtype is not None else nullcontext():
                logits = model(x.contiguous(memory_format=torch.channels_last))
            result[first : first + len(chunk)] = torch.log_softmax(logits.float(), dim=1).cpu().numpy()
            if on_progress is not None:
                on_progress(first + len(chunk), len(index))
    return result


def predict_image(folder: Path, data: bytes) -> dict[str, float]:
    """The probability of each class, by name, for one encoded image from outside."""
    checkpoint = checkpoints.load(folder)
    image = decode_square(data, checkpoint.recipe.image_size)[None]
    log_probs = predict_log_probs(folder, image, np.zeros(1, np.int64))[0]
    return dict(zip(checkpoint.class_names, map(float, np.exp(log_probs)), strict=True))
