from collections.abc import Iterator

import pytest

from tests.small_worker import make_trainings_small


@pytest.fixture(scope="package", autouse=True)
def small_trainings() -> Iterator[None]:
    """A small network, and a short search for a learning rate after it."""
    with pytest.MonkeyPatch.context() as patched:
        make_trainings_small(patched)
        patched.setattr("app.ml.watch._REPORT_EVERY", 0)  # an epoch of it ends before the first report
        yield
