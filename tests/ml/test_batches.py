from dataclasses import replace

import numpy as np
import pytest
import torch

from app.ml.batches import augment, measure_normalisation, views
from app.ml.recipes import RECIPES
from tests.ml.conftest import TINY, coloured_images


def test_augmentation_moves_a_little_and_stays_in_range():
    x = torch.rand(16, 3, 32, 32)
    changed = augment(x, TINY, torch.Generator().manual_seed(0))
    assert changed.shape == x.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not torch.allclose(changed, x)


def test_a_recipe_without_augmentation_changes_nothing_and_one_that_mirrors_only_mirrors():
    from dataclasses import replace

    x = torch.rand(16, 3, 8, 8)
    still = replace(TINY, flip=False, rotate=0.0, zoom=0.0, shift=0.0, lighting=0.0)
    assert torch.allclose(augment(x, still, torch.Generator()), x, atol=1e-5)
    mirrored = augment(x, replace(still, flip=True), torch.Generator().manual_seed(0))
    as_before = [torch.allclose(a, b, atol=1e-5) for a, b in zip(mirrored, x, strict=True)]
    turned = [torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(mirrored, x, strict=True)]
    assert all(a != b for a, b in zip(as_before, turned, strict=True))
    assert any(turned)
    assert any(as_before)


def test_the_normalisation_is_that_of_the_images_and_survives_blank_ones():
    images, _ = coloured_images(30)
    measured = measure_normalisation(images, np.arange(30))
    assert measured.mean == pytest.approx(images.reshape(-1, 3).mean(axis=0) / 255, abs=1e-5)
    assert measure_normalisation(np.zeros((3, 8, 8, 3), np.uint8), np.arange(3)).std == pytest.approx(
        (0.02,) * 3
    )


def test_an_image_is_seen_as_it_is_or_mirrored_too_or_moved_to_the_corners():
    x = torch.rand(2, 3, 20, 20)
    recipe = replace(RECIPES["quick"], mirror_judging=False, shifted_judging=0.0)
    [same] = views(x, recipe)
    assert torch.equal(same, x)
    same, other = views(x, replace(recipe, mirror_judging=True))
    assert torch.equal(same, x)
    assert torch.equal(other, x.flip(-1))
    moved = views(x, replace(recipe, shifted_judging=0.1))  # by two pixels: the inner part shows where to
    inner = x[..., 4:16, 4:16]
    places = [(4 - down, 4 - right) for right, down in ((-2, -2), (2, 2), (-2, 2), (2, -2))]
    for view, (top, left) in zip(moved, places, strict=True):
        assert torch.allclose(view[..., top : top + 12, left : left + 12], inner, atol=1e-5)


def test_half_of_the_moved_images_are_mirrored():
    x = torch.rand(1, 3, 20, 20)
    recipe = replace(RECIPES["quick"], mirror_judging=True, shifted_judging=0.1)
    moved = views(x, recipe)
    plain = views(x, replace(recipe, mirror_judging=False))
    assert [torch.allclose(a, b, atol=1e-5) for a, b in zip(moved, plain, strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    mirrored = views(x.flip(-1), replace(recipe, mirror_judging=False))
    assert torch.allclose(moved[2], mirrored[1], atol=1e-5)
    assert torch.allclose(moved[3], mirrored[0], atol=1e-5)
