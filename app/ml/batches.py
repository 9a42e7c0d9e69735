"""What is done with whole batches of images: normalised, resized, moved, augmented. No fastai here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from app.ml.device import send
from app.ml.images import Images
from app.ml.recipes import Recipe


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each colour, in units of full brightness (0 to 1)."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def apply(self, x: torch.Tensor) -> torch.Tensor:
        """`x`: (batch, 3, height, width), 0 to 1."""
        colours = send(torch.tensor([self.mean, self.std]), x.device).view(2, 1, 3, 1, 1)
        return (x - colours[0]) / colours[1]


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def measure_normalisation(images: Images, index: np.ndarray) -> Normalisation:
    """Measured on at most 2,000 images, evenly spaced: more would make no difference to the training."""
    some = index[:: max(1, math.ceil(len(index) / 2000))]
    pixels = images[np.sort(some)].reshape(-1, 3) / np.float32(255)
    mean, std = (
        pixels.mean(axis=0),
        np.maximum(pixels.std(axis=0), 0.02),
    )  # a set of blank images must not divide by 0
    return Normalisation(tuple(map(float, mean)), tuple(map(float, std)))  # type: ignore[arg-type]


def pixels(images: Images, chunk: Sequence[int] | np.ndarray, device: torch.device) -> torch.Tensor:
    """Rows of the array as float (batch, 3, height, width), 0 to 1, on the device."""
    raw = send(torch.from_numpy(np.ascontiguousarray(images[chunk])), device)
    return raw.permute(0, 3, 1, 2).float().div_(255)  # a view of rows of RGB: channels_last for free


def resize(x: torch.Tensor, size: int) -> torch.Tensor:
    """Square images of another size, smoothed. `x`: (batch, 3, height, width)."""
    if x.shape[-1] == size:
        return x
    return F.interpolate(x, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


def views(x: torch.Tensor, recipe: Recipe) -> list[torch.Tensor]:
    """The forms of each image whose predictions are averaged. `x`: (batch, 3, height, width).

    The image and its mirror image, or four images that are moved towards the corners, two of them mirrored.
    Moved by part of a pixel an image is as smooth as augmented images are, which is what the network knows.
    """
    if not recipe.shifted_judging:
        return [x, x.flip(-1)] if recipe.mirror_judging else [x]
    by = 2 * recipe.shifted_judging  # grid coordinates run from -1 to 1
    moved = []
    for right, down in ((-by, -by), (by, by), (-by, by), (by, -by)):
        mirror = -1.0 if recipe.mirror_judging and right != down else 1.0
        theta = torch.tensor([[mirror, 0, right], [0, 1, down]]).expand(len(x), 2, 3)
        moved.append(_sample(x, send(theta.contiguous(), x.device)))
    return moved


def augment(x: torch.Tensor, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    """Mirrored, turned, scaled, moved and relit at random, each image of the batch by itself. `x`: 0 to 1."""
    n = len(x)

    def draw(
        extent: float,
    ) -> torch.Tensor:  # on the CPU on every device, so that a seed means the same everywhere
        return (torch.rand(n, generator=generator) * 2 - 1) * extent

    angle, scale = draw(math.radians(recipe.rotate)), 1 + draw(recipe.zoom)
    right, down = draw(2 * recipe.shift), draw(2 * recipe.shift)  # grid coordinates run from -1 to 1
    mirror = torch.where(draw(1) < 0, -1.0, 1.0) if recipe.flip else torch.ones(n)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack([cos * mirror, -sin, right, sin * mirror, cos, down], dim=1).view(n, 2, 3)
    contrast, brightness = 1 + draw(recipe.lighting), draw(recipe.lighting / 2)
    theta, contrast, brightness = (send(t, x.device) for t in (theta, contrast, brightness))
    x = _sample(x, theta)
    middle = x.mean(dim=(1, 2, 3), keepdim=True)
    return ((x - middle) * contrast.view(n, 1, 1, 1) + middle + brightness.view(n, 1, 1, 1)).clamp_(0, 1)


def _sample(x: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
    """The images under affine maps (batch, 2, 3); what lies outside is reflected."""
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
