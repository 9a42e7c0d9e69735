"""Places images by the labels in files: the class and part of each, and what does not fit (pure)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice

from app.datasets.kinds import reason_by_name
from app.datasets.label_reading import Columns, LabelFiles, folder_of, stem_of
from app.datasets.labels.matching import Files, Found, clean
from app.datasets.labels.rows import LabelRow, fiftyone_rows, kind_of, label_studio_rows, table_rows
from app.datasets.labels.tables import LOOKED_AT, read_table
from app.datasets.layout import IMAGE_SUFFIXES, Layout, PathMeaning
from app.datasets.layout_reading import Reading
from app.datasets.naming import is_blank, leads_away, printable
from app.datasets.split_words import settle, split_word

SHOWN = 3  # examples in a note
MOST_LISTED = 1_000  # rows without an image that are listed; a note counts all, which may be a million
SEVERAL = "several labels"
WITHOUT = "no label, so"
BROKEN = "its row has more cells than the header"


def by_labels(paths: Collection[str], reading: Reading, read: Callable[[LabelFiles, str], bytes]) -> Layout:
    """The layout of relative POSIX paths by label files; `read` returns the content of one of them.

    Raises Invalid for a file that is no such table, and NotFound.
    """
    labels = reading.files
    files, made = Files(paths), _Placing(labels.name)
    for name, part in parts_of_files(labels.files).items():
        rows = rows_of(labels, name, read(labels, name), part=part)
        first = list(islice(rows, LOOKED_AT))
        base = "" if labels.stored else folder_of(name)
        way = files.way(
            [row.path for row in first],
            base=base,
            word=stem_of(name).casefold(),
            uploads=labels.kind == "label-studio",
        )
        for row in chain(first, rows):
            made.add(row, files.find(row.path, way))
    return made.layout(paths, reading)


def rows_of(labels: LabelFiles, name: str, content: bytes, *, part: str | None) -> Iterator[LabelRow]:
    """The rows of one of the files. Raises Invalid."""
    kind, found = kind_of(content, name=name)
    if kind == "label-studio":
        return label_studio_rows(found)
    if kind == "fiftyone":
        return fiftyone_rows(found, part=part)
    columns = labels.columns or Columns(path="")  # another kind of file when it was understood
    return table_rows(read_table(content, name=name), columns, part=part)


def parts_of_files(names: Collection[str]) -> dict[str, str | None]:
    """The part that each of several label files is for, by its own name or that of a folder above it."""
    words = {name: _part_word(name) for name in names}
    settled = settle(word for word in words.values() if word)
    parts = {name: settled[word] if word else None for name, word in words.items()}
    return parts if len(set(settled.values())) > 1 else dict.fromkeys(names)


def _part_word(path: str) -> str | None:
    *folders, _ = path.split("/")
    for name in [stem_of(path), *reversed(folders)]:
        word = split_word(name)
        if word is not None and word.is_plain:
            return word.part
    return None


@dataclass
class _Placing:
    name: str
    labels: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))  # by file
    parts: dict[str, str | None] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)  # paths of rows
    unclear: dict[str, None] = field(default_factory=dict)
    by_upload: dict[str, None] = field(default_factory=dict)
    broken: dict[str, None] = field(default_factory=dict)  # files and paths
    broken_rows: list[str] = field(default_factory=list)
    repeated: int = 0

    def add(self, row: LabelRow, found: Found) -> None:
        if row.broken:
            self.broken[found.file or clean(row.path) or "(no path)"] = None
            self.broken_rows.append(f"“{row.broken}”")
            return
        if not found.file:
            if row.path.strip() or row.labels:
                (self.unclear if found.several else self.missing)[clean(row.path) or "(no path)"] = None
            return
        if found.by_upload:
            self.by_upload[clean(row.path)] = None
        labels = self.labels[found.file]
        self.repeated += found.file in self.parts and labels.keys() == {*row.labels}
        labels |= dict.fromkeys(
            label for label in row.labels if not is_blank(label) and not leads_away(label)
        )
        self.parts[found.file] = row.split or self.parts.get(found.file)

    def layout(self, paths: Collection[str], reading: Reading) -> Layout:
        parts = self._parts()
        places = {
            path: PathMeaning(parts[path], next(iter(labels)))
            for path, labels in self.labels.items()
            if len(labels) == 1
        }
        reasons = self._reasons(paths, places, reading)
        notes = self._notes(reasons, places)
        unlabelled = tuple(path for path, labels in self.labels.items() if not labels)
        return Layout(places, [], reading, reasons, tuple(notes), unlabelled=unlabelled)

    def _parts(self) -> Mapping[str, str | None]:
        """The part of each file by the label file, else by a folder above it."""
        if any(self.parts.values()):
            return self.parts
        words = {path: _folder_word(path) for path in self.parts}
        settled = settle(word for word in words.values() if word)
        if "train" not in settled.values() or len(set(settled.values())) == 1:
            return self.parts
        return {path: settled[word] if word else None for path, word in words.items()}

    def _reasons(
        self, paths: Collection[str], places: Mapping[str, PathMeaning], reading: Reading
    ) -> dict[str, str]:
        """Why each other file is no sample, and which labels have no image, by path."""
        of = reading.labels.files if reading.labels and not reading.labels.stored else ()
        reasons = {}
        for path in paths:
            if path in places or path in of:
                continue
            labels = self.labels.get(path)
            if labels:
                reasons[path] = f"{SEVERAL} in {self.name}: {', '.join(map(printable, labels))}"
            elif path not in self.broken:
                reasons[path] = reason_by_name(path) or f"no label in {self.name}"
        reasons |= {path: f"{self.name}: {BROKEN}" for path in self.broken if path not in places}
        rows = {
            f"{self.name} has a label for it, but there is no such image": self.missing,
            f"{self.name} may mean several images by it": self.unclear,
        }
        for reason, of_rows in rows.items():
            reasons |= dict.fromkeys(islice(of_rows, MOST_LISTED), reason)
        return reasons

    def _notes(self, reasons: Mapping[str, str], places: Mapping[str, PathMeaning]) -> list[str]:
        bare = any("." not in path.rpartition("/")[2] for path in places)
        images = [path for path in reasons if _is_image(path, bare=bare) and path not in self.missing]
        several = [path for path in images if reasons[path].startswith(SEVERAL)]
        without = [path for path in images if reasons[path].startswith("no label")]
        notes = []
        if self.missing:
            have = "label has" if len(self.missing) == 1 else "labels have"
            notes.append(
                f"{len(self.missing):,} {have} no image{_listed(self.missing)}: {_shown(self.missing)}."
            )
        if self.unclear:
            have = "path of a label" if len(self.unclear) == 1 else "paths of labels"
            listed = _listed(self.unclear)
            notes.append(
                f"{len(self.unclear):,} {have} may mean several images{listed}: {_shown(self.unclear)}."
            )
        if without:
            have = "image has" if len(without) == 1 else "images have"
            notes.append(f"{len(without):,} {have} {WITHOUT} {_left_out(without)}: {_shown(without)}.")
        if several:
            have = "image has" if len(several) == 1 else "images have"
            notes.append(
                f"{len(several):,} {have} several labels, but here an image has one class, so "
                f"{_left_out(several)}: {_shown(several)}."
            )
        if self.broken_rows:
            have = "row has" if len(self.broken_rows) == 1 else "rows have"
            notes.append(
                f"{len(self.broken_rows):,} {have} more cells than the header and cannot be read; put cells "
                f"with a delimiter in quotes: {_shown(self.broken_rows)}."
            )
        if self.by_upload:
            names = "name is" if len(self.by_upload) == 1 else "names are"
            notes.append(
                f"{len(self.by_upload):,} {names} matched without the 8 digits that Label Studio puts in "
                f"front: {_shown(self.by_upload)}."
            )
        if self.repeated:
            rows = "row repeats" if self.repeated == 1 else "rows repeat"
            notes.append(f"{self.repeated:,} {rows} the label of an image, which counts once.")
        return [f"{self.name}: {note}" for note in notes]


def _folder_word(path: str) -> str | None:
    """The part in the name of the topmost folder of an image that names one."""
    words = (split_word(folder) for folder in path.split("/")[:-1])
    return next((word.part for word in words if word is not None and word.is_plain), None)


def _is_image(path: str, *, bare: bool) -> bool:
    name = path.rpartition("/")[2]
    return name.casefold().endswith(IMAGE_SUFFIXES) or (bare and "." not in name)


def _left_out(images: Collection[str]) -> str:
    return "it is left out" if len(images) == 1 else "they are left out"


def _listed(rows: Collection[str]) -> str:
    return f" ({MOST_LISTED:,} are listed)" if len(rows) > MOST_LISTED else ""


def _shown(paths: Collection[str]) -> str:
    some = [printable(path) for path in sorted(paths)[:SHOWN]]
    return ", ".join(some) + (" …" if len(paths) > SHOWN else "")
