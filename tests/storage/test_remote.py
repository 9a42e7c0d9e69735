"""A folder behind a URL."""

import pytest

from app.errors import Invalid, NotFound
from app.storage import RemoteSource, open_source


def test_any_fsspec_url_is_a_source() -> None:
    import fsspec

    fsspec.filesystem("memory").pipe({"/bucket/cat/1.png": b"one", "/bucket/dog/1.png": b"three"})
    source = open_source("memory://bucket")
    assert isinstance(source, RemoteSource)
    assert {(entry.path, entry.size) for entry in source.walk()} == {("cat/1.png", 3), ("dog/1.png", 5)}
    assert source.read("dog/1.png") == b"three"
    with pytest.raises(NotFound):
        source.read("dog/2.png")
    with pytest.raises(Invalid, match="cannot be opened"):
        open_source("nosuchprotocol://bucket")
