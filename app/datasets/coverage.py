"""Classes that a part has no images of, in words for people (pure)."""

from collections.abc import Mapping, Sequence


def untrained_classes(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The classes (name → images by split) that have images, but none to train on."""
    return [name for name, splits in counts.items() if any(splits.values()) and not splits.get("train")]


def coverage_words(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What a person should know of classes (name → images by split) that lack images in a part; nothing if none does."""
    said = []
    untrained = untrained_classes(counts)
    if untrained:
        images = sum(sum(counts[name].values()) for name in untrained)
        said.append(
            f"{listed(untrained)}: no training images, only {images:,} of the other parts. No network can learn "
            f"{_it(untrained)}, so these images always count as errors; figures are also given without them, and "
            "their labels are not ranked as suspicious. Add training images and import again, or give these images "
            "another label."
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


def lost_words(lost: Mapping[str, int]) -> list[str]:
    """What a person should know of classes (name → images) whose training images are all missing or changed."""
    if not lost:
        return []
    words = (
        f"{listed(list(lost))}: the files of all {sum(lost.values()):,} training images are missing, changed or "
        f"unreadable. A training leaves {_it(list(lost))} out, a ranking and an export have none of these images, "
        "and the numbers of the classes stay. Put the files back and look for them again on the data set's page."
    )
    return [words]


def listed(names: Sequence[str]) -> str:
    """Class names in a sentence."""
    shown = [f"“{name}”" for name in names[:6]] + ([f"{len(names) - 6:,} more"] if len(names) > 6 else [])  # noqa: PLR2004
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
