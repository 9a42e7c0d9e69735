"""What every source of images has in common."""

import pytest

from app.errors import Invalid
from app.storage.entries import Unreadable, too_large, why


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "no permission to read it"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (ValueError("embedded null byte"), "embedded null byte"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_problem_of_the_system_is_a_few_words_and_never_nothing(error: Exception, words: str) -> None:
    assert why(error) == words


def test_an_unreadable_file_says_its_path_and_its_reason() -> None:
    refusal = Unreadable("cat/1.png", too_large())
    assert isinstance(refusal, Invalid)
    assert str(refusal) == "The file cat/1.png cannot be read: too large: more than 512 MB."
    assert refusal.reason == "too large: more than 512 MB"
