"""Sentences about what a comparison shows and what it does not show. Pure."""

from dataclasses import dataclass

from app.measuring.comparison import Column, Comparison, Kind, RunFacts
from app.training.statistics import Difference
from app.web.rendering import count

LABELS: dict[Kind, str] = {
    "given": "the given labels",
    "reviewed": "the cleaned labels",
    "gold": "the checked test set",
}
SMALL = 0.001  # a p below it is not written out


@dataclass(frozen=True)
class Conclusions:
    """Sentences for people."""

    said: tuple[str, ...]
    not_said: tuple[str, ...]


def conclude(comparison: Comparison) -> Conclusions:
    """Notes on chance, then the seed, other differences of the runs, and how the images were selected."""
    differences = [(column, column.difference) for column in comparison.columns if column.difference]
    if not differences:
        return Conclusions(
            (),
            ("That one of the models is better: there are no hold-out images that both models predicted.",),
        )
    said = [_beyond_chance(comparison, column, found) for column, found in differences if found.beyond_chance]
    not_said = [_chance(column, found) for column, found in differences if not found.beyond_chance]
    not_said += [
        f"Anything by the checked test set: {count(column.open)} of its images "
        f"{'is' if column.open == 1 else 'are'} not agreed, the hard ones. It decides once all are."
        for column in comparison.columns
        if column.open
    ]
    chief = comparison.chief.difference
    own = [run for run in (comparison.old, comparison.new) if run.is_own]
    if chief and chief.value and not own:
        said_of_seeds = _seeds(comparison)
        (said if is_larger_than_seeds(comparison) else not_said).append(said_of_seeds)
    not_said += _of_own_models(own) if own else _other_causes(comparison)
    if comparison.selection.flatters and comparison.chief.kind == "reviewed":
        not_said.append(
            "How many errors either model really makes: labels were changed where a model pointed, "
            "which lowers the measured error by itself. Both models gain from it, so their difference says "
            "more than their errors."
        )
    return Conclusions(tuple(said), tuple(not_said))


def points(share: float) -> str:
    """0.0312 → 3.1 points."""
    return f"{100 * share:.1f} point{'' if f'{100 * share:.1f}' == '1.0' else 's'}"


def signed(share: float) -> str:
    """-0.0312 → −3.1, with a sign that people know."""
    return f"{100 * share:+.1f}".replace("-", "−").replace("+0.0", "0.0").replace("−0.0", "0.0")


def as_shown(share: float) -> float:
    """A share as the page writes it, in tenths of a per cent: 0.15057 → 0.151."""
    return round(100 * share, 1) / 100


def difference_shown(column: Column, found: Difference) -> float:
    """New minus old error rate, both as the page writes them: what a reader calculates is what it says."""
    old, new = column.old.error_rate, column.new.error_rate
    return as_shown(new.value) - as_shown(old.value) if old and new else found.value


def spread_shown(comparison: Comparison) -> float | None:
    """The spread of the seed twins, from their error rates as the page writes them."""
    seeds = comparison.seeds
    shown = [[as_shown(run.error.value) for run in group] for group in (seeds.old, seeds.new) if group]
    return max((max(rates) - min(rates) for rates in shown), default=None)


def chance(p: float) -> str:
    """A p as people write it."""
    return f"p < {SMALL}" if p < SMALL else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"  # noqa: PLR2004


def _interval(found: Difference) -> str:
    return f"95\u00a0% interval {signed(found.low)} to {signed(found.high)} points"


def _direction(column: Column, found: Difference) -> str:
    apart = as_shown(abs(difference_shown(column, found)))
    return f"{points(apart) if apart else 'under 0.1 points'} {'fewer' if found.value < 0 else 'more'} errors"


def _beyond_chance(comparison: Comparison, column: Column, found: Difference) -> str:
    return (
        f"Against {LABELS[column.kind]}, {comparison.new.name} makes {_direction(column, found)} than "
        f"{comparison.old.name} on the same {count(found.n)} images ({_interval(found)}): more than "
        f"chance makes ({chance(found.p)})."
    )


def _chance(column: Column, found: Difference) -> str:
    if found.value == 0:
        return (
            f"That one of the models is better against {LABELS[column.kind]}: "
            f"both make the same number of errors on {count(found.n)} images."
        )
    return (
        f"That one of the models is better against {LABELS[column.kind]}: {_direction(column, found)} "
        f"({_interval(found)}) are no more than chance makes on {count(found.n)} images "
        f"({chance(found.p)})."
    )


def is_larger_than_seeds(comparison: Comparison) -> bool:
    """Whether the difference is larger than that of seed twins, both as shown: equal figures are not."""
    chief, spread = comparison.chief, spread_shown(comparison)
    if spread is None or chief.difference is None:
        return False
    return as_shown(spread) < as_shown(abs(difference_shown(chief, chief.difference)))


def _seeds(comparison: Comparison) -> str:
    spread, runs = spread_shown(comparison), comparison.seeds.runs
    if spread is None:
        return (
            "That another seed would not make as much: no training here differs from these by its seed "
            "alone, so the seed’s part is not known. Train once more with another seed to know it."
        )
    apart = f"trainings that differ by their seed alone lie up to {points(spread)} apart ({runs} models)"
    if is_larger_than_seeds(comparison):
        return f"{apart[0].upper()}{apart[1:]}: the difference is larger than that."
    return f"That another seed would not make as much: {apart}, and this difference is no larger."


def _of_own_models(own: list[RunFacts]) -> list[str]:
    """What is not known of models that were trained elsewhere."""
    unknown = [
        f"Why: {run.name} is an own model, trained elsewhere on labels and with seeds not known here."
        for run in own
    ]
    flattered = [
        f"That {run.name} makes so few errors: its predictions are in sample, so it may have learnt "
        "these images."
        for run in own
        if run.in_sample
    ]
    return unknown + flattered


def _other_causes(comparison: Comparison) -> list[str]:
    old, new = comparison.old, comparison.new
    if old.version == new.version:
        same = f"the same labels, those of version {old.version}"
        return [f"That cleaning helped or harmed: both models trained on {same}."]
    causes = []
    if new.parent_id == old.id:
        causes.append(
            f"That it was the labels alone: {new.name} continues {old.name}, so it has also trained "
            f"longer. A training that continues {old.name} on version {old.version} shows the difference."
        )
    elif (old.recipe, old.epochs, old.weights, old.parent_id) != (
        new.recipe,
        new.epochs,
        new.weights,
        new.parent_id,
    ):
        causes.append(
            "That it was the labels alone: the trainings differ in recipe, length or start as well."
        )
    return causes
