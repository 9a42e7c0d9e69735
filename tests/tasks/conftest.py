from collections.abc import Iterator

import pytest

from tests.small_network import use_small_network


@pytest.fixture(scope="package", autouse=True)
def small_trainings() -> Iterator[None]:
    """A small network, and a short search for a learning rate after it."""
    with pytest.MonkeyPatch.context() as patched:
        use_small_network(patched)
        patched.setattr("app.tasks.train.CURVE_BATCHES", 12)
        patched.setattr("app.ml.watch._REPORT_EVERY", 0)  # an epoch of it ends before the first report
        yield
