"""Data sets get other names, and the old ones lead to them."""

from pathlib import Path

import pytest
from sqlalchemy import select

from app.datasets.catalog import get_dataset, list_datasets
from app.datasets.creating import create_dataset
from app.datasets.models import FormerName
from app.datasets.renaming import archive_dataset, rename_dataset
from app.db.engine import Database
from app.errors import Conflict, Invalid, Moved
from tests.factories import Made


def rename(database: Database, before: str, name: str) -> None:
    with database.write() as session:
        rename_dataset(session, get_dataset(session, name=before), name=name)


def test_every_former_name_leads_to_the_name_now(database: Database, made: Made) -> None:
    rename(database, "faces", "people")
    rename(database, "people", "Persons")
    with database.read() as session:
        for name in ("faces", "people", "FACES"):
            with pytest.raises(Moved) as caught:
                get_dataset(session, name=name)
            assert caught.value.now == "Persons"
        assert get_dataset(session, name="persons").id == made.dataset_id
    rename(database, "Persons", "faces")  # and back
    with database.read() as session:
        assert get_dataset(session, name="faces").id == made.dataset_id
        assert set(session.scalars(select(FormerName.name))) == {"people", "persons"}


def test_a_name_that_is_taken_or_cannot_be_is_refused(database: Database, made: Made, tmp_path: Path) -> None:
    with database.write() as session:
        create_dataset(session, name="pets", source=str(tmp_path))
    for name, error in (("pets", Conflict), ("PETS", Conflict), ("a b", Invalid), ("", Invalid)):
        with pytest.raises(error):
            rename(database, "faces", name)
    rename(database, "faces", "Faces")


def test_a_new_data_set_may_take_a_former_name_but_not_for_the_same_images(
    database: Database, made: Made, tmp_path: Path
) -> None:
    rename(database, "faces", "people")
    with database.write() as session:
        source = get_dataset(session, name="people").source
        with pytest.raises(Conflict, match="import these images again as people"):
            create_dataset(session, name="faces", source=source)
    with database.write() as session:
        made_anew = create_dataset(session, name="faces", source=str(tmp_path / "elsewhere"))
        assert get_dataset(session, name="faces").id == made_anew.id != made.dataset_id


def test_an_archived_data_set_is_in_no_list_until_it_is_back(database: Database, made: Made) -> None:
    with database.write() as session:
        archive_dataset(get_dataset(session, name="faces"), archived=True)
    with database.write() as session:
        assert list_datasets(session) == []
        assert [each.name for each in list_datasets(session, archived=True)] == ["faces"]
        archive_dataset(get_dataset(session, name="faces"), archived=False)
    with database.read() as session:
        assert [each.name for each in list_datasets(session)] == ["faces"]
