"""The table of export formats."""

import pytest

from app.errors import Invalid
from app.export.formats import FORMATS, check_format


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_found_by_its_name_and_says_what_it_is(name: str) -> None:
    found = check_format(name)
    assert found.name == name
    assert found.description
    assert found.has_images is (found.name == "imagefolder")


def test_no_two_formats_make_files_of_one_name() -> None:
    suffixes = [found.suffix for found in FORMATS.values()]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("name", ["xml", "", "CSV", "csv "])
def test_a_name_of_no_format_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(Invalid, match="choose one of parquet, csv, csv-excel, jsonl, imagefolder"):
        check_format(name)
