"""Which folder names are those of parts (train, valid, test), however people write them (pure)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

PARTS = ("train", "valid", "test")

_WORDS = {
    "train": ("train", "training", "trn", "trainval", "trainvalid"),
    "valid": ("val", "valid", "validate", "validating", "validation", "dev", "development"),
    "test": ("test", "testing", "tests", "tst"),
    "check": ("eval", "evaluate", "evaluation", "holdout"),  # a validation part, or a test part beside one
}
_PART_OF = {word: part for part, words in _WORDS.items() for word in words}
_THINGS = (
    "sets?|data|datasets?|images?|imgs?|pictures?|pics?|photos?|files?|folder|dir|splits?|parts?|subset|samples?|"
    "jpe?gs?|pngs?|bmps?|gifs?|tiffs?|webps?"
)
_TOKEN = re.compile(rf"({'|'.join(sorted(_PART_OF, key=len, reverse=True))})(?:{_THINGS})*")
_THING = re.compile(rf"(?:{_THINGS})+")
_BEYOND = re.compile(  # folders beside the parts whose images carry no label
    r"(un|non)?label(l?ed|s)?|unsup(ervised)?|unknown|pred(ict)?(ions?|ed)?|submissions?|masks?|annotations?|extra|misc|"
    r"others?|demo|examples?|screenshots?|figures?|docs?|assets|results?|outputs?"
)


@dataclass(frozen=True)
class SplitWord:
    """What a folder's name says of a part: train, valid, test or check; `rest` is what else is in the name."""

    part: str
    rest: str

    @property
    def is_plain(self) -> bool:
        """Whether the name says nothing but the part: `training_set`, and not `animals_train`."""
        return not self.rest


def split_word(folder: str) -> SplitWord | None:
    """What a folder's name says: `Training`, `test_set`, `seg_train`, `trainImages`, `val-2017`; none if no part is named.

    Case, digits and what stands between words do not count. A name with two parts in it says nothing, but `train_val`.
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
    """Whether a folder's name says that what is in it belongs to no class: `unlabelled`, `seg_pred`, `single_prediction`."""
    return any(_BEYOND.fullmatch(token) for token in _tokens(folder))


def is_thing(folder: str) -> bool:
    """Whether a folder's name is only a word for pictures or data: `images`, `data_set`."""
    tokens = _tokens(folder)
    return bool(tokens) and all(_THING.fullmatch(token) for token in tokens)


def is_no_class(folder: str) -> bool:
    """Whether each word of a folder's name is one for pictures or what has no label: `images`, `image_labels`."""
    tokens = _tokens(folder)
    return bool(tokens) and all(_THING.fullmatch(each) or _BEYOND.fullmatch(each) for each in tokens)


def letters(folder: str) -> str:
    """What is left of a folder's name without digits and separators: `patient_007` and `patient-8` are alike in it."""
    return " ".join(_tokens(folder))


def settle(words: Iterable[str]) -> dict[str, str]:
    """The part that each of some parts' words stands for: `check` is the validation part, or the test part beside one."""
    found = set(words)
    return {word: word if word != "check" else "test" if "valid" in found else "valid" for word in found}


def _tokens(folder: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", folder)
    joined = re.sub(r"hold[\W_]*out", "holdout", spaced.casefold())
    joined = re.sub(r"un[\W_]+label", "unlabel", joined)
    return re.findall(r"[^\W\d_]+", joined)
