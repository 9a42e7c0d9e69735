"""How the review goes, how much is left, and when it ends."""

import numpy as np
from cleanlab.count import num_label_issues
from sqlalchemy import select

from app.db.engine import Database
from app.deck.bulk import decide_many
from app.ranking.models import Prediction
from app.remaining.report import choose_rule, chosen_rule
from tests.conftest import People
from tests.factories import Made
from tests.remaining.audited import answer, seen, start


def test_the_report_shows_how_the_review_goes(database: Database, many: Made, people: People) -> None:
    for i, sample in enumerate(many.ranked[:10]):
        answer(database, many, people.annotator.id, sample, "relabel" if i % 2 and i < 6 else "keep")
    for sample in many.ranked[-3:]:
        answer(database, many, people.annotator.id, sample, "delete", origin="audit")
    with database.write() as session:
        decide_many(
            session,
            dataset_id=many.dataset_id,
            user_id=people.annotator.id,
            samples=many.ranked[20:25],
            expected=None,
            verdict="keep",
            label=None,
            client_id="many",
            selection="",
        )
    at = seen(database, many)
    assert (at.samples, at.reviewed, at.found, at.looked_at) == (78, 18, at.curve[-1].errors, 13)
    assert at.curve[-1].cards == 13
    [(_, fifty), (_, _)] = at.hit_rates
    assert fifty
    assert (fifty.wrong, fifty.n) == (at.found - 3, 10)
    assert at.projection
    assert at.projection.cards == 15  # label issues that nobody has decided
    assert at.seconds_per_decision == 2


def test_an_untouched_data_set_has_a_report_too(database: Database, many: Made) -> None:
    at = seen(database, many)
    assert (at.reviewed, at.projection, at.left, at.rule, at.audits) == (0, None, None, None, ())
    assert at.hit_rates == ((50, None), (200, None))


def test_the_cross_check_is_cleanlabs_count(database: Database, many: Made, people: People) -> None:
    for sample in many.ranked[:10]:
        answer(database, many, people.annotator.id, sample)
    check = seen(database, many).cross_check
    with database.read() as session:
        rows = session.execute(
            select(Prediction.label, Prediction.probabilities)
            .where(Prediction.run_id == many.run_id, Prediction.sample_id.in_(many.ranked[10:]))
            .order_by(Prediction.sample_id)
        ).all()
    labels, probabilities = (
        np.array([label for label, _ in rows]),
        np.stack([p for _, p in rows]).astype(np.float64),
    )
    theirs = num_label_issues(
        labels,
        probabilities / probabilities.sum(1, keepdims=True),
        estimation_method="off_diagonal_calibrated",
    )
    assert check
    assert (check.undecided, check.judged, check.run_id) == (68, 68, many.run_id)
    assert check.errors > 5
    assert abs(check.errors - theirs) <= 1  # theirs is rounded


def test_a_rule_counts_from_when_it_was_chosen(database: Database, many: Made, people: People) -> None:
    for sample in many.ranked[:5]:
        answer(database, many, people.annotator.id, sample)
    with database.write() as session:
        choose_rule(session, dataset_id=many.dataset_id, user_id=people.admin.id, kind="keeps", amount=3)
    for count, sample in enumerate(many.ranked[5:8], 1):
        answer(database, many, people.annotator.id, sample)
        with database.read() as session:
            rule = chosen_rule(session, dataset_id=many.dataset_id)
        assert rule
        assert (rule.by, rule.reviewed, rule.reached.so_far, rule.reached.is_reached) == (
            "ada",
            5,
            count,
            count == 3,
        )
    assert seen(database, many).rule == rule


def test_a_rule_about_what_is_left_goes_by_the_audits(database: Database, many: Made, people: People) -> None:
    with database.write() as session:
        choose_rule(session, dataset_id=many.dataset_id, user_id=people.admin.id, kind="left", amount=0.2)
    drawn = start(database, many, people.annotator.id, size=40)
    reached = []
    for sample in drawn:
        answer(database, many, people.annotator.id, sample)
        with database.read() as session:
            rule = chosen_rule(session, dataset_id=many.dataset_id)
            assert rule
            reached.append(rule.reached.is_reached)
    assert reached == [False] * 39 + [True]
    at = seen(database, many)
    assert at.left
    assert at.rule
    assert at.rule.reached.so_far == at.left.high / 78


def test_the_newest_rule_counts_and_can_be_withdrawn(database: Database, many: Made, people: People) -> None:
    for kind, amount in (("cards", 10), ("minutes", 5)):
        with database.write() as session:
            choose_rule(
                session, dataset_id=many.dataset_id, user_id=people.admin.id, kind=kind, amount=amount
            )
    rule = seen(database, many).rule
    assert rule
    assert rule.rule.kind == "minutes"
    with database.write() as session:
        choose_rule(session, dataset_id=many.dataset_id, user_id=people.admin.id, kind="none", amount=0)
        assert chosen_rule(session, dataset_id=many.dataset_id) is None
    assert seen(database, many).rule is None
