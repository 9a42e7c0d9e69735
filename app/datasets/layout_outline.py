"""The expected result of an import by one reading of the folders: classes, counts and notes (pure)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.datasets.kinds import is_picture, reason_by_name
from app.datasets.layout import FEWEST_CLASSES, Layout, arrange
from app.datasets.layout_reading import OPEN, Reading
from app.datasets.naming import class_name
from app.datasets.spellings import unify
from app.datasets.split_words import PARTS, split_word
from app.spelling import folded

EXAMPLES = 3  # images shown per class
NAMES = {"train": "the training part", "valid": "the validation part", "test": "the test part"}
EVERY = {
    "first": "Every folder is a class",
    "last": "Of folders in folders, the lower ones are the classes",
    "path": "Of folders in folders, the upper and the lower name together are a class",
}
DRAWN = (
    "There is no validation folder: a fifth of the training images of each class becomes the validation part."
)
DRAWN_BY_LABELS = (
    "There is no validation part: a fifth of the training images of each class becomes the validation part."
)
TEST_APART = "The test part is never trained on; errors are counted on the validation part."


@dataclass(frozen=True)
class ClassOutline:
    """A class, its number of files in each part, and some of their paths."""

    name: str
    counts: dict[str, int]
    examples: list[str]

    @property
    def total(self) -> int:
        """In all parts."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Outline:
    """The expected result; `left_out` counts images that are in no class, by their topmost folder."""

    reading: Reading
    classes: list[ClassOutline]
    left_out: dict[str, int]
    notes: tuple[str, ...] = ()  # folders that spell one class differently
    refused: dict[str, int] = field(
        default_factory=dict
    )  # files that are no samples by their names, by the reason
    lost: tuple[str, ...] = ()  # folders that would be classes if these files could be read

    @property
    def parts(self) -> list[str]:
        """The parts that have images, in their usual order; `?` stands for folders with an open part."""
        return [part for part in (*PARTS, OPEN) if any(part in each.counts for each in self.classes)]

    @property
    def images(self) -> int:
        """The number of images in all classes."""
        return sum(each.total for each in self.classes)

    @property
    def is_use(self) -> bool:
        """Whether there are at least two classes."""
        return len(self.classes) >= FEWEST_CLASSES

    @property
    def untrained(self) -> list[str]:
        """The classes without training images; empty while a part is open."""
        if OPEN in self.parts:
            return []
        return [each.name for each in self.classes if not each.counts.get("train")]

    def words(self) -> list[str]:
        """What the reading means, in sentences."""
        reading, said = self.reading, []
        if reading.labels is not None:
            said += reading.labels.words()
        elif reading.where == "none":
            said.append(f"{EVERY[reading.classes]}; no folder is a part of its own.")
        else:
            where = "above" if reading.where == "above" else "in"
            parts = [
                f"{_listed([_short(folder, reading) for folder in folders])} "
                + (
                    "can be any of them"
                    if part == OPEN
                    else f"{'is' if len(folders) == 1 else 'are'} {NAMES[part]}"
                )
                for part, folders in reading.parts.items()
            ]
            said.append(f"Folders {where} the class folders are parts: {'; '.join(parts)}.")
            if reading.classes != "first":
                said.append(f"{EVERY[reading.classes]}.")
        said += self._missing_parts()
        for folder, count in sorted(self.left_out.items()):
            their = "file is" if count == 1 else "files are"
            said.append(f"{folder}: {count:,} {their} left out, in no class folder.")
        return said + self._refused()

    def _refused(self) -> list[str]:
        said = []
        for reason, count in sorted(self.refused.items(), key=lambda each: (-each[1], each[0])):
            their = "file is refused by its name" if count == 1 else "files are refused by their names"
            said.append(f"{count:,} {their}: {reason}.")
        if self.lost:
            are = "is no class: it has" if len(self.lost) == 1 else "are no classes: they have"
            said.append(f"{_listed(self.lost)} {are} no other image.")
        return said

    def _missing_parts(self) -> list[str]:
        said = []
        only = list(self.reading.folders.items())
        word = split_word(_short(only[0][0], self.reading)) if len(only) == 1 else None
        if word and word.part != "train" and self.reading.where == "above":
            said.append("It is the only part, so it is what is trained on.")
        if OPEN not in self.parts:
            if "valid" not in self.parts:
                said.append(DRAWN_BY_LABELS if self.reading.labels else DRAWN)
            said += [TEST_APART] if "test" in self.parts else []
        classes = [each.name for each in self.classes if (it := split_word(each.name)) and it.is_plain]
        if classes:
            said.append(
                f"{_listed(classes)} {'is a class' if len(classes) == 1 else 'are classes'}, not a part."
            )
        return said

    def as_json(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {
            "reading": self.reading.as_json(),
            "classes": [asdict(each) for each in self.classes],
            "left_out": self.left_out,
            "notes": self.notes,
            "refused": self.refused,
            "lost": self.lost,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Outline":
        """Read the stored form."""
        classes = [
            ClassOutline(
                each["name"],
                each["counts"],
                [
                    path for path in each["examples"] if not reason_by_name(path)
                ],  # older ones have such files too
            )
            for each in stored["classes"]
        ]
        return cls(
            Reading.from_json(stored["reading"]),
            classes,
            dict(stored["left_out"]),
            tuple(stored.get("notes", ())),
            dict(stored.get("refused", {})),  # proposals that were stored before have none
            tuple(stored.get("lost", ())),
        )


def empty_words(names: Collection[str]) -> list[str]:
    """A sentence about classes whose folders are empty; empty if there are none."""
    if not names:
        return []
    are = "folder is empty: it is a class" if len(names) == 1 else "folders are empty: they are classes"
    return [f"{_listed(names)}: the {are} without images yet, which answers can choose."]


def outline(paths: Collection[str], reading: Reading, layout: Layout | None = None) -> Outline:
    """The expected result for these relative POSIX paths, counted before anybody has read the files.

    Files that are no images by the endings of their names are not counted in the classes.
    """
    layout = layout or arrange(paths, reading)
    unified = unify(layout.places, ())  # as the import of a new data set does
    reasons = {path: reason for path in paths if (reason := reason_by_name(path))}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[str, list[str]] = defaultdict(list)
    for path in sorted(layout.places.keys() - reasons.keys()):
        place = layout.places[path]
        name = unified.classes[place.label]
        counts[name][place.split or "train"] += 1
        if len(examples[name]) < EXAMPLES:
            examples[name].append(path)
    pictures = {path for path, reason in reasons.items() if is_picture(reason)}
    refused = Counter(reason for path, reason in reasons.items() if path in layout.places or path in pictures)
    start = f"{reading.root}/" if reading.root else ""
    left: Counter[str] = Counter()
    for path in layout.misplaced:
        if path not in pictures:
            folder, _, inside = path.removeprefix(start).partition("/")
            left[folder if inside else "outside of all folders"] += 1
    classes = [ClassOutline(name, dict(counts[name]), examples[name]) for name in sorted(counts)]
    return Outline(
        reading,
        classes,
        dict(left),
        (*unified.notes, *layout.notes, *empty_words(layout.empty)),
        dict(refused),
        () if reading.labels else _lost(pictures, reading, known=counts),
    )


def _lost(pictures: Collection[str], reading: Reading, *, known: Collection[str]) -> tuple[str, ...]:
    """Folders of unsupported pictures that would be classes and are none of the `known` ones."""
    names = {class_name(found.name) for path in pictures if (found := reading.place(path))}
    spelled = {folded(name) for name in known}
    return tuple(sorted(name for name in names if folded(name) not in spelled))


def _short(folder: str, reading: Reading) -> str:
    """A folder's name for people: `seg_train/seg_train` is `seg_train`."""
    names = folder.removeprefix(f"{reading.root}/").split("/") if reading.root else folder.split("/")
    return names[0] if all(name.casefold() == names[0].casefold() for name in names) else "/".join(names)


def _listed(names: Collection[str]) -> str:
    shown = [*names][:12] + (["…"] if len(names) > 12 else [])  # noqa: PLR2004
    return ", ".join(shown)
