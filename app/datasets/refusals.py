"""Why a whole source cannot be imported: the common reasons of its files (pure)."""

import re
from collections import Counter
from collections.abc import Mapping

from app.datasets.layout import EXPECTED, FEWEST_CLASSES, Layout
from app.datasets.naming import printable
from app.errors import Invalid

LISTED = 3  # reasons that a sentence names


def reasons_in_words(rejected: Mapping[str, str], *, files: int) -> str:
    """The reasons of most rejected files (by path), with counts and an example; empty if there are none.

    `files` counts all files of the source, also those that were not read.
    """
    if not rejected:
        return ""
    kinds = Counter(map(kind_of, rejected.values()))
    [(kind, count), *others] = kinds.most_common(LISTED)
    path, reason = min((path, reason) for path, reason in rejected.items() if kind_of(reason) == kind)
    share = f"{count:,} of {files:,} files {_are(count)}"
    if count == files:
        share = f"All {count:,} files are" if count > 1 else "The only file is"
    sentence = f"{share} refused: {printable(reason)} ({printable(path)})."
    if others:
        more = ", ".join(f"{number:,} {kind}" for kind, number in others)
        sentence += f" Others: {more}."
    return sentence


def check_layout(layout: Layout, rejected: Mapping[str, str], *, where: str) -> None:
    """Raises Invalid, with the reasons of most files, if a source cannot be imported.

    `rejected` has every file that is refused before it is read, by path, including the misplaced files of the
    layout.
    """
    if layout.reading.labels is not None:
        check_labels(layout, where=where)
        return
    reasons = reasons_in_words(rejected, files=len(layout.places) + len(rejected))
    said = [f"There is no image in a class folder in {where}.", reasons]
    if layout.places:
        if len(layout.classes) >= FEWEST_CLASSES:
            return
        said[0] = f"{where} has only one class, {layout.classes[0]}."
    if len(rejected) <= 2 * len(layout.misplaced):  # otherwise the folders may be correct
        said.append(f"{EXPECTED}.")
    raise Invalid(" ".join(filter(None, said)))


def check_labels(layout: Layout, *, where: str) -> None:
    """Raises Invalid if label files give no two classes to the images of a source."""
    if len(layout.classes) >= FEWEST_CLASSES:
        return
    name = layout.reading.files.name
    said = f"{name} has labels for no image in {where}."
    if layout.places:
        said = f"By {name} all images in {where} have one class, {layout.classes[0]}."
    notes = " ".join(layout.notes)
    raise Invalid(f"{said} {notes} Check the columns and the paths in {name}.".replace("  ", " "))


def kind_of(reason: str) -> str:
    """The common part of reasons of one kind, without sizes and a decoder's message."""
    return re.split(r": |; | \(|, ", reason, maxsplit=1)[0]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
