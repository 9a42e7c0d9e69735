"""Checks a file of predictions while it is read: whose row it is, and that rows are probabilities."""

import unicodedata
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import Invalid, about
from app.ranking.prediction_arrays import MAGIC, ZIP, open_arrays
from app.ranking.prediction_parts import SHOWN, Part, Predictions, listed
from app.ranking.prediction_tables import PARQUET, open_csv, open_parquet
from app.ranking.scoring import Floats, Ints

_PICKLE = b"\x80"
_MOST = 0.5  # share of rows that must look like scores, percents or logarithms to be called so
_SOFTMAX = "scipy.special.softmax(scores, axis=1)"


def open_predictions(
    path: Path,
    *,
    names: Sequence[str],
    most: int,
    folder: Path,
    ids: Path | None = None,
    classes: Path | None = None,
) -> AbstractContextManager[Predictions]:
    """The predictions of a file, whose kind is found from its content. Raises Invalid.

    `names` are the classes by position, `most` the number of samples; `ids` and `classes` belong to an array
    that does not contain them.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith((MAGIC, ZIP)):
        return open_arrays(path, names=names, most=most, folder=folder, ids=ids, classes=classes)
    if ids is not None or classes is not None:
        with about("classes" if ids is None else "ids"):
            raise Invalid(
                "Only an array has its ids or classes in a file of their own; a table has them itself."
            )
    if not head:
        raise Invalid("The file is empty; save the predictions again.")
    if head.startswith(PARQUET):
        return open_parquet(path, names=names)
    if head.startswith(_PICKLE):
        raise Invalid(
            "The file is a pickle, which may contain a program, so Toploss never loads it. Save the "
            "probabilities with np.savez(file, pred_probs=pred_probs, ids=ids, classes=classes)."
        )
    return open_csv(path, names=names)


@dataclass
class _Problem:
    """Rows that are refused for one reason."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, places: NDArray[np.intp], words: "list[str]") -> None:
        self.count += len(places)
        self.examples += words

    def rows(self) -> str:
        return f"{self.count:,} row{'' if self.count == 1 else 's'}"

    def shown(self) -> str:
        return "; ".join(self.examples[:SHOWN])


@dataclass(frozen=True)
class Gathered:
    """Which samples (n,) have a row, and what a person should know of the file."""

    seen: NDArray[np.bool_]
    notes: tuple[str, ...]


class _Places:
    """Finds the place of a sample among all of its data set, by its path or its id."""

    def __init__(self, sample_ids: Ints, paths: Sequence[str], *, by_sample: bool) -> None:
        self._ids = sample_ids
        self._by_path = {} if by_sample else {path: place for place, path in enumerate(paths)}
        self._composed: dict[str, int] | None = None
        self._paths = paths

    def of(self, written: str) -> int:
        """The place, -1 if there is no such sample."""
        if (place := self._by_path.get(written)) is not None:
            return place
        if self._by_path:
            place = self._alike(written)
            if place >= 0:
                return place
        text = written.strip().removesuffix(".0")  # a whole number that a table made a float
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):  # noqa: PLR2004 - an int64
            return -1
        place = int(np.searchsorted(self._ids, int(text)))
        return place if place < len(self._ids) and self._ids[place] == int(text) else -1

    def _alike(self, written: str) -> int:
        """A path with another form of its accents, with backslashes or with ./ before it."""
        if self._composed is None:
            self._composed = {unicodedata.normalize("NFC", path): at for at, path in enumerate(self._paths)}
        plain = unicodedata.normalize("NFC", written.replace("\\", "/")).removeprefix("./")
        return self._composed.get(plain, -1)


def gather(
    found: Predictions, *, sample_ids: Ints, paths: Sequence[str], names: Sequence[str], out: Floats
) -> Gathered:
    """Write each row to the place of its sample in `out` (n, classes). Raises Invalid, with examples.

    `sample_ids` (n,) ascend, `paths` are theirs.
    """
    places, seen = _Places(sample_ids, paths, by_sample=found.by_sample), np.zeros(len(sample_ids), np.bool_)
    rows = _Rows(found.rounding, names)
    unknown, doubled = _Problem(), _Problem()
    hard = True
    for part in found.parts():
        at = np.array([places.of(each) for each in part.ids], np.int64)
        strangers = np.flatnonzero(at < 0)
        unknown.add(strangers, [f"“{part.ids[i]}”" for i in strangers[:SHOWN]])
        there = np.flatnonzero(at >= 0)
        _, firsts = np.unique(at[there], return_index=True)
        again = np.ones(len(there), np.bool_)
        again[firsts] = False
        again |= seen[at[there]]
        twice = there[again]
        doubled.add(twice, [f"“{part.ids[i]}”" for i in twice[:SHOWN]])
        rows.check(part)
        seen[at[there]] = True
        with np.errstate(over="ignore"):  # such a value is refused in the end
            out[at[there]] = part.values[there]
        hard = hard and bool((part.values.max(axis=1) == 1).all())
    if not rows.count:
        raise Invalid("The file has no rows; save the predictions again.")
    rows.refuse()
    if unknown.count:
        own = f" Its paths look like “{paths[0]}”" if len(paths) and not found.by_sample else ""
        own += f"{',' if own else ' Its'} image ids go from {sample_ids[0]} to {sample_ids[-1]}."
        raise Invalid(
            f"{unknown.rows()} of no image of this data set: {unknown.shown()}.{own} Use these, and leave "
            "other images out."
        )
    if doubled.count:
        raise Invalid(
            f"{doubled.rows()} of an image that an earlier row is of: {doubled.shown()}. Give one row for "
            "each image."
        )
    notes = list(found.notes)
    if hard:
        notes.append(
            "Every row gives one class the probability 1, so images with the same verdict have no order; "
            "predict_proba gives probabilities."
        )
    return Gathered(seen, tuple(notes))


