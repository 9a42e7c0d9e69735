"""Estimates how many errors remain, and how long more review takes. Pure functions.

An audit draws n samples at random from the undecided ones; people decide all of them, and the errors among
them give an estimate for the whole. The interval is that of Clopper and Pearson (1934), an inversion of exact
tests, for draws without replacement: its tails are those of the hypergeometric distribution, which for a
large population approaches the binomial one.

There may be several audits. If each had its own 95 % interval, the chance of an error would grow with their
number. So the first audit uses half of the 5 %, the second a quarter, and so on: all intervals together hold
in 95 % of cases, however many audits there are and whenever they stop.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import exp, lgamma
from statistics import median

from app.review import counters
from app.training.evaluation import Rate, rate

ALPHA = 0.05  # how often the intervals may be wrong, all audits together
WINDOW = 200  # cards that a projection goes by
PACE = counters.WINDOW  # cards that a time goes by, on every page
AHEAD = 100  # cards that it looks ahead
POINTS = 50  # of the budget curve, as it is drawn
ROUNDING = 1e-12  # of a probability: a tie is a tie


@dataclass(frozen=True)
class Between:
    """A number of errors, in 95 % of cases within these bounds."""

    low: int
    high: int


@dataclass(frozen=True)
class Audited:
    """An audit that is done: what it speaks for, and what was found since it began."""

    number: int  # 1 for the data set's first
    population: int  # samples that nobody had decided when it began
    size: int  # drawn from these
    wrong: int  # of the drawn ones
    unclear: int  # of the drawn ones: somebody is unsure, or people disagree
    found: int  # errors known by now in the population, by whatever way; the drawn ones are among them


@dataclass(frozen=True)
class SingleLook:
    """A sample that somebody looked at alone, by the decision that counts."""

    decision: int
    wrong: bool
    milliseconds: int | None
    by_chance: bool  # drawn for an audit or for the gold part, not offered by the ranking


@dataclass(frozen=True)
class Point:
    """Where the budget curve is after so many cards."""

    cards: int
    errors: int


@dataclass(frozen=True)
class Projection:
    """What the next cards of the worklist take.

    Not what they bring: the ranking gets poorer as it goes, and how fast is not known.
    """

    cards: int
    seconds: float | None  # none: no decision was timed


def spent(number: int, *, alpha: float = ALPHA) -> float:
    """The share of `alpha` that the audit with this number may be wrong in."""
    return alpha / 2.0**number


@lru_cache(maxsize=4096)
def errors_in(population: int, *, drawn: int, wrong: int, unclear: int = 0, alpha: float = ALPHA) -> Between:
    """The errors in a population, if `wrong` of `drawn` are errors.

    For the lower bound `unclear` samples count as right, for the upper bound as wrong.
    """
    most, refused = population - drawn + wrong + unclear, alpha / 2 + ROUNDING
    low = _first(wrong, most, lambda errors: 1 - _at_most(wrong - 1, population, errors, drawn) > refused)
    beyond = _first(
        low,
        most + 1,
        lambda errors: errors > most or _at_most(wrong + unclear, population, errors, drawn) <= refused,
    )
    return Between(low, max(low, beyond - 1))


def errors_left(audits: Sequence[Audited], *, undecided: int, alpha: float = ALPHA) -> Between | None:
    """How many errors nobody has found yet, by all audits that are done; none without one.

    An audit bounds the errors in what was undecided when it began; what was found of them since is
    subtracted, whoever found it and in whatever order. `undecided`: samples without a clear verdict now,
    which caps the number.
    """
    bounds = []
    for audit in audits:
        total = errors_in(
            audit.population,
            drawn=audit.size,
            wrong=audit.wrong,
            unclear=audit.unclear,
            alpha=spent(audit.number, alpha=alpha),
        )
        high = max(0, min(total.high - audit.found, undecided))
        bounds.append(Between(min(max(0, total.low - audit.found), high), high))
    if not bounds:
        return None
    low, high = max(bound.low for bound in bounds), min(bound.high for bound in bounds)
    return Between(low, high) if low <= high else bounds[-1]  # they contradict each other in the 5 % only


def hit_rate(looks: Sequence[SingleLook], *, last: int) -> Rate | None:
    """Share of errors among the last cards of the worklist, with Wilson's interval; without audit cards."""
    window = _offered(looks)[-last:]
    return rate(sum(look.wrong for look in window), len(window))


def pace(looks: Sequence[SingleLook], *, last: int = PACE) -> float | None:
    """Median of the seconds a decision took, of the last cards."""
    times = [look.milliseconds / 1000 for look in looks[-last:] if look.milliseconds]
    return median(times) if times else None


def project(looks: Sequence[SingleLook], *, left: int, ahead: int = AHEAD) -> Projection | None:
    """The time for the next cards, at the pace of the last 50; None before the first or after the last."""
    window, cards = _offered(looks)[-WINDOW:], min(ahead, left)
    if not window or cards < 1:
        return None
    seconds = pace(window)
    return Projection(
        cards=cards,
        seconds=None if seconds is None else cards * seconds,
    )


def budget_curve(
    looks: Sequence[SingleLook], *, in_bulk: Sequence[int] = (), points: int = POINTS
) -> tuple[Point, ...]:
    """Errors found against cards looked at, in the order of the decisions, from the first card to the last.

    `in_bulk`: the decisions, by ascending id, that found an error among many at once. They cost no card, so
    they count at the card before them.
    """
    last = len(looks)
    alone = [0, *accumulate(int(look.wrong) for look in looks)]
    at_once = [*(bisect_left(in_bulk, look.decision) for look in looks), len(in_bulk)]
    errors = [sum(both) for both in zip(alone, at_once, strict=True)]
    places = sorted({round(i * last / points) for i in range(points + 1)})
    return tuple(Point(at, errors[at]) for at in places)


def _offered(looks: Sequence[SingleLook]) -> list[SingleLook]:
    return [look for look in looks if not look.by_chance]


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest number from `low` on for which a monotone condition holds; `high` if none below does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _at_most(wrong: int, population: int, errors: int, drawn: int) -> float:
    """P(at most `wrong` of the drawn ones are errors), when that many of the population are."""
    likeliest = (drawn + 1) * (errors + 1) // (population + 2)
    if wrong > likeliest:  # from the top the chances fall, so that the sum is soon complete
        return 1 - _tail(drawn - wrong - 1, population, population - errors, drawn)
    return _tail(wrong, population, errors, drawn)


def _tail(k: int, population: int, errors: int, drawn: int) -> float:
    """P(at most k), for k up to the most likely number: a sum of terms, each computed from the one before."""
    fewest = max(0, drawn - (population - errors))
    if k < fewest:
        return 0.0
    chance = exp(
        _log_choose(errors, k) + _log_choose(population - errors, drawn - k) - _log_choose(population, drawn)
    )
    total = 0.0
    while chance > total * 1e-17:
        total += chance
        chance *= k * (population - errors - drawn + k) / ((errors - k + 1) * (drawn - k + 1))
        k -= 1
    return min(1.0, total)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
