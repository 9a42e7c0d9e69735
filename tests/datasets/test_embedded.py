"""Parquet files with images, as the library `datasets` writes them."""

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from app.datasets.embedded import holds_images, unpack
from app.datasets.label_reading import StatedLabels
from app.datasets.sources import resolve_images
from app.datasets.urls import is_list
from app.db.engine import Database
from app.errors import Invalid
from app.storage import Origin
from tests.datasets.labels.test_placing import AWKWARD, bring, labels_of, name
from tests.datasets.test_importing import png, samples

NAMES = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(AWKWARD)}}


def parquet(
    rows: Sequence[int],
    *,
    features: dict[str, object] | None = None,
    paths: str | None = "{:02}.png",
    label: str = "label",
) -> bytes:
    """A file of these images, with the classes as numbers and their names in the schema."""
    pictures = [{"bytes": png(10 * i), "path": paths and paths.format(i)} for i in rows]
    image = pa.array(pictures, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    names = NAMES if features is None else features
    numbers = [i % len(AWKWARD) for i in rows] if names else [name(i) for i in rows]
    table = pa.table({"image": image, label: numbers, "note": ["x"] * len(rows)})
    if names:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": names}})})
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=3)
    return out.getvalue()


def expected() -> dict[str, str]:
    return {f"{i:02}.png": name(i) for i in range(16)}


def in_splits(root: Path) -> Path:
    (root / "data").mkdir(parents=True)
    (root / "data" / "train-00000-of-00002.parquet").write_bytes(parquet(range(6)))
    (root / "data" / "train-00001-of-00002.parquet").write_bytes(parquet(range(6, 12)))
    (root / "data" / "validation-00000-of-00001.parquet").write_bytes(parquet(range(12, 16)))
    return root


@pytest.mark.parametrize("kind", ["a folder", "a zip", "one file"])
def test_images_classes_and_parts_come_out_and_twice_is_once(
    database: Database, tmp_path: Path, kind: str
) -> None:
    source = in_splits(tmp_path / "hub")
    if kind == "a zip":
        with zipfile.ZipFile(tmp_path / "hub.zip", "w") as made:
            for file in (source / "data").iterdir():
                made.write(file, f"data/{file.name}")
        source = tmp_path / "hub.zip"
    elif kind == "one file":
        source = tmp_path / "all.parquet"
        source.write_bytes(parquet(range(16)))
    origin, labels = resolve_images(str(source), uploads_dir=tmp_path / "uploads")
    again, _ = resolve_images(str(source), uploads_dir=tmp_path / "uploads")
    assert origin.source == again.source
    report = bring(database, Path(origin.source), labels=labels)
    assert (report.added, report.classes, report.rejected) == (16, 8, 0)
    assert labels_of(database) == expected()
    valid = {path for path, sample in samples(database).items() if sample.split == "valid"}
    if kind != "one file":
        assert valid == {f"{i}.png" for i in range(12, 16)}
    assert bring(database, Path(again.source)).added == 0


def test_images_without_paths_or_with_equal_ones_get_names(database: Database, tmp_path: Path) -> None:
    root = tmp_path / "hub"
    root.mkdir()
    (root / "train.parquet").write_bytes(parquet(range(8), paths="same.png"))
    (root / "test.parquet").write_bytes(parquet(range(8, 16), paths=None))
    origin, labels = resolve_images(str(root), uploads_dir=tmp_path / "uploads")
    bring(database, Path(origin.source), labels=labels)
    found = samples(database)
    assert len(found) == 16
    assert {"same.png", "train/same.png", "test/0000000.png"} <= found.keys()
    assert {sample.split for path, sample in found.items() if path.startswith("test/")} == {"test"}


def test_text_labels_and_named_columns_are_taken(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    file.write_bytes(parquet(range(16), features={}, label="kind of thing"))
    with pytest.raises(Invalid, match="which column is the class: its columns are kind of thing, note"):
        resolve_images(str(file), uploads_dir=tmp_path / "uploads")
    origin, labels = resolve_images(str(file), uploads_dir=tmp_path / "uploads", label_column="kind of thing")
    bring(database, Path(origin.source), labels=labels)
    assert labels_of(database) == expected()


def test_a_table_without_images_is_a_label_file(tmp_path: Path) -> None:
    file = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"path": ["a.png"], "label": ["x"]}), file)
    assert not holds_images(file)
    assert is_list(str(file))
    (tmp_path / "1.png").write_bytes(png(1))
    assert unpack(Origin(str(tmp_path)), uploads_dir=tmp_path / "uploads") is None
    assert StatedLabels("labels.parquet").stored == ""


def test_by_rest_and_in_the_form_a_parquet_file_is_a_source(
    api: dict[str, TestClient], browser_of: dict[str, TestClient]
) -> None:
    sent = {"file": ("all.parquet", parquet(range(16)))}
    made = api["ada"].post("/api/v1/datasets", data={"name": "a"}, files=sent)
    assert made.status_code == 202, made.text
    assert set(made.json()["layout"]["classes"]) == set(AWKWARD)
    sent = {"file": ("all.parquet", parquet(range(16)))}
    page = browser_of["ada"].post("/datasets/new", data={"name": "b"}, files=sent, follow_redirects=True)
    assert "8 classes" in page.text
    out = io.BytesIO()
    pq.write_table(pa.table({"path": ["a.png"], "label": ["x"]}), out)
    refused = api["ada"].post(
        "/api/v1/datasets", data={"name": "c"}, files={"file": ("l.parquet", out.getvalue())}
    )
    assert (refused.status_code, "has no images in it" in refused.text) == (422, True)


@pytest.mark.parametrize("kind", [pa.string(), pa.list_(pa.int16())], ids=["text", "numbers"])
def test_images_that_are_not_stored_as_bytes_are_refused_in_a_sentence(
    tmp_path: Path, kind: pa.DataType
) -> None:
    content = "x" if kind == pa.string() else list(png(1))
    image = pa.array([{"bytes": content}] * 2, pa.struct([("bytes", kind)]))
    pq.write_table(pa.table({"image": image, "label": ["a", "b"]}), tmp_path / "a.parquet")
    with pytest.raises(Invalid, match=r"in column “image” of .*a.parquet are stored as .*, not as bytes"):
        resolve_images(str(tmp_path / "a.parquet"), uploads_dir=tmp_path / "uploads")


def test_damaged_pages_of_images_are_refused_in_a_sentence(tmp_path: Path) -> None:
    content = bytearray(parquet(range(16)))
    content[100:400] = b"\xff" * 300
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(Invalid, match="damaged"):
        resolve_images(str(tmp_path / "a.parquet"), uploads_dir=tmp_path / "uploads")


def test_numbers_of_classes_that_became_floats_are_classes(database: Database, tmp_path: Path) -> None:
    made = pq.read_table(io.BytesIO(parquet(range(16))))
    floats = pa.array([None, *(float(i % len(AWKWARD)) for i in range(1, 16))])
    table = made.set_column(made.schema.get_field_index("label"), "label", floats)
    pq.write_table(table.replace_schema_metadata(made.schema.metadata), tmp_path / "a.parquet")
    origin, labels = resolve_images(str(tmp_path / "a.parquet"), uploads_dir=tmp_path / "uploads")
    bring(database, Path(origin.source), labels=labels)
    assert labels_of(database) == {path: label for path, label in expected().items() if path != "00.png"}
