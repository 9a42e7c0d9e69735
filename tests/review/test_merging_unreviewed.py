"""A merge of classes says nothing about an image: what nobody has reviewed stays unreviewed."""

from datetime import timedelta
from pathlib import Path
from runpy import run_path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import func, select

from app.datasets.classes import add_class, get_class, last_change, rename_class
from app.datasets.models import DatasetVersion, Sample
from app.datasets.versions import labels_of
from app.db.engine import Database
from app.db.migrating import bundled_migrations
from app.deck.filters import Filter
from app.deck.progress import label_table
from app.deck.queues import Queue
from app.deck.table import rows
from app.deck.worklist import claim
from app.measuring.hold_out import hold_out
from app.remaining.audits import audit_states, start_audit
from app.review.corrections import count_corrections
from app.review.counters import counts, open_issues
from app.review.gold import draw_gold
from app.review.merging import merge_classes, undo_change
from app.review.models import Decision, OpenIssue, SampleReview
from app.rounds.retraining import freeze_labels
from tests.conftest import People
from tests.factories import Made, make_dataset, make_run
from tests.review.answers import answer, state

LEASE = timedelta(minutes=5)
Rows = list[tuple[int, int, int | None, str | None]]


def merge(database: Database, made: Made, people: People, name: str = "cat", into: str = "dog") -> None:
    with database.write() as session:
        row, other = (get_class(session, dataset_id=made.dataset_id, name=each) for each in (name, into))
        merge_classes(session, row, other, user_id=people.admin.id)


def undo(database: Database, made: Made, people: People) -> None:
    with database.write() as session:
        change = last_change(session, dataset_id=made.dataset_id)
        assert change
        undo_change(session, dataset_id=made.dataset_id, change_id=change.id, user_id=people.admin.id)


def everything(database: Database, made: Made) -> Rows:
    """Of each sample the given label now, and label and verdict of its state."""
    query = select(Sample.id, Sample.given_now, SampleReview.label, SampleReview.verdict)
    joined = query.outerjoin(SampleReview, SampleReview.sample_id == Sample.id).order_by(Sample.id)
    with database.read() as session:
        return [tuple(row) for row in session.execute(joined)]


def issues(database: Database, run_id: int) -> set[tuple[int, int]]:
    query = select(OpenIssue.sample_id, OpenIssue.rank).where(OpenIssue.run_id == run_id)
    with database.read() as session:
        return {(sample_id, rank) for sample_id, rank in session.execute(query)}


def cards(
    database: Database, made: Made, people: People, queue: Queue
) -> dict[int, tuple[str, str | None, str | None]]:
    """Given label, label and verdict of every card that a queue offers."""
    with database.write() as session:
        held = claim(
            session,
            dataset_id=made.dataset_id,
            user_id=people.annotator.id,
            count=20,
            lease=LEASE,
            queue=queue,
        )
        return {card.sample_id: (card.given_label, card.label, card.verdict) for card in held.cards}


def cats_of(made: Made) -> list[int]:
    return [i for i, path in zip(made.sample_ids, made.paths, strict=True) if "/cat/" in path]


def test_the_deck_goes_on_offering_merged_images_with_the_class_of_now(
    database: Database, made: Made, people: People
) -> None:
    doubted, agreed, *_ = cats = cats_of(made)
    make_run(database, made.dataset_id, made.version_id, says={doubted: 2, agreed: 1}, seed=5)
    merge(database, made, people)
    ranked = cards(database, made, people, Queue())
    assert ranked[doubted] == ("dog", None, None)
    assert agreed not in ranked  # its prediction is the same class now
    for queue in (
        Queue(Filter(state="unreviewed"), order="path"),
        Queue(Filter(given="dog"), order="random"),
    ):
        offered = cards(database, made, people, queue)
        assert set(cats) <= set(offered)
        assert {offered[each] for each in cats} == {("dog", None, None)}
    by_chance = cards(database, made, people, Queue(order="mixed"))
    assert {doubted, agreed} <= set(by_chance)
    with database.write() as session:
        start_audit(session, dataset_id=made.dataset_id, user_id=people.admin.id, size=20)
        (audit,) = audit_states(session, dataset_id=made.dataset_id)
        assert (audit.population, audit.decided) == (len(made.sample_ids), 0)


def test_no_figure_counts_merged_images_as_reviewed(database: Database, made: Made, people: People) -> None:
    reviewed, *others = cats_of(made)
    answer(database, made, people.annotator.id, reviewed, "relabel", "owl")
    with database.read() as session:
        open_before = open_issues(session, run_id=made.run_id)
    merge(database, made, people)
    with database.read() as session:
        known = counts(session, dataset_id=made.dataset_id)
        assert (known.reviewed, known.found, known.in_bulk) == (1, 1, 0)
        assert count_corrections(session, dataset_id=made.dataset_id).found == 1
        table = {
            each.name: sum(each.cleaned.values()) for each in label_table(session, dataset_id=made.dataset_id)
        }
        assert table == {"cat": 0, "dog": 15, "owl": 9}
        assert open_issues(session, run_id=made.run_id) < open_before  # cats that look like dogs
        which = Filter(given="dog", state="unreviewed")
        found = rows(session, dataset_id=made.dataset_id, which=which, after=0, limit=100)
        listed = [row for row in found if row.sample.id in others]
        assert len(listed) == len(others)
        assert {(row.label, row.status, row.reviews, row.reviewers) for row in listed} == {
            (1, "unreviewed", 0, ())
        }


