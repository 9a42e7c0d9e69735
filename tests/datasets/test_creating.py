"""New data sets: their name and their source."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.creating import check_name, create_dataset, is_empty
from app.db.engine import Database
from app.errors import Conflict, Invalid


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True))
def test_letters_digits_dots_hyphens_and_underscores_make_a_name(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", ".", "-a", "a b", "a/b", "ä", "a" * 65, "a\n", "a\x00"])
def test_another_name_is_refused_in_words(name: str) -> None:
    with pytest.raises(Invalid, match="cannot be the name of a data set"):
        check_name(name)


def test_a_source_may_be_replaced_only_while_its_import_has_brought_no_sample(
    database: Database, tmp_path: Path
) -> None:
    with database.write() as session:
        first = create_dataset(session, name="pets", source=str(tmp_path / "a" / ".." / "pets"))
        assert first.source == str(tmp_path / "pets")
        assert is_empty(session, first)
        assert create_dataset(session, name="PETS", source=str(tmp_path / "pets")) is first
        with pytest.raises(Conflict, match="The name pets is taken by the data set from"):
            create_dataset(session, name="pets", source=str(tmp_path / "other"))
        first.state = "failed"
        assert create_dataset(session, name="pets", source=str(tmp_path / "other")) is first
        assert first.source == str(tmp_path / "other")


def test_nothing_is_no_source(database: Database) -> None:
    with database.write() as session, pytest.raises(Invalid, match="nothing to import"):
        create_dataset(session, name="pets", source=" ")
