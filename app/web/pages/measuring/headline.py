"""The answer of a comparison in one sentence: whether the newer model makes fewer errors. Pure."""

from dataclasses import dataclass

from app.measuring.comparison import Column, Comparison
from app.training.evaluation import Rate
from app.training.statistics import Difference
from app.web.pages.measuring.conclusions import is_larger_than_seeds, spread_shown
from app.web.rendering import count, percent, plural


@dataclass(frozen=True)
class Headline:
    """The answer, and what to know before one believes it; either may be empty."""

    answer: str
    notes: tuple[str, ...] = ()


def headline(comparison: Comparison) -> Headline:
    """The conclusion of the chief column: first chance, then the seed, then other causes."""
    chief = comparison.chief
    old, new, found = chief.old.error_rate, chief.new.error_rate, chief.difference
    if old is None or new is None or found is None:
        return Headline("It cannot be told: the two models predicted no image in common.")
    learnt = [run.name for run in (comparison.old, comparison.new) if run.in_sample]
    if learnt:
        return Headline(f"It cannot be told: {learnt[0]} may have learnt these images.")
    return Headline(_answer(comparison, old, new, found), tuple(_notes(comparison, chief, found)))


def _answer(comparison: Comparison, old: Rate, new: Rate, found: Difference) -> str:
    figures = f"{percent(new.value)} against {percent(old.value)}"
    images = plural(found.n, "image")
    if found.value == 0:
        return f"No change: both models get {count(new.wrong)} of {images} wrong."
    if not found.beyond_chance:
        are = "is" if found.n == 1 else "are"
        return f"No clear change: {figures}; {images} {are} too few to tell."
    if spread_shown(comparison) is not None and not is_larger_than_seeds(comparison):
        return f"No clear change: {figures}; another seed changes as much."
    if comparison.is_mixed:
        less = "less" if found.value < 0 else "more"
        return f"{comparison.new.name} errs {less} than {comparison.old.name}: {figures}."
    fewer = "Fewer" if found.value < 0 else "More"
    return f"{fewer} errors: {figures} on the same {images}."


def _notes(comparison: Comparison, chief: Column, found: Difference) -> list[str]:
    """What limits the answer, in short; the page has the whole below."""
    notes = []
    if comparison.old.version == comparison.new.version and not comparison.is_mixed:  # which says so, too
        notes.append("Both models learnt the same labels, so this says nothing of cleaning.")
    if comparison.is_mixed:
        notes.append("A first look and a training are two kinds of models: this says nothing of corrections.")
        notes.append("A first look also learns from the other held-out images; a training does not.")
    both_look = comparison.old.is_look and comparison.new.is_look
    if found.beyond_chance and found.value and spread_shown(comparison) is None and not both_look:
        notes.append("Another seed may change as much: train once more to know.")
    if found.beyond_chance and found.value and not comparison.is_mixed and _has_other_causes(comparison):
        notes.append("The labels are not the only cause: the trainings differ in more.")
    if comparison.selection.flatters and chief.kind == "reviewed":
        notes.append("Both figures look better than they are, because a model chose what was reviewed.")
    return notes


def _has_other_causes(comparison: Comparison) -> bool:
    """Whether more than the labels differs between the two trainings, as far as is known."""
    old, new = comparison.old, comparison.new
    return (
        old.is_own
        or new.is_own
        or (old.recipe, old.epochs, old.weights, old.parent_id)
        != (new.recipe, new.epochs, new.weights, new.parent_id)
    )
