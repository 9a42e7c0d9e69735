"""Arrays of predictions, with their ids and classes beside them."""

import io
from pathlib import Path

import numpy as np
import pytest

from tests.ranking.prediction_files import GOOD, IDS, PATHS, as_npy, as_npz, as_zip, read, refusal, text


def test_an_array_has_its_ids_and_classes_in_files_of_their_own(tmp_path: Path) -> None:
    array = as_npy(tmp_path / "p.npy", GOOD[:, ::-1])
    classes = text(tmp_path / "classes.txt", "owl\ndog\ncat\n")
    for ids in (
        "\n".join(PATHS),
        "sample_id,path\n" + "".join(f"{i},{p}\n" for i, p in zip(IDS, PATHS, strict=True)),
    ):
        values, _ = read(array, ids=text(tmp_path / "ids.csv", ids), classes=classes)
        assert values == pytest.approx(GOOD.astype(np.float32))


def test_a_zip_has_them_beside_the_array(tmp_path: Path) -> None:
    array = io.BytesIO()
    np.save(array, GOOD)
    ids = "".join(f"{path}\n" for path in PATHS)
    content = {
        "out/pred_probs.npy": array.getvalue(),
        "out/ids.csv": ids.encode(),
        "out/classes.txt": b"cat\ndog\nowl\n",
    }
    values, _ = read(as_zip(tmp_path / "p.zip", content))
    assert values == pytest.approx(GOOD.astype(np.float32))


def test_without_class_names_the_columns_are_in_the_order_of_the_data_set_and_a_note_says_so(
    tmp_path: Path,
) -> None:
    _, gathered = read(as_npz(tmp_path / "p.npz", classes=None))
    assert gathered.notes == (
        "Its columns were read in the order of the data set’s classes: “cat”, “dog” and “owl”.",
    )


def test_ids_that_are_no_text_are_refused(tmp_path: Path) -> None:
    array, ids = as_npy(tmp_path / "p.npy", GOOD), tmp_path / "ids.csv"
    for content in (b"train/cat/0.png\n\xff\xfe\n", b"\xff", b"path\n" + b"\xe9\n" * 4):
        ids.write_bytes(content)
        assert "The file of ids is no text in UTF-8" in refusal(array, ids=ids)


def test_an_archive_that_unpacks_to_far_more_than_the_data_set_is_not_unpacked(tmp_path: Path) -> None:
    path = as_npz(tmp_path / "p.npz", np.zeros((2_000_000, 3), np.float32), ids=None)
    assert path.stat().st_size < 100_000
    assert "The file has 2,000,000 rows" in refusal(path)
