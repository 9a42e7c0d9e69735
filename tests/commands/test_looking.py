"""`toploss look`, here and on a server."""

import json

import pytest

from app.db.engine import Database
from app.errors import Conflict
from app.review.checks import Answer
from app.review.decisions import decide
from tests.commands.conftest import Shell, said
from tests.conftest import People
from tests.factories import Made, make_first_look

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("where", ["shell", "there"])
def test_the_labels_as_they_stand_are_looked_at_again(
    shell: Shell, there: Shell, database: Database, made: Made, people: People, where: str
) -> None:
    asked = {"shell": shell, "there": there}[where]
    first = make_first_look(database, made.dataset_id, made.version_id)
    assert isinstance(asked("look", "faces").exception, Conflict)
    with database.write() as session:
        answer = Answer(sample_id=made.ranked[0], verdict="delete", client_id="1", origin="deck")
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
    told = json.loads(said(asked, "look", "faces", "--json"))
    assert told["version"] == 1
    assert told["id"] > first
    assert f"Model {told['number']} (run {told['id']})" in said(shell, "runs", "show", told["id"])
