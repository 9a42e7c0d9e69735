"""A label file is read for the images of a data set while others work."""

import pytest
from starlette.testclient import TestClient

from app.datasets.label_reading import StatedLabels
from app.datasets.labels import placing
from app.datasets.labels.placing import rows_of
from app.datasets.labels.reading import paths_of, read_labels
from app.datasets.models import Sample
from app.db.engine import Database
from app.errors import Invalid
from tests.factories import Made


def test_a_label_file_is_read_while_others_write(
    database: Database,
    made: Made,
    api: dict[str, TestClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A write of another connection in the middle of the file would wait for a transaction that writes."""
    rows = []

    def row(*arguments: object, **options: object) -> object:
        with database.write() as session:
            rows.append(session.get_one(Sample, made.sample_ids[0]))
        return rows_of(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(placing, "rows_of", row)
    sent = {"file": ("mine.csv", f"path,label\n{made.paths[0]},dog\n".encode())}
    answer = api["ada"].post("/api/v1/datasets/faces/labels", files=sent)
    assert (answer.status_code, answer.json()["changes"]) == (200, 1)
    assert rows


def test_a_file_without_a_label_for_any_image_is_refused(database: Database, made: Made) -> None:
    with database.read() as session:
        paths = paths_of(session, dataset_id=made.dataset_id)
    assert sorted(paths) == sorted(made.paths)
    with pytest.raises(Invalid, match="no label that can be used for an image of this data set"):
        read_labels(paths, said=StatedLabels("a.csv", "sent"), content=b"path,label\nx/none.png,cat\n")
