"""What an import would make of a source by a reading of its folders: classes with counts, and what was guessed (pure)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.datasets.layout import FEWEST_CLASSES, arrange
from app.datasets.layout_reading import OPEN, Reading
from app.datasets.spellings import unify
from app.datasets.split_words import PARTS, split_word

EXAMPLES = 3  # images shown of a class
NAMES = {"train": "the training part", "valid": "the validation part", "test": "the test part"}
EVERY = {
    "first": "Every folder is a class",
    "last": "Of folders in folders, the lower ones are the classes",
    "path": "Of folders in folders, the upper and the lower name together are a class",
}
DRAWN = (
    "There is no validation folder: a fifth of the training images of each class becomes the validation part."
)
TEST_APART = "The test part is never trained on; errors are counted on the validation part."


@dataclass(frozen=True)
class ClassOutline:
    """A class, how many files it would have in each part, and some of their paths."""

    name: str
    counts: dict[str, int]
    examples: list[str]

    @property
    def total(self) -> int:
        """In all parts."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Outline:
    """What an import would make; `left_out` counts images that are in no class, by their topmost folder."""

    reading: Reading
    classes: list[ClassOutline]
    left_out: dict[str, int]
    notes: tuple[str, ...] = ()  # folders that spell one class differently

    @property
    def parts(self) -> list[str]:
        """The parts that have images, in their usual order; `?` is for folders whose part nobody has named."""
        return [part for part in (*PARTS, OPEN) if any(part in each.counts for each in self.classes)]

    @property
    def images(self) -> int:
        """All of them."""
        return sum(each.total for each in self.classes)

    @property
    def is_use(self) -> bool:
        """Whether there are classes to tell apart."""
        return len(self.classes) >= FEWEST_CLASSES

    @property
    def untrained(self) -> list[str]:
        """The classes without training images, where every part is named."""
        if OPEN in self.parts:
            return []
        return [each.name for each in self.classes if not each.counts.get("train")]

    def words(self) -> list[str]:
        """What was understood, in sentences."""
        reading, said = self.reading, []
        if reading.where == "none":
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
        return said

    def _missing_parts(self) -> list[str]:
        said = []
        only = list(self.reading.folders.items())
        word = split_word(_short(only[0][0], self.reading)) if len(only) == 1 else None
        if word and word.part != "train" and self.reading.where == "above":
            said.append("It is the only part, so it is what is trained on.")
        if OPEN not in self.parts:
            said += [DRAWN] if "valid" not in self.parts else []
            said += [TEST_APART] if "test" in self.parts else []
        classes = [each.name for each in self.classes if (it := split_word(each.name)) and it.is_plain]
        if classes:
            said.append(
                f"{_listed(classes)} {'is a class' if len(classes) == 1 else 'are classes'}, not a part."
            )
        return said

    def as_json(self) -> dict[str, Any]:
        """To store."""
        return {
            "reading": self.reading.as_json(),
            "classes": [asdict(each) for each in self.classes],
            "left_out": self.left_out,
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Outline":
        """As it was stored."""
        classes = [ClassOutline(**each) for each in stored["classes"]]
        return cls(
            Reading.from_json(stored["reading"]),
            classes,
            dict(stored["left_out"]),
            tuple(stored.get("notes", ())),
        )


def outline(paths: Collection[str], reading: Reading) -> Outline:
    """What an import of these relative POSIX paths would make; files that are no images count too, as nobody has looked."""
    layout = arrange(paths, reading)
    unified = unify(layout.places, ())  # as the import of a new data set does
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[str, list[str]] = defaultdict(list)
    for path in sorted(layout.places):
        place = layout.places[path]
        name = unified.classes[place.label]
        counts[name][place.split or "train"] += 1
        if len(examples[name]) < EXAMPLES:
            examples[name].append(path)
    start = f"{reading.root}/" if reading.root else ""
    left: Counter[str] = Counter()
    for path in layout.misplaced:
        folder, _, inside = path.removeprefix(start).partition("/")
        left[folder if inside else "outside of all folders"] += 1
    classes = [ClassOutline(name, dict(counts[name]), examples[name]) for name in sorted(counts)]
    return Outline(reading, classes, dict(left), tuple(unified.notes))


def _short(folder: str, reading: Reading) -> str:
    """A folder's name as a person knows it: `seg_train/seg_train` is `seg_train`."""
    names = folder.removeprefix(f"{reading.root}/").split("/") if reading.root else folder.split("/")
    return names[0] if all(name.casefold() == names[0].casefold() for name in names) else "/".join(names)


def _listed(names: Collection[str]) -> str:
    shown = [*names][:12] + (["…"] if len(names) > 12 else [])  # noqa: PLR2004
    return ", ".join(shown)