def test_an_answer_after_a_merge_is_about_the_class_of_now(
    database: Database, made: Made, people: People
) -> None:
    kept, named, moved, *_ = cats_of(made)
    merge(database, made, people)
    answer(database, made, people.annotator.id, kept, "keep")
    answer(database, made, people.annotator.id, named, "relabel", "dog")
    answer(database, made, people.annotator.id, moved, "relabel", "owl")
    assert [state(database, each) for each in (kept, named, moved)] == [
        ("keep", 1),
        ("keep", 1),
        ("relabel", 2),
    ]
    with database.write() as session:
        assert count_corrections(session, dataset_id=made.dataset_id).found == 1
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
        assert (version.relabelled, version.deleted) == (1, 0)


def test_a_freeze_has_the_class_of_now_and_earlier_versions_stay(
    database: Database, made: Made, people: People
) -> None:
    cats = cats_of(made)
    with database.read() as session:
        first = labels_of(session, version_id=made.version_id)
    merge(database, made, people)
    with database.write() as session:
        version, is_new = freeze_labels(session, dataset_id=made.dataset_id)
        assert (version.number, is_new, version.relabelled) == (1, True, 0)
        again, is_new = freeze_labels(session, dataset_id=made.dataset_id)
        assert (again.id, is_new) == (version.id, False)
        frozen = labels_of(session, version_id=version.id)
        labels = dict(zip(frozen.sample_ids.tolist(), frozen.labels.tolist(), strict=True))
        assert {labels[each] for each in cats} == {1}
        held = hold_out(session, dataset_id=made.dataset_id, version_id=version.id)
        assert (held.given == held.reviewed).all()  # a merge corrects nothing
    undo(database, made, people)
    with database.write() as session:
        assert (labels_of(session, version_id=made.version_id).labels == first.labels).all()
        assert (labels_of(session, version_id=version.id).labels == frozen.labels).all()
        back, is_new = freeze_labels(session, dataset_id=made.dataset_id)
        assert (back.id, is_new) == (made.version_id, False)
        assert session.scalar(select(func.count()).select_from(DatasetVersion)) == 2


def test_the_undo_of_a_chain_of_merges_brings_everything_back(
    database: Database, made: Made, people: People
) -> None:
    cats = cats_of(made)
    run_id = make_run(database, made.dataset_id, made.version_id, says={cats[0]: 1, cats[1]: 2}, seed=5)
    answer(database, made, people.annotator.id, cats[2], "keep")
    answer(database, made, people.annotator.id, cats[3], "delete")
    steps = [(everything(database, made), issues(database, run_id))]
    with database.write() as session:
        row = get_class(session, dataset_id=made.dataset_id, name="cat")
        rename_class(session, row, name="house cat", user_id=people.admin.id)
        add_class(session, dataset_id=made.dataset_id, name="pet", user_id=people.admin.id)
    for name, into in (("house cat", "dog"), ("dog", "pet"), ("pet", "owl")):
        merge(database, made, people, name, into)
        steps.append((everything(database, made), issues(database, run_id)))
    assert {given for _, given, *_ in steps[-1][0]} == {2}
    assert issues(database, run_id) == set()  # all are one class
    while steps:
        assert (everything(database, made), issues(database, run_id)) == steps.pop()
        if steps:
            undo(database, made, people)


def test_a_class_that_is_added_again_has_no_samples_of_before_its_merge(
    database: Database, made: Made, people: People
) -> None:
    merge(database, made, people)
    before = everything(database, made)
    with database.write() as session:
        add_class(session, dataset_id=made.dataset_id, name="cat", user_id=people.admin.id)
    assert everything(database, made) == before
    answer(database, made, people.annotator.id, cats_of(made)[0], "relabel", "cat")
    assert state(database, cats_of(made)[0]) == ("relabel", 0)


def test_a_merge_settles_no_image_of_the_gold_part(
    database: Database, tmp_path: Path, people: People
) -> None:
    made = make_dataset(database, tmp_path / "images", per_class=21)
    with database.write() as session:
        draw_gold(session, dataset_id=made.dataset_id, size=20, user_id=people.admin.id)
    merge(database, made, people)
    with database.write() as session:
        assert session.scalar(select(func.count()).select_from(SampleReview)) == 0
        for who in (people.admin.id, people.annotator.id):  # who merged has seen no image
            held = claim(
                session,
                dataset_id=made.dataset_id,
                user_id=who,
                count=10,
                lease=LEASE,
                queue=Queue(order="gold"),
            )
            assert len(held.cards) == 10


def test_the_upgrade_gives_merges_of_before_the_same_states(
    database: Database, made: Made, people: People
) -> None:
    kept, merged, *_ = cats_of(made)
    answer(database, made, people.annotator.id, kept, "delete")
    merge(database, made, people)
    after = everything(database, made)
    (script,) = bundled_migrations().glob("versions/*_a_merge_of_classes_leaves_images_unreviewed.py")
    migration = run_path(str(script))
    with database.write() as session:
        context = MigrationContext.configure(session.connection())
        decision = session.scalars(select(Decision).where(Decision.sample_id == merged)).one()
        session.add(
            SampleReview(
                sample_id=merged,
                dataset_id=made.dataset_id,
                verdict="relabel",
                label=1,
                decision_id=decision.id,
                user_id=people.admin.id,
                reviews=1,
                decided_at=decision.created_at,
                waits="",
                in_bulk=True,
            )
        )
        session.flush()
        with Operations.context(context):
            migration["downgrade"]()
            migration["upgrade"]()
    assert everything(database, made) == after
