import numpy as np
import pytest

from app.errors import Cancelled
from app.ml.finder import find_learning_rate
from app.ml.recipes import StartFrom
from tests.ml.conftest import NAMES, TINY


def find(coloured, **options):
    return find_learning_rate(
        *coloured,
        train_index=np.arange(24),
        class_names=NAMES,
        recipe=TINY,
        start=StartFrom("none"),
        seed=0,
        **options,
    )


def test_the_loss_is_measured_over_growing_rates_and_one_is_suggested(coloured):
    seen = []
    found = find(coloured, batches=20, on_progress=lambda *at: seen.append(at))
    assert len(found.rates) == len(found.losses) >= 15
    assert list(found.rates) == sorted(found.rates)
    assert found.rates[0] == pytest.approx(1e-6)
    assert found.rates[0] < found.suggestion < 1
    assert seen[-1][0] <= seen[-1][1] == 20


def test_a_handful_of_batches_suggests_nothing(coloured):
    assert find(coloured, batches=6).suggestion is None


def test_one_image_is_enough_to_search_with(coloured):
    found = find_learning_rate(
        *coloured,
        train_index=np.arange(1),
        class_names=NAMES,
        recipe=TINY,
        start=StartFrom("none"),
        seed=0,
        batches=3,
    )
    assert len(found.rates) >= 2


def test_the_search_can_be_stopped(coloured):
    with pytest.raises(Cancelled):
        find(coloured, should_stop=lambda: True)
