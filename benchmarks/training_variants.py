"""What other ways of training are worth on FER2013: error and processor time beside the recipe `default`.

    .venv/bin/python benchmarks/training_variants.py --images fer2013.zip --votes votes.csv [--rows 12000]
        [--epochs 6] [--whole] [--variants recipe muon whitened alternating] [--seeds 1] [--keep FOLDER]

Each variant trains on the same part of the training images, at 32 pixels throughout (with `--whole`: on all
of them, with the recipe's own sizes and, unless `--epochs` says another number, epochs), and is judged on the
whole hold-out: by the given labels and by the crowd's clear answers. So is the mean of all networks. With
`--whole` the ranking by each is judged too. In a folder of `--keep` a network that was trained before is
taken as it is. For other images `--truth` names a file with the columns path and clean. Of the variants only
the last is in the product:

- muon: orthogonal steps for the convolutions (Jordan 2024), the rest by AdamW, batches of 256
- adamw-256: AdamW with these batches and a higher rate
- whitened: the first convolution begins with filters that whiten patches of 3 x 3 pixels
- alternating: each image is mirrored in every second epoch, not at random
- self-adaptive: the target of an image moves by a tenth towards what the network says of it, in each epoch of
  full size (a field of recipes)
"""

import argparse
import csv
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from fastai.optimizer import OptimWrapper
from ranking_fer2013 import crowd_answers, figures, probably_wrong
from torch.optim._muon import _zeropower_via_newtonschulz as orthogonal

from app.ml import learner
from app.ml.device import keep_freed_memory, use_threads
from app.ml.dynamics import read_epochs
from app.ml.images import Images, prepare_images
from app.ml.loader import BatchLoader
from app.ml.recipes import RECIPES, Phase, Recipe, StartFrom, with_epochs
from app.ml.scorer import predict_log_probs
from app.ml.trainer import train
from app.ranking.scoring import mean_log_probs
from app.storage import Origin, open_source

VARIANTS = (
    "recipe",
    "adamw-256",
    "muon",
    "whitened",
    "alternating",
    "self-adaptive",
    "whitened-self-adaptive",
)
NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)  # torch's own coefficients
SIZE = 48


class Muon(torch.optim.Optimizer):
    """Muon for convolutions of more than three channels, as matrices; AdamW for all others.

    torch's own takes matrices only. A step is as large as AdamW's usual one (`match_rms_adamw`).
    """

    def __init__(self, params, lr=1e-3, weight_decay=0.01, betas=(0.95, 0.99), eps=1e-5) -> None:  # noqa: ANN001
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter."""
        for group in self.param_groups:
            for each in group["params"]:
                if each.grad is not None:
                    each.mul_(1 - group["lr"] * group["weight_decay"])
                    self._move(each, group)

    def _move(self, each: torch.Tensor, group: dict) -> None:
        state, (slow, fast) = self.state[each], group["betas"]
        if not state:
            state |= {
                "step": torch.tensor(0.0),
                "mean": torch.zeros_like(each),
                "square": torch.zeros_like(each),
            }
        state["step"] += 1
        mean = state["mean"].lerp_(each.grad, 1 - slow)
        if each.ndim == 4 and each.shape[1] > 3:  # noqa: PLR2004
            matrix = each.grad.lerp(mean, slow).reshape(len(each), -1)
            turned = orthogonal(matrix, NEWTON_SCHULZ, 5, 1e-7)
            each.add_(turned.reshape(each.shape), alpha=-group["lr"] * 0.2 * max(matrix.shape) ** 0.5)
            return
        square = state["square"].mul_(fast).addcmul_(each.grad, each.grad, value=1 - fast)
        steps = float(state["step"])
        root = (square / (1 - fast**steps)).sqrt_().add_(group["eps"])
        each.addcdiv_(mean / (1 - slow**steps), root, value=-group["lr"])


def whitening(images: Images) -> torch.Tensor:
    """Filters (18, 3, 3, 3) of the grey patches of 2,000 images: 9 of unit variance, and their opposites."""
    some = images[:: max(1, len(images) // 2000)]
    grey = torch.from_numpy(np.ascontiguousarray(some[..., :1])).permute(0, 3, 1, 2).float() / 255
    patches = F.unfold((grey - grey.mean()) / grey.std(), 3).permute(0, 2, 1).reshape(-1, 9)
    values, vectors = torch.linalg.eigh(torch.cov(patches.T))
    filters = (vectors / torch.sqrt(values + 5e-3)).T.flip(0)
    return torch.cat([filters, -filters]).reshape(18, 1, 3, 3).expand(18, 3, 3, 3) / 6


def alternate(loader: BatchLoader, *, plain, side: np.ndarray) -> Iterator:  # noqa: ANN001
    """The batches of a loader, of which each image is mirrored in every second epoch."""
    if loader.recipe is None:
        yield from plain(loader)
        return
    recipe, loader.recipe = loader.recipe, replace(loader.recipe, flip=False)
    try:
        for x, y in plain(loader):
            now = torch.from_numpy(side[loader.rows] ^ bool(loader.epoch % 2)).view(-1, 1, 1, 1)
            yield torch.where(now, x.flip(3), x).contiguous(memory_format=torch.channels_last), y
    finally:
        loader.recipe = recipe


def changed(variant: str, recipe: Recipe, images: Images, rows: np.ndarray, stack: ExitStack) -> Recipe:
    """The recipe of the variant; what no recipe says is changed until the stack ends."""
    if variant in ("muon", "adamw-256"):
        recipe = replace(recipe, batch_size=256)
    if variant == "adamw-256":
        [phase] = recipe.phases
        recipe = replace(recipe, phases=(replace(phase, lr_min=6e-3, lr_max=6e-3),))
    if variant == "muon":
        stack.enter_context(
            patch.object(learner, "_optimiser", lambda _device: partial(OptimWrapper, opt=Muon))
        )
    if "whitened" in variant:
        filters, plain = whitening(images[rows]), learner.zero_init

        def begin(model: torch.nn.Module) -> None:
            plain(model)
            with torch.no_grad():
                model[0][0][0].weight[: len(filters)] = filters

        stack.enter_context(patch.object(learner, "zero_init", begin))
    if "self-adaptive" in variant:
        recipe = replace(recipe, self_adaptive=0.1)
    if variant == "alternating":
        side, loop = np.random.default_rng(0).random(len(images)) < 0.5, BatchLoader.__iter__  # noqa: PLR2004
        stack.enter_context(
            patch.object(BatchLoader, "__iter__", lambda self: alternate(self, plain=loop, side=side))
        )
    return recipe


def errors(log_probs: np.ndarray, given: np.ndarray, crowd: np.ndarray) -> str:
    """The errors of predictions (n, classes) by the given labels, and by the crowd's (-1: not clear)."""
    said, clear = log_probs.argmax(axis=1), crowd >= 0
    return (
        f"error {(said != given).mean():.2%} by the given labels, "
        f"{(said != crowd)[clear].mean():.2%} by the crowd's"
    )


