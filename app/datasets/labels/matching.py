"""Finds the image of each row of a label file, however the file writes its path (pure)."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, unquote, urlsplit

from app.datasets.layout import IMAGE_SUFFIXES

TRIED = 200  # paths that show how many of their folders are those of another computer
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts in front of an uploaded file's name
_UPLOADS = "/data/upload/"  # in front of the paths of such files in every export of it


@dataclass(frozen=True)
class Found:
    """The file of a path; `several` if more than one may be meant.

    `by_upload`: only without what Label Studio puts in front of the name of an uploaded file.
    """

    file: str = ""
    several: bool = False
    by_upload: bool = False


NOTHING = Found()


@dataclass(frozen=True)
class Way:
    """How a label file writes paths: from its folder `base`, with `strip` folders of another computer.

    The images are `likely` in a folder, where several files fit. Only with `uploads`, in an export of Label
    Studio, the names may have its prefix in front.
    """

    base: str = ""
    strip: int = 0
    likely: tuple[str, ...] = ()
    uploads: bool = False


WAY = Way()


class Files:
    """The files of a source, to be found by the paths of a label file.

    A path is right if it is that of the file, from the source or from the folder of the label file; or the
    end of the path of exactly one file. The suffix may be left out. Folders that all paths of a label file
    have in front (of the computer that made it) do not count.
    """

    def __init__(self, paths: Collection[str]) -> None:
        self._files = frozenset(paths)
        self._paths: dict[str, list[str]] = defaultdict(list)  # files by their path in the form NFC
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            self._paths[_nfc(path)].append(path)
            name = _nfc(path.rpartition("/")[2])
            self._by_name[name].append(path)
            stem, dot, ending = name.rpartition(".")
            if dot and f".{ending}".casefold() in IMAGE_SUFFIXES:
                self._by_stem[stem].append(path)

    def find(self, path: str, way: Way = WAY) -> Found:
        """The file of a path; the same characters count more than another Unicode form of them."""
        wanted = _tail(_plain(path), way.strip)
        if not wanted:
            return NOTHING
        found = self._look(wanted, way)
        if found == NOTHING and (way.uploads or path.strip().startswith(_UPLOADS)):
            folder, slash, name = wanted.rpartition("/")
            shorter = _UPLOAD.sub("", name)
            if shorter and shorter != name:
                found = self._look(f"{folder}{slash}{shorter}", way)
                return replace(found, by_upload=True) if found.file else found
        return found

    def _look(self, wanted: str, way: Way) -> Found:
        exact = [f"{folder}/{wanted}" for folder in (way.base, *way.likely) if folder]
        exact.insert(1 if way.base else 0, wanted)
        for path in exact:
            if path in self._files:
                return Found(path)
            if same := self._paths.get(_nfc(path)):
                return _only(same)
        name = _nfc(wanted.rpartition("/")[2])
        if found := self._ending_with(wanted, self._by_name.get(name, ())):
            return found
        stems = self._by_stem.get(name, ())
        for path in exact:
            here = [each for each in stems if _stem(each) == path]
            here = here or [each for each in stems if _nfc(_stem(each)) == _nfc(path)]
            if here:
                return _only(here)
        return self._ending_with(wanted, stems, without_suffix=True) or NOTHING

    def _ending_with(
        self, wanted: str, files: Collection[str], *, without_suffix: bool = False
    ) -> Found | None:
        ends = {path: f"/{_stem(path) if without_suffix else path}" for path in files}
        found = [path for path, end in ends.items() if end.endswith(f"/{wanted}")]
        found = found or [path for path, end in ends.items() if _nfc(end).endswith(f"/{_nfc(wanted)}")]
        return _only(found) if found else None

    def way(self, paths: Collection[str], *, base: str = "", word: str = "", uploads: bool = False) -> Way:
        """How a label file in the folder `base` writes its paths; `word` is its name, such as `train`."""
        some = list(paths)[:TRIED]
        uploads = uploads or any(path.strip().startswith(_UPLOADS) for path in some)
        tried = [clean(path) for path in some]
        way = Way(base, self._strip(tried, Way(base, uploads=uploads)), uploads=uploads)
        folders = Counter[str]()
        for path in tried:
            wanted = _tail(path, way.strip)
            name = _nfc(wanted.rpartition("/")[2])
            near = {*self._by_name.get(name, ()), *self._by_stem.get(name, ())}
            folders.update({each for file in near if (each := _before(file, wanted)) is not None})
        named = [each for each in folders if word and word in each.casefold().split("/")]
        most = [each for each, count in folders.items() if count == max(folders.values())]
        likely = [each for each in named if 2 * folders[each] >= len(tried)]
        return replace(way, likely=tuple(likely[:1] or (most if len(most) == 1 else ())))

    def _strip(self, tried: Sequence[str], way: Way) -> int:
        """How many first folders of these paths do not count: as few as find the most files."""
        shared = _shared([path.split("/")[:-1] for path in tried])
        deep = min((path.count("/") for path in tried), default=0)
        counts = {strip: self._count(tried, replace(way, strip=strip)) for strip in range(shared + 1)}
        for strip in range(shared + 1, deep + 1):  # folders differ: only their ends may be the same
            if not any(counts.values()):
                counts[strip] = self._count(tried, replace(way, strip=strip))
        return max(counts, key=lambda strip: (counts[strip], -strip))

    def _count(self, tried: Sequence[str], way: Way) -> int:
        return sum(self.find(path, way) != NOTHING for path in tried)


def _before(file: str, wanted: str) -> str | None:
    """The folder of a file in front of a wanted path, with or without suffix; None: another file."""
    composed, ending = _nfc(f"/{file}"), file.rpartition(".")[2]
    if composed.endswith((f"/{wanted}", f"/{wanted}.{ending}")):
        return "/".join(file.split("/")[: -1 - wanted.count("/")])
    return None


def _only(files: Sequence[str]) -> Found:
    return Found(files[0]) if len(files) == 1 else Found(several=True)


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def clean(path: str) -> str:
    """A path of a label file as a relative POSIX path in the form NFC: without drive, server and `./`."""
    return _nfc(_plain(path))


def _plain(path: str) -> str:
    text = path.strip()
    if "://" in text or text.startswith(("/data/local-files/?", _UPLOADS)):
        parts = urlsplit(text)
        inside = parse_qs(parts.query).get("d")
        text = inside[0] if inside else unquote(parts.path)
    text = re.sub(r"^[A-Za-z]:", "", text.replace("\\", "/"))
    return "/".join(part for part in text.split("/") if part not in ("", "."))


def _tail(path: str, strip: int) -> str:
    parts = path.split("/")
    return "/".join(parts[min(strip, len(parts) - 1) :])


def _shared(folders: list[list[str]]) -> int:
    """How many first folders all of these have in common."""
    if not folders:
        return 0
    return sum(1 for _ in _while_same(zip(*folders, strict=False)))


def _while_same(levels: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for level in levels:
        if len(set(level)) > 1:
            return
        yield level[0]


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
