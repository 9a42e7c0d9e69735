"""Predictions of a stored network: no augmentation, no training, memory that does not grow with the number of images."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from app.errors import Cancelled
from app.ml import checkpoints
from app.ml.batches import pixels, resize
from app.ml.decoding import decode_square
from app.ml.device import choose_device, thread_limit
from app.ml.images import Images
from app.ml.inference import load_judge
from app.ml.parallel import Workers

_BATCH = 128  # of one thread: throughput is flat from 64 on, and a stop is noticed within a second


def predict_log_probs(
    folder: Path,
    images: Images,
    index: np.ndarray,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    batch_size: int = _BATCH,
    mirror: bool | None = None,
) -> np.ndarray:
    """Predict `images[index]`: natural logarithms of the class probabilities, float32 (len(index), classes).

    Rows are in the order of `index`, columns in that of the checkpoint's class names. `images`: uint8
    (n, size, size, 3) of the size the network was trained on. With `mirror` (left out: as the recipe says) these are the
    logarithms of the mean probabilities of the image and its mirror image. `on_progress(done, total)` is called after
    every batch.
    Raises CheckpointError, or Cancelled when `should_stop` says so.
    """
    checkpoint = checkpoints.load(folder)
    if images.shape[1] != checkpoint.recipe.image_size:
        raise ValueError(f"the network was trained on {checkpoint.recipe.image_size} pixels, not {images.shape[1]}")
    device = choose_device()
    network = load_judge(folder, checkpoint, device)
    result = np.empty((len(index), len(checkpoint.class_names)), np.float32)

    def judge(first: int) -> None:
        chunk = np.asarray(index[first : first + batch_size], np.int64)
        with torch.inference_mode():
            x = checkpoint.normalisation.apply(resize(pixels(images, chunk, device), checkpoint.size or images.shape[1]))
            log_probs = network(x)
            if checkpoint.recipe.mirror_judging if mirror is None else mirror:
                log_probs = torch.logaddexp(log_probs, network(x.flip(-1))) - math.log(2)
        result[first : first + len(chunk)] = log_probs.cpu().numpy()

    with Workers(thread_limit() if device.type == "cpu" else 1) as workers:
        firsts = range(0, len(index), batch_size)
        for begin in range(0, len(firsts), workers.count):
            if should_stop is not None and should_stop():
                raise Cancelled("The predictions were stopped.")
            group = firsts[begin : begin + workers.count]
            workers.map(judge, group)
            if on_progress is not None:
                on_progress(min(group[-1] + batch_size, len(index)), len(index))
    return result


def predict_image(folder: Path, data: bytes) -> dict[str, float]:
    """The probability of each class, by name, for one encoded image from outside."""
    checkpoint = checkpoints.load(folder)
    image = decode_square(data, checkpoint.recipe.image_size)[None]
    log_probs = predict_log_probs(folder, image, np.zeros(1, np.int64))[0]
    return dict(zip(checkpoint.class_names, map(float, np.exp(log_probs)), strict=True))
