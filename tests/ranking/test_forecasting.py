import numpy as np
import pytest

from app.ranking.forecasting import contributions, forecast
from app.ranking.learning import fit
from tests.ranking.test_learning import some_evidence


def test_the_forecast_of_the_next_cards_and_of_all_holds_what_comes() -> None:
    held = []
    for seed in range(24):
        evidence, wrong = some_evidence(seed, samples=2000)
        order = np.argsort(-fit(evidence, [], []).probabilities(evidence), kind="stable")
        model = fit(evidence, order[:400], wrong[order[:400]])
        rest = order[400:]
        rest = rest[np.argsort(-model.probabilities(evidence)[rest], kind="stable")]
        for rows in (rest[:100], rest):
            said = forecast(model, evidence, rows)
            assert said.range[0] <= said.likely[0] <= said.expected <= said.likely[1] <= said.range[1]
            held.append(said.range[0] <= wrong[rows].sum() <= said.range[1])
    assert np.mean(held) >= 0.7


def test_the_same_forecast_twice_is_the_same() -> None:
    evidence, wrong = some_evidence()
    model = fit(evidence, np.arange(50), wrong[:50])
    assert forecast(model, evidence, np.arange(200)) == forecast(model, evidence, np.arange(200))


def test_more_answers_make_the_range_of_all_narrower() -> None:
    evidence, wrong = some_evidence(samples=2000)
    rows = np.arange(1000, 2000)
    few, many = (forecast(fit(evidence, np.arange(n), wrong[:n]), evidence, rows) for n in (20, 1000))
    assert many.range[1] - many.range[0] < 0.7 * (few.range[1] - few.range[0])


def test_no_card_has_nothing_to_forecast() -> None:
    evidence, _ = some_evidence()
    said = forecast(fit(evidence, [], []), evidence, np.array([], np.int64))
    assert (said.samples, said.expected, said.range) == (0, 0.0, (0, 0))


def test_contributions_are_shares_of_the_whole_with_the_strongest_first() -> None:
    evidence, wrong = some_evidence(samples=2000)
    found = contributions(fit(evidence, np.arange(1000), wrong[:1000]), evidence)
    assert sum(each.share for each in found) == pytest.approx(1)
    assert [each.share for each in found] == sorted((each.share for each in found), reverse=True)
    assert {"First look", "Network", "Given class", "Agreement", "Start order"} <= {
        each.name for each in found
    }
