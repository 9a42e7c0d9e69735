"""The table that fastai's `ImageDataLoaders.from_df` takes: name, label and whether it is for validation.

The names are the paths of the images, relative to the folder that was imported. Images of the test part are
left out, because fastai has two parts in a table, and so are deleted images.
"""

from collections.abc import Iterator

from sqlalchemy import func, select

from app.datasets.models import Sample
from app.export.as_csv import csv_chunks
from app.export.rows import ExportPlan, export_rows


def write_fastai(plan: ExportPlan) -> Iterator[bytes]:
    """One line per image of the training and the validation part."""
    rows = (
        (row.path, row.label, str(row.split == "valid"))
        for row in export_rows(plan)
        if row.label is not None and row.split != "test"
    )
    return csv_chunks(("name", "label", "is_valid"), rows)


def fastai_notes(plan: ExportPlan) -> list[str]:
    """A sentence about images of the test part, which are not in the table."""
    mine = (Sample.dataset_id == plan.dataset_id, Sample.id <= plan.last_sample_id, Sample.split == "test")
    with plan.engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(Sample).where(*mine)) or 0
    few = "1 image of the test part is" if count == 1 else f"{count:,} images of the test part are"
    return [f"{few} left out: fastai has two parts in a table."] if count else []
