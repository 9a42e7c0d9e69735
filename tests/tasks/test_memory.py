"""What a training took is given back when it has ended, the curve that is drawn after it included."""

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from app.db.engine import Database
from app.ml.recipes import RECIPES, Phase
from app.settings import Settings
from app.tasks import train
from tests.factories import import_folder, write_images
from tests.ml.test_device import resident
from tests.tasks.test_train import ask, context_of

LARGE = replace(
    RECIPES["quick"],
    image_size=160,
    batch_size=64,
    phases=(Phase(epochs=1, frozen=False, lr_min=2e-3, lr_max=2e-3),),
)
SMALL = replace(LARGE, image_size=32, batch_size=8)


def run(database: Database, folder: Path, name: str, *, large: bool) -> int:
    """Train on images of its own; the answer is the peak of this process meanwhile, in bytes."""
    dataset = import_folder(database, write_images(folder / name, per_class=30 if large else 5), name=name)
    settings = Settings(data_dir=folder / "data", worker_threads=2, _env_file=None)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    train.run(context_of(database, settings, ask(database, dataset, LARGE if large else SMALL)))
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_gives_the_memory_of_a_training_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tasks.train.CURVE_BATCHES", 4)  # of the large images
    run(database, tmp_path, "first", large=False)  # what torch takes once and for all
    before = resident()
    peak = run(database, tmp_path, "large", large=True)
    assert peak > before + 150_000_000, "it took much more"
    assert resident() < before + (peak - before) / 2
