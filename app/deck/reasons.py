"""Sentences that explain why a label looks wrong, or right. Pure functions of known facts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.deck.filters import Tile
from app.deck.worklist import Card
from app.ranking.models import DOUBTED
from app.training.models import FIRST_LOOK, OWN_MODEL, TRAINING

MOST = 3  # sentences after the first one
_NOISY = 0.2  # the noise of a class is mentioned from this share of wrong-looking labels on
_SEVERAL = 2
_KINDS = {TRAINING: "training", FIRST_LOOK: "first look", OWN_MODEL: "your own model"}
_NAMED = 3  # labels of the nearest images that are named; if there is only one more, it is named too


@dataclass(frozen=True)
class Copy:
    """The label of an image that has the same content or only looks the same."""

    label: str
    identical: bool


@dataclass(frozen=True)
class Predicted:
    """What a finished run predicted."""

    kind: str  # of the run
    label: str


@dataclass(frozen=True)
class Known:
    """What is known about a sample besides its rank. Labels are the current ones, as class names."""

    given_label: str
    copies: Sequence[Copy] = ()
    verified: Sequence[str] = ()  # labels of the nearest verified samples; empty if too few are verified
    nearest: Sequence[str] = ()  # labels of the nearest samples
    runs: Sequence[Predicted] = ()  # what each finished run predicted
    class_noise: float = 0.0  # share of the labels of its class that look wrong, 0…1
    doubted_unseen: bool = False  # the network that predicts another class did not train on this image


def first_reason(card: Card | Tile) -> str:
    """One sentence: the card's rank, and what the model predicts for it."""
    if card.rank is None or card.confidence is None:
        return "This image has no rank yet."
    place = f"Rank {card.rank:,} of {card.ranked:,}"
    if card.predicted_label == card.given_label:
        agrees = f"{place}: the model agrees with the given label, {_percent(card.confidence)} sure"
        if card.error_probability is None or card.error_probability < DOUBTED:
            return f"{agrees}."
        return f"{agrees}; by all that is known the label is wrong with {_percent(card.error_probability)}."
    own_label = (
        "" if card.self_confidence is None else f" and gives this label {_percent(card.self_confidence, 1)}"
    )
    return f"{place}: the model is {_percent(card.confidence)} sure of another class{own_label}."


def further_reasons(known: Known) -> tuple[str, ...]:
    """More evidence for or against the given label: at most `MOST` sentences, the strongest first."""
    found = [*_copies(known), *_neighbours(known), *_runs(known)]
    if known.class_noise >= _NOISY:
        found.append(
            (
                known.class_noise / 2,
                f"About {_percent(known.class_noise)} of all labels {known.given_label} look wrong.",
            )
        )
    if known.doubted_unseen:
        found.append((0.1, "The model that predicts this did not train on this image."))
    return tuple(sentence for _, sentence in sorted(found, key=lambda each: -each[0])[:MOST])


def _copies(known: Known) -> list[tuple[float, str]]:
    """Copies with another label: at least one of the labels must be wrong."""
    reasons = []
    for identical, words in ((True, "identical image"), (False, "image that looks the same")):
        labels = [
            copy.label
            for copy in known.copies
            if copy.identical == identical and copy.label != known.given_label
        ]
        if labels:
            reasons.append(
                (
                    1.0 if identical else 0.95,
                    f"An {words} is labelled {' and another one '.join(dict.fromkeys(labels))}.",
                )
            )
    return reasons


def _neighbours(known: Known) -> list[tuple[float, str]]:
    labels, words = (
        (known.verified, "nearest verified images") if known.verified else (known.nearest, "nearest images")
    )
    if not labels:
        return []
    n, others = len(labels), [label for label in labels if label != known.given_label]
    clear = abs(2 * len(others) / n - 1)  # 1: all agree
    weight = 0.5 + 0.4 * clear if known.verified else 0.2 + 0.3 * clear
    if 2 * len(others) > n:
        return [(weight, f"{len(others)} of the {n} {words} have another label: {_counted(others)}.")]
    return [(weight, f"{n - len(others)} of the {n} {words} are labelled {known.given_label} too.")]


def _counted(labels: Sequence[str]) -> str:
    """The number of images per label, the most frequent first; of many labels only the first are named."""
    counts = Counter(labels).most_common()
    named = counts if len(counts) <= _NAMED + 1 else counts[:_NAMED]
    rest = len(labels) - sum(count for _, count in named)
    return ", ".join(f"{count} {label}" for label, count in named) + (f" and {rest} others" if rest else "")


def _runs(known: Known) -> list[tuple[float, str]]:
    """A run often agrees with its parent run, so this weighs less than verified labels.

    Runs of several kinds are independent: that all predict another class is rarely a coincidence.
    """
    n, others = len(known.runs), [run.label for run in known.runs if run.label != known.given_label]
    if n < _SEVERAL or not others:
        return []
    if len(others) < n:
        return [(0.15, f"{len(others)} of {n} models predict another class.")]
    what = others[0] if len(set(others)) == 1 else "another class"
    both, kinds = "Both" if n == _SEVERAL else f"All {n}", {run.kind: None for run in known.runs}
    if len(kinds) > 1:
        return [(0.6, f"{both} opinions ({', '.join(_KINDS[kind] for kind in kinds)}) predict {what}.")]
    return [(0.45, f"{both} models predict {what}.")]


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}\u00a0%"  # which stays on one line
