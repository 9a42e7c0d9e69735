"""Batches directly from the array of images: no PIL, no Python per image, augmentation of whole batches."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from fastai.data.load import DataLoader

from app.ml.batches import Normalisation, augment, pixels, resize
from app.ml.device import send
from app.ml.dynamics import Targets
from app.ml.images import Images
from app.ml.recipes import Recipe


class BatchLoader(DataLoader):  # type: ignore[misc]
    """A fastai DataLoader that cuts (input, label position) batches out of the memory map.

    The images are split into batches of nearly equal size, at most `batch_size`, so that no batch has a
    single sample, which batch normalisation cannot use. With a `recipe` the order is shuffled and the images
    are augmented; both depend only on (seed, epoch), so a resumed epoch equals an uninterrupted one. `rows`
    are those of the last returned batch. With `targets` a batch has these, (batch, classes), instead of label
    positions.
    """

    def __init__(
        self,
        images: Images,
        labels: np.ndarray,
        index: np.ndarray,
        *,
        batch_size: int,
        device: torch.device,
        normalisation: Normalisation,
        recipe: Recipe | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(dataset=index, bs=batch_size, n=len(index), num_workers=0)
        self.images, self.labels, self.index = images, labels, index
        self.normalisation, self.recipe, self.seed = normalisation, recipe, seed
        self.device = device
        self.batch_size, self.epoch, self.size = batch_size, 0, images.shape[1]
        self.rows: np.ndarray = index[:0]
        self.targets: Targets | None = None
        self.n_inp = 1

    def __len__(self) -> int:  # noqa: D105
        return math.ceil(len(self.index) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:  # noqa: D105
        random = np.random.default_rng([self.seed, self.epoch])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        order = self.index if self.recipe is None else random.permutation(self.index)
        for chunk in np.array_split(order, len(self)) if len(order) else ():
            self.rows = chunk
            wanted = self.labels[chunk] if self.targets is None else self.targets.of(chunk)
            x, y = pixels(self.images, chunk, self.device), send(torch.from_numpy(wanted), self.device)
            x = resize(x, self.size)
            if self.recipe is not None:
                x = augment(x, self.recipe, generator)
            yield self.normalisation.apply(x).contiguous(memory_format=torch.channels_last), y
