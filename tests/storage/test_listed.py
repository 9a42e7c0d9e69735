"""Files behind the URLs of a list."""

from pathlib import Path

import fsspec
import pytest

from app.errors import NotFound
from app.storage import UNKNOWN_SIZE, open_source


def test_the_files_of_a_list_are_read_by_their_urls(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe({"/listed/1.png": b"one"})
    stored = tmp_path / "ab.urls"
    stored.write_text("listed/1.png\tmemory://listed/1.png\nlisted/2.png\tmemory://listed/2.png\n")
    source = open_source(str(stored))
    assert [(entry.path, entry.size) for entry in source.walk()] == [
        ("listed/1.png", UNKNOWN_SIZE),
        ("listed/2.png", UNKNOWN_SIZE),
    ]
    assert source.read("listed/1.png") == b"one"
    assert source.has("listed/2.png")
    for path in ("listed/2.png", "listed/3.png"):
        with pytest.raises(NotFound):
            source.read(path)
    with pytest.raises(NotFound):
        source.size("listed/3.png")
