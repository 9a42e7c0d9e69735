"""Two runs on one hold-out: what is measured, against which labels, and what flatters."""

import numpy as np
import pytest

from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
from app.measuring.comparison import Comparison, changed_samples
from app.ml.recipes import RECIPES
from app.review.gold import GoldLabels
from app.review.undoing import undo
from app.training.requesting import request_run
from app.web.pages.measuring.conclusions import conclude
from tests.conftest import People
from tests.factories import CLASSES, Made, make_run
from tests.measuring.reviewed import compared, frozen, hold_out, review


def wrong(comparison: Comparison) -> list[tuple[int, int]]:
    """Errors of the old and the new run, column by column."""
    rates = [(column.old.error_rate, column.new.error_rate) for column in comparison.columns]
    return [(old.wrong, new.wrong) for old, new in rates if old and new]


def test_before_and_after_stand_on_the_same_samples_with_both_kinds_of_labels(
    database: Database, made: Made, people: People
) -> None:
    valid = hold_out(made)
    review(database, made, people, valid[0], "owl")
    review(database, made, people, valid[1], None)
    new = make_run(database, made.dataset_id, frozen(database, made), parent_id=made.run_id)
    found = compared(database, made, made.run_id, new)
    assert [column.kind for column in found.columns] == ["given", "reviewed"]
    assert [column.samples for column in found.columns] == [5, 5]
    # The old run predicts the given labels of the hold-out, the new one the reviewed ones: each is wrong once
    # on the other's.
    assert wrong(found) == [(0, 1), (1, 0)]
    assert found.reviewed.difference is not None
    assert found.reviewed.difference.value == pytest.approx(-1 / 5)
    assert (found.changes.repaired, found.changes.broken, found.changes.all) == (1, 0, 1)
    assert (found.old.version, found.new.version, found.version) == (0, 1, 1)


def test_deleted_images_are_left_out_and_beside_that_counted_as_wrong(
    database: Database, made: Made, people: People
) -> None:
    review(database, made, people, hold_out(made)[1], None)
    new = make_run(database, made.dataset_id, frozen(database, made), parent_id=made.run_id)
    column = compared(database, made, made.run_id, new).reviewed
    assert (column.samples, column.deleted) == (5, 1)
    with_deleted = [column.old_with_deleted, column.new_with_deleted]
    assert [(each.wrong, each.n) for each in with_deleted if each] == [(1, 6), (1, 6)]


def test_an_unchanged_model_looks_better_on_labels_that_its_own_top_losses_chose(
    database: Database, made: Made, people: People
) -> None:
    valid = hold_out(made)
    says = {valid[0]: 1, valid[2]: 2, valid[4]: 0}  # one of each class as the next one
    old = make_run(database, made.dataset_id, made.version_id, says=says, seed=1)
    for sample, position in says.items():
        review(database, made, people, sample, CLASSES[position])
    new = make_run(database, made.dataset_id, frozen(database, made), says=says, parent_id=old)
    found = compared(database, made, old, new)
    assert wrong(found) == [(3, 3), (0, 0)]  # from 50 % to nothing, though not one prediction has changed
    assert found.changes.all == 0
    assert all(
        column.difference and column.difference.value == 0 and column.difference.p == 1
        for column in found.columns
    )
    trap = found.selection
    assert trap.flatters
    assert (trap.reviewed, trap.by_model, trap.at_random, trap.relabelled, trap.deleted) == (3, 3, 0, 3, 0)
    assert trap.given is not None
    assert trap.after_relabels is not None
    assert (trap.given.wrong, trap.after_relabels.wrong) == (3, 0)
    assert any("lowers the measured error by itself" in sentence for sentence in conclude(found).not_said)


def test_deleting_what_a_model_flags_flatters_unless_it_counts_as_wrong(
    database: Database, made: Made, people: People
) -> None:
    valid = hold_out(made)
    old = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1, valid[2]: 2}, seed=1)
    review(database, made, people, valid[0], None)
    new = make_run(database, made.dataset_id, frozen(database, made), parent_id=old)
    trap = compared(database, made, old, new).selection
    rates = [trap.given, trap.after_relabels, trap.after_deletions, trap.deleted_are_wrong]
    assert [(each.wrong, each.n) for each in rates if each] == [(2, 6), (2, 6), (1, 5), (2, 6)]


def test_images_drawn_at_random_flatter_nobody(database: Database, made: Made, people: People) -> None:
    valid = hold_out(made)
    old = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1}, seed=1)
    review(database, made, people, valid[0], "dog", origin="audit")
    new = make_run(database, made.dataset_id, frozen(database, made), parent_id=old)
    found = compared(database, made, old, new).selection
    assert (found.by_model, found.at_random, found.flatters) == (0, 1, False)
    assert found.given == found.after_relabels


def test_what_was_undone_or_came_after_the_freeze_chose_nothing(
    database: Database, made: Made, people: People
) -> None:
    valid = hold_out(made)
    taken_back = review(database, made, people, valid[0], "dog")
    with database.write() as session:
        undo(session, user_id=people.annotator.id, decision_id=taken_back)
    review(database, made, people, valid[1], "dog")
    new = make_run(database, made.dataset_id, frozen(database, made), parent_id=made.run_id)
    review(database, made, people, valid[2], "owl")
    assert compared(database, made, made.run_id, new).selection.reviewed == 1


