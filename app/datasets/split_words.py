"""Recognises the names of part folders (train, valid, test) in their usual spellings (pure)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

PARTS = ("train", "valid", "test")

_WORDS = {
    "train": ("train", "training", "trn", "trainval", "trainvalid"),
    "valid": ("val", "valid", "validate", "validating", "validation", "dev", "development"),
    "test": ("test", "testing", "tests", "tst"),
    # a validation part, or a test part if there is another validation part
    "check": ("eval", "evaluate", "evaluation", "holdout"),
}
_PART_OF = {word: part for part, words in _WORDS.items() for word in words}
_THINGS = (
    "sets?|data|datasets?|images?|imgs?|pictures?|pics?|photos?|files?|folder|dir|splits?|parts?|subset|"
    "samples?|jpe?gs?|pngs?|bmps?|gifs?|tiffs?|webps?"
)
_TOKEN = re.compile(rf"({'|'.join(sorted(_PART_OF, key=len, reverse=True))})(?:{_THINGS})*")
_THING = re.compile(rf"(?:{_THINGS})+")
_BEYOND = re.compile(  # folders next to the parts whose images have no label
    r"(un|non)?label(l?ed|s)?|unsup(ervised)?|unknown|pred(ict)?(ions?|ed)?|submissions?|masks?|annotations?|"
    r"extra|misc|others?|demo|examples?|screenshots?|figures?|docs?|assets|results?|outputs?"
)


@dataclass(frozen=True)
class SplitWord:
    """The part in a folder's name: train, valid, test or check; `rest` is the remaining text."""

    part: str
    rest: str

    @property
    def is_plain(self) -> bool:
        """Whether the name contains only the part: `training_set`, but not `animals_train`."""
        return not self.rest


def split_word(folder: str) -> SplitWord | None:
    """The part in a folder's name, as in `Training`, `seg_train`, `trainImages`, `val-2017`; or None.

    Case, digits and separators do not count. A name with two parts names none, except `train_val`.
    """
    found, rest = [], []
    for token in _tokens(folder):
        if match := _TOKEN.fullmatch(token):
            found.append(_PART_OF[match[1]])
        elif not _THING.fullmatch(token):
            rest.append(token)
    parts = set(found)
    if parts == {"train", "valid"}:
        parts = {"train"}
    return SplitWord(parts.pop(), " ".join(rest)) if len(parts) == 1 else None


def holds_no_labels(folder: str) -> bool:
    """Whether a folder's name means images without a class: `unlabelled`, `seg_pred`, `single_prediction`."""
    return any(_BEYOND.fullmatch(token) for token in _tokens(folder))


def is_thing(folder: str) -> bool:
    """Whether a folder's name is only a word for pictures or data: `images`, `data_set`."""
    tokens = _tokens(folder)
    return bool(tokens) and all(_THING.fullmatch(token) for token in tokens)


def is_no_class(folder: str) -> bool:
    """Whether a folder's name has only words for pictures or missing labels: `images`, `image_labels`."""
    tokens = _tokens(folder)
    return bool(tokens) and all(_THING.fullmatch(each) or _BEYOND.fullmatch(each) for each in tokens)


def letters(folder: str) -> str:
    """A folder's name without digits and separators: the same for `patient_007` and `patient-8`."""
    return " ".join(_tokens(folder))


def settle(words: Iterable[str]) -> dict[str, str]:
    """The part for each word: `check` is the validation part, or the test part if there is another one."""
    found = set(words)
    return {word: word if word != "check" else "test" if "valid" in found else "valid" for word in found}


def _tokens(folder: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", folder)
    joined = re.sub(r"hold[\W_]*out", "holdout", spaced.casefold())
    joined = re.sub(r"un[\W_]+label", "unlabel", joined)
    return re.findall(r"[^\W\d_]+", joined)
