"""A weights file to start from, made without labels: a ResNet34 learns what the first look's backbone says.

    .venv/bin/python benchmarks/backbone_weights.py FOLDER OUT.safetensors [--pattern 'train/**/*']
        [--size 96] [--teacher 128] [--epochs 60]

The network sees augmented images of FOLDER and learns the 1,280 features that EfficientNet-Lite0, which has
seen ImageNet, has for the same view at `--teacher` pixels (knowledge distillation, Hinton et al. 2015). The
file has the body with torchvision's stem, as TOPLOSS_WEIGHTS=FILE and benchmarks/start_weights.py take it.
Prints the share of the features' variance that is left, by epoch.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from safetensors.torch import save_file
from torch import nn

from app.ml.backbone import FEATURES, Embedder
from app.ml.batches import IMAGENET, augment, pixels, resize
from app.ml.decoding import decode_square
from app.ml.device import autocast, keep_freed_memory, use_threads
from app.ml.network import build_model, zero_init
from app.ml.recipes import RECIPES
from app.ml.small_maps import unroll_small_maps

BATCH, RATE, DECAY = 64, 4e-3, 0.99
VIEWS = replace(RECIPES["default"], zoom=0.25, shift=0.1, rotate=15.0, lighting=0.3)
CPU = torch.device("cpu")


class Pupil(nn.Module):
    """The body of a ResNet34 and a linear layer to the teacher's features."""

    def __init__(self) -> None:
        super().__init__()
        model = build_model(2)
        zero_init(model)
        unroll_small_maps(model)
        self.body, self.head = model[0], nn.Linear(512, FEATURES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 3, h, w) to (n, 1280)."""
        return self.head(self.body(x).mean((2, 3)))


class Teacher:
    """The backbone's features of images (n, 3, h, w), 0 to 1; on `some` of them of mean 0 and variance 1."""

    def __init__(self, size: int, some: torch.Tensor) -> None:
        self.size, self.embedder = size, Embedder(size, mirrored=False, threads=1)
        said = torch.cat([self._say(part) for part in some.split(BATCH)])
        self.mean, self.std = said.mean(0), said.std(0).clamp_min(1e-3)

    def _say(self, x: torch.Tensor) -> torch.Tensor:
        raw = (resize(x, self.size) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        return torch.from_numpy(self.embedder.embed(raw.numpy()))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Of one batch."""
        return (self._say(x) - self.mean) / self.std


def main() -> None:
    """Train and write the file after each epoch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pattern", default="**/*")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--teacher", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    use_threads(1)
    files = sorted(path for path in options.folder.glob(options.pattern) if path.is_file())
    images = np.stack([decode_square(path.read_bytes(), round(options.size * 1.15)) for path in files])
    some = np.arange(0, len(images), max(1, len(images) // 1000))
    teacher = Teacher(options.teacher, pixels(images, some, CPU))
    torch.manual_seed(0)
    pupil = Pupil().to(memory_format=torch.channels_last)
    averaged = torch.optim.swa_utils.AveragedModel(
        pupil, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(DECAY), use_buffers=True
    )
    optimiser = torch.optim.AdamW(
        pupil.parameters(), lr=RATE, weight_decay=0.05, betas=(0.9, 0.99), eps=1e-5, fused=True
    )
    steps = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=steps * options.epochs, pct_start=0.15, cycle_momentum=False
    )
    random, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    with keep_freed_memory():
        for epoch in range(options.epochs):
            pupil.train()
            left = 0.0
            for rows in np.array_split(random.permutation(len(images)), steps):
                x = resize(augment(pixels(images, rows, CPU), VIEWS, generator), options.size)
                wanted = teacher(x)
                with autocast(CPU):
                    said = pupil(IMAGENET.apply(x).contiguous(memory_format=torch.channels_last)).float()
                loss = F.mse_loss(said, wanted)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                averaged.update_parameters(pupil)
                left += loss.item() / steps
            print(f"epoch {epoch + 1}: {left:.3f}, {time.process_time():.0f} s", flush=True)
            body = averaged.module.body.state_dict()
            save_file({f"0.{name}": value.contiguous() for name, value in body.items()}, options.out)


if __name__ == "__main__":
    main()
