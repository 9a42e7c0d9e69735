"""What a new ranking changed, counted on labels that nobody had decided on when the run was asked for."""

from hypothesis import given
from hypothesis import strategies as st

from app.db.engine import Database
from app.review.undoing import undo_last
from app.rounds.movement import Movement, RelabelledAgreement, count_issues, movement_of, to_keep
from app.rounds.retraining import freeze_labels
from app.training.runs import get_run
from tests.conftest import People
from tests.factories import Made, make_run
from tests.rounds.answers import answer


def moved(database: Database, run_id: int) -> Movement | None:
    with database.read() as session:
        return movement_of(session, run=get_run(session, run_id=run_id))


samples = st.sets(st.integers(0, 30))


@given(samples, samples, samples)
def test_of_the_old_issues_each_is_settled_or_stays_and_no_decided_label_is_an_issue(old, new, decided):
    counts = count_issues(old, new, decided)
    stay = [sample for sample in old & new if sample not in decided]
    assert counts["were_open"] - counts["settled"] == len(stay)
    assert counts["new"] + len(stay) + counts["doubted"] == len(new)
    assert counts["were_open"] <= len(old)


def test_a_first_ranking_moved_nothing(database: Database, made: Made) -> None:
    assert moved(database, made.run_id) is None


def test_a_child_settles_old_issues_and_finds_new_ones(
    database: Database, made: Made, people: People
) -> None:
    issues = made.sample_ids[:10]  # what the parent doubts
    answer(database, made, people.annotator.id, issues[0], "keep")
    answer(database, made, people.annotator.id, issues[9], "relabel", "owl")
    answer(database, made, people.annotator.id, issues[8], "delete")
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
        version_id = version.id
    child = make_run(database, made.dataset_id, version_id, wrong=4, parent_id=made.run_id, seed=1)
    answer(database, made, people.annotator.id, issues[1], "keep")  # later: it counts as open
    found = moved(database, child)
    assert found is not None
    assert (found.old_id, found.new_id) == (made.run_id, child)
    assert (found.were_open, found.settled, found.still, found.new, found.doubted) == (8, 5, 3, 0, 1)
    assert (found.learnt, found.unseen) == (
        RelabelledAgreement(corrections=1, new=1, old=1),
        RelabelledAgreement(),
    )
    with database.write() as session:
        run = get_run(session, run_id=child)
        run.facts = run.facts | to_keep(found)
    assert moved(database, child) == found


def test_without_a_parent_the_ranking_before_is_what_it_is_held_against(
    database: Database, made: Made
) -> None:
    anew = make_run(database, made.dataset_id, made.version_id, wrong=14, seed=3)
    found = moved(database, anew)
    assert found is not None
    assert (found.old_id, found.were_open, found.settled, found.new) == (made.run_id, 10, 0, 4)
    assert (found.learnt, found.unseen) == (RelabelledAgreement(), RelabelledAgreement())
