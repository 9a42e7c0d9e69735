"""The report at the end of an import."""

import pytest

from app.datasets.completing import ImportReport


@pytest.mark.parametrize(
    ("rejected", "duplicates", "more"),
    [
        (0, 0, ""),
        (1, 0, " 1 file was not imported."),
        (1200, 0, " 1,200 files were not imported."),
        (0, 1, " 1 image is a copy of others; 2 have different labels than their copies."),
        (0, 3, " 3 images are copies of others; 2 have different labels than their copies."),
    ],
)
def test_a_report_says_what_came_in_and_only_what_is_to_be_said_besides(
    rejected: int, duplicates: int, more: str
) -> None:
    counts = {"samples": 1010, "added": 10, "known": 1000, "classes": 3, "version": 0, "notes": ()}
    splits = {"train": 800, "valid": 210}
    found = ImportReport(**counts, splits=splits, rejected=rejected, duplicates=duplicates, contradictions=2)
    start = "1,010 images (800 train, 210 valid) in 3 classes: 10 new, 1,000 known before."
    assert str(found) == start + more
