"""Rules that end a review, chosen beforehand, and whether they are reached. Pure functions.

A rule uses only decisions made after it was chosen, so that nobody can choose one that is already reached.
Once reached, it stays reached.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from app.errors import Invalid
from app.remaining.estimate import WINDOW, Between, SingleLook

KINDS = ("cards", "minutes", "keeps", "hit_rate", "left")
NONE = "none"
SHARES = ("hit_rate", "left")  # kinds whose amount is a share
MOST_SECONDS = (
    60  # of one decision that count as work: who leaves a card open for lunch does not review meanwhile
)


@dataclass(frozen=True)
class Rule:
    """What ends the review.

    cards: so many looked at; minutes: so long spent on them; keeps: so many of the worklist in a row without
    an error; hit_rate: fewer errors than this share among the last 200 of the worklist; left: at most this
    share of all labels wrong and not found, with 95 % confidence, by the audits.
    """

    kind: str
    amount: float


@dataclass(frozen=True)
class Reached:
    """How far a review is by its rule."""

    is_reached: bool
    so_far: float | None  # in the rule's own unit; none: not to be known yet
    after_cards: (
        int | None
    )  # cards since the rule was chosen when it was reached first; none for a rule that no card reaches


def checked(kind: str, amount: float) -> Rule:
    """The rule, if it makes sense. Raises Invalid."""
    if kind == NONE:
        return Rule(NONE, 0)
    if kind not in KINDS:
        raise Invalid(f"“{kind}” is no stopping rule; choose {', '.join(KINDS)} or {NONE}.")
    if kind in SHARES and not 0 < amount < 1:
        raise Invalid("Choose a share of more than 0 % and less than 100 %.")
    if kind not in SHARES and not (isfinite(amount) and 1 <= amount <= 1e9):  # noqa: PLR2004
        raise Invalid("Choose a number of 1 or more.")
    if kind in ("cards", "keeps") and amount != int(amount):
        raise Invalid("Choose a whole number of images.")
    return Rule(kind, amount)


def judge(rule: Rule, looks: Sequence[SingleLook], *, left: Between | None, samples: int) -> Reached:
    """Whether a rule is reached.

    `looks`: the cards since it was chosen, in order; `left`: the errors left of so many `samples`.
    """
    if rule.kind == "left":
        share = left.high / samples if left and samples else None
        return Reached(is_reached=share is not None and share <= rule.amount, so_far=share, after_cards=None)
    so_far: float | None = None if rule.kind == "hit_rate" else 0.0
    reached = None
    for cards, so_far in enumerate(_along(rule.kind, looks), 1):
        if reached is None and _is_enough(rule, so_far):
            reached = cards
    return Reached(is_reached=reached is not None, so_far=so_far, after_cards=reached)


def _is_enough(rule: Rule, so_far: float | None) -> bool:
    if so_far is None:
        return False
    return so_far < rule.amount if rule.kind == "hit_rate" else so_far >= rule.amount


def _along(kind: str, looks: Sequence[SingleLook]) -> Iterator[float | None]:
    """What a rule goes by, after each card."""
    seconds, keeps, hits = 0.0, 0, 0
    window: deque[bool] = deque()
    for cards, look in enumerate(looks, 1):
        seconds += min((look.milliseconds or 0) / 1000, MOST_SECONDS)
        if not look.by_chance:
            keeps = 0 if look.wrong else keeps + 1
            window.append(look.wrong)
            hits += look.wrong - (window.popleft() if len(window) > WINDOW else False)
        share = hits / WINDOW if len(window) == WINDOW else None
        yield {"cards": float(cards), "minutes": seconds / 60, "keeps": float(keeps), "hit_rate": share}[kind]