class _Rows:
    """Counts rows that are no probabilities, by the reason."""

    def __init__(self, rounding: float, names: Sequence[str]) -> None:
        self.count = 0
        self._rounding, self._names = rounding, names
        self._problems = {name: _Problem() for name in ("nan", "infinite", "negative", "above", "sum")}
        self._as_logs = self._as_percents = self._outside = 0

    def check(self, part: Part) -> None:
        """Count the rows of this part that are refused."""
        values = np.asarray(part.values, np.float64)
        self.count += len(values)
        with np.errstate(all="ignore"):
            sums, lowest, highest = values.sum(axis=1), values.min(axis=1), values.max(axis=1)
            of_logs = np.exp(np.minimum(values, 1)).sum(axis=1)
        slack = self._rounding + 1e-6
        nan = np.asarray(np.isnan(values).any(axis=1))
        infinite = np.asarray(np.isinf(values).any(axis=1) & ~nan)
        finite = ~nan & ~infinite
        negative = finite & (lowest < 0)
        above = finite & ~negative & (highest > 1 + slack)
        off = finite & ~negative & ~above & (np.abs(sums - 1) > slack)
        self._as_logs += int(((highest <= 1e-6) & (np.abs(of_logs - 1) <= slack)).sum())  # noqa: PLR2004
        self._as_percents += int((finite & (lowest >= 0) & (np.abs(sums - 100) <= 1)).sum())
        self._outside += int((negative | above).sum())
        self._note("nan", part, nan, lambda i: self._class(np.isnan(values[i]).argmax()))
        self._note("infinite", part, infinite, lambda i: self._class(np.isinf(values[i]).argmax()))
        self._note("negative", part, negative, lambda i: self._value(values[i], values[i].argmin()))
        self._note("above", part, above, lambda i: self._value(values[i], values[i].argmax()))
        self._note("sum", part, off, lambda i: f"sums to {sums[i]:.4g}")

    def refuse(self) -> None:
        """Raises Invalid for the first kind of problem, with its count and examples."""
        most = _MOST * self.count
        problem = self._problems
        if problem["nan"].count:
            raise Invalid(
                f"{problem['nan'].rows()} without a number (NaN): {problem['nan'].shown()}. Predict these "
                "images again, or leave their rows out."
            )
        if self._as_logs > most:
            raise Invalid("The values are logarithms of probabilities; import np.exp(values).")
        if problem["infinite"].count:
            raise Invalid(
                f"{problem['infinite'].rows()} with an infinite value: {problem['infinite'].shown()}. "
                "Predict these images again, or leave their rows out."
            )
        if self._as_percents > most:
            raise Invalid("The values are percents, each row sums to 100; divide them by 100.")
        if self._outside > most:
            raise Invalid(
                "The values are scores before the softmax (logits), not probabilities: "
                f"{(problem['negative'].examples + problem['above'].examples)[0]}. Import {_SOFTMAX}."
            )
        if problem["negative"].count:
            raise Invalid(
                f"{problem['negative'].rows()} with a negative probability: {problem['negative'].shown()}. "
                "Probabilities are 0 to 1."
            )
        if problem["above"].count:
            raise Invalid(
                f"{problem['above'].rows()} with a probability above 1: {problem['above'].shown()}. "
                "Probabilities are 0 to 1."
            )
        if problem["sum"].count:
            raise Invalid(
                f"{problem['sum'].rows()} whose probabilities do not sum to 1 (± {self._rounding:g}): "
                f"{problem['sum'].shown()}. Each image has one class, so divide each row by its sum; scores "
                "of several classes at once (sigmoid) cannot be imported."
            )

    def _note(self, kind: str, part: Part, which: NDArray[np.bool_], words: Any) -> None:
        places = np.flatnonzero(which)
        if len(places):
            self._problems[kind].add(places, [f"“{part.ids[i]}” {words(i)}" for i in places[:SHOWN]])

    def _class(self, place: np.intp) -> str:
        return f"for {listed([self._names[int(place)]])}"

    def _value(self, values: NDArray[np.float64], place: np.intp) -> str:
        return f"has {values[place]:.4g} {self._class(place)}"
