"""A zip for FiftyOne's classification importer: per part a folder `data/` and `labels.json`.

A key in `labels.json` is the file's place below `data/` without its suffix, so no two files differ in their
suffix alone. `confidence` is the run's probability of the label, where a run ranked it.
"""

import json
import zlib
from collections.abc import Iterator

from stream_zip import NO_COMPRESSION_64, ZIP_64, MemberFile, stream_zip

from app.datasets.missing import Lost
from app.datasets.naming import folder_name
from app.export.as_imagefolder import DATE, MODE, missing_member, used_classes
from app.export.pictures import file_name, read_images, unique_names, with_file
from app.export.rows import ExportPlan, ExportRow

_Named = tuple[ExportRow, str, str]  # a sample, its key and its suffix


def write_fiftyone(plan: ExportPlan) -> Iterator[bytes]:
    """The zip's bytes; images are streamed one by one."""
    yield from stream_zip(_members(plan))


def _members(plan: ExportPlan) -> Iterator[MemberFile]:
    lost: list[Lost] = list(plan.lost)
    for split in sorted({row.split for row in with_file(plan)}):
        folder, keys = plan.split_folder(split), _keys(plan, split)
        sent: list[str] = []
        for row, content in read_images(plan, _of(plan, split), lost):
            key, suffix = keys[row.sample_id]
            kind = NO_COMPRESSION_64(len(content), zlib.crc32(content))
            yield f"{folder}/data/{key}{suffix}", DATE, MODE, kind, (content,)
            sent.append(key)
        gone = {each.sample_id for each in lost}
        yield f"{folder}/labels.json", DATE, MODE, ZIP_64, _labels(plan, split, keys, gone)
    if lost:
        yield missing_member(lost)


def _of(plan: ExportPlan, split: str) -> Iterator[ExportRow]:
    return (row for row in with_file(plan) if row.split == split)


def _keys(plan: ExportPlan, split: str) -> dict[int, tuple[str, str]]:
    """By sample id its key and its suffix."""
    ids, stems, suffixes = [], [], []
    for row in _of(plan, split):
        stem, dot, suffix = file_name(row).rpartition(".")
        ids.append(row.sample_id)
        stems.append((folder_name(row.label or ""), stem, row.sha256))
        suffixes.append(dot + suffix)
    return dict(zip(ids, zip(unique_names(stems), suffixes, strict=True), strict=True))


def _labels(
    plan: ExportPlan, split: str, keys: dict[int, tuple[str, str]], gone: set[int]
) -> Iterator[bytes]:
    classes = used_classes(plan)
    positions = {name: position for position, name in enumerate(classes)}
    yield f'{{"classes": {json.dumps(classes, ensure_ascii=False)}, "labels": {{'.encode()
    comma = ""
    for row in _of(plan, split):
        if row.sample_id in gone:
            continue
        said: dict[str, object] = {"label": positions[row.label or ""], "path": row.path}
        if row.self_confidence is not None:
            said["confidence"] = row.self_confidence
        key = json.dumps(keys[row.sample_id][0], ensure_ascii=False)
        yield f"{comma}\n{key}: {json.dumps(said)}".encode()
        comma = ","
    yield b"\n}}\n"
