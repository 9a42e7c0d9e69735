"""Does a worklist that learns from the answers find more wrong labels than one that does not? Simulated.

    .venv/bin/python benchmarks/learning.py [--opinions cifar10n.npz …] [--slips 0 0.15] [--cards 3000]

A reviewer who knows the truth answers the cards in the order of the worklist; with `--slips 0.15` this person
says the opposite 15 % of the time. From the 20th card on the model is fitted again every 10 cards. Beside it:
the same review in each order that does not learn.

`--opinions`: files with `labels` and `wrong` (n,), if need be `known` (n,: samples whose truth is known; only
these are shown) and `hold_out` (n,), and the log-probabilities (n, classes) of one or more of `first look`,
`network` and `along the training`. Without it: scikit-learn's digits, 10 % of the labels made wrong, and
synthetic data in which half of the classes have nearly all wrong labels; both need no file.

Calibration: in ten parts of equal size, how far the mean probability is from the share of wrong labels, on
average. "next": the cards as they come, each by the probability it had just before. "left": the unanswered
ones. Forecast: every 100 cards, the expected number of wrong labels among the next 100 and among all that is
left, beside what the reviewer would say of them, and how often the 80 % and 95 % ranges hold that.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from app.ranking.forecasting import Forecast, contributions, forecast
from app.ranking.learning import FEWEST, Model, fit
from app.ranking.opinions import Evidence, Kind, Opinion, gather
from app.ranking.scoring import class_noise, normalized_margin

EVERY = 10
MARKS = (100, 250, 500, 1000, 2000, 3000)
Reviewer = Callable[[np.ndarray], np.ndarray]  # rows to whether this person calls each label wrong


@dataclass(frozen=True)
class Data:
    """Samples, the opinions about them, and the truth."""

    name: str
    labels: np.ndarray
    wrong: np.ndarray
    known: np.ndarray
    hold_out: np.ndarray
    opinions: dict[Kind, np.ndarray]

    def evidence(self) -> Evidence:
        """What the model learns from."""
        classes = next(iter(self.opinions.values())).shape[1]
        opinions = [
            Opinion(kind, table, None if kind == "first look" else ~self.hold_out)
            for kind, table in self.opinions.items()
        ]
        return gather(opinions, self.labels, classes=classes, hold_out=self.hold_out)


@dataclass
class Review:
    """What came of a review, and what had been forecast."""

    shown: list[int] = field(default_factory=list)
    said: list[bool] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)  # of each shown card, just before
    left: dict[int, str] = field(default_factory=dict)  # by number of cards: calibration of the rest
    next_100: list[tuple[float, int, bool, bool]] = field(default_factory=list)
    rest: list[tuple[float, int, bool, bool]] = field(default_factory=list)


def from_file(path: Path) -> Data:
    """Opinions that were stored."""
    with np.load(path) as file:
        labels = file["labels"]
        known = file["known"] if "known" in file else np.ones(len(labels), bool)
        hold_out = file["hold_out"] if "hold_out" in file else np.zeros(len(labels), bool)
        opinions = {kind: file[kind].astype(np.float32) for kind in get_args(Kind) if kind in file}
        return Data(path.stem, labels, file["wrong"] & known, known, hold_out, opinions)


def out_of_fold(features: np.ndarray, labels: np.ndarray, *, sharpness: float) -> np.ndarray:
    """Log-probabilities of a linear model that never saw the sample it judges."""
    fold = np.random.default_rng(0).integers(0, 10, len(labels))
    scores = np.zeros((len(labels), int(labels.max()) + 1))
    for k in range(10):
        model = RidgeClassifier(alpha=1.0).fit(features[fold != k], labels[fold != k])
        scores[fold == k] = sharpness * model.decision_function(features[fold == k])
    return (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)


def of_labels(name: str, true: np.ndarray, labels: np.ndarray, features: np.ndarray) -> Data:
    """Data with a first look of its own."""
    everything, nothing = np.ones(len(labels), bool), np.zeros(len(labels), bool)
    look = out_of_fold(features, labels, sharpness=3.0)
    return Data(name, labels, labels != true, everything, nothing, {"first look": look})


def digits(seed: int = 1) -> Data:
    """A tenth of the labels is another class."""
    random, loaded = np.random.default_rng(seed), load_digits()
    true, labels = loaded.target, loaded.target.copy()
    chosen = random.permutation(len(labels))[: len(labels) // 10]
    labels[chosen] = (labels[chosen] + random.integers(1, 10, len(chosen))) % 10
    features = np.maximum(0, loaded.data @ random.normal(size=(64, 600)) / 40)
    return of_labels("digits", true, labels, features)


def synthetic(seed: int = 1, samples: int = 10_000, classes: int = 8) -> Data:
    """Clouds that overlap; 30 % of the labels of every second class are wrong, 3 % of the other ones."""
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, samples)
    features = random.normal(size=(classes, 20))[true] * 0.8 + random.normal(size=(samples, 20))
    share = np.where(np.arange(classes) % 2, 0.3, 0.03)
    labels = random.integers(0, classes, samples)
    labels = np.where(random.random(samples) < share[labels] * classes / (classes - 1), labels, true)
    return of_labels("synthetic, noise by class", true, labels, features)


def who_knows(data: Data, *, slips: float, seed: int = 0) -> Reviewer:
    """A person who knows the truth and says the opposite with the probability `slips`."""
    random = np.random.default_rng(seed)
    return lambda rows: data.wrong[rows] ^ (random.random(len(rows)) < slips)


def static_orders(data: Data) -> Iterator[tuple[str, np.ndarray]]:
    """Names and suspicions of the orders that do not learn."""
    rows = np.arange(len(data.labels))
    for kind, table in data.opinions.items():
        own, noise = np.exp(table[rows, data.labels]), class_noise(table, data.labels)[data.labels]
        margin = normalized_margin(table, data.labels)
        yield f"{kind}: p(given) (loss)", -own
        yield f"{kind}: p(given) minus class noise", noise - own
        yield f"{kind}: margin", -margin
        yield f"{kind}: margin minus class noise", noise - margin
    yield "start order", data.evidence().start


def found_after(data: Data, suspicion: np.ndarray) -> np.ndarray:
    """Wrong labels among the first cards of an order (known samples,)."""
    return np.cumsum(data.wrong[np.argsort(np.where(data.known, -suspicion, np.inf), kind="stable")])


def calibration_error(probabilities: np.ndarray, wrong: np.ndarray) -> float:
    """Mean distance of probability and share in ten parts of equal size."""
    parts = np.array_split(np.argsort(probabilities, kind="stable"), 10)
    off = [abs(probabilities[part].mean() - wrong[part].mean()) * len(part) for part in parts if len(part)]
    return float(sum(off) / len(probabilities))


def review(data: Data, reviewer: Reviewer, asked_twice: Reviewer, *, cards: int) -> Review:
    """A review of `cards` cards in an order that learns.

    `asked_twice` is the same person, whose answers here only test the forecast.
    """
    evidence, result = data.evidence(), Review()
    model = fit(evidence, [], [])
    open_ = data.known.copy()
    while len(result.shown) < cards:
        done = len(result.shown)
        if done >= FEWEST:
            model = fit(evidence, result.shown, result.said)
        p = model.probabilities(evidence)
        order = np.argsort(np.where(open_, -p, np.inf), kind="stable")[: int(open_.sum())]
        if done and done % 100 == 0:
            look(asked_twice, result, forecast_of(evidence, model, order))
        if done in MARKS:
            result.left[done] = f"{calibration_error(p[order], data.wrong[order]):.3f}"
        taken = order[: min(EVERY if done else FEWEST, cards - done)]
        result.shown += taken.tolist()
        result.said += reviewer(taken).tolist()
        result.probabilities += p[taken].tolist()
        open_[taken] = False
    evidence_that_counts = ", ".join(
        f"{each.name} {each.share:.0%}" for each in contributions(model, evidence)[:6]
    )
    print(f"  what counts in the end: {evidence_that_counts}")
    return result


def forecast_of(evidence: Evidence, model: Model, order: np.ndarray) -> list[tuple[np.ndarray, Forecast]]:
    """The forecasts of the next 100 cards and of all, with their rows."""
    return [(order[:n], forecast(model, evidence, order[:n])) for n in (100, len(order))]


def look(reviewer: Reviewer, result: Review, forecasts: list) -> None:
    """Compare forecasts with what the reviewer would say."""
    for kept, (rows, said) in zip((result.next_100, result.rest), forecasts, strict=True):
        came = int(reviewer(rows).sum())
        kept.append(
            (
                said.expected,
                came,
                said.likely[0] <= came <= said.likely[1],
                said.range[0] <= came <= said.range[1],
            )
        )


def told(name: str, forecasts: list[tuple[float, int, bool, bool]]) -> str:
    """A line about forecasts."""
    table = np.array(forecasts, float)
    off = np.abs(table[:, 0] - table[:, 1]).mean()
    return (
        f"  forecast of {name}: off by {off:.0f} on average (came: {table[:, 1].mean():.0f}); "
        f"80 % range holds {table[:, 2].mean():.0%}, 95 % range {table[:, 3].mean():.0%} of {len(table)}"
    )


def measure(data: Data, *, slips: list[float], cards: int) -> None:
    """Print the tables of one data set."""
    cards = min(cards, int(data.known.sum()))
    tenth = int(data.known.sum()) // 10
    marks = [mark for mark in sorted({*MARKS, tenth}) if mark <= cards]
    print(f"\n{data.name}: {int(data.wrong.sum()):,} wrong of {int(data.known.sum()):,}; found after {marks}")
    static = {name: found_after(data, suspicion) for name, suspicion in static_orders(data)}
    for name, found in static.items():
        print(f"  {name:45s} {[int(found[mark - 1]) for mark in marks]}")
    best = [max(int(found[mark - 1]) for found in static.values()) for mark in marks]
    for share in slips:
        result = review(data, who_knows(data, slips=share), who_knows(data, slips=share, seed=1), cards=cards)
        found = np.cumsum(data.wrong[result.shown])
        ours = [int(found[mark - 1]) for mark in marks]
        name = f"learning, {share:.0%} of the answers wrong" if share else "learning"
        parts = [round(a / max(1, b), 3) for a, b in zip(ours, best, strict=True)]
        print(f"  {name:45s} {ours}\n  {'of the best static order':45s} {parts}")
        later, said = np.array(result.probabilities), np.array(result.said)
        print(
            f"  calibration error, next: {calibration_error(later[100:], said[100:]):.3f} (from the 100th), "
            f"against the truth {calibration_error(later[100:], data.wrong[result.shown][100:]):.3f}; "
            f"left: {result.left}"
        )
        print(told("the next 100", result.next_100))
        print(told("all that is left", result.rest), flush=True)


def main() -> None:
    """Print the tables of all data."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--opinions", type=Path, nargs="*")
    parser.add_argument("--slips", type=float, nargs="+", default=[0.0, 0.15])
    parser.add_argument("--cards", type=int, default=3000)
    options = parser.parse_args()
    data = [from_file(path) for path in options.opinions] if options.opinions else [digits(), synthetic()]
    for each in data:
        measure(each, slips=options.slips, cards=options.cards)


if __name__ == "__main__":
    main()
