"""`toploss review`."""

import json

import pytest

from app.db.engine import Database
from app.errors import Invalid, NotFound
from app.review.models import Decision
from tests.commands.conftest import Shell
from tests.conftest import People
from tests.factories import Made


def issues(shell: Shell, *words: str) -> list[int]:
    lines = shell("review", "list", "faces", "--json", *words).stdout.splitlines()
    return [json.loads(line)["sample"] for line in lines]


def test_open_issues_are_listed_decided_by_a_named_person_and_undone(
    shell: Shell, database: Database, people: People, made: Made
) -> None:
    there = issues(shell)
    assert there == [sample for sample in made.ranked if sample in there]
    assert len(there) > 3
    done = shell("review", "relabel", "faces", "owl", there[0], "--as", "ann", "--json")
    said = json.loads(done.stdout)
    assert (said["verdict"], said["label"]) == ("relabel", "owl")
    path = made.paths[made.sample_ids.index(there[1])]
    assert shell("review", "keep", "faces", path, there[2], "--as", "bob").stdout.count("Decision") == 2
    assert issues(shell) == there[3:]
    assert issues(shell, "--limit", "1") == there[3:4]
    with database.read() as session:
        by = {decision.sample_id: decision.user_id for decision in session.query(Decision)}
    assert by == {there[0]: people.annotator.id, there[1]: people.other.id, there[2]: people.other.id}
    assert "only" in str(shell("review", "undo", said["id"], "--as", "bob").exception).lower()
    assert "is undone" in shell("review", "undo", said["id"], "--as", "ann").stdout
    assert issues(shell) == [there[0], *there[3:]]
    lines = shell("review", "list", "faces").stdout.splitlines()
    assert lines[0].split("\t") == ["sample", "label", "predicted", "verdict", "path"]


def test_a_relabel_to_the_label_that_an_image_has_is_said_to_keep_it(
    shell: Shell, people: People, made: Made
) -> None:
    [sample, *_] = issues(shell)
    label = json.loads(shell("review", "list", "faces", "--json", "--limit", "1").stdout)["label"]
    told = shell("review", "relabel", "faces", label, sample, "--as", "ann").stdout
    assert told.endswith(f": keep image {sample}.\n")


def test_a_decision_needs_a_person_and_samples_that_exist(
    shell: Shell, database: Database, people: People, made: Made
) -> None:
    nobody = shell("review", "delete", "faces", made.ranked[0])
    assert isinstance(nobody.exception, Invalid)
    assert "--as" in str(nobody.exception)
    assert isinstance(shell("review", "keep", "faces", 1, "--as", "eve").exception, NotFound)
    half = shell("review", "keep", "faces", made.ranked[0], "train/none.png", "--as", "ann")
    assert isinstance(half.exception, NotFound)
    with database.read() as session:
        assert session.query(Decision).count() == 0


@pytest.mark.parametrize("state", ["opn", "done"])
def test_a_state_that_there_is_not_is_refused(shell: Shell, made: Made, state: str) -> None:
    assert "state" in str(shell("review", "list", "faces", "--state", state).exception)
