"""Each file of predictions is read as it is meant, or refused with a sentence that says what to do."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.ranking.prediction_files import (
    GOOD,
    IDS,
    NAMES,
    PATHS,
    as_csv,
    as_npy,
    as_npz,
    as_parquet,
    as_pickle,
    as_zip,
    read,
    refusal,
    text,
)


def changed(row: int, values: list[float]) -> np.ndarray:
    made = GOOD.copy()
    made[row] = values
    return made


@pytest.mark.parametrize(
    "write",
    [
        as_npz,
        as_csv,
        as_parquet,
        lambda path: as_npz(path, GOOD[:, [2, 0, 1]], classes=("owl", "cat", "dog")),
        lambda path: as_npz(path, GOOD[::-1], ids=PATHS[::-1]),
        lambda path: as_npz(path, ids=IDS),
        lambda path: as_npz(path, ids=[str(each) for each in IDS]),
        lambda path: as_npz(path, ids=[f".\\{each}".replace("/", "\\") for each in PATHS]),
        lambda path: as_npz(path, np.asfortranarray(GOOD.astype(np.float32))),
        lambda path: as_npz(path, GOOD.astype(">f8")),
        lambda path: as_csv(path, head=("sample_id", *NAMES), ids=IDS.tolist()),
        lambda path: as_csv(path, delimiter=";"),
        lambda path: as_csv(path, delimiter="\t"),
        lambda path: as_csv(path, GOOD[:, [1, 0, 2]], head=("", "p_dog", "p_cat", "p_owl")),
        lambda path: as_csv(path, head=("file", " Cat", "DOG", "owl")),
    ],
)
def test_a_file_is_read_by_the_names_of_its_classes_and_images(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    values, gathered = read(write(tmp_path / "file"))
    assert values == pytest.approx(GOOD.astype(np.float32), abs=1e-7)
    assert gathered.seen.all()
    assert gathered.notes == ()


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8"])
def test_each_precision_is_kept_as_it_is(tmp_path: Path, kind: str) -> None:
    values, _ = read(as_npz(tmp_path / "file.npz", GOOD.astype(kind)))
    assert (values == GOOD.astype(kind).astype(np.float32)).all()


def test_a_row_may_be_missing_here_and_the_images_that_have_one_are_told(tmp_path: Path) -> None:
    _, gathered = read(as_npz(tmp_path / "p.npz", GOOD[:2], ids=PATHS[:2]))
    assert gathered.seen.tolist() == [True, True, False, False]


def test_verdicts_instead_of_probabilities_are_noted(tmp_path: Path) -> None:
    _, gathered = read(as_npz(tmp_path / "p.npz", np.eye(3)[[0, 1, 1, 2]]))
    assert "Every row gives one class the probability 1" in gathered.notes[0]


LOGITS = np.array([[3.0, -1, 0.5], [-2, 4, 0], [1, 1, 2], [0, -3, 6]])
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "NaN": (
        lambda path: as_npz(path, changed(1, [0.5, np.nan, 0.5])),
        "1 row without a number (NaN): “train/dog/0.png” for “dog”. Predict these images again",
    ),
    "empty cells": (
        lambda path: as_csv(path, [["", "", ""], *GOOD[1:].tolist()]),
        "1 row without a number (NaN): “train/cat/0.png” for “cat”.",
    ),
    "infinite": (
        lambda path: as_npz(path, changed(1, [np.inf, 0, 0])),
        "1 row with an infinite value: “train/dog/0.png” for “cat”.",
    ),
    "negative": (
        lambda path: as_npz(path, changed(3, [-0.1, 0.2, 0.9])),
        "1 row with a negative probability: “valid/owl/0.png” has -0.1 for “cat”. Probabilities are 0 to 1.",
    ),
    "above 1": (
        lambda path: as_npz(path, changed(3, [0, 0, 1.4])),
        "1 row with a probability above 1: “valid/owl/0.png” has 1.4 for “owl”.",
    ),
    "sums": (
        lambda path: as_npz(path, changed(2, [0.3, 0.3, 0.3])),
        "1 row whose probabilities do not sum to 1 (± 0.01): “train/dog/1.png” sums to 0.9.",
    ),
    "sigmoid": (
        lambda path: as_npz(path, np.full((4, 3), 0.8)),
        "4 rows whose probabilities do not sum to 1",
    ),
    "logits": (
        lambda path: as_npz(path, LOGITS),
        (
            "scores before the softmax (logits), not probabilities: “train/cat/0.png” has -1 for “dog”. "
            "Import scipy.special.softmax(scores, axis=1)."
        ),
    ),
    "logarithms": (
        lambda path: as_npz(path, np.log(GOOD)),
        "The values are logarithms of probabilities; import np.exp(values).",
    ),
    "percents": (lambda path: as_npz(path, GOOD * 100), "The values are percents, each row sums to 100"),
    "an unknown class": (
        lambda path: as_csv(path, head=("path", "cat", "dog", "bird")),
        "The column “bird” is no class of this data set; its classes are “cat”, “dog” and “owl”.",
    ),
    "an unknown class after p_": (
        lambda path: as_csv(
            path, np.c_[GOOD, GOOD[:, 0]], head=("path", "p_cat", "p_dog", "p_owl", "p_bird")
        ),
        "The column “p_bird” is no class of this data set",
    ),
    "an unknown class name": (
        lambda path: as_npz(path, classes=("cat", "dog", "bird")),
        "The class name “bird” is no class of this data set",
    ),
    "a missing class": (
        lambda path: as_csv(path, GOOD[:, :2], head=("path", "cat", "dog")),
        "There is no column for “owl”; give the probability of each of the 3 classes",
    ),
    "a class twice": (
        lambda path: as_csv(path, head=("path", "cat", "dog", "Dog")),
        "Two columns are of the class “dog”; leave one of them out.",
    ),
    "another number of class names": (
        lambda path: as_npz(path, classes=("cat", "dog")),
        "There are 2 class names for 3 columns; give one each.",
    ),
    "an unknown path": (
        lambda path: as_npz(path, ids=("train/cat/0.png", "else/where.png", *PATHS[2:])),
        (
            "1 row of no image of this data set: “else/where.png”. Its paths look like “train/cat/0.png”, "
            "image ids go from 3 to 9. Use these, and leave other images out."
        ),
    ),
    "an unknown sample id": (
        lambda path: as_npz(path, ids=[3, 5, 6, 7]),
        "1 row of no image of this data set: “7”. Its image ids go from 3 to 9.",
    ),
    "an image twice": (
        lambda path: as_npz(path, ids=(*PATHS[:3], PATHS[0])),
        "1 row of an image that an earlier row is of: “train/cat/0.png”. Give one row for each image.",
    ),
    "an image by path and id": (
        lambda path: as_npz(path, ids=(*PATHS[:3], "3")),
        "1 row of an image that an earlier row is of: “3”.",
    ),
    "no ids": (
        lambda path: as_npz(path, ids=None),
        "The file does not say which of its 4 rows is which image. Give the paths or image ids",
    ),
    "too few ids": (lambda path: as_npz(path, ids=PATHS[:3]), "There are 3 ids for 4 rows"),
    "too many ids": (lambda path: as_npz(path, ids=(*PATHS, "x")), "The file has 5 rows"),
    "more rows than images": (
        lambda path: as_npz(path, np.r_[GOOD, GOOD], ids=PATHS * 2),
        "The file has 8 rows, but the data set has 4 images; give one row for each image.",
    ),
    "labels, not probabilities": (
        lambda path: as_npz(path, np.array([0, 1, 1, 2])),
        "The array has the shape 4: one value for each image.",
    ),
    "two columns for three classes": (
        lambda path: as_npz(path, GOOD[:, :2], classes=None),
        "The array has the shape 4 x 2, but the data set has 3 classes: save an array of images x 3.",
    ),
    "turned over": (
        lambda path: as_npz(path, GOOD.T),
        "It looks turned over: save its transpose, array.T.",
    ),
    "three dimensions": (lambda path: as_npz(path, GOOD[None]), "The array has the shape 1 x 4 x 3"),
    "words": (
        lambda path: as_npz(path, np.array([["a", "b", "c"]] * 4)),
        "values of the type <U1, not numbers",
    ),
    "a pickle": (as_pickle, "The file is a pickle, which may contain a program, so Toploss never loads it."),
    "a pickle in a .npz": (
        lambda path: as_npz(path, GOOD.astype(object)),
        "The array “pred_probs” is stored as Python objects, that is as a pickle, which may contain",
    ),
    "ids as a pickle": (
        lambda path: as_npz(path, ids=np.array(PATHS, dtype=object)),
        (
            "The array “ids” is stored as Python objects, that is as a pickle, which may contain a program, "
            "so Toploss never loads it. Save it as a plain array: np.array(ids, dtype=str)."
        ),
    ),
    "another array": (
        lambda path: as_zip(path, {"weights.npy": b"", "a.txt": b""}),
        "The file has no array “pred_probs” of probabilities; it has “a.txt” and “weights.npy”.",
    ),
    "a cut off array": (
        lambda path: (as_npy(path, GOOD), path.write_bytes(path.read_bytes()[:-8]), path)[-1],
        "The array is cut off",
    ),
    "a cut off .npz": (
        lambda path: (as_npz(path), path.write_bytes(path.read_bytes()[:-30]), path)[-1],
        "The file is a damaged .npz or zip; save it again.",
    ),
    "nothing": (lambda path: text(path, ""), "The file is empty; save the predictions again."),
    "only a header": (lambda path: text(path, "path,cat,dog,owl\n"), "The file has no rows"),
    "no table": (lambda path: text(path, "hello\n"), "The file is no .npy, .npz, CSV or Parquet file."),
    "an image": (
        lambda path: (path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256))), path)[-1],
        "The file is no .npy, .npz, CSV or Parquet file.",
    ),
    "no column of ids": (
        lambda path: as_csv(path, GOOD[:, 1:], ids=GOOD[:, 0].tolist(), head=NAMES),
        "The table has no column “path” or “sample_id” that says which row is which image; add one.",
    ),
    "a word among numbers": (
        lambda path: as_csv(path, [["0.7", "high", "0.1"], *GOOD[1:].tolist()]),
        "“high” in the column “dog” is no number (row 1 of the table).",
    ),
    "decimal commas": (
        lambda path: as_csv(path, [["0,7", "0,2", "0,1"], *GOOD[1:].tolist()], delimiter=";"),
        "Write decimal points, not commas.",
    ),
    "a short line": (
        lambda path: text(path, "path,cat,dog,owl\ntrain/cat/0.png,0.5,0.5\n"),
        "Line 2 has 3 cells, but the header has 4; write the table again.",
    ),
    "no Parquet": (
        lambda path: (path.write_bytes(b"PAR1" + bytes(40)), path)[-1],
        "The Parquet file cannot be read",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_file_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    write, words = REFUSED[name]
    said = refusal(write(tmp_path / "file"))
    assert words in said
    assert re.search(r"[.]$", said)


def test_only_an_array_has_ids_of_its_own(tmp_path: Path) -> None:
    ids = text(tmp_path / "ids.csv", "a\n")
    assert "Only an array has its ids" in refusal(as_csv(tmp_path / "p.csv"), ids=ids)