def truth_of(path: Path) -> dict[str, str]:
    """The right class by path."""
    with path.open(newline="") as file:
        return {row["path"]: row["clean"] for row in csv.DictReader(file)}


def options_of() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--votes", type=Path)
    truth.add_argument("--truth", type=Path)
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--keep", type=Path, help="a folder for the networks, which stay there")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Print a line for each variant and seed, and one for the mean of all their predictions."""
    options = options_of()
    use_threads(options.threads)
    source = open_source(Origin(str(options.images)))
    paths = sorted(entry.path for entry in source.walk() if entry.path.lower().endswith((".png", ".jpg")))
    names = tuple(sorted({path.split("/")[-2] for path in paths}))
    given = np.array([names.index(path.split("/")[-2]) for path in paths])
    held = np.flatnonzero(["train/" not in path for path in paths])
    rows = np.flatnonzero(["train/" in path for path in paths])
    if not options.whole:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[: options.rows])
    answers = crowd_answers(options.votes) if options.votes else truth_of(options.truth)
    crowd = np.array([names.index(a) if (a := answers.get(path)) in names else -1 for path in paths])
    known = np.array([path in answers for path in paths])
    wrong = np.array(
        [answers.get(path, names[label]) != names[label] for path, label in zip(paths, given, strict=True)]
    )
    usual = RECIPES["default"]
    if not options.whole:
        short = options.epochs or 6
        phase = Phase(short, frozen=False, lr_min=4e-3, lr_max=4e-3, warm_up=0.15)
        usual = replace(usual, phases=(phase,), early_epochs=short)
    elif options.epochs:
        usual = with_epochs(usual, options.epochs)
    with tempfile.TemporaryDirectory() as name, keep_freed_memory():
        images = prepare_images(
            lambda row: source.read(paths[row]), len(paths), Path(name, "images.npy"), size=SIZE
        )
        judged = np.arange(len(paths)) if options.whole else held
        finals: list[np.ndarray] = []

        for seed in options.seeds:
            for variant in options.variants:
                with ExitStack() as stack:
                    recipe = changed(variant, usual, images, rows, stack)
                    begun = time.process_time()
                    outcome = train(
                        images,
                        given,
                        train_index=rows,
                        valid_index=held[:0],
                        class_names=names,
                        recipe=recipe,
                        start=StartFrom("none"),
                        seed=seed,
                        folder=Path(options.keep or name, f"{variant}-{seed}"),
                    )
                    took = time.process_time() - begun
                said = np.full((len(paths), len(names)), np.nan, np.float32)
                said[judged] = predict_log_probs(outcome.folder, images, judged)
                finals.append(said)
                found = errors(said[held], given[held], crowd[held])
                if options.whole:
                    epochs = list(read_epochs(outcome.folder, len(outcome.history)))
                    found += f"; {figures(probably_wrong(said, epochs, given, held)[known], wrong[known])}"
                print(f"{variant}, seed {seed}: {found}; {took:.0f} s of processor time", flush=True)
        if len(finals) > 1:
            found = errors(mean_log_probs(finals)[held], given[held], crowd[held])
            print(f"the mean of all {len(finals)} networks: {found}")


if __name__ == "__main__":
    main()
