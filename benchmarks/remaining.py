"""Does the interval of the remaining errors contain the truth? Simulated reviews, also with naive intervals.

    .venv/bin/python benchmarks/remaining.py [--reviews 400] [--cifar10n aggregate-resnet18.npz]

A review: some cards of a ranking, a random audit of n of what is undecided, more cards, the next audit, and
so on: four audits. After every audit and again after every 1,000 further cards somebody looks at the
interval. "one look": the first audit, when it is done. "every look": none of the eight looks may miss the
truth. Populations: 20,000 samples with 3 to 20 % errors and a ranking with an AUROC of about 0.86; with
`--cifar10n` the published out-of-sample probabilities of CIFAR-10N beside its real label errors (keys
`pred_probs`, `given_labels`, `true_labels`).

Naive, to see that the measurement can fail: "a growing audit": one audit, looked at after every 20 images
with the plain 95 % interval, as somebody does who stops when they like the number; "the share times what is
undecided now": the interval of the audit's share without subtracting what the ranking found since; "the last
cards": the share of errors among the last n of the ranking.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.ranking.scoring import class_noise
from app.remaining.estimate import WINDOW, Audited, Between, SingleLook, errors_in, errors_left

SIZES = (100, 300, 600)
AUDITS = 4
BETWEEN = 1000  # cards of the ranking between two audits
STEP = 20  # images between two looks at a growing audit


@dataclass(frozen=True)
class Population:
    """Which labels are wrong (n,), and the samples in the order of a ranking (n,)."""

    wrong: np.ndarray
    order: np.ndarray


@dataclass
class Held:
    """How often each interval held the truth, and how wide ours was."""

    one_look: list[bool]
    every_look: list[bool]
    width: list[int]
    growing: list[bool]
    times_undecided: list[bool]
    last_cards: list[bool]


def simulated(random: np.random.Generator) -> Population:
    """20,000 samples and a ranking that is right rather often."""
    wrong = random.random(20_000) < random.uniform(0.03, 0.2)
    return Population(wrong, np.argsort(-(1.5 * wrong + random.normal(size=len(wrong)))))


def holds(bound: Between | None, truth: int) -> bool:
    """Whether the truth is within it."""
    return bound is not None and bound.low <= truth <= bound.high


def review(random: np.random.Generator, population: Population, size: int, held: Held) -> None:
    """One review with all of its looks."""
    wrong, order = population.wrong, population.order
    decided = np.zeros(len(wrong), bool)
    begun: list[tuple[int, np.ndarray, np.ndarray]] = []
    looks: list[bool] = []

    def go_on(cards: int) -> np.ndarray:
        shown = order[~decided[order]][:cards]
        decided[shown] = True
        return shown

    def look() -> Between | None:
        audits = [
            Audited(number, len(then), size, int(wrong[drawn].sum()), 0, int((wrong & decided)[then].sum()))
            for number, then, drawn in begun
        ]
        bound = errors_left(audits, undecided=int((~decided).sum()))
        looks.append(holds(bound, int((wrong & ~decided).sum())))
        return bound

    last = go_on(int(random.integers(1, 4)) * BETWEEN)[-size:]
    for number in range(1, AUDITS + 1):
        undecided = np.flatnonzero(~decided)
        drawn = random.choice(undecided, size, replace=False)
        if number == 1:
            truth = int(wrong[undecided].sum())
            grown = [
                errors_in(len(undecided), drawn=n, wrong=int(wrong[drawn[:n]].sum()))
                for n in range(STEP, size + 1, STEP)
            ]
            held.growing.append(all(holds(bound, truth) for bound in grown))
            rest = errors_in(len(undecided), drawn=len(last), wrong=int(wrong[last].sum()))
            held.last_cards.append(holds(rest, truth))
        decided[drawn] = True
        begun.append((number, undecided, drawn))
        bound = look()
        if number == 1 and bound:
            held.one_look.append(looks[0])
            held.width.append(bound.high - bound.low)
        go_on(BETWEEN)
        look()
        if number == 1:
            share = errors_in(len(undecided), drawn=size, wrong=int(wrong[drawn].sum()))
            now = int((~decided).sum())
            plain = Between(
                int(share.low / len(undecided) * now), int(np.ceil(share.high / len(undecided) * now))
            )
            held.times_undecided.append(holds(plain, int((wrong & ~decided).sum())))
    held.every_look.append(all(looks))


def coverage(name: str, populations: Iterator[Population], reviews: int) -> None:
    """A line for each size."""
    drawn = [next(populations) for _ in range(reviews)]
    for size in SIZES:
        random, held = np.random.default_rng(size), Held([], [], [], [], [], [])
        for population in drawn:
            review(random, population, size, held)
        shares = " | ".join(
            f"{100 * np.mean(each):.1f} %"
            for each in (held.one_look, held.every_look, held.growing, held.times_undecided, held.last_cards)
        )
        print(f"| {name} | {size} | {shares} | {np.median(held.width):,.0f} |", flush=True)


def expected(cards: list[SingleLook]) -> float:
    """Errors in the next 100 cards at the hit rate of the last 200; one hit and one miss are added."""
    window = cards[-WINDOW:]
    return 100 * (sum(card.wrong for card in window) + 1) / (len(window) + 2)


def projections(name: str, populations: Iterator[Population], reviews: int) -> None:
    """The errors in the next 100 cards by the hit rate, and the real number, at several times of a review."""
    off, ratio = [], []
    for population in (next(populations) for _ in range(reviews)):
        cards = [
            SingleLook(i, bool(wrong), 2000, by_chance=False)
            for i, wrong in enumerate(population.wrong[population.order[:5000]])
        ]
        for at in range(100, 4900, 400):
            ahead = expected(cards[:at])
            found = sum(card.wrong for card in cards[at : at + 100])
            if ahead:
                off.append(abs(ahead - found))
                ratio.append(ahead - found)
    print(
        f"{name}: next 100 cards, off by {np.mean(off):.1f} errors in the mean, {np.mean(ratio):+.1f} with "
        "its sign",
        flush=True,
    )


def cifar10n(path: Path) -> tuple[Population, np.ndarray, np.ndarray]:
    """The real errors in the order of self-confidence, the probabilities and the given labels."""
    data = np.load(path)
    given, probabilities = data["given_labels"].astype(np.int64), data["pred_probs"]
    wrong = given != data["true_labels"]
    return (
        Population(wrong, np.argsort(probabilities[np.arange(len(given)), given], kind="stable")),
        probabilities,
        given,
    )


def cross_checks(population: Population, probabilities: np.ndarray, given: np.ndarray) -> None:
    """Cleanlab's count of what is left beside the truth, after more and more of the ranking."""
    for cards in (0, 1000, 3000, 5000):
        rest = population.order[cards:]
        noise = class_noise(np.log(np.maximum(probabilities[rest], np.finfo(np.float32).tiny)), given[rest])
        count = sum(float(share) * int((given[rest] == k).sum()) for k, share in enumerate(noise))
        truth = int(population.wrong[rest].sum())
        print(
            f"after {cards:,} cards: cleanlab's count {count:,.0f}, truth {truth:,}, "
            f"{count / max(truth, 1):.2f} of it",
            flush=True,
        )


def repeat(population: Population) -> Iterator[Population]:
    """The same one for every review."""
    while True:
        yield population


def simulate(random: np.random.Generator) -> Iterator[Population]:
    """Another one for every review."""
    while True:
        yield simulated(random)


def main() -> None:
    """Print how often the intervals held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reviews", type=int, default=400)
    parser.add_argument("--cifar10n", type=Path)
    options = parser.parse_args()
    print(
        "| population | n | one look | every look | a growing audit | times what is undecided | the last "
        "cards | median width |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    coverage("simulated", simulate(np.random.default_rng(0)), options.reviews)
    if options.cifar10n:
        population, probabilities, given = cifar10n(options.cifar10n)
        coverage("CIFAR-10N", repeat(population), options.reviews)
        projections("CIFAR-10N", repeat(population), 1)
        cross_checks(population, probabilities, given)
    projections("simulated", simulate(np.random.default_rng(1)), 50)


if __name__ == "__main__":
    main()
