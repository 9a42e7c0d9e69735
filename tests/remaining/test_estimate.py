"""What an audit says of what is left, and what going on would bring."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.remaining.estimate import (
    Audited,
    Between,
    Projection,
    SingleLook,
    budget_curve,
    errors_in,
    errors_left,
    hit_rate,
    pace,
    project,
    spent,
)


def looks(said: str, *, milliseconds: int | None = 2000) -> list[SingleLook]:
    """A review in letters: x an error, . a keep; capitals X and O were drawn for an audit."""
    return [SingleLook(i + 1, letter in "xX", milliseconds, letter in "XO") for i, letter in enumerate(said)]


@pytest.mark.parametrize(("drawn", "wrong"), [(100, 0), (100, 7), (300, 60), (600, 3), (50, 50)])
def test_in_a_large_population_the_bounds_are_clopper_and_pearsons(drawn: int, wrong: int) -> None:
    found = errors_in(2_000_000, drawn=drawn, wrong=wrong)
    low = stats.beta.ppf(0.025, wrong, drawn - wrong + 1) if wrong else 0
    high = stats.beta.ppf(0.975, wrong + 1, drawn - wrong) if wrong < drawn else 1
    assert found.low / 2_000_000 == pytest.approx(low, abs=2e-4)
    assert found.high / 2_000_000 == pytest.approx(high, abs=2e-4)


@st.composite
def audits(draw: st.DrawFn) -> tuple[int, int, int]:
    population = draw(st.integers(1, 300))
    drawn = draw(st.integers(1, population))
    return population, drawn, draw(st.integers(0, drawn))


@given(audits())
def test_the_bounds_are_the_numbers_that_an_exact_test_does_not_refuse(audit: tuple[int, int, int]) -> None:
    population, drawn, wrong = audit
    found = errors_in(population, drawn=drawn, wrong=wrong)
    possible = np.arange(wrong, population - drawn + wrong + 1)
    as_many = stats.hypergeom.sf(wrong - 1, population, possible, drawn)
    as_few = stats.hypergeom.cdf(wrong, population, possible, drawn)
    kept = possible[
        (as_many > 0.025 + 1e-12) & (as_few > 0.025 + 1e-12)
    ]  # a tie is refused, however it is rounded
    assert (found.low, found.high) == (kept[0], kept[-1])


@given(audits(), st.integers(0, 5))
def test_what_is_unclear_makes_the_interval_wider_and_never_narrower(
    audit: tuple[int, int, int], unclear: int
) -> None:
    population, drawn, wrong = audit
    unclear = min(unclear, drawn - wrong)
    sure, unsure = (errors_in(population, drawn=drawn, wrong=wrong, unclear=n) for n in (0, unclear))
    assert unsure.low == sure.low
    assert unsure.high >= sure.high
    assert wrong <= sure.low <= sure.high <= population - drawn + wrong


def test_an_audit_of_everything_knows() -> None:
    assert errors_in(400, drawn=400, wrong=31) == Between(31, 31)


def test_the_audits_together_may_be_wrong_in_a_twentieth_of_cases_however_many_there_are() -> None:
    assert spent(1) == 0.025
    assert sum(spent(number) for number in range(1, 60)) <= 0.05 + 1e-12


def test_what_was_found_since_an_audit_began_is_left_no_more() -> None:
    audit = Audited(1, population=2000, size=300, wrong=30, unclear=0, found=30)
    total = errors_in(2000, drawn=300, wrong=30, alpha=0.025)
    assert errors_left([audit], undecided=1700) == Between(total.low - 30, total.high - 30)
    later = Audited(1, population=2000, size=300, wrong=30, unclear=0, found=100)
    assert errors_left([later], undecided=1000) == Between(total.low - 100, total.high - 100)
    assert errors_left([later], undecided=12) == Between(12, 12)


def test_no_audit_no_number() -> None:
    assert errors_left([], undecided=1000) is None


def test_a_second_audit_narrows_the_first_and_never_widens_it() -> None:
    first = Audited(1, population=2000, size=300, wrong=30, unclear=0, found=150)
    second = Audited(2, population=1500, size=600, wrong=20, unclear=0, found=20)
    alone, both = errors_left([first], undecided=900), errors_left([first, second], undecided=900)
    assert alone
    assert both
    assert alone.low <= both.low <= both.high <= alone.high
    assert both != alone


def test_audits_that_contradict_each_other_leave_the_last_word_to_the_newest() -> None:
    first = Audited(1, population=2000, size=300, wrong=0, unclear=0, found=0)
    second = Audited(2, population=1700, size=300, wrong=200, unclear=0, found=200)
    assert errors_left([first, second], undecided=1400) == errors_left([second], undecided=1400)


def simulated(random: np.random.Generator, alpha: float) -> bool:
    """Whether the truth is within the bounds of two audits, with ranked reviews before, between and after."""
    wrong = random.random(3000) < 0.2
    order = np.argsort(-(wrong * 1.5 + random.normal(size=3000)))  # a ranking that is right rather often
    decided = np.zeros(3000, bool)
    decided[order[:300]] = True
    begun, right = [], True
    for number in (1, 2):
        open_then = np.flatnonzero(~decided)
        drawn = random.choice(open_then, 100, replace=False)
        decided[drawn] = True
        begun.append((number, open_then, drawn))
        for _ in range(2):
            done = [
                Audited(
                    number, len(then), 100, int(wrong[these].sum()), 0, int((wrong & decided)[then].sum())
                )
                for number, then, these in begun
            ]
            bound = errors_left(done, undecided=int((~decided).sum()), alpha=alpha)
            assert bound
            right &= bound.low <= (wrong & ~decided).sum() <= bound.high
            decided[order[~decided[order]][:300]] = True
    return right


def test_the_interval_holds_the_truth_at_every_look_of_most_reviews() -> None:
    random = np.random.default_rng(5)
    assert np.mean([simulated(random, 0.05) for _ in range(200)]) >= 0.93
    assert np.mean([simulated(random, 0.8) for _ in range(200)]) < 0.93  # the simulation can tell


def test_hit_rates_are_of_the_cards_that_the_worklist_offered() -> None:
    review = looks("x.x.OOOXOO")
    assert (r := hit_rate(review, last=50))
    assert (r.wrong, r.n) == (2, 4)
    assert (r := hit_rate(review, last=2))
    assert (r.wrong, r.n) == (1, 2)
    assert hit_rate([], last=50) is None


def test_the_budget_curve_goes_from_nothing_to_all_that_was_found() -> None:
    curve = budget_curve(looks("xx.x.O.X"))
    assert [(point.cards, point.errors) for point in curve] == [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 2),
        (4, 3),
        (5, 3),
        (6, 3),
        (7, 3),
        (8, 4),
    ]
    assert [(point.cards, point.errors) for point in budget_curve([])] == [(0, 0)]


@given(st.text("x.XO", max_size=400))
def test_a_long_curve_is_thinned_keeps_its_end_and_never_falls(said: str) -> None:
    curve = budget_curve(looks(said))
    assert len(curve) <= 51
    assert (curve[-1].cards, curve[-1].errors) == (len(said), sum(letter in "xX" for letter in said))
    assert all(a.cards < b.cards and a.errors <= b.errors for a, b in pairwise(curve))


def test_a_projection_says_how_long_the_next_cards_take_by_the_last_ones() -> None:
    assert project(looks("." * 500 + "x..." * 50), left=5000) == Projection(cards=100, seconds=200)
    ahead = project(looks("." * 50), left=30)
    assert ahead
    assert ahead.cards == 30


def test_without_cards_before_or_ahead_nothing_is_projected() -> None:
    fast = [*looks("." * 150, milliseconds=9000), *looks("." * 50, milliseconds=1000)]
    assert project(fast, left=47) == Projection(cards=47, seconds=47)
    assert project(looks("XO"), left=100) is None
    assert project(looks("x."), left=0) is None
    untimed = project(looks("x.", milliseconds=None), left=10)
    assert untimed
    assert untimed.seconds is None
    assert pace(looks("x.", milliseconds=None)) is None
