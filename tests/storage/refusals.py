"""What a source says of files that it does not offer."""

import pytest

from app.storage import ImageSource, Unreadable


def problems(source: ImageSource) -> dict[str, str]:
    return {entry.path: entry.problem for entry in source.walk()}


def refusal(source: ImageSource, path: str) -> str:
    with pytest.raises(Unreadable) as error:
        source.read(path)
    return error.value.reason
