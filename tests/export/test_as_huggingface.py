"""Parquet with images for `datasets`: its schema has the class names, its file names the version."""

import io
import json
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.db.engine import Database
from app.export import as_huggingface
from tests.export.pets import content, imported, png, review, write

SCHEMA = {
    "image": {"_type": "Image"},
    "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    "sample_id": {"dtype": "int64", "_type": "Value"},
    "path": {"dtype": "string", "_type": "Value"},
}


def test_each_part_has_parquet_files_of_some_images_that_name_the_version(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        f"{part}/{name}/{i}.png": png(i)
        for part in ("train", "val")
        for name in ("cat", "dog")
        for i in (1, 2)
    }
    first = imported(database, write(tmp_path / "pets", files))
    monkeypatch.setattr(as_huggingface, "IMAGES_A_FILE", 3)
    monkeypatch.setattr(as_huggingface, "IMAGES_A_GROUP", 2)
    archive = zipfile.ZipFile(io.BytesIO(content(database, first, "huggingface")))
    names = archive.namelist()
    assert [name.split("/")[0] for name in names] == ["train", "train", "validation", "validation"]
    rows = []
    for name in names:
        read = pq.read_table(io.BytesIO(archive.read(name)))
        assert json.loads(read.schema.metadata[b"huggingface"])["info"]["features"] == SCHEMA
        rows += read.to_pylist()
    assert {row["path"]: row["image"]["bytes"] for row in rows} == files
    assert {row["path"]: row["label"] for row in rows} == {path: int("dog" in path) for path in files}

    second = review(database, {"train/cat/1.png": "dog"})
    later = zipfile.ZipFile(io.BytesIO(content(database, second, "huggingface"))).namelist()
    assert not set(names) & set(later)  # `datasets` would give what it keeps of the other version
