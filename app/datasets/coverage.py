"""Sentences about classes without images in a part (pure)."""

from collections.abc import Mapping, Sequence

from app.datasets.split_words import split_word

_SHOWN = 6  # names in a sentence


def untrained_classes(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The classes (name → images by split) that have images, but no training images."""
    return [name for name, splits in counts.items() if any(splits.values()) and not splits.get("train")]


def coverage_words(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Sentences about classes (name → images by split) without images in a part; empty if there are none."""
    said = []
    untrained = untrained_classes(counts)
    if untrained:
        images = sum(sum(counts[name].values()) for name in untrained)
        said.append(
            f"{listed(untrained)}: no training images, only {images:,} in the other parts. No model can "
            f"learn {_it(untrained)}, so these images always count as errors; figures are also given "
            "without them, and their labels are not ranked as suspicious. Add training images and import "
            "again, or give these images another label."
        )
    held = any(splits.get("valid") for splits in counts.values())
    unmeasured = [name for name, splits in counts.items() if splits.get("train") and not splits.get("valid")]
    if held and unmeasured:
        said.append(
            f"{listed(unmeasured)}: no validation images, so errors in {_it(unmeasured)} are not measured."
        )
    if empty := [name for name, splits in counts.items() if not any(splits.values())]:
        said.append(f"{listed(empty)}: no images at all.")
    return said


def new_class_words(names: Sequence[str]) -> list[str]:
    """Sentences about classes that a repeated import has added, also whether they may be parts."""
    if not names:
        return []
    said = [f"New since the import before: {'class' if len(names) == 1 else 'classes'} {listed(names)}."]
    if parts := [name for name in names if (word := split_word(name)) and word.is_plain]:
        classes, they = ("a class", "it is a part") if len(parts) == 1 else ("classes", "they are parts")
        said.append(
            f"{listed(parts)} became {classes}, because the folders are read as before. If {they}, import "
            "the folder as a new data set."
        )
    return said


def lost_words(lost: Mapping[str, int]) -> list[str]:
    """Sentences about classes (name → images) whose training images are all missing or changed."""
    if not lost:
        return []
    words = (
        f"{listed(list(lost))}: the files of all {sum(lost.values()):,} training images are missing, "
        f"changed or unreadable. A training leaves {_it(list(lost))} out, a ranking and an export have "
        "none of these images, and the numbers of the classes stay. Put the files back and look for them "
        "again on the data set's page."
    )
    return [words]


def listed(names: Sequence[str]) -> str:
    """Class names in a sentence."""
    shown = [f"“{name}”" for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        shown.append(f"{len(names) - _SHOWN:,} more")
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
