"""Look-ups of data sets, their classes and samples."""

from pathlib import Path

import pytest
from sqlalchemy import String, cast, func, select, update

from app.datasets.catalog import (
    class_position,
    count_samples,
    each_sample,
    find_dataset,
    get_dataset,
    get_sample,
    known_dataset,
    list_datasets,
    ready_dataset,
    summarise,
)
from app.datasets.creating import create_dataset
from app.datasets.models import Dataset, LabelClass, Sample
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
from tests.factories import Made, import_folder, write_images


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


def test_each_sample_is_of_its_data_set_also_where_the_ids_of_two_are_mixed(
    database: Database, tmp_path: Path
) -> None:
    ids = [import_folder(database, write_images(tmp_path / name), name=name) for name in ("one", "two")]
    with database.write() as session:
        session.execute(update(Sample).values(path=cast(Sample.id, String)))
        session.execute(update(Sample).where(Sample.id % 3 == 0).values(dataset_id=ids[0]))
        session.execute(update(Sample).where(Sample.id % 3 == 1).values(dataset_id=ids[1]))
    with database.read() as session:
        for dataset_id in ids:
            counted = select(func.count()).select_from(Sample)
            found = session.scalar(counted.where(each_sample(session, dataset_id=dataset_id)))
            assert found == count_samples(session, dataset_id=dataset_id) > 0
        nothing = counted.where(each_sample(session, dataset_id=99))
        assert session.scalar(nothing) == 0
