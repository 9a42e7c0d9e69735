"""The rows of a label file, whatever its kind: a table, Label Studio's export, FiftyOne's labels (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.datasets.label_reading import Columns, Kind
from app.datasets.labels.columns import is_yes, parts_of
from app.datasets.labels.tables import Table, check_rows, decoded, read_json, suffix_of, text_of
from app.errors import Invalid


@dataclass(frozen=True, slots=True)
class LabelRow:
    """An image and its labels: none, one, or several, which no data set of classes can have.

    `broken` is a row with more cells than the header, as text: which of them is the class is unknown.
    """

    path: str
    labels: tuple[str, ...]
    split: str | None = None
    broken: str = ""


def kind_of(content: bytes, *, name: str) -> tuple[Kind, Any]:
    """The kind of a label file, and its content if it is JSON of a known form."""
    if suffix_of(name) != ".json":
        return "table", None
    check_rows(content.count(b"{"), name)  # objects, which take far more memory than their text
    try:
        found = read_json(decoded(content))
    except (ValueError, RecursionError):
        return "table", None
    if isinstance(found, dict) and isinstance(found.get("labels"), dict):
        return "fiftyone", found
    if isinstance(found, list) and found and all(map(_is_task, found)):
        return "label-studio", found
    return "table", found


def _is_task(record: Any) -> bool:
    """Whether it is a task of Label Studio."""
    return isinstance(record, dict) and "data" in record and bool({"annotations", "completions"} & {*record})


def table_rows(table: Table, columns: Columns, *, part: str | None) -> Iterator[LabelRow]:
    """The rows of a table; `part` is that of all rows if no column says it. Raises Invalid."""
    path = table.column(columns.path)
    label = table.column(columns.label) if columns.label else -1
    split = table.column(columns.split) if columns.split else -1
    classes = [(name, table.column(name)) for name in columns.one_hot]
    parts: dict[str, str | None] = {}
    if split >= 0:
        values = {row[split] for row in table.whole()}
        found = parts_of(values, column=columns.split)
        if found is None:
            listed = ", ".join(f"“{value}”" for value in sorted(values)[:10])
            raise Invalid(
                f"The column “{columns.split}” of {table.name} does not say which part an image is in: its "
                f"values are {listed}, not train, valid and test. Name another column, or none."
            )
        parts = found
    for row in table.rows():
        labels: tuple[str, ...]
        if len(row) > len(table.columns):
            yield LabelRow(row[path], (), broken=", ".join(row))
            continue
        if label >= 0:
            labels = (row[label].strip(),) if row[label].strip() else ()
        else:
            labels = tuple(name for name, place in classes if is_yes(row[place]))
        yield LabelRow(row[path], labels, parts.get(row[split].strip()) if split >= 0 else part)


def label_studio_rows(tasks: list[dict[str, Any]]) -> Iterator[LabelRow]:
    """One row per task; annotations that were skipped do not count. Raises Invalid."""
    for number, task in enumerate(tasks, start=1):
        labels: dict[str, None] = {}
        field = "completions" if task.get("annotations") is None else "annotations"
        for annotation in _listed(task, field, number):
            if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
                continue
            for result in _listed(annotation, "result", number):
                value = result.get("value", {}) if isinstance(result, dict) else {}
                chosen = value.get("choices") if isinstance(value, dict) else None
                labels |= dict.fromkeys(map(text_of, chosen if isinstance(chosen, list) else ()))
        data = task["data"] if isinstance(task["data"], dict) else {}
        split = data.get("split")
        yield LabelRow(_image_of(data), tuple(labels), split if split in ("train", "valid", "test") else None)


def _listed(record: dict[str, Any], field: str, number: int) -> list[Any]:
    """A list in a task of Label Studio; without the field an empty one. Raises Invalid for something else."""
    found = record.get(field)
    if found is None or isinstance(found, list):
        return found or []
    raise Invalid(
        f"Task {number:,} of the export of Label Studio is damaged: its “{field}” is no list. Export it "
        "again as JSON."
    )


def _image_of(data: dict[str, Any]) -> str:
    """The path of a task's image: what its data call so, else the first text."""
    texts = {name: value for name, value in data.items() if isinstance(value, str) and value}
    named = (texts.get(name) for name in ("path", "image", "img", "image_url", "url", "file"))
    return next(filter(None, named), next(iter(texts.values()), ""))


def fiftyone_rows(content: dict[str, Any], *, part: str | None) -> Iterator[LabelRow]:
    """One row per key; images lie in `data` beside the file, a number is the place in `classes`."""
    classes = content.get("classes") or []
    for key, value in content["labels"].items():
        label = value.get("label") if isinstance(value, dict) else value
        if isinstance(label, int) and not isinstance(label, bool) and isinstance(classes, list) and classes:
            label = classes[label] if label in range(len(classes)) else None
        several = label if isinstance(label, list) else [label]
        yield LabelRow(f"data/{key}", tuple(filter(None, map(text_of, several))), part)
