"""The survey before an import reads any image: the files of a source, and what its folders mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.detection import refusal_of
from app.datasets.folders import tree_of
from app.datasets.kinds import reason_by_name
from app.datasets.label_reading import LabelFiles
from app.datasets.labels.finding import find_label_files, stated, unused_tables
from app.datasets.labels.placing import by_labels
from app.datasets.layout import FEWEST_CLASSES, NOT_IN_A_CLASS, Layout, arrange, images_of
from app.datasets.layout_choice import HOW, StatedLayout, as_text, check_parts, reading_of
from app.datasets.layout_depth import plain_word
from app.datasets.layout_guess import Guess, guess
from app.datasets.layout_outline import Outline, outline
from app.datasets.layout_reading import OPEN, Reading
from app.datasets.models import Dataset, LabelClass, Sample
from app.datasets.naming import is_clutter, name_problem
from app.datasets.refusals import check_layout, reasons_in_words
from app.datasets.split_words import is_no_class
from app.errors import AmbiguousLayout, Conflict, Invalid, NotFound
from app.spelling import folded
from app.storage import ImageSource, Origin

SAME = 0.95  # of the labels in a file: with so many like the folders, the folders are the classes


@dataclass(frozen=True)
class Survey:
    """The size in bytes of every readable file of a source, and the reason for each other file, by path."""

    sizes: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    source: ImageSource | None = None  # where label files are read
    empty: tuple[str, ...] = ()  # folders without any file

    @cached_property
    def _guess(self) -> Guess:
        guessed = guess(tree_of(images_of(self.sizes)))
        guessed = replace(guessed, refusal=refusal_of(self.sizes, guessed))
        return self._with_labels(guessed) if self.source is not None else guessed

    def guess(self) -> Guess:
        """The guess what the folders and label files mean."""
        return self._guess

    def arrange(self, reading: Reading) -> Layout:
        """The layout by a reading. Raises Invalid, NotFound for a label file that cannot be read."""
        if reading.labels is None:
            return arrange(self.sizes, reading, self.empty)
        return by_labels(self.sizes, reading, self.read)

    def read(self, labels: LabelFiles, name: str) -> bytes:
        """The content of a label file. Raises NotFound, Unreadable."""
        if labels.stored:
            try:
                return Path(labels.stored).read_bytes()
            except OSError as error:
                raise NotFound(f"The label file {name} is no longer stored here; send it again.") from error
        if self.source is None:
            raise NotFound(f"There is no label file {name}; check its name.")
        return self.source.read(name)

    def _with_labels(self, guessed: Guess) -> Guess:
        """The guess, with readings by label files: alone where the folders are no classes."""
        found = [Reading("labels", labels=each) for each in find_label_files(self.sizes, self.read)]
        if not found:
            return guessed
        names = ", or ".join(reading.labels.name for reading in found if reading.labels)
        layout = arrange(self.sizes, guessed.readings[0])
        no_class = all(is_no_class(name) or plain_word(name) for name in layout.classes)
        if guessed.refusal or len(layout.classes) < FEWEST_CLASSES or no_class:
            doubt = f"The labels may be in {names}." if len(found) > 1 else ""
            return Guess(tuple(found), doubt)
        if all(self._same(layout, reading) for reading in found):
            return guessed
        return Guess(
            (*found, *guessed.readings), f"The labels may be in {names}, or the folders are the classes."
        )

    def _same(self, layout: Layout, reading: Reading) -> bool:
        """Whether a label file gives nearly all images the classes of their folders."""
        places = self.arrange(reading).places
        here = places.keys() & layout.places.keys()
        same = sum(folded(places[path].label) == folded(layout.places[path].label) for path in here)
        return same >= SAME * len(places)

    def refuse(self) -> None:
        """Raises Invalid if no reading has class folders."""
        if refusal := self.guess().refusal:
            raise Invalid(" ".join([refusal, *self._unused()]))

    def _unused(self) -> list[str]:
        """Why tables in the source are not its label files."""
        return unused_tables(self.sizes, self.read) if self.source is not None else []

    def check(self, reading: Reading | None = None, *, where: Origin | str) -> None:
        """Raises Invalid, with the reasons of most files, if an import would refuse the whole source.

        Without a `reading` only if it would whatever the folders mean.
        """
        readings = self.guess().readings if reading is None else (reading,)
        problems = []
        for each in readings:
            layout = self.arrange(each)
            misplaced = {path: reason_by_name(path) or NOT_IN_A_CLASS for path in layout.misplaced}
            try:
                self.check_layout(layout, self.rejected | misplaced, where=str(where))
            except Invalid as error:
                problems.append(error)
        if len(problems) == len(readings):
            raise problems[0]

    def check_layout(self, layout: Layout, rejected: Mapping[str, str], *, where: str) -> None:
        """Raises Invalid if a source cannot be imported so, with why its tables are no label files."""
        try:
            check_layout(layout, rejected, where=where)
        except Invalid as error:
            if layout.reading.labels is not None:
                raise
            raise Invalid(" ".join([str(error), *self._unused()])) from None

    def is_clear(self, reading: Reading) -> bool:
        """Whether this reading is certain, so that no question is needed."""
        guessed = self.guess()
        return not guessed.doubt and not guessed.refusal and guessed.readings[0] == reading

    def outlines(self) -> list[Outline]:
        """The expected result for each reading of the folders, the most likely first."""
        return [self.outline(reading) for reading in self.guess().readings]

    def outline(self, reading: Reading) -> Outline:
        """The expected result for one reading, with a note about files that are refused whatever it is."""
        made = outline(self.sizes, reading, self.arrange(reading))
        said = reasons_in_words(self.rejected, files=len(self.sizes) + len(self.rejected))
        return replace(made, notes=(*made.notes, said)) if said else made

    def reading_of(self, said: StatedLayout) -> Reading:
        """The reading that a person chose. Raises Invalid, and NotFound for a label file."""
        if said.labels is not None:
            return Reading("labels", labels=stated(self.sizes, said.labels, self.read))
        return reading_of(tree_of(images_of(self.sizes)), said)


def survey(source: ImageSource, *, on_files: Callable[[int], None] = lambda _: None) -> Survey:
    """Every file except clutter; `on_files` gets the number of files so far before each file.

    Raises the errors of `ImageSource.walk`.
    """
    found = Survey(source=source)
    for count, entry in enumerate(source.walk()):
        on_files(count)
        if is_clutter(entry.path):
            continue
        if problem := entry.problem or name_problem(entry.path):
            found.rejected[entry.path] = problem
        else:
            found.sizes[entry.path] = entry.size
    return replace(found, empty=tuple(getattr(source, "empty_folders", ())))


def decide(found: Survey, *, stored: Reading | None) -> Reading:
    """The reading for an import: the stored one, extended by new parts, or the guess if it is clear.

    Raises AmbiguousLayout, with the choices, if a person must decide, and Invalid without class folders.
    """
    if stored is not None and stored.labels is not None:
        return stored
    guessed = found.guess()
    likely = guessed.readings[0]
    if stored is not None:
        goes_on = (likely.where, likely.root, likely.classes) == (stored.where, stored.root, stored.classes)
        return (
            likely
            if goes_on and found.is_clear(likely) and stored.folders.items() <= likely.folders.items()
            else stored
        )
    found.refuse()
    if not guessed.doubt or not any(each.classes for each in found.outlines()):
        return likely  # where no file is an image, the import says why
    raise unclear(found)


IN_A_REQUEST = "Import again and say which it is in split_folders"
IN_A_JOB = "Choose it on the page of the data set, or import again from the shell with --split-folders"


def unclear(found: Survey, *, where: str = IN_A_REQUEST) -> AmbiguousLayout:
    """The error for folders that can be read in several ways; `where` says where the answer is given."""
    choices = [choice_of(each) for each in found.outlines() if each.is_use]
    ways = " or ".join(f"“{choice['split_folders']}”" for choice in choices[:3])
    how = f"{where}: {ways}" if ways else HOW
    more = ", with train, valid, test or skip for each “?”" if f"{OPEN}=" in ways else ""
    return AmbiguousLayout(f"{found.guess().doubt} {how}{more}.", choices=choices)


def choice_of(made: Outline) -> dict[str, object]:
    """A reading for scripts: the value that chooses it, and its classes."""
    return {
        "split_folders": as_text(made.reading),
        "labels": _labels_for_scripts(made.reading),
        "is_complete": OPEN not in made.reading.folders.values(),
        "classes": {each.name: each.counts for each in made.classes},
        "left_out": made.left_out,
        "refused": made.refused,
        "notes": [*made.words(), *made.notes],
    }


def _labels_for_scripts(reading: Reading) -> dict[str, object] | None:
    """The label files of a reading and their columns; None: it goes by folders."""
    if reading.labels is None:
        return None
    columns = reading.labels.columns
    return {
        "files": list(reading.labels.files),
        "kind": reading.labels.kind,
        "columns": list(reading.labels.known),
        "path_column": columns.path if columns else None,
        "label_column": (columns.label or None) if columns else None,
        "split_column": (columns.split or None) if columns else None,
        "class_columns": list(columns.one_hot) if columns else [],
    }


def stored_reading(session: Session, *, dataset_id: int) -> Reading | None:
    """The reading of the data set's import, or the one that a person chose; None: not known.

    A guess without any imported sample does not count: the folders may have been corrected since.
    """
    stored = session.scalar(select(Dataset.layout).where(Dataset.id == dataset_id))
    if not stored:
        return None
    any_sample = select(Sample.id).where(Sample.dataset_id == dataset_id).limit(1)
    return Reading.from_json(stored) if stored["chosen"] or session.scalar(any_sample) else None


def store_reading(session: Session, *, dataset_id: int, reading: Reading, chosen: bool = False) -> None:
    """Store how the folders are read, for all later imports.

    Raises Invalid for an open part.
    """
    check_parts(reading.folders)
    dataset = session.get_one(Dataset, dataset_id)
    before = dataset.layout or {"chosen": False}
    dataset.layout = reading.as_json() | {"chosen": chosen or before["chosen"]}
    dataset.proposals = None


def fitting(session: Session, found: Survey, *, dataset_id: int) -> Reading | None:
    """For data sets of versions that stored no reading: the reading that gives its samples their classes."""
    labels = _labels(session, dataset_id=dataset_id)
    if not labels:
        return None
    guessed = found.guess().readings
    for reading in (*guessed, Reading("none", guessed[0].root), Reading("none")):
        places = found.arrange(reading).places
        here = labels.keys() & places.keys()
        if (
            here
            and all(folded(places[path].label) == folded(labels[path]) for path in here)
            and OPEN not in reading.folders.values()
        ):
            return reading
    return None


def check_same(session: Session, layout: Layout, positions: Mapping[str, int], *, dataset_id: int) -> None:
    """Raises Conflict if samples would have another class (by path) than when they were imported."""
    labels = _labels(session, dataset_id=dataset_id)
    classes = {path: place.label for path, place in layout.places.items()}
    others = [
        path
        for path in labels.keys() & classes.keys()
        if positions[classes[path]] != positions.get(labels[path])
    ]
    if others:
        path = min(others)
        if files := layout.reading.labels:
            raise Conflict(
                f"{path} was imported as “{labels[path]}” and is “{classes[path]}” in {files.name}. An "
                "import changes no label; give the data set another name."
            )
        raise Conflict(
            f"{path} was imported as “{labels[path]}” and would be “{classes[path]}” by these folders. "
            "Give the data set another name, or name the same split folders as when it was imported."
        )


def _labels(session: Session, *, dataset_id: int) -> dict[str, str]:
    """The given class of each sample, by path."""
    query = (
        select(Sample.path, LabelClass.name)
        .join(
            LabelClass,
            (LabelClass.dataset_id == Sample.dataset_id) & (LabelClass.position == Sample.given_label),
        )
        .where(Sample.dataset_id == dataset_id)
    )
    return dict(session.execute(query).all())
