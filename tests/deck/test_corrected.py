"""Labels that were corrected elsewhere become decisions of who imports them, once, and can be undone."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.label_reading import StatedColumns, StatedLabels
from app.datasets.labels.reading import ReadLabels, paths_of, read_labels
from app.datasets.models import GoldMember
from app.db.engine import Database
from app.deck.bulk import undo_many
from app.deck.corrected import LabelPlan, apply_labels, newest_action, plan_labels
from app.errors import Invalid
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.drawing import draw_counted
from app.review.models import Decision
from app.rounds.retraining import freeze_labels
from tests.conftest import People
from tests.factories import Made, make_dataset

SAID = StatedLabels("mine.csv", "sent", StatedColumns())


def table(*rows: tuple[str, str]) -> bytes:
    return ("path,label\n" + "".join(f"{path},{label}\n" for path, label in rows)).encode()


def read(database: Database, made: Made, content: bytes, said: StatedLabels = SAID) -> ReadLabels:
    with database.read() as session:
        paths = paths_of(session, dataset_id=made.dataset_id)
    return read_labels(paths, said=said, content=content)


def planned(database: Database, made: Made, content: bytes, user: int) -> LabelPlan:
    labels = read(database, made, content)
    with database.read() as session:
        return plan_labels(session, dataset_id=made.dataset_id, user_id=user, labels=labels)


def applied(
    database: Database, made: Made, content: bytes, user: int, *, add: bool = False, said: StatedLabels = SAID
) -> int:
    """How many decisions it wrote."""
    labels = read(database, made, content, said)
    with database.write() as session:
        _, done = apply_labels(
            session, dataset_id=made.dataset_id, user_id=user, labels=labels, add_classes=add
        )
    return done.samples if done else 0


def logged(session: Session) -> list[tuple[str, int | None, str]]:
    query = select(Decision.verdict, Decision.label, Decision.origin).order_by(Decision.id)
    return [(verdict, label, origin) for verdict, label, origin in session.execute(query)]


def test_a_dry_run_says_row_by_row_what_would_change_and_changes_nothing(
    database: Database, made: Made, people: People
) -> None:
    a, b, c = made.paths[:3]
    plan = planned(
        database, made, table((a, "dog"), (b, "cat"), (c, "emu"), ("x/none.png", "cat")), people.annotator.id
    )
    with database.read() as session:
        assert logged(session) == []
    assert [(row.path, row.now, row.new, row.state) for row in plan.rows] == [
        (a, "cat", "dog", "change"),
        (b, "cat", "cat", "same"),
        (c, "cat", "emu", "no class"),
    ]
    assert plan.unmatched == {"x/none.png": "mine.csv has a label for it, but there is no such image"}
    assert "1 label changes." in plan.words()
    assert "Not classes of this data set: emu." in plan.words()


def test_applied_twice_it_changes_nothing_the_second_time_and_one_undo_reverts_it(
    database: Database, made: Made, people: People
) -> None:
    content = table(*((path, "dog") for path in made.paths[:3]))
    assert applied(database, made, content, people.annotator.id) == 3
    assert applied(database, made, content, people.annotator.id) == 0
    assert applied(database, made, content, people.admin.id) == 0
    with database.write() as session:
        assert logged(session) == [("relabel", 1, "file")] * 3
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
        assert version.relabelled == 3
        action = newest_action(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
        assert action is not None
        assert undo_many(session, user_id=people.annotator.id, action_id=action, client_id="u").samples == 3
        assert newest_action(session, dataset_id=made.dataset_id, user_id=people.annotator.id) is None
    assert applied(database, made, content, people.annotator.id) == 3


def test_back_to_the_given_label_is_a_change_as_well(database: Database, made: Made, people: People) -> None:
    path = made.paths[0]
    assert applied(database, made, table((path, "dog")), people.annotator.id) == 1
    assert applied(database, made, table((path, "cat")), people.annotator.id) == 1
    assert applied(database, made, table((path, "cat")), people.annotator.id) == 0


def test_what_a_person_decided_alone_stays(database: Database, made: Made, people: People) -> None:
    with database.write() as session:
        answer = Answer(sample_id=made.sample_ids[0], verdict="relabel", label="owl", client_id="1")
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.admin.id)
        answer = Answer(sample_id=made.sample_ids[1], verdict="delete", label=None, client_id="2")
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.admin.id)
    content = table(*((path, "dog") for path in made.paths[:3]))
    plan = planned(database, made, content, people.annotator.id)
    assert [row.state for row in plan.rows] == ["looked_at", "deleted", "change"]
    assert applied(database, made, content, people.annotator.id) == 1


def test_classes_are_added_on_request(database: Database, made: Made, people: People) -> None:
    content = table((made.paths[0], "emu"), (made.paths[1], "dog"))
    assert applied(database, made, content, people.annotator.id) == 1
    assert applied(database, made, content, people.annotator.id, add=True) == 1
    with database.read() as session:
        assert class_names(session, dataset_id=made.dataset_id)[-1] == "emu"


def test_an_export_of_label_studio_is_taken_too(database: Database, made: Made, people: People) -> None:
    task = {"data": {"image": made.paths[0]}, "annotations": [{"result": [{"value": {"choices": ["dog"]}}]}]}
    said = StatedLabels("export.json", "sent", StatedColumns())
    assert applied(database, made, json.dumps([task]).encode(), people.annotator.id, said=said) == 1


def test_a_file_that_fits_nothing_is_refused(database: Database, made: Made, people: People) -> None:
    with pytest.raises(
        Invalid, match=r"for an image of this data set. mine.csv: 1 label has no image: x/9.png\.$"
    ):
        applied(database, made, table(("x/9.png", "cat")), people.annotator.id)


def test_of_the_gold_part_no_label_is_told(database: Database, people: People, tmp_path: Path) -> None:
    made = make_dataset(database, tmp_path / "images", per_class=24)
    with database.write() as session:
        draw_counted(session, dataset_id=made.dataset_id, size=20, user_id=people.admin.id)
        gold = set(session.scalars(select(GoldMember.sample_id)))
    plan = planned(database, made, table(*((path, "dog") for path in made.paths)), people.annotator.id)
    hidden = [row for row in plan.rows if row.sample_id in gold]
    assert len(hidden) == len(gold) > 0
    assert {(row.now, row.state) for row in hidden} == {("", "gold")}


def test_rows_without_a_label_and_rows_with_too_many_cells_are_counted(
    database: Database, made: Made, people: People
) -> None:
    a, b, c = made.paths[:3]
    plan = planned(database, made, table((a, "dog"), (b, " "), (c, "a,b")), people.annotator.id)
    assert [(row.path, row.now, row.new, row.state) for row in plan.rows] == [
        (a, "cat", "dog", "change"),
        (b, "cat", "", "empty"),
    ]
    assert plan.counts == {"change": 1, "empty": 1}
    assert plan.unmatched == {c: "mine.csv: its row has more cells than the header"}
    assert plan.unknown_classes == []
    assert "1 row changes nothing: its label is empty." in plan.words()
    assert any("1 row has more cells than the header" in line for line in plan.words())
    assert applied(database, made, table((a, "dog"), (b, ""), (c, "a,b")), people.annotator.id) == 1


def test_new_classes_that_differ_only_in_case_are_one_which_is_told(
    database: Database, made: Made, people: People
) -> None:
    a, b, c = made.paths[:3]
    content = table((a, "emu"), (b, "Emu"), (c, "Emu"))
    plan = planned(database, made, content, people.annotator.id)
    assert plan.unknown_classes == ["Emu"]
    assert "“Emu”, “emu” are one new class, “Emu”." in plan.words()
    labels = read(database, made, content)
    with database.write() as session:
        plan, done = apply_labels(
            session, dataset_id=made.dataset_id, user_id=people.annotator.id, labels=labels, add_classes=True
        )
        assert done is not None
        assert done.samples == 3
        assert class_names(session, dataset_id=made.dataset_id) == ["cat", "dog", "owl", "Emu"]
    assert "“Emu”, “emu” are one new class, “Emu”." in plan.words()
