"""The question to a person before an import."""

from pathlib import Path

import pytest

from app.datasets.creating import create_dataset
from app.datasets.proposals import answer, proposal_of, propose, waiting_proposal
from app.datasets.surveying import Survey, stored_reading
from app.db.engine import Database
from app.errors import Conflict, Invalid

UNCLEAR = [f"{part}/{name}/1.png" for part in ("A", "B") for name in ("cat", "dog")]


def survey(paths: list[str]) -> Survey:
    return Survey(dict.fromkeys(paths, 1))


def test_a_source_without_classes_has_no_question() -> None:
    assert proposal_of(survey(["train/images/1.png", "test/images/1.png"])) is None


def test_unclear_folders_are_a_doubt_with_choices_and_examples_of_each() -> None:
    found = proposal_of(survey(UNCLEAR))
    assert found is not None
    assert found.doubt.endswith(".")
    assert len(found.choices) > 1
    assert found.examples == set(UNCLEAR)


def test_clear_folders_are_no_doubt_and_the_first_choice_is_the_likely_one() -> None:
    paths = [f"{part}/{name}/1.png" for part in ("train", "test") for name in ("cat", "dog")]
    found = proposal_of(survey(paths))
    assert found is not None
    assert found.doubt == ""
    assert [each.name for each in found.choices[0].classes] == ["cat", "dog"]


def test_a_data_set_waits_for_a_whole_answer_and_keeps_it(database: Database, tmp_path: Path) -> None:
    found = proposal_of(survey(UNCLEAR))
    assert found is not None
    place = next(i for i, each in enumerate(found.choices) if not each.reading.folders)
    parts = ["train" for each in found.choices for _ in each.reading.folders]
    with database.write() as session:
        dataset = create_dataset(session, name="pets", source=str(tmp_path))
        with pytest.raises(Conflict, match="does not wait for a choice"):
            answer(session, dataset=dataset, choice=0, parts=[])
        propose(session, dataset=dataset, proposal=found)
        assert waiting_proposal(dataset) == found
        for choice, said, words in (
            (None, parts, "Choose how the folders are read"),
            (len(found.choices), parts, "Choose how the folders are read"),
            (place, [*parts, "train"], "Say for each folder"),
        ):
            with pytest.raises(Invalid, match=words):
                answer(session, dataset=dataset, choice=choice, parts=said)
        answer(session, dataset=dataset, choice=place, parts=parts)
        assert stored_reading(session, dataset_id=dataset.id) == found.choices[place].reading
