"""Speed of preparing, training and scoring, each beside the plain way of doing it, in one run.

    .venv/bin/python benchmarks/speed.py [--images 2048] [--threads 1]

- preparing: `prepare_images` beside a loop of Pillow's open, convert, resize
- one unfrozen epoch of the recipe `default` beside the same network, images and batch size under fastai's own
loaders,
  augmentation and float32
- scoring: `predict_log_probs` beside fastai's `ClassificationInterpretation` and beside the bare forward pass
of the same
  network in the same precision, on one batch again and again

Drawn faces of 48 pixels; ratios hold for this machine and its other load alone.
"""

import argparse
import io
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import IndexSplitter
from fastai.interpret import ClassificationInterpretation
from fastai.vision.augment import aug_transforms
from fastai.vision.data import ImageBlock
from fastai.vision.learner import vision_learner
from PIL import Image
from torchvision.models import resnet34

from app.ml import checkpoints
from app.ml.device import autocast, choose_device, keep_freed_memory, use_threads
from app.ml.images import prepare_images
from app.ml.network import build_model
from app.ml.recipes import RECIPES, Phase, StartFrom
from app.ml.scorer import predict_log_probs
from app.ml.trainer import train

CLASSES = tuple("abcdef")


def encoded(count: int) -> list[bytes]:
    """PNG files of noise on a brightness that tells the class."""
    random, files = np.random.default_rng(0), []
    for i in range(count):
        out = io.BytesIO()
        Image.fromarray(random.integers(0, 100 + 25 * (i % 6), (48, 48), dtype=np.uint8)).save(out, "PNG")
        files.append(out.getvalue())
    return files


def seconds(work) -> float:  # noqa: ANN001
    """How long a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def plain_prepare(files: list[bytes]) -> None:
    """The loop that everybody writes."""
    for data in files:
        with Image.open(io.BytesIO(data)) as image:
            np.asarray(image.convert("RGB").resize((48, 48)))


def fastai_learner(folder: Path, files: list[bytes], batch: int):  # noqa: ANN201
    """The default path of fastai: image files, its own loaders and augmentation, float32."""
    for i, data in enumerate(files):
        (folder / f"{i:06d}.png").write_bytes(data)
    held = range(len(files) - 16, len(files))
    block = DataBlock(
        (ImageBlock, CategoryBlock),
        get_y=lambda path: CLASSES[int(path.stem) % 6],
        splitter=IndexSplitter(held),
        batch_tfms=aug_transforms(),
    )
    dls = block.dataloaders(sorted(folder.glob("*.png")), bs=batch, num_workers=0, device=choose_device())
    learner = vision_learner(dls, resnet34, pretrained=False, n_out=6)
    learner.unfreeze()
    return learner


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    use_threads(options.threads)
    keep_freed_memory()
    files, n = encoded(options.images), options.images
    labels = np.arange(n) % 6
    phases = (Phase(1, frozen=False, lr_min=1e-3, lr_max=1e-3),)
    recipe = replace(
        RECIPES["default"], phases=phases, stem="plain", averaging=0.0, early_epochs=0
    )  # fastai's network
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = seconds(lambda: plain_prepare(files))
        ours = seconds(
            lambda: prepare_images(
                files.__getitem__, n, folder / "images.npy", size=48, threads=options.threads
            )
        )
        print(
            f"preparing: {n / ours:.0f} images per second, plain loop {n / plain:.0f}, ratio "
            f"{plain / ours:.2f}",
            flush=True,
        )

        images = prepare_images(files.__getitem__, n, folder / "images.npy", size=48)
        rows, none = np.arange(n), np.empty(0, np.int64)
        outcome = train(
            images,
            labels,
            train_index=rows,
            valid_index=none,
            class_names=CLASSES,
            recipe=recipe,
            start=StartFrom("none"),
            seed=0,
            folder=folder / "run",
        )
        (folder / "files").mkdir()
        learner = fastai_learner(folder / "files", files, recipe.batch_size)
        with learner.no_bar(), learner.no_logging():
            theirs = seconds(lambda: learner.fit_one_cycle(1, 1e-3)) / learner.dls.train.n
        ours = outcome.seconds / n
        print(
            f"training: {1 / ours:.0f} images per second, fastai {1 / theirs:.0f}, ratio {theirs / ours:.2f}",
            flush=True,
        )

        bare_model = (
            build_model(6, checkpoints.load(folder / "run").stem).to(memory_format=torch.channels_last).eval()
        )
        x = torch.randn(128, 3, 48, 48).contiguous(memory_format=torch.channels_last)

        def bare() -> None:
            with torch.inference_mode(), autocast(choose_device()):
                for _ in range(n // 128):
                    bare_model(x)

        def interpret() -> None:
            with learner.no_bar(), learner.no_logging():
                ClassificationInterpretation.from_learner(
                    learner, dl=learner.dls.test_dl(learner.dls.train.items, with_labels=True)
                )

        def scoring() -> None:
            predict_log_probs(folder / "run", images, rows, plain=True)

        bare()
        times = [
            (
                seconds(scoring),
                seconds(bare) * n / (n // 128 * 128),
                seconds(interpret) * n / learner.dls.train.n,
            )
            for _ in range(3)
        ]
        ours, bare_pass, theirs = np.median(times, axis=0)
        print(
            f"scoring: {n / ours:.0f} images per second; bare forward {n / bare_pass:.0f} "
            f"({bare_pass / ours:.0%} of it); fastai's interpretation {n / theirs:.0f}, ratio "
            f"{theirs / ours:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
