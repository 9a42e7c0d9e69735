"""What a retrain would learn: exactly the differences between the current labels and a version's."""

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.datasets.models import Sample
from app.datasets.versions import DELETED
from app.db.engine import Database
from app.review.undoing import undo_last
from app.rounds.changes import SPLITS, LabelChanges, Move, changes_since, count_changes
from app.rounds.retraining import freeze_labels
from tests.conftest import People
from tests.factories import Made, import_folder, write_images
from tests.rounds.answers import answer


def look(database: Database, made: Made, version_id: int | None = None) -> LabelChanges:
    with database.read() as session:
        return changes_since(session, dataset_id=made.dataset_id, version_id=version_id or made.version_id)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SPLITS), st.booleans(), st.integers(-1, 3), st.integers(-1, 3), st.integers(1, 50)
        )
    )
)
def test_every_sample_is_counted_once(rows):
    changes = count_changes(rows)
    known = [row for row in rows if not row[1]]
    assert changes.relabelled + changes.deleted + changes.restored == sum(
        n for _, _, old, new, n in known if old != new
    )
    assert sum(split.after for split in changes.splits) == sum(n for *_, new, n in rows if new != DELETED)
    assert sum(split.before for split in changes.splits) == sum(
        n for _, _, old, _, n in known if old != DELETED
    )
    for split in changes.splits:
        moved = Counter()
        for name, _, old, new, n in known:
            if name == split.split:
                moved["out"] += n * (old != DELETED and new == DELETED)
                moved["in"] += n * (old == DELETED and new != DELETED)
        assert split.after == split.before - moved["out"] + moved["in"] + split.added
    assert [move.count for move in changes.moves] == sorted(
        (move.count for move in changes.moves), reverse=True
    )


def test_a_relabel_a_deletion_and_an_undo_are_told_apart(
    database: Database, made: Made, people: People
) -> None:
    train = [
        sample
        for sample, path in zip(made.sample_ids, made.paths, strict=True)
        if path.startswith("train/cat")
    ]
    answer(database, made, people.annotator.id, train[0], "relabel", "owl")
    answer(database, made, people.annotator.id, train[1], "delete")
    answer(database, made, people.annotator.id, train[2], "keep")
    answer(database, made, people.annotator.id, train[3], "delete")
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    changes = look(database, made)
    assert (changes.relabelled, changes.deleted, changes.restored, changes.added) == (1, 1, 0, 0)
    assert set(changes.moves) == {Move(0, 2, 1), Move(0, DELETED, 1)}
    assert [(s.split, s.before, s.after, s.changed) for s in changes.splits] == [
        ("train", 18, 17, 2),
        ("valid", 6, 6, 0),
    ]


def test_against_a_later_version_only_what_came_after_counts(
    database: Database, made: Made, people: People
) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "delete")
    with database.write() as session:
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
        version_id = version.id
    assert look(database, made, version_id).total == 0
    answer(database, made, people.annotator.id, made.ranked[0], "keep")
    assert (look(database, made, version_id).restored, look(database, made).total) == (1, 0)


def test_images_that_were_imported_since_are_new_and_not_changed(
    database: Database, made: Made, tmp_path: Path
) -> None:
    write_images(tmp_path / "images", per_class=8, seed=1)
    import_folder(database, tmp_path / "images")
    changes = look(database, made)
    with database.read() as session:
        assert session.query(Sample).filter_by(dataset_id=made.dataset_id).count() == 24 + changes.added
    assert changes.added > 0
    assert changes.moves == ()
