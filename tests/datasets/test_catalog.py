"""Look-ups of data sets, their classes and samples."""

from pathlib import Path

import pytest

from app.datasets.catalog import (
    class_position,
    count_samples,
    find_dataset,
    get_dataset,
    get_sample,
    known_dataset,
    list_datasets,
    ready_dataset,
    summarise,
)
from app.datasets.creating import create_dataset
from app.datasets.models import Dataset, LabelClass
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
from tests.factories import Made


def test_a_data_set_is_found_by_its_name_in_any_case_unless_two_differ_only_in_it(
    database: Database, made: Made
) -> None:
    with database.write() as session:
        assert get_dataset(session, name="FACES").id == find_dataset(session, name="faces") == made.dataset_id
        session.add(Dataset(name="Faces", source="x"))
        session.flush()
        assert find_dataset(session, name="faces") == made.dataset_id
        assert known_dataset(session, name="FACES") is None
        with pytest.raises(NotFound, match="no data set named FACES"):
            find_dataset(session, name="FACES")


def test_a_class_is_found_in_any_spelling_unless_it_may_be_two(database: Database, made: Made) -> None:
    with database.write() as session:
        assert class_position(session, dataset_id=made.dataset_id, name=" OWL ") == 2
        with pytest.raises(Invalid, match="its classes are cat, dog, owl"):
            class_position(session, dataset_id=made.dataset_id, name="cow")
        session.add(LabelClass(dataset_id=made.dataset_id, position=3, name="Owl"))
        session.flush()
        assert class_position(session, dataset_id=made.dataset_id, name="Owl") == 3
        with pytest.raises(Invalid, match="may mean “owl” or “Owl”"):
            class_position(session, dataset_id=made.dataset_id, name="OWL")


def test_every_data_set_is_listed_with_its_counts_and_one_without_a_version_is_not_ready(
    database: Database, made: Made, tmp_path: Path
) -> None:
    with database.write() as session:
        empty = create_dataset(session, name="empty", source=str(tmp_path))
        session.flush()
        listed = list_datasets(session)
        assert [(each.name, each.samples, each.classes) for each in listed] == [
            ("empty", 0, 0),
            ("faces", 24, 3),
        ]
        assert summarise(session, get_dataset(session, name="faces")) == listed[1]
        assert count_samples(session, dataset_id=made.dataset_id) == 24
        assert ready_dataset(session, name="faces").id == made.dataset_id
        empty.state = "failed"
        with pytest.raises(Conflict, match="has failed or was cancelled"):
            ready_dataset(session, name="empty")
        with pytest.raises(NotFound):
            get_sample(session, sample_id=made.sample_ids[0], dataset_id=empty.id)
