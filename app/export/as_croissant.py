"""A zip with `labels.parquet` and `metadata.json`, which describes it as Croissant 1.0 with its RAI fields.

The description has the digest of the table, the type and meaning of each column, and how the labels were
cleaned. The images themselves are not in the zip: `path` and `sha256` say which they are.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from stream_zip import ZIP_64, MemberFile, stream_zip

from app.datasets.models import Dataset, DatasetVersion
from app.export.as_imagefolder import DATE, MODE, text_member, used_classes
from app.export.as_parquet import FRACTIONS, WHOLE, write_parquet
from app.export.rows import ExportPlan, check_whole

CLEANING = (
    "A network ranked the labels by how wrong they look. People looked at the images in this order and kept, "
    "relabelled or deleted each, or said that they were unsure. The columns verdict, status, reviews and "
    "reviewers tell what was decided for each image; an image without a decision keeps its given label."
)
# What the short names stand for, as the specification of Croissant 1.0 prints it.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
MEANINGS = {
    "sample_id": "number of the sample in Toploss",
    "path": "path of the image, relative to the source that was imported",
    "sha256": "digest of the image file",
    "split": "part: train, valid or test",
    "given_label": "label that came with the image",
    "label": "label in this version; none for a deleted image",
    "verdict": "what people decided: keep, relabel, delete or unsure; empty without a decision",
    "status": "unreviewed, or how the verdict came about",
    "reviews": "number of people whose decision stands",
    "reviewers": "their names, separated by spaces",
    "decided_at": "time of the decision that counts",
    "self_confidence": "probability of the label by the run",
    "predicted_label": "class with the highest probability by the run",
    "confidence": "probability of the predicted label",
    "loss": "negative logarithm of the label's probability",
    "rank": "place in the ranking of the run; 1 is the most suspicious",
    "run": "id of the run that the scores come from",
    "version": "number of the version",
    "error_probability": "probability that the label which was ranked is wrong",
}


def write_croissant(plan: ExportPlan) -> Iterator[bytes]:
    """The zip's bytes."""
    yield from stream_zip(_members(plan))


def _members(plan: ExportPlan) -> Iterator[MemberFile]:
    digest, size = hashlib.sha256(), 0

    def table() -> Iterator[bytes]:
        nonlocal size
        for piece in write_parquet(plan):
            digest.update(piece)
            size += len(piece)
            yield piece

    yield "labels.parquet", DATE, MODE, ZIP_64, table()
    described = _metadata(plan, digest.hexdigest(), size)
    yield text_member("metadata.json", json.dumps(described, ensure_ascii=False, indent=1) + "\n")


def _metadata(plan: ExportPlan, digest: str, size: int) -> dict[str, Any]:
    query = (
        select(Dataset.name, DatasetVersion.created_at, DatasetVersion.samples, DatasetVersion.digest)
        .join(DatasetVersion, DatasetVersion.dataset_id == Dataset.id)
        .where(DatasetVersion.id == plan.version_id)
    )
    with plan.engine.connect() as connection:
        check_whole(connection, plan)
        name, frozen_at, samples, version_digest = connection.execute(query).one()
    moment: datetime = frozen_at
    classes = used_classes(plan)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.0",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": name,
        "description": (
            f"Labels of {samples:,} images in {len(classes):,} classes, version {plan.version} of the data "
            f"set {name}, frozen with the digest {version_digest}."
        ),
        "version": f"{plan.version}.0.0",
        "datePublished": moment.date().isoformat(),
        "rai:dataAnnotationProtocol": CLEANING,
        "rai:dataManipulationProtocol": "Only labels were changed; the images are as they were imported.",
        "rai:machineAnnotationTools": [
            f"Toploss, {plan.model} of this data set" if plan.model else "Toploss"
        ],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "labels.parquet",
                "name": "labels.parquet",
                "contentUrl": "labels.parquet",
                "contentSize": f"{size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": digest,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "samples",
                "name": "samples",
                "description": "One record per image.",
                "key": {"@id": "samples/sample_id"},
                "field": [_field(column) for column in plan.columns],
            }
        ],
    }


def _field(column: str) -> dict[str, Any]:
    kind = "sc:Integer" if column in WHOLE else "sc:Float" if column in FRACTIONS else "sc:Text"
    return {
        "@type": "cr:Field",
        "@id": f"samples/{column}",
        "name": column,
        "description": MEANINGS[column],
        "dataType": "sc:DateTime" if column == "decided_at" else kind,
        "source": {"fileObject": {"@id": "labels.parquet"}, "extract": {"column": column}},
    }
