"""Patches of small images as a further description, on scikit-learn's digits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from app.errors import Cancelled
from app.ml.patches import Filters, PatchEmbedder
from app.ranking.opinions import Opinion
from app.ranking.out_of_fold import OutOfFold, judge
from app.ranking.starting import start
from app.tasks import patches
from app.tasks.patches import Facts, SmallImages, features_file, filters_file, with_patches

N = 600


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 24, 24, 3) and what they show."""
    found = load_digits()
    large = np.kron(found.images[:N], np.ones((3, 3))) * (255 / 16)
    return np.repeat(large[..., None], 3, axis=3).astype(np.uint8), found.target[:N]


@pytest.fixture
def labels(digits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """A tenth is wrong."""
    given = digits[1].copy()
    given[::10] = (given[::10] + np.random.default_rng(0).integers(1, 10, N // 10)) % 10
    return given


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images are embedded at once, call by call; the windows are small."""
    counts: list[int] = []
    embed = PatchEmbedder.embed

    def count(self: PatchEmbedder, batch: np.ndarray) -> np.ndarray:
        counts.append(len(batch))
        return embed(self, batch)

    monkeypatch.setattr(PatchEmbedder, "embed", count)
    monkeypatch.setattr("app.ml.features._WINDOW", 200)
    return counts


def vectors_of(labels: np.ndarray, *, known: float) -> np.ndarray:
    """Features of a backbone that knows the class more or less."""
    random = np.random.default_rng(1)
    result: np.ndarray = known * np.eye(10)[labels] + random.normal(size=(len(labels), 10))
    return result.astype(np.float32)


def look(
    images: np.ndarray,
    labels: np.ndarray,
    vectors: np.ndarray,
    folder: Path,
    *,
    rows: np.ndarray | None = None,
    **options: Any,
) -> tuple[OutOfFold, Facts]:
    settings: dict[str, Any] = {
        "problems": {},
        "before": None,
        "report": lambda *_: None,
        "should_stop": lambda: False,
    }
    small = SmallImages(images, folder=folder, **settings | options)
    rows = np.arange(len(labels)) if rows is None else rows
    groups = np.arange(len(labels))
    return with_patches(
        judge(vectors, labels, 10, groups=groups),
        vectors,
        rows=rows,
        labels=labels,
        groups=groups,
        classes=10,
        small=small,
    )


def average_precision(opinion: OutOfFold, labels: np.ndarray, wrong: np.ndarray) -> float:
    said = Opinion("first look", opinion.log_probs)
    return float(average_precision_score(wrong, start([said], labels, classes=10).error_probability))


@pytest.mark.parametrize("tried", [300, 2000])  # fewer and more than there are
def test_where_patches_say_more_than_the_backbone_they_find_the_wrong_labels(
    digits: Any, labels: np.ndarray, tmp_path: Path, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "TRIED", tried)
    images, true = digits
    vectors = vectors_of(true, known=1.5)
    opinion, facts = look(images, labels, vectors, tmp_path)
    assert facts["used"] is True
    assert facts["images"] == N
    wrong = labels != true
    assert average_precision(opinion, labels, wrong) > 0.97
    assert average_precision(judge(vectors, labels, 10), labels, wrong) < 0.9


def test_with_shuffled_labels_the_order_is_no_better_than_chance(
    digits: Any, labels: np.ndarray, tmp_path: Path
) -> None:
    images, true = digits
    shuffled = np.random.default_rng(5).permutation(labels)
    opinion, _ = look(images, shuffled, vectors_of(true, known=1.5), tmp_path)
    wrong = labels != true  # planted before: what was wrong then says nothing now
    assert average_precision(opinion, shuffled, wrong) < wrong.mean() + 0.05


def test_where_they_say_nothing_only_a_sample_is_looked_at(
    digits: Any, labels: np.ndarray, tmp_path: Path, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "TRIED", 300)
    noise = np.random.default_rng(2).integers(0, 255, digits[0].shape, dtype=np.uint8)
    vectors = vectors_of(digits[1], known=5)
    opinion, facts = look(noise, labels, vectors, tmp_path)
    assert (facts["used"], facts["images"]) == (False, 300)
    assert (opinion.log_probs == judge(vectors, labels, 10).log_probs).all()
    assert seen == [300]
    assert not features_file(tmp_path).exists()


def test_a_stopped_job_goes_on_where_it_was(
    digits: Any, labels: np.ndarray, tmp_path: Path, seen: list[int]
) -> None:
    vectors = vectors_of(digits[1], known=1.5)
    with pytest.raises(Cancelled):
        look(digits[0], labels, vectors, tmp_path, should_stop=lambda: sum(seen) >= 400)
    assert sum(seen) == 400
    resumed, _ = look(digits[0], labels, vectors, tmp_path)
    assert sum(seen) == N
    whole, _ = look(digits[0], labels, vectors, tmp_path / "other")
    assert resumed.log_probs == pytest.approx(whole.log_probs, abs=1e-3)


def test_numbers_of_filters_that_are_lost_are_made_again(
    digits: Any, labels: np.ndarray, tmp_path: Path, seen: list[int]
) -> None:
    vectors = vectors_of(digits[1], known=1.5)
    look(digits[0], labels, vectors, tmp_path)
    filters_file(tmp_path).write_bytes(b"damaged")
    look(digits[0], labels, vectors, tmp_path)
    assert sum(seen) == 2 * N


def before_all_but(last: int) -> Callable[[Path], tuple[Path, np.ndarray]]:
    return lambda folder: (folder, np.where(np.arange(N) < N - last, np.arange(N), -1))


@pytest.mark.parametrize("own", [False, True])
def test_images_that_come_later_are_described_alone_by_the_same_filters(
    digits: Any, labels: np.ndarray, tmp_path: Path, seen: list[int], own: bool
) -> None:
    vectors = vectors_of(digits[1], known=1.5)
    look(digits[0][: N - 50], labels[: N - 50], vectors[: N - 50], tmp_path / "1")
    if own:  # filters of its own: the numbers of others would mean something else
        Filters.of(digits[0], seed=1).write(filters_file(tmp_path / "2"))
    seen.clear()
    look(digits[0], labels, vectors, tmp_path / "2", before=before_all_but(50)(tmp_path / "1"))
    assert sum(seen) == (N if own else 50)


def test_images_that_could_not_be_read_are_left_out_and_read_again_later(
    digits: Any, labels: np.ndarray, tmp_path: Path, seen: list[int]
) -> None:
    vectors = vectors_of(digits[1], known=1.5)
    rows = np.arange(3, N)
    problems = {row: OSError("gone") for row in range(3)}
    opinion, facts = look(digits[0], labels[3:], vectors[3:], tmp_path, rows=rows, problems=problems)
    assert facts["used"] is True
    assert np.isfinite(opinion.log_probs).all()
    seen.clear()
    look(digits[0], labels, vectors, tmp_path)
    assert sum(seen) == 3
