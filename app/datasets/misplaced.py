"""Reasons and notes for files outside class folders and for classes without any readable image."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from app.datasets.kinds import CONVERT, HEAD, PLAIN, UNPACK, is_picture, reason_by_name, reason_of
from app.datasets.layout import IMAGE_SUFFIXES, NOT_IN_A_CLASS
from app.datasets.refusals import kind_of
from app.decoding import budget
from app.decoding.opening import JPEG, PNG
from app.errors import NotFound
from app.storage import ImageSource, Unreadable

LARGEST = 64 * 1024**2  # bytes; larger files are not read
MOST = 5000  # files that are read
MOST_NAMED = 10  # folders with their own sentence


def reasons_of(
    source: ImageSource,
    sizes: Mapping[str, int],
    misplaced: Collection[str],
    *,
    on_file: Callable[[], None],
) -> dict[str, str]:
    """Why each misplaced file is rejected, by path: by the kind of its content, if this can be recognised.

    `on_file` is called before each file.
    """
    looked_at = 0
    reasons = {}
    for path in misplaced:
        on_file()
        reasons[path] = UNPACK if reason_by_name(path) == UNPACK else NOT_IN_A_CLASS
        if looked_at < MOST and sizes[path] <= LARGEST and not path.casefold().endswith(PLAIN):
            looked_at += 1
            reasons[path] = _reason(source, path, sizes[path])
    return reasons


def _reason(source: ImageSource, path: str, size: int) -> str:
    try:
        with budget.files.share(size):
            head = source.read(path)[:HEAD]
    except (Unreadable, NotFound) as problem:
        return problem.reason if isinstance(problem, Unreadable) else "gone while it was imported"
    if head.startswith((PNG, JPEG)) and not path.casefold().endswith(IMAGE_SUFFIXES):
        kind, suffix = ("PNG", ".png") if head.startswith(PNG) else ("JPEG", ".jpg")
        return f"{NOT_IN_A_CLASS}: it is a {kind}, but its name does not say so; give it the suffix {suffix}"
    by_name = reason_by_name(path)
    return reason_of(head) or (by_name if is_picture(by_name) else NOT_IN_A_CLASS)


def notes_of_folders(reasons: Mapping[str, str], placed: Iterable[str]) -> list[str]:
    """Notes about folders that would be classes if their files could be read.

    `reasons` are those of the misplaced files, `placed` the paths of files in a class.
    """
    unread: dict[str, list[str]] = defaultdict(list)
    others = {path.rpartition("/")[0].rpartition("/")[2] for path in placed}
    for path, reason in reasons.items():
        folder = path.rpartition("/")[0].rpartition("/")[2]
        if reason.endswith(CONVERT):
            unread[folder].append(reason)
        else:
            others.add(folder)
    return notes_of_classes({name: found for name, found in unread.items() if name and name not in others})


def notes_of_classes(unread: Mapping[str, Collection[str]]) -> list[str]:
    """A sentence for each class without any readable image, from the reasons of its files."""
    notes = []
    for name, reasons in sorted(unread.items())[:MOST_NAMED]:
        kinds = ", ".join(kind for kind, _ in Counter(map(kind_of, reasons)).most_common(3))
        said = (
            "its only file cannot be read"
            if len(reasons) == 1
            else f"none of its {len(reasons):,} files can be read"
        )
        what = "; convert them to JPEG or PNG and import again" if any(map(is_picture, reasons)) else ""
        notes.append(f"Class “{name}” has no image: {said} ({kinds}){what}.")
    if len(unread) > MOST_NAMED:
        more = len(unread) - MOST_NAMED
        have = "class has" if more == 1 else "classes have"
        notes.append(f"{more:,} more {have} no image either; see the rejected files.")
    return notes
