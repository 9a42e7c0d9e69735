"""What others read of an export: pandas and torchvision, on a small data set of their own."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.datasets.importing import create_dataset, import_images
from app.datasets.versions import latest_version
from app.db import Database
from app.export.exporting import export_version
from app.export.rows import COLUMNS


@pytest.fixture
def exports(sqlite_url: str, tmp_path: Path) -> dict[str, bytes]:
    """The three formats of a data set of three nasty classes; two files have no image's suffix."""
    random = np.random.default_rng(0)
    for folder in ("=cat", "a%2Fb", "dog"):
        for name in ("0.png", "1.png", "2.png", "3.jpg", "4", "5.dat"):
            path = tmp_path / "pets" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 255, (4, 4), dtype=np.uint8)).save(
                path, "JPEG" if name == "3.jpg" else "PNG"
            )
    database = Database(sqlite_url)
    with database.write() as session:
        dataset_id = create_dataset(session, name="pets", source=str(tmp_path / "pets")).id
    import_images(
        database,
        dataset_id=dataset_id,
        max_pixels=100,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    with database.read() as session:
        version_id = latest_version(session, dataset_id=dataset_id).id
        made = {
            name: export_version(session, version_id=version_id, format=name)
            for name in ("csv", "jsonl", "imagefolder")
        }
    contents = {name: b"".join(export.chunks) for name, export in made.items()}
    database.close()
    return contents


def test_pandas_reads_both_tables(exports: dict[str, bytes]) -> None:
    import pandas as pd

    for frame in (
        pd.read_csv(io.BytesIO(exports["csv"])),
        pd.read_json(io.BytesIO(exports["jsonl"]), lines=True),
    ):
        assert tuple(frame.columns) == COLUMNS
        assert len(frame) == 18
        assert frame["split"].value_counts().to_dict() == {"train": 15, "valid": 3}


def test_torchvision_finds_every_image_by_its_class(exports: dict[str, bytes], tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    zipfile.ZipFile(io.BytesIO(exports["imagefolder"])).extractall(tmp_path / "out")
    images = {split: ImageFolder(str(tmp_path / "out" / split)) for split in ("train", "valid")}
    assert {split: len(found) for split, found in images.items()} == {"train": 15, "valid": 3}
    assert images["train"].classes == images["valid"].classes == ["=cat", "a%2Fb", "dog"]
