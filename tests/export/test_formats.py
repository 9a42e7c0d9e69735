"""The table of export formats."""

from pathlib import Path
from typing import get_type_hints

import pytest

from app.commands.exporting import export
from app.errors import Invalid
from app.export.formats import FORMATS, check_format, check_valid_folder
from app.export.loading import LOADING

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_found_by_its_name_and_says_what_it_is(name: str) -> None:
    found = check_format(name)
    assert found.name == name
    assert found.description
    assert found.has_images is (found.name in ("imagefolder", "huggingface", "fiftyone"))


def test_no_two_formats_make_files_of_one_name() -> None:
    suffixes = [found.suffix for found in FORMATS.values()]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("name", FORMATS)
def test_the_documentation_has_each_format_with_the_lines_that_load_it(name: str) -> None:
    text = (ROOT / "docs" / "exporting.md").read_text()
    assert f"| `{name}` | {FORMATS[name].description} | {', '.join(LOADING[name])} |" in text
    section = text.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    for lines in LOADING[name].values():
        assert f"```python\n{lines}```" in section


def test_the_shell_names_every_format() -> None:
    words = get_type_hints(export, include_extras=True)["format"].__metadata__[0].help
    assert words == f"{', '.join(list(FORMATS)[:-1])} or {list(FORMATS)[-1]}."


def test_the_folder_of_the_validation_part_has_one_of_three_names() -> None:
    check_valid_folder(FORMATS["imagefolder"], "val")
    with pytest.raises(Invalid, match="choose one of valid, val, validation"):
        check_valid_folder(FORMATS["imagefolder"], "test")
    with pytest.raises(Invalid, match=r"The format csv has no folder .* choose imagefolder or fiftyone"):
        check_valid_folder(FORMATS["csv"], "val")


@pytest.mark.parametrize("name", ["xml", "", "CSV", "csv "])
def test_a_name_of_no_format_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(Invalid, match="choose one of parquet, csv, csv-excel, jsonl, fastai, imagefolder"):
        check_format(name)
