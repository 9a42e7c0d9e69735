import numpy as np
import pytest

from app.ml.recipes import Phase, Recipe, StartFrom
from app.ml.trainer import train
from tests.small_network import use_small_network

NAMES = ("red", "green", "blue")
TINY = Recipe(
    name="tiny",
    image_size=32,
    batch_size=8,
    folds=2,
    dropout=0.1,
    rotate=5,
    averaging=0.9,
    phases=(Phase(epochs=3, frozen=False, lr_min=2e-3, lr_max=2e-3),),
    fine_tune_phases=(Phase(epochs=1, frozen=False, lr_min=1e-4, lr_max=1e-3),),
)


def coloured_images(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise with one colour stronger than the others; the label says which."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = rng.integers(0, 120, (n, 32, 32, 3), dtype=np.uint8)
    images[np.arange(n), :, :, labels] += 100
    return images, labels


@pytest.fixture(scope="module", autouse=True)
def small_network(request):
    """A sixteenth of the weights, except where the shape of published weights is what a test is about."""
    with pytest.MonkeyPatch.context() as patched:
        if not getattr(request.module, "FULL_SIZE", False):
            use_small_network(patched)
        yield


@pytest.fixture(autouse=True)
def no_heaps_of_weights(tmp_path):
    """Pytest keeps the folders of three sessions, and a network of full size has 85 MB."""
    yield
    for path in tmp_path.rglob("*.safetensors"):
        path.unlink()


@pytest.fixture(scope="session")
def coloured() -> tuple[np.ndarray, np.ndarray]:
    return coloured_images(36)


@pytest.fixture(scope="module")
def trained(coloured, tmp_path_factory):
    """One finished training that several tests look at; nobody writes into its folder."""
    images, labels = coloured
    folder = tmp_path_factory.mktemp("trained")
    reports = []
    outcome = train(
        images,
        labels,
        train_index=np.arange(24),
        valid_index=np.arange(24, 36),
        class_names=NAMES,
        recipe=TINY,
        start=StartFrom("none"),
        seed=3,
        folder=folder,
        on_progress=reports.append,
    )
    return outcome, reports
