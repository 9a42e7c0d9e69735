"""Predictions of a stored network, without augmentation and with constant memory."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.errors import Cancelled
from app.ml import checkpoints
from app.ml.batches import pixels, resize, views
from app.ml.decoding import decode_square
from app.ml.device import choose_device, thread_limit
from app.ml.embedding import Embedder
from app.ml.images import Images
from app.ml.inference import load_judge
from app.ml.threads import Workers

_BATCH = 128  # of one thread: throughput is flat from 64 on, and a stop is noticed within a second
_GPU_BATCH = 512


@dataclass(frozen=True)
class Judgement:
    """A network's predictions, in the requested order."""

    log_probs: np.ndarray  # float32 (n, classes): natural logarithms, columns as the checkpoint's class names
    embedding: np.ndarray  # float16 (n, dimensions), of length 1; similar images are near each other


def judge(
    folder: Path,
    images: Images,
    index: np.ndarray,
    *,
    dimensions: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    batch_size: int | None = None,
    plain: bool = False,
) -> Judgement:
    """Predict `images[index]`, and in the same pass compute their embedding with so many `dimensions`.

    `images`: uint8 (n, size, size, 3) of the size the network was trained on. Probabilities and features are
    means over the views of an image that the recipe asks for; with `plain` those of the image itself.
    `on_progress(done, total)` is called after every batch. Raises CheckpointError, or Cancelled when
    `should_stop` says so.
    """
    checkpoint = checkpoints.load(folder)
    if images.shape[1] != checkpoint.recipe.image_size:
        raise ValueError(
            f"the network was trained on {checkpoint.recipe.image_size} pixels, not {images.shape[1]}"
        )
    device = choose_device()
    batch_size = batch_size or (_BATCH if device.type == "cpu" else _GPU_BATCH)
    network = load_judge(folder, checkpoint, device)
    index, n = np.asarray(index, np.int64), len(index)
    result = np.empty((n, len(checkpoint.class_names)), np.float32)
    embedder = Embedder(n, dimensions) if dimensions else None
    order = np.arange(n) if embedder is None else embedder.order

    def look(first: int) -> None:
        rows = order[first : first + batch_size]
        with torch.inference_mode():
            x = checkpoint.normalisation.apply(
                resize(pixels(images, index[rows], device), checkpoint.size or images.shape[1])
            )
            seen = [network.see(view) for view in ([x] if plain else views(x, checkpoint.recipe))]
            features = torch.stack([each for each, _ in seen]).mean(0)
            log_probs = torch.stack([each for _, each in seen]).logsumexp(0) - math.log(len(seen))
        result[rows] = log_probs.cpu().numpy()
        if embedder is not None:
            embedder.add(rows, features.cpu().numpy())

    with Workers(thread_limit() if device.type == "cpu" else 1) as workers:
        firsts = range(0, n, batch_size)
        for begin in range(0, len(firsts), workers.count):
            if should_stop is not None and should_stop():
                raise Cancelled("The predictions were stopped.")
            group = firsts[begin : begin + workers.count]
            workers.map(look, group)
            if embedder is not None:
                embedder.settle()
            if on_progress is not None:
                on_progress(min(group[-1] + batch_size, n), n)
    return Judgement(result, np.empty((n, 0), np.float16) if embedder is None else embedder.vectors)


def predict_log_probs(folder: Path, images: Images, index: np.ndarray, **options: Any) -> np.ndarray:
    """Only the log-probabilities of `judge`: float32 (len(index), classes)."""
    return judge(folder, images, index, **options).log_probs


def predict_squares(folder: Path, squares: Sequence[np.ndarray]) -> list[dict[str, float]]:
    """The probability of each class, by name in the network's order, for images from `decode_square`."""
    names = checkpoints.load(folder).class_names
    log_probs = predict_log_probs(folder, np.stack(squares), np.arange(len(squares)))
    return [dict(zip(names, map(float, row), strict=True)) for row in np.exp(log_probs)]


def predict_image(folder: Path, data: bytes) -> dict[str, float]:
    """The probability of each class, by name, for one encoded image."""
    return predict_squares(folder, [decode_square(data, checkpoints.load(folder).recipe.image_size)])[0]
