import numpy as np
import pytest
import torch

from app.ml.backbone import FEATURES, Embedder, fill_in_order, load_backbone, plain
from app.ml.errors import WeightsUnavailable


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(64)


def pictures(n: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (n, side, side, 3), dtype=np.uint8)


def test_the_plain_network_says_the_same_as_the_one_it_is_made_of():
    network = load_backbone()
    x = torch.rand(2, 3, 96, 96) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(plain(network)(x), network.forward_features(x), atol=1e-3)


def test_weights_that_do_not_fit_are_refused_with_a_sentence():
    network = load_backbone()
    stored = dict(network.state_dict())
    stored["bn1.weight"] = torch.zeros(3)
    with pytest.raises(WeightsUnavailable, match=r"do not fit .* bn1\.weight"):
        fill_in_order(network, stored)
    del stored["bn1.weight"]
    with pytest.raises(WeightsUnavailable, match="requirements"):
        fill_in_order(network, stored)


def test_features_depend_on_the_image_alone_not_on_its_batch(embedder):
    images = pictures(70)
    whole = embedder.embed(images)
    assert whole.shape == (70, FEATURES)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    alone = embedder.embed(images[69:])
    assert alone[0] == pytest.approx(whole[69], abs=0.05)
    assert np.abs(whole[0] - whole[1]).max() > 0.1
    assert embedder.embed(images[:0]).shape == (0, FEATURES)


def test_an_image_and_its_mirror_image_have_the_same_features(embedder):
    images = pictures(2)
    assert embedder.embed(images[:, :, ::-1]) == pytest.approx(embedder.embed(images), abs=1e-6)
    single = Embedder(64, mirrored=False)
    assert single.embed(images[:, :, ::-1]) != pytest.approx(single.embed(images), abs=1e-3)


def test_smaller_images_are_enlarged_and_of_larger_ones_the_centre_counts(embedder):
    assert embedder.embed(pictures(2, 48)).shape == (2, FEATURES)
    large = pictures(2, 74)
    centre = embedder.embed(large[:, 5:69, 5:69])
    assert embedder.embed(large) == pytest.approx(centre, abs=1e-6)
    assert embedder.at(96).embed(pictures(2, 48)).shape == (2, FEATURES)
    assert embedder.size == 64
