import numpy as np
import pytest
import torch

from app.ml.batches import Normalisation
from app.ml.loader import BatchLoader
from tests.ml.conftest import TINY, coloured_images

PLAIN = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def loader(n, batch_size=8, **options):
    images, labels = coloured_images(n)
    device = torch.device("cpu")
    return BatchLoader(
        images, labels, np.arange(n), batch_size=batch_size, device=device, normalisation=PLAIN, **options
    )


@pytest.mark.parametrize(("n", "sizes"), [(9, [5, 4]), (16, [8, 8]), (17, [6, 6, 5]), (3, [3]), (0, [])])
def test_batches_are_of_nearly_equal_size(n, sizes):
    batches = list(loader(n))
    assert [len(y) for _, y in batches] == sizes
    assert len(loader(n)) == len(sizes)


def test_without_a_recipe_images_come_in_order_and_untouched():
    images, labels = coloured_images(9)
    x, y = (torch.cat(parts) for parts in zip(*loader(9), strict=True))
    assert y.tolist() == labels.tolist()
    assert torch.equal((x.permute(0, 2, 3, 1) * 255).round().byte(), torch.from_numpy(images))


def test_an_epoch_is_the_same_again_and_the_next_one_is_another():
    def epoch(number: int) -> torch.Tensor:
        made = loader(9, recipe=TINY, seed=1)
        made.epoch = number
        return torch.cat([x for x, _ in made])

    assert torch.equal(epoch(0), epoch(0))
    assert not torch.equal(epoch(0), epoch(1))


def test_every_image_of_an_epoch_comes_once():
    _, labels = coloured_images(9)
    assert sorted(torch.cat([y for _, y in loader(9, recipe=TINY)]).tolist()) == sorted(labels.tolist())
