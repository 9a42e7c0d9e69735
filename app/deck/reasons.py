"""Why a label is doubted, or not, in words. Pure functions: what is known is said, and nothing else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.deck.worklist import Card

MOST = 3  # sentences besides the first one
_NOISY = 0.2  # share of a class's labels that look wrong, from which on it is worth a word
_SEVERAL = 2
_NAMED = 3  # labels of the nearest images; a fourth is named rather than called another


@dataclass(frozen=True)
class Copy:
    """The label of an image that is the same, or only looks so."""

    label: str
    identical: bool


@dataclass(frozen=True)
class Known:
    """What is known of a sample besides its rank. Labels are those that stand, in words."""

    given_label: str
    copies: Sequence[Copy] = ()
    verified: Sequence[str] = ()  # labels of the nearest samples that somebody verified; empty: too few are
    nearest: Sequence[str] = ()  # labels of the nearest samples
    runs: Sequence[str] = ()  # what each finished run predicted
    class_noise: float = 0.0  # share of the labels of its class that look wrong, 0…1
    doubted_unseen: bool = False  # the network that says otherwise never learnt from this image


def first_reason(card: Card) -> str:
    """Where the card stands in the ranking and what the model says of its label, in a sentence."""
    if card.rank is None or card.confidence is None:
        return "No ranking has this image yet."
    place = f"Rank {card.rank:,} of {card.ranked:,}"
    if card.predicted_label == card.given_label:
        return f"{place}: the model agrees with the given label, {_percent(card.confidence)} sure."
    gives = (
        "" if card.self_confidence is None else f" and gives this label {_percent(card.self_confidence, 1)}"
    )
    return f"{place}: the model is {_percent(card.confidence)} sure of another class{gives}."


def further_reasons(known: Known) -> tuple[str, ...]:
    """What else speaks for or against the given label: at most `MOST` sentences, the weightiest first."""
    found = [*_copies(known), *_neighbours(known), *_runs(known)]
    if known.class_noise >= _NOISY:
        found.append(
            (
                known.class_noise / 2,
                f"About {_percent(known.class_noise)} of all labels {known.given_label} look wrong.",
            )
        )
    if known.doubted_unseen:
        found.append((0.1, "The network that says so never learnt from this image."))
    return tuple(sentence for _, sentence in sorted(found, key=lambda each: -each[0])[:MOST])


def _copies(known: Known) -> list[tuple[float, str]]:
    """Copies with another label: of one image, one label at least is wrong."""
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
    clear = abs(2 * len(others) / n - 1)  # 1: all of one mind
    weight = 0.5 + 0.4 * clear if known.verified else 0.2 + 0.3 * clear
    if 2 * len(others) > n:
        return [(weight, f"{len(others)} of the {n} {words} say otherwise: {_counted(others)}.")]
    return [(weight, f"{n - len(others)} of the {n} {words} are labelled {known.given_label} too.")]


def _counted(labels: Sequence[str]) -> str:
    """How many images have which label, the commonest first; few of many labels are named, and the others counted."""
    counts = Counter(labels).most_common()
    named = counts if len(counts) <= _NAMED + 1 else counts[:_NAMED]
    rest = len(labels) - sum(count for _, count in named)
    return ", ".join(f"{count} {label}" for label, count in named) + (f" and {rest} others" if rest else "")


def _runs(known: Known) -> list[tuple[float, str]]:
    """Runs that go on from one another are of one mind easily, so this weighs less than what people verified."""
    n, others = len(known.runs), [label for label in known.runs if label != known.given_label]
    if n < _SEVERAL or not others:
        return []
    if len(others) < n:
        return [(0.15, f"{len(others)} of {n} runs say another class.")]
    both = "Both" if n == _SEVERAL else f"All {n}"
    return [
        (
            0.45,
            f"{both} runs say {others[0]}." if len(set(others)) == 1 else f"{both} runs say another class.",
        )
    ]


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"
