"""A zip for Label Studio: `tasks.json` for its import, and `label-config.xml` for the project's settings.

Each task has the image, the label of the version as an annotation, and what a run predicts. The image is
named as a file below the folder that Label Studio serves (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT, the folder
that was imported). The id of the sample, its path, part and given label are in `data`.
"""

import json
from collections.abc import Iterator
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from stream_zip import ZIP_64, MemberFile, stream_zip

from app.export.as_imagefolder import DATE, MODE, text_member, used_classes
from app.export.rows import ExportPlan, ExportRow, export_rows


def write_label_studio(plan: ExportPlan) -> Iterator[bytes]:
    """The zip's bytes."""
    yield from stream_zip(_members(plan))


def _members(plan: ExportPlan) -> Iterator[MemberFile]:
    yield text_member("label-config.xml", _config(used_classes(plan)))
    yield "tasks.json", DATE, MODE, ZIP_64, _tasks(plan)


def _config(classes: tuple[str, ...]) -> str:
    choices = "".join(f"    <Choice value={quoteattr(name)}/>\n" for name in classes)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <Choices name="label" toName="image" choice="single">\n{choices}  </Choices>\n</View>\n'
    )


def _tasks(plan: ExportPlan) -> Iterator[bytes]:
    start = "["
    for row in export_rows(plan):
        yield f"{start}\n{json.dumps(_task(row, plan.model), ensure_ascii=False)}".encode()
        start = ","
    yield b"[]\n" if start == "[" else b"\n]\n"


def _task(row: ExportRow, model: str) -> dict[str, object]:
    task: dict[str, object] = {
        "data": {
            "image": f"/data/local-files/?d={quote(row.path)}",
            "path": row.path,
            "sample_id": row.sample_id,
            "split": row.split,
            "given_label": row.given_label,
            "status": row.status,
            "reviewers": row.reviewers,
        },
        "annotations": [] if row.label is None else [{"result": [_choice(row.label)]}],
    }
    if row.predicted_label is not None:
        task["predictions"] = [
            {
                "model_version": model,
                "score": row.confidence,
                "result": [_choice(row.predicted_label)],
            }
        ]
    return task


def _choice(name: str) -> dict[str, object]:
    return {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [name]}}
