"""Recognises data sets that have no class folders, and explains in a sentence what they contain (pure)."""

from collections.abc import Collection

from app.datasets.layout import arrange, images_of
from app.datasets.layout_depth import plain_word
from app.datasets.layout_guess import Guess
from app.datasets.split_words import is_no_class

TO_DO = (
    "Toploss needs a folder for each class: sort the images (or cut out the objects) into folders such as "
    "train/cat and train/dog, and import those"
)
_LABELS = (".txt", ".xml", ".json")
_BOXES, _ANNOTATIONS = (".xml", ".json"), ("annotation", "annotations")
_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".txt", ".parquet", ".yaml", ".yml")
_READ = (".csv", ".tsv", ".jsonl", ".parquet")  # where it cannot be used, the reason follows
_NO_TABLE = ("readme", "license", "licence", "requirements", "classes")


def refusal_of(paths: Collection[str], guessed: Guess) -> str:
    """Why no reading of these relative POSIX paths gives classes, and what to do; empty if one may."""
    beside = _label_files(paths)
    if not guessed.refusal and not (beside and _no_class_by(paths, guessed)):
        return ""
    said = guessed.refusal or "There are no class folders in this source."
    if beside:
        said += (
            f" It looks like a data set for object detection: its labels are in files such as {beside[0]}."
        )
    elif tables := [path for path in sorted(paths) if _is_table(path)]:
        rest = "" if tables[0].casefold().endswith(_READ) else ", which Toploss does not read"
        said += f" Their labels may be in {tables[0]}{rest}."
    return f"{said} {TO_DO}."


def _no_class_by(paths: Collection[str], guessed: Guess) -> bool:
    names = arrange(paths, guessed.readings[0]).classes
    return bool(names) and all(is_no_class(name) or plain_word(name) for name in names)


def _label_files(paths: Collection[str]) -> list[str]:
    """The annotation files, or the label files if half of the images have one of the same name; sorted."""
    images = {_stem(path) for path in images_of(paths)}
    files = sorted(path for path in paths if path.casefold().endswith(_LABELS))
    if boxes := [path for path in files if path.casefold().endswith(_BOXES) and _is_beside(path)]:
        return boxes
    found = [path for path in files if _stem(path) in images]
    return found if found and 2 * len({_stem(path) for path in found}) >= len(images) else []


def _is_beside(path: str) -> bool:
    return any(name.casefold() in _ANNOTATIONS for name in path.split("/")[:-1])


def _is_table(path: str) -> bool:
    return path.casefold().endswith(_TABLES) and not _stem(path).casefold().startswith(_NO_TABLE)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]
