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


@dataclass(frozen=True)
class Found:
    """The file of a path; `several` if more than one may be meant."""

    file: str = ""
    several: bool = False


NOTHING = Found()


@dataclass(frozen=True)
class Way:
    """How a label file writes paths: from its folder `base`, with `strip` folders of another computer.

    The images are `likely` in a folder, where several files fit.
    """

    base: str = ""
    strip: int = 0
    likely: tuple[str, ...] = ()


WAY = Way()


class Files:
    """The files of a source, to be found by the paths of a label file.

    A path is right if it is that of the file, from the source or from the folder of the label file; or the
    end of the path of exactly one file. The suffix may be left out. Folders that all paths of a label file
    have in front (of the computer that made it) do not count.
    """

    def __init__(self, paths: Collection[str]) -> None:
        self._paths = {_nfc(path): path for path in paths}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path in self._paths:
            name = path.rpartition("/")[2]
            self._by_name[name].append(path)
            stem, dot, ending = name.rpartition(".")
            if dot and f".{ending}".casefold() in IMAGE_SUFFIXES:
                self._by_stem[stem].append(path)

    def find(self, path: str, way: Way = WAY) -> Found:
        """The file of a path."""
        wanted = _tail(clean(path), way.strip)
        if not wanted:
            return NOTHING
        found = self._look(wanted, way)
        if found == NOTHING:
            shorter = "/".join([*wanted.split("/")[:-1], _UPLOAD.sub("", wanted.rpartition("/")[2])])
            return self._look(shorter, way) if shorter != wanted else found
        return found

    def _look(self, wanted: str, way: Way) -> Found:
        exact = [f"{folder}/{wanted}" for folder in (way.base, *way.likely) if folder]
        exact.insert(1 if way.base else 0, wanted)
        for path in exact:
            if path in self._paths:
                return Found(self._paths[path])
        name = wanted.rpartition("/")[2]
        if found := self._ending_with(wanted, self._by_name.get(name, ())):
            return found
        stems = self._by_stem.get(name, ())
        for path in exact:
            here = [each for each in stems if each.rpartition(".")[0] == path]
            if here:
                return Found(self._paths[here[0]]) if len(here) == 1 else Found(several=True)
        return self._ending_with(wanted, stems, without_suffix=True) or NOTHING

    def _ending_with(
        self, wanted: str, files: Iterable[str], *, without_suffix: bool = False
    ) -> Found | None:
        end = f"/{wanted}"
        found = [
            path for path in files if f"/{path.rpartition('.')[0] if without_suffix else path}".endswith(end)
        ]
        if not found:
            return None
        return Found(self._paths[found[0]]) if len(found) == 1 else Found(several=True)

    def way(self, paths: Collection[str], *, base: str = "", word: str = "") -> Way:
        """How a label file in the folder `base` writes its paths; `word` is its name, such as `train`."""
        tried = [clean(path) for path in list(paths)[:TRIED]]
        way = Way(base, self._strip(tried, base))
        folders = Counter[str]()
        for path in tried:
            wanted = _tail(path, way.strip)
            name = wanted.rpartition("/")[2]
            near = {*self._by_name.get(name, ()), *self._by_stem.get(name, ())}
            folders.update({each for file in near if (each := _before(file, wanted)) is not None})
        named = [each for each in folders if word and word in each.casefold().split("/")]
        most = [each for each, count in folders.items() if count == max(folders.values())]
        likely = [each for each in named if 2 * folders[each] >= len(tried)]
        return replace(way, likely=tuple(likely[:1] or (most if len(most) == 1 else ())))

    def _strip(self, tried: Sequence[str], base: str) -> int:
        """How many first folders of these paths do not count: as few as find the most files."""
        shared = _shared([path.split("/")[:-1] for path in tried])
        deep = min((path.count("/") for path in tried), default=0)
        counts = {strip: self._count(tried, Way(base, strip)) for strip in range(shared + 1)}
        for strip in range(shared + 1, deep + 1):  # folders differ: only their ends may be the same
            if not any(counts.values()):
                counts[strip] = self._count(tried, Way(base, strip))
        return max(counts, key=lambda strip: (counts[strip], -strip))

    def _count(self, tried: Sequence[str], way: Way) -> int:
        return sum(self.find(path, way) != NOTHING for path in tried)


def _before(file: str, wanted: str) -> str | None:
    """The folder of a file in front of a wanted path, with or without suffix; None: another file."""
    for end in (f"/{wanted}", f"/{wanted}.{file.rpartition('.')[2]}"):
        if f"/{file}".endswith(end):
            return f"/{file}"[: -len(end)].removeprefix("/")
    return None


def clean(path: str) -> str:
    """A path of a label file as a relative POSIX path: without drive, server and `./`."""
    text = path.strip()
    if "://" in text or text.startswith(("/data/local-files/?", "/data/upload/")):
        parts = urlsplit(text)
        inside = parse_qs(parts.query).get("d")
        text = inside[0] if inside else unquote(parts.path)
    text = re.sub(r"^[A-Za-z]:", "", text.replace("\\", "/"))
    return _nfc("/".join(part for part in text.split("/") if part not in ("", ".")))


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
