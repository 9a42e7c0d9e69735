import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from app.ranking.forecasting import contributions, forecast
from app.ranking.learning import Model, fit, share_of_slips
from app.ranking.opinions import PLACES, START, Evidence, Opinion, gather, start

CLASSES = 4


def some_evidence(
    seed: int = 0, samples: int = 200, classes: int = CLASSES, strengths: tuple[float, ...] = (2, 3)
) -> tuple[Evidence, np.ndarray]:
    """Two opinions, and which labels are wrong: many of class 0, few of the other classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, samples)
    wrong = random.random(samples) < np.where(labels == 0, 0.4, 0.07)
    true = np.where(wrong, (labels + random.integers(1, classes, samples)) % classes, labels)
    tables = []
    for strength in strengths:
        scores = random.normal(size=(samples, classes)) + strength * np.eye(classes)[true]
        tables.append(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))
    hold_out = np.arange(samples) % 5 == 0
    opinions = [Opinion("first look", tables[0]), Opinion("network", tables[1], ~hold_out)]
    return gather(opinions, labels, classes=classes, hold_out=hold_out), wrong


EVIDENCE, WRONG = some_evidence()
answers = st.lists(
    st.tuples(
        st.integers(0, len(WRONG) - 1),
        st.sampled_from([0.0, 1.0, float("nan")]),
        st.sampled_from([0.5, 1.0, 2.0]),
    ),
    max_size=60,
)


def fitted(said: list[tuple[int, float, float]], evidence: Evidence = EVIDENCE) -> Model:
    return fit(
        evidence, [row for row, _, _ in said], [wrong for _, wrong, _ in said], weights=[w for *_, w in said]
    )


@given(answers, st.randoms())
def test_the_order_of_the_answers_does_not_matter(said: list, random) -> None:
    shuffled = list(said)
    random.shuffle(shuffled)
    assert np.array_equal(fitted(said).probabilities(EVIDENCE), fitted(shuffled).probabilities(EVIDENCE))


@given(answers)
def test_probabilities_are_never_nan_and_lie_between_0_and_1(said: list) -> None:
    model = fitted(said)
    probabilities = model.probabilities(EVIDENCE)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert np.isfinite([each.share for each in contributions(model, EVIDENCE)]).all()


@given(answers, st.integers(0, 60))
def test_an_undone_answer_leaves_no_trace(said: list, at: int) -> None:
    before = fitted(said).probabilities(EVIDENCE)
    fitted([*said[:at], (3, 1.0, 1.0), *said[at:]])
    assert np.array_equal(fitted(said).probabilities(EVIDENCE), before)


@given(answers)
def test_unsure_answers_do_not_count(said: list) -> None:
    clear = [each for each in said if not np.isnan(each[1])]
    assert np.array_equal(fitted(said).probabilities(EVIDENCE), fitted(clear).probabilities(EVIDENCE))


@given(answers)
def test_a_class_without_an_answer_stays_close_to_its_start(said: list) -> None:
    model = fitted([each for each in said if EVIDENCE.labels[each[0]] != 2])
    assert abs(model.of_class[2]) < 0.5


@given(answers)
def test_a_model_that_went_through_json_is_the_same(said: list) -> None:
    model = fitted(said)
    again = Model.from_json(json.loads(json.dumps(model.to_json())))
    assert np.array_equal(model.probabilities(EVIDENCE), again.probabilities(EVIDENCE))
    assert forecast(again, EVIDENCE, np.arange(50)) == forecast(model, EVIDENCE, np.arange(50))


def test_without_an_answer_the_model_is_the_start_order() -> None:
    assert fit(EVIDENCE, [], []).probabilities(EVIDENCE) == pytest.approx(start(EVIDENCE), abs=1e-12)


@pytest.mark.parametrize("verdict", [0, 1])
def test_twenty_answers_of_one_kind_move_the_order_but_do_not_break_it(verdict: int) -> None:
    evidence, wrong = some_evidence(samples=2000)
    before = start(evidence)
    first = np.argsort(-before, kind="stable")[:20]
    rest = np.setdiff1d(np.arange(2000), first)
    after = fit(evidence, first, np.full(20, verdict)).probabilities(evidence)
    assert (after[first].mean() > before[first].mean()) == bool(verdict)
    assert average_precision_score(wrong[rest], after[rest]) > 0.6 * average_precision_score(
        wrong[rest], before[rest]
    )


def test_it_finds_the_class_whose_labels_are_often_wrong() -> None:
    evidence, wrong = some_evidence(samples=2000, strengths=(1, 1.5))
    asked = np.random.default_rng(0).permutation(2000)[:400]
    model = fit(evidence, asked, wrong[asked])
    rest = np.setdiff1d(np.arange(len(wrong)), asked)
    assert model.of_class.argmax() == 0
    before, after = (
        average_precision_score(wrong[rest], each[rest])
        for each in (start(evidence), model.probabilities(evidence))
    )
    assert after > before


def test_two_people_who_disagree_say_less_than_two_who_agree() -> None:
    row = int(np.argsort(start(EVIDENCE))[100])

    def moved(*verdicts: int) -> float:
        model = fit(EVIDENCE, [row] * len(verdicts), verdicts)
        return float(model.probabilities(EVIDENCE)[row] - start(EVIDENCE)[row])

    assert moved(0, 1) == pytest.approx(moved(1, 0))
    assert moved(0, 0) < moved(0, 1) < moved(1, 1)


def test_answers_that_have_nothing_to_do_with_the_evidence_end_at_the_base_rate() -> None:
    evidence, _ = some_evidence(samples=3000)
    random = np.random.default_rng(5)
    wrong = random.random(3000) < 0.3
    asked = np.argsort(-start(evidence), kind="stable")[:1000]
    probabilities = fit(evidence, asked, wrong[asked]).probabilities(evidence)
    rest = np.setdiff1d(np.arange(3000), asked)
    assert average_precision_score(wrong[rest], probabilities[rest]) == pytest.approx(0.3, abs=0.05)


def test_labels_by_chance_are_ranked_at_the_base_rate() -> None:
    random = np.random.default_rng(2)
    labels, wrong = random.integers(0, CLASSES, 3000), random.random(3000) < 0.2
    scores = random.normal(size=(3000, CLASSES))
    table = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    evidence = gather([Opinion("first look", table)], labels, classes=CLASSES)
    assert average_precision_score(wrong, start(evidence)) == pytest.approx(0.2, abs=0.03)


def test_random_answers_give_calibrated_probabilities() -> None:
    evidence, wrong = some_evidence(samples=4000, seed=3)
    asked = np.random.default_rng(0).permutation(4000)[:1000]
    probabilities = fit(evidence, asked, wrong[asked]).probabilities(evidence)
    rest = np.setdiff1d(np.arange(4000), asked)
    parts = np.array_split(rest[np.argsort(probabilities[rest])], 10)
    off = [abs(probabilities[part].mean() - wrong[part].mean()) for part in parts]
    assert np.mean(off) < 0.05


def test_a_large_number_of_random_answers_decides_alone() -> None:
    evidence, wrong = some_evidence(samples=4000)
    asked = np.arange(3000)
    probabilities = fit(evidence, asked, wrong[asked]).probabilities(evidence)
    columns = np.hstack([evidence.columns, evidence.start[:, None], np.eye(CLASSES)[evidence.labels]])
    alone = LogisticRegression(C=1.0, max_iter=1000).fit(columns[asked], wrong[asked])
    assert np.corrcoef(probabilities[3000:], alone.predict_proba(columns[3000:])[:, 1])[0, 1] > 0.98


def test_the_posterior_is_that_of_all_coefficients_together() -> None:
    evidence, wrong = some_evidence(samples=300, classes=7)
    model = fit(evidence, np.arange(300), wrong)
    everything = np.block([[model.dense, model.cross], [model.cross.T, np.diag(model.diagonal)]])
    columns = np.hstack([np.ones((300, 1)), evidence.columns, np.eye(7)[evidence.labels]])
    p = model.probabilities(evidence)
    # each of the 300 samples is answered once, and shares twenty imagined answers with the other ones
    of_prior = everything - (columns.T * ((1 + 20 / 300) * p * (1 - p))) @ columns
    spreads = [1.0 if group in (START, PLACES) else 0.35 for group in evidence.groups]
    assert np.diag(of_prior)[-7:] == pytest.approx(1.0, abs=1e-6)
    assert np.linalg.slogdet(of_prior)[1] == pytest.approx(-2 * np.log([0.5, *spreads]).sum(), abs=1e-3)


def test_other_evidence_is_refused() -> None:
    other = gather([Opinion("first look", np.full((3, 2), np.log(0.5)))], np.array([0, 1, 1]), classes=2)
    with pytest.raises(ValueError, match="other evidence"):
        fit(EVIDENCE, [0], [1]).probabilities(other)


@pytest.mark.parametrize("row", [-1, 200])
def test_an_answer_about_an_unknown_sample_is_refused(row: int) -> None:
    with pytest.raises(ValueError, match="does not have"):
        fit(EVIDENCE, [row], [1])


def test_known_slips_make_the_probabilities_those_of_the_truth() -> None:
    evidence, wrong = some_evidence(samples=4000)
    random = np.random.default_rng(7)
    asked = np.argsort(-start(evidence), kind="stable")[:1000]
    said = wrong[asked] ^ (random.random(1000) < 0.15)
    truth = wrong[asked][:400].mean()
    without, corrected = (
        fit(evidence, asked, said, slips=slips).probabilities(evidence)[asked][:400].mean()
        for slips in (0.0, 0.15)
    )
    assert abs(corrected - truth) < 0.04 < abs(without - truth)


def test_people_who_disagree_show_how_often_they_slip() -> None:
    random = np.random.default_rng(8)
    truth = random.random(2000) < 0.5
    rows = np.repeat(np.arange(2000), 2)
    said = truth[rows] ^ (random.random(4000) < 0.15)
    assert share_of_slips(rows, said) == pytest.approx(0.15, abs=0.025)
    assert share_of_slips(rows[::2], said[::2]) == 0  # nobody was asked twice
    assert share_of_slips([1, 1], [0, 1]) < 0.05  # one pair says little
    assert share_of_slips([1, 1, 2], [0, float("nan"), 1]) == 0
    assert share_of_slips(rows, np.tile([0, 1], 2000)) == pytest.approx(0.3, abs=0.01)
    assert share_of_slips([], []) == 0
