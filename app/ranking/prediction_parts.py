"""What the readers of predictions share: parts of a file, its columns by class, and the words of refusals."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import Invalid
from app.spelling import places_of

ROWS = 4000  # read at a time
SHOWN = 3  # examples in a refusal
PATH_NAMES = ("path", "paths", "file", "files", "filename", "image", "images")
SAMPLE_NAMES = ("sample_id", "sample_ids", "sample")
ID_NAMES = (*PATH_NAMES, *SAMPLE_NAMES, "id", "ids")


@dataclass(frozen=True)
class Part:
    """Some rows: the ids as they are written, and their values (rows, classes) by class position."""

    ids: Sequence[str]
    values: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Predictions:
    """An opened file of predictions; `parts` reads it once, from the beginning."""

    parts: Callable[[], Iterator[Part]]
    by_sample: bool  # the ids are sample ids; otherwise paths, or sample ids where no path is written so
    rounding: float  # by how much a row's sum may differ from 1
    notes: tuple[str, ...] = ()


def columns_of(
    written: Sequence[str], names: Sequence[str], *, what: str = "column", shown: str = "{}"
) -> list[int]:
    """The place among the `written` names of each class, by position. Raises Invalid."""
    found: dict[int, int] = {}
    for place, name in enumerate(written):
        classes = places_of(name, names)
        if len(classes) != 1:
            may = "may mean several classes" if classes else "is no class"
            raise Invalid(
                f"The {what} “{shown.format(name)}” {may} of this data set; its classes are {listed(names)}. "
                f"Name each {what} as its class, and remove the others."
            )
        if classes[0] in found:
            raise Invalid(f"Two {what}s are of the class “{names[classes[0]]}”; leave one of them out.")
        found[classes[0]] = place
    lacking = [name for position, name in enumerate(names) if position not in found]
    if lacking:
        raise Invalid(
            f"There is no {what} for {listed(lacking)}; give the probability of each of the "
            f"{len(names):,} classes, 0 where the model does not know a class."
        )
    return [found[position] for position in range(len(names))]


def listed(names: Sequence[str], *, limit: int = 12) -> str:
    """“a”, “b” and “c”, at most so many."""
    quoted = [f"“{name}”" for name in names[:limit]]
    if more := len(names) - len(quoted):
        return f"{', '.join(quoted)} and {more:,} more"
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
