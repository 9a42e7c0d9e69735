import io

import numpy as np
import pytest
from PIL import Image

from app.errors import Cancelled
from app.ml.errors import CheckpointError
from app.ml.scorer import predict_image, predict_log_probs


def test_log_probabilities_are_those_of_a_distribution(trained, coloured):
    log_probs = predict_log_probs(trained[0].folder, coloured[0], np.arange(36))
    assert log_probs.dtype == np.float32
    assert np.exp(log_probs).sum(axis=1) == pytest.approx(np.ones(36), abs=1e-5)


def test_predictions_depend_on_neither_batch_size_nor_order(trained, coloured):
    folder, images = trained[0].folder, coloured[0]
    whole = predict_log_probs(folder, images, np.arange(36))
    shuffled = np.random.default_rng(0).permutation(36)
    assert predict_log_probs(folder, images, shuffled, batch_size=5) == pytest.approx(
        whole[shuffled], abs=0.03
    )
    assert predict_log_probs(folder, images, [7, 7])[1] == pytest.approx(whole[7], abs=0.03)
    assert predict_log_probs(folder, images, np.empty(0, np.int64)).shape == (0, 3)


def test_progress_is_told_and_stopping_is_heard(trained, coloured):
    folder, images = trained[0].folder, coloured[0]
    seen = []
    predict_log_probs(folder, images, np.arange(10), batch_size=4, on_progress=lambda *at: seen.append(at))
    assert seen == [(4, 10), (8, 10), (10, 10)]
    with pytest.raises(Cancelled):
        predict_log_probs(folder, images, np.arange(10), should_stop=lambda: True)


def test_images_of_another_size_are_refused(trained):
    with pytest.raises(ValueError, match="32 pixels"):
        predict_log_probs(trained[0].folder, np.zeros((1, 48, 48, 3), np.uint8), np.arange(1))


def test_one_outside_image_is_predicted_by_class_name(trained, coloured):
    out = io.BytesIO()
    Image.fromarray(coloured[0][0]).save(out, "PNG")
    probabilities = predict_image(trained[0].folder, out.getvalue())
    assert list(probabilities) == ["red", "green", "blue"]
    expected = np.exp(predict_log_probs(trained[0].folder, coloured[0], np.arange(1))[0])
    assert list(probabilities.values()) == pytest.approx(list(expected), abs=0.02)


def test_without_a_checkpoint_there_is_a_clear_error(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint"):
        predict_log_probs(tmp_path, np.zeros((1, 32, 32, 3), np.uint8), np.arange(1))
