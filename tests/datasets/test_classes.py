"""Names and positions of classes that change."""

import pytest

from app.datasets.catalog import class_names, classes_of
from app.datasets.classes import (
    add_class,
    check_class_name,
    former_names,
    get_class,
    past_changes,
    positions_of_new,
    rename_class,
    retire_row,
)
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
from tests.factories import Made


def test_names_are_stored_composed_with_single_spaces() -> None:
    assert check_class_name("  cafe\u0301   noir ") == "café noir"
    for name in ("007", "NA", "=1+1", 'he said "hi"', "日本語", "a,b", "50%"):
        assert check_class_name(name) == name
    for name in ("", " ", "a\nb", "\u2028", "\u3164", "x" * 201):
        with pytest.raises(Invalid):
            check_class_name(name)


@pytest.mark.parametrize("name", [".", "..", "...", " .. ", "../..", "a/../b", "./cat", "a\\..", ". ."])
def test_a_name_that_means_another_folder_in_an_address_is_refused(
    database: Database, made: Made, name: str
) -> None:
    with database.write() as session:
        with pytest.raises(Invalid, match="dots alone"):
            add_class(session, dataset_id=made.dataset_id, name=name, user_id=None)
        row = get_class(session, dataset_id=made.dataset_id, name="cat")
        with pytest.raises(Invalid, match="dots alone"):
            rename_class(session, row, name=name, user_id=None)
    for fine in ("a.b", ".NET", "e.g.", "AC/DC", "...and more", "n/a"):
        assert check_class_name(fine) == fine


def test_a_position_is_never_used_again(database: Database, made: Made) -> None:
    with database.write() as session:
        emu = add_class(session, dataset_id=made.dataset_id, name="emu", user_id=None)
        retire_row(session, emu, into=None, action_id=None, user_id=None)
        gnu = add_class(session, dataset_id=made.dataset_id, name="gnu", user_id=None)
        again = add_class(session, dataset_id=made.dataset_id, name="EMU", user_id=None)
        assert (emu.position, gnu.position, again.position, again.name) == (3, 4, 3, "emu")
        assert class_names(session, dataset_id=made.dataset_id) == ["cat", "dog", "owl", "emu", "gnu"]


def test_a_name_that_another_class_has_in_any_spelling_is_refused(database: Database, made: Made) -> None:
    with database.write() as session:
        row = get_class(session, dataset_id=made.dataset_id, name="CAT")
        for name in ("dog", " DOG"):
            with pytest.raises(Conflict, match="merge “cat” into it"):
                rename_class(session, row, name=name, user_id=None)
        rename_class(session, row, name="Cat", user_id=None)  # its own name in another spelling
        assert class_names(session, dataset_id=made.dataset_id)[0] == "Cat"
        with pytest.raises(NotFound):
            get_class(session, dataset_id=made.dataset_id, name="emu")


def test_a_former_name_leads_to_the_class_until_another_one_has_it(database: Database, made: Made) -> None:
    with database.write() as session:
        row = get_class(session, dataset_id=made.dataset_id, name="cat")
        rename_class(session, row, name="kitten", user_id=None)
        assert former_names(session, dataset_id=made.dataset_id) == {"cat": "kitten"}
        add_class(session, dataset_id=made.dataset_id, name="cat", user_id=None)
        assert former_names(session, dataset_id=made.dataset_id) == {}
        words = [each.words for each in past_changes(session, dataset_id=made.dataset_id)]
        assert words == ["added “cat”", "renamed “cat” to “kitten”"]


def test_new_images_of_a_retired_class_bring_it_back(database: Database, made: Made) -> None:
    with database.write() as session:
        row = get_class(session, dataset_id=made.dataset_id, name="cat")
        retire_row(session, row, into=None, action_id=None, user_id=None)
        positions = {"cat": 0, "dog": 1}
        found, notes = positions_of_new(
            session, dataset_id=made.dataset_id, positions=positions, names=["cat"]
        )
        assert found == positions
        assert notes == ["“cat” had been retired; new images brought it back."]
        assert classes_of(session, dataset_id=made.dataset_id).takes_answers == (True, True, True)


def test_new_images_of_a_class_that_was_merged_bring_the_class_back_that_was_retired_since(
    database: Database, made: Made
) -> None:
    with database.write() as session:
        cat, dog, owl = (
            get_class(session, dataset_id=made.dataset_id, name=name) for name in ("cat", "dog", "owl")
        )
        retire_row(session, cat, into=dog, action_id=None, user_id=None)
        retire_row(session, dog, into=owl, action_id=None, user_id=None)
        retire_row(session, owl, into=None, action_id=None, user_id=None)
        positions = {"cat": 0, "dog": 1, "owl": 2}
        found, notes = positions_of_new(
            session, dataset_id=made.dataset_id, positions=positions, names=["cat"]
        )
        assert found == {"cat": 2, "dog": 1, "owl": 2}
        assert notes == [
            "“owl” had been retired; new images brought it back.",
            "New images of “cat” were put into “owl”, into which it was merged.",
        ]
        assert classes_of(session, dataset_id=made.dataset_id).takes_answers == (False, False, True)
