"""The description in Croissant: the digest of the table, every column, how the labels were cleaned."""

import hashlib
import io
import json
import zipfile

from app.db.engine import Database
from tests.export.pets import COLUMNS, content


def test_the_description_has_the_digest_and_the_columns_of_the_table(
    database: Database, cleaned: int
) -> None:
    archive = zipfile.ZipFile(io.BytesIO(content(database, cleaned, "croissant")))
    table, said = archive.read("labels.parquet"), json.loads(archive.read("metadata.json"))
    assert table == content(database, cleaned, "parquet")
    (file,), (records,) = said["distribution"], said["recordSet"]
    assert (file["sha256"], file["contentSize"]) == (hashlib.sha256(table).hexdigest(), f"{len(table)} B")
    assert [field["name"] for field in records["field"]] == COLUMNS
    assert all(field["description"] for field in records["field"])
    assert "kept, relabelled or deleted" in said["rai:dataAnnotationProtocol"]
    assert said["name"] == "pets"
    assert "11 images in 3 classes" in said["description"]
