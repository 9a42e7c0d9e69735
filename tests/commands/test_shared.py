"""What several commands share."""

import io

import pytest

from app.commands.shared import ask_password


@pytest.mark.parametrize(
    ("typed", "password"),
    [("correct horse\n", "correct horse"), ("a b \r\nmore\n", "a b "), ("no end", "no end"), ("", "")],
)
def test_a_password_is_the_first_line_of_standard_input_with_its_spaces(
    monkeypatch: pytest.MonkeyPatch, typed: str, password: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed, newline=""))
    assert ask_password(from_stdin=True) == password
