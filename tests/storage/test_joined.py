"""A source with others that were added to it."""

from pathlib import Path

import pytest

from app.errors import NotFound
from app.storage import JoinedSource, Origin, open_source


def test_each_part_is_read_below_its_own_folder_and_listed_by_nobody(tmp_path: Path) -> None:
    for folder, content in (("main", b"m"), ("one", b"1"), ("two", b"22")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(content)
    (tmp_path / "main" / "added-1").mkdir()
    (tmp_path / "main" / "added-1" / "b.png").write_bytes(b"hidden")
    parts = tuple(Origin(str(tmp_path / name)) for name in ("one", "two"))
    source = open_source(Origin(str(tmp_path / "main"), parts=parts))
    assert isinstance(source, JoinedSource)
    assert [source.read(path) for path in ("a.png", "added-1/a.png", "added-2/a.png")] == [b"m", b"1", b"22"]
    assert [source.size("added-2/a.png"), source.has("added-2/b.png"), source.has("added-3/a.png")] == [
        2,
        False,
        False,
    ]
    assert [entry.path for entry in source.walk()] == ["a.png"]
    assert source.is_there()
    with pytest.raises(NotFound):
        source.read("added-1/b.png")
    with pytest.raises(NotFound):
        source.read("added-1")
    source.close()
