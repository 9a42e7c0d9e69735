"""Files of predictions for three classes, right and wrong ones."""

import csv
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.errors import Invalid
from app.ranking.prediction_checks import Gathered, gather, open_predictions

NAMES = ("cat", "dog", "owl")
PATHS = ("train/cat/0.png", "train/dog/0.png", "train/dog/1.png", "valid/owl/0.png")
GOOD = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.05, 0.05, 0.9]])


def as_npy(path: Path, values: np.ndarray) -> Path:
    with path.open("wb") as file:
        np.save(file, values)
    return path


def as_npz(
    path: Path,
    values: np.ndarray = GOOD,
    *,
    ids: Sequence[object] | np.ndarray | None = PATHS,
    classes: Sequence[str] | None = NAMES,
) -> Path:
    named: dict[str, np.ndarray] = {"pred_probs": values}
    if ids is not None:
        named["ids"] = np.asarray(ids)
    if classes is not None:
        named["classes"] = np.asarray(classes)
    with path.open("wb") as file:
        np.savez_compressed(file, **named)
    return path


def as_csv(
    path: Path,
    values: np.ndarray | Sequence[Sequence[object]] = GOOD,
    *,
    ids: Sequence[object] = PATHS,
    head: Sequence[str] = ("path", *NAMES),
    delimiter: str = ",",
) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(head)
        writer.writerows([key, *row] for key, row in zip(ids, np.asarray(values).tolist(), strict=True))
    return path


def as_parquet(path: Path, values: np.ndarray = GOOD, *, ids: Sequence[object] = PATHS) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"path": list(ids)} | {name: values[:, k].tolist() for k, name in enumerate(NAMES)}
    parquet.write_table(pa.table(columns), path)
    return path


def as_pickle(path: Path, values: np.ndarray = GOOD) -> Path:
    path.write_bytes(pickle.dumps(values))
    return path


def as_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


IDS = np.array([3, 5, 6, 9])


def read(path: Path, **options: Path) -> tuple[np.ndarray, Gathered]:
    out = np.full(GOOD.shape, -1, np.float32)
    with open_predictions(
        path,
        names=NAMES,
        most=len(PATHS),
        folder=path.parent,
        ids=options.get("ids"),
        classes=options.get("classes"),
    ) as found:
        gathered = gather(found, sample_ids=IDS, paths=PATHS, names=NAMES, out=out)
    assert {each.name for each in path.parent.iterdir()} <= {path.name, *(p.name for p in options.values())}
    return out, gathered


def refusal(path: Path, **options: Path) -> str:
    with pytest.raises(Invalid) as refused:
        read(path, **options)
    return str(refused.value)


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path