def test_the_reviewed_labels_are_the_newest_versions_or_those_asked_for(
    database: Database, made: Made, people: People
) -> None:
    new = make_run(database, made.dataset_id, made.version_id, seed=1)
    review(database, made, people, hold_out(made)[0], "dog")
    frozen(database, made)
    assert wrong(compared(database, made, made.run_id, new)) == [(0, 0), (1, 1)]
    first = compared(database, made, made.run_id, new, number=0)
    assert (wrong(first), first.version) == ([(0, 0), (0, 0)], 0)


def test_changed_predictions_are_listed_by_what_the_labels_say_of_them(
    database: Database, made: Made
) -> None:
    valid = hold_out(made)
    old = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1, valid[2]: 2}, seed=1)
    new = make_run(database, made.dataset_id, made.version_id, says={valid[2]: 0, valid[4]: 1}, seed=2)
    found = compared(database, made, old, new)
    assert (found.changes.repaired, found.changes.broken, found.changes.other) == (1, 1, 1)
    with database.read() as session:
        asked = {"dataset_id": made.dataset_id, "old_id": old, "new_id": new, "limit": 9}
        listed = {
            way: changed_samples(session, change=way, **asked)
            for way in ("repaired", "broken", "other", "all")
        }  # type: ignore[arg-type]
        second = changed_samples(session, change="all", offset=1, **{**asked, "limit": 1})  # type: ignore[arg-type]
    shown = {
        way: [(each.sample_id, each.label, each.old, each.new) for each in samples]
        for way, (_, samples) in listed.items()
    }
    assert shown["repaired"] == [(valid[0], "cat", "dog", "cat")]
    assert shown["broken"] == [(valid[4], "owl", "owl", "dog")]
    assert shown["other"] == [(valid[2], "dog", "owl", "cat")]
    assert listed["all"][0] == 3
    assert (second[0], [each.sample_id for each in second[1]]) == (3, [valid[2]])


def test_without_other_seeds_the_seeds_part_is_said_to_be_unknown(
    database: Database, made: Made, people: People
) -> None:
    review(database, made, people, hold_out(made)[0], "owl")
    new = make_run(database, made.dataset_id, frozen(database, made), parent_id=made.run_id)
    found = compared(database, made, made.run_id, new)
    assert found.seeds.spread is None
    assert any("the seed’s part is not known" in sentence for sentence in conclude(found).not_said)


def test_a_small_difference_is_called_chance_and_a_large_one_is_not(database: Database, made: Made) -> None:
    few = make_run(
        database, made.dataset_id, made.version_id, says=dict.fromkeys(hold_out(made)[:2], 2), seed=1
    )
    all_wrong = {sample: (i // 2 + 1) % 3 for i, sample in enumerate(hold_out(made))}
    many = make_run(database, made.dataset_id, made.version_id, says=all_wrong, seed=2)
    small, large = (conclude(compared(database, made, made.run_id, other)) for other in (few, many))
    assert any("no more than chance" in sentence for sentence in small.not_said)
    assert not any("Against the cleaned labels" in sentence for sentence in small.said)
    assert any(
        "Against the cleaned labels" in sentence and "100.0 points more errors" in sentence
        for sentence in large.said
    )
    assert any("both models trained on the same labels" in sentence for sentence in large.not_said)


def test_the_gold_part_stands_beside_the_rest_and_decides(database: Database, made: Made) -> None:
    valid = hold_out(made)
    new = make_run(database, made.dataset_id, made.version_id, says={valid[0]: 1}, seed=1)

    def gold(times: int, waiting: int = 0) -> GoldLabels:
        ids, labels = (
            np.repeat(np.array(what), times) for what in ([valid[0], valid[1], valid[5]], [1, -1, 2])
        )
        return GoldLabels(
            ids, labels, labels, digest="digest", size=len(ids) + waiting, settled=len(ids), waiting=waiting
        )

    few, many = (compared(database, made, made.run_id, new, gold=gold(times)) for times in (1, 50))
    last = few.columns[-1]
    assert (last.kind, last.samples, last.deleted, last.digest) == ("gold", 2, 1, "digest")
    assert wrong(few)[-1] == (1, 0)
    assert last.old_with_deleted is not None
    assert (last.old_with_deleted.wrong, last.old_with_deleted.n) == (2, 3)
    assert (few.chief.kind, many.chief.kind) == ("reviewed", "gold")  # two images decide nothing
    unready = compared(database, made, made.run_id, new, gold=gold(50, waiting=1))
    last, error = unready.columns[-1], unready.columns[-1].old.error_rate
    assert error is not None
    assert (unready.chief.kind, last.open, last.difference, error.wrong, error.n, error.open) == (
        "reviewed",
        1,
        None,
        50,
        100,
        1,
    )
    assert any(
        "checked test set: 1 of its images is not agreed" in sentence
        for sentence in conclude(unready).not_said
    )


def test_what_cannot_be_compared_is_refused(database: Database, made: Made) -> None:
    with database.write() as session:
        waiting = request_run(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            recipe=RECIPES["quick"],
            weights="none",
            parent_id=None,
            seed=5,
            user_id=None,
        ).id
    with pytest.raises(Conflict, match="has not finished"):
        compared(database, made, made.run_id, waiting)
    with pytest.raises(Invalid, match="with itself"):
        compared(database, made, made.run_id, made.run_id)
    with pytest.raises(NotFound, match="no model with the id 999"):
        compared(database, made, made.run_id, 999)
    other = make_run(database, made.dataset_id, made.version_id, seed=1)
    with pytest.raises(NotFound, match="no version 9"):
        compared(database, made, made.run_id, other, number=9)
