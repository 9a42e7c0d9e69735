"""Classes of a server are changed from the shell of another machine."""

import json
from typing import Any

import pytest

from app.errors import Conflict, Invalid, NotFound
from tests.commands.conftest import Shell, said
from tests.factories import Made

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_classes_of_a_server_are_added_renamed_merged_retired_and_restored(
    shell: Shell, there: Shell, made: Made
) -> None:
    before = said(shell, "classes", "list", "faces")
    assert said(there, "classes", "list", "faces") == before
    assert "the class “emu/ostrich?” now" in said(there, "classes", "add", "faces", "emu/ostrich?")
    renamed = said(there, "classes", "rename", "faces", "EMU/Ostrich?", "big bird 100%")
    assert renamed == "“emu/ostrich?” is named “big bird 100%” now.\n"
    assert "is retired" in said(there, "classes", "retire", "faces", "Big Bird 100%")
    assert isinstance(there("classes", "retire", "faces", "cat").exception, Conflict)
    for each in (shell, there):
        itself = each("classes", "merge", "faces", "cat", "Cat")
        assert isinstance(itself.exception, Conflict)
        assert itself.stdout == ""  # no preview, no question
    asked = there("classes", "merge", "faces", "cat", "dog")
    assert asked.exit_code == 1
    assert "Merge “cat” into “dog”?" in asked.stdout
    counted, *_ = asked.stdout.splitlines()
    assert counted in shell("classes", "merge", "faces", "cat", "dog").stdout  # the same sentence
    assert said(there, "classes", "list", "faces") == before
    assert "“cat” is merged into “dog”" in said(there, "classes", "merge", "faces", "cat", "dog", "--yes")
    for options in ((), ("--all",), ("--all", "--json")):
        assert said(there, "classes", "list", "faces", *options) == said(
            shell, "classes", "list", "faces", *options
        )
    for words in ("merged “cat” into “dog”", "retired “big bird 100%”", "renamed “emu", "added “emu"):
        assert words in said(there, "classes", "undo", "faces")
    assert isinstance(there("classes", "undo", "faces").exception, NotFound)
    assert said(there, "classes", "list", "faces") == before


def test_scripts_read_one_json_value_of_each_change_and_the_sentences_apart(
    shell: Shell, there: Shell, made: Made
) -> None:
    for each in (shell, there):
        did: list[Any] = []
        for words in (
            ("add", "faces", "emu"),
            ("rename", "faces", "emu", "rhea"),
            ("retire", "faces", "RHEA"),
            ("merge", "faces", "cat", "dog", "--yes"),
            ("undo", "faces"),
            *[("undo", "faces")] * 3,
        ):
            got = each("classes", *words, "--json")
            assert got.exit_code == 0, got.output
            did.append(json.loads(got.stdout))
        images = did[3].pop("images")
        assert images > 0
        assert f"with {images} images" in each("classes", "merge", "faces", "cat", "dog", "--yes").stdout
        assert each("classes", "undo", "faces").exit_code == 0
        assert did == [
            {"dataset": "faces", "class": "emu"},
            {"dataset": "faces", "class": "rhea", "before": "emu"},
            {"dataset": "faces", "class": "rhea"},
            {"dataset": "faces", "class": "cat", "merged_into": "dog"},
            {"dataset": "faces", "undone": "merged “cat” into “dog”"},
            {"dataset": "faces", "undone": "retired “rhea”"},
            {"dataset": "faces", "undone": "renamed “emu” to “rhea”"},
            {"dataset": "faces", "undone": "added “emu”"},
        ]


def test_a_final_question_that_nobody_can_answer_names_the_option(shell: Shell, made: Made) -> None:
    for words in (
        ("classes", "merge", "faces", "cat", "dog"),
        ("datasets", "delete", "faces"),
        ("runs", "delete-checkpoints", made.run_id),
    ):
        for options in ((), ("--json",)):
            refused = shell(*words, *options)
            assert isinstance(refused.exception, Invalid), words
            assert "--yes" in str(refused.exception)
            assert not (options and refused.stdout)
    assert "faces" in said(shell, "datasets", "list")


@pytest.mark.parametrize(
    "words",
    [
        ("classes", "add", "faces", "emu"),
        ("classes", "rename", "faces", "cat", "tom"),
        ("classes", "merge", "faces", "cat", "dog", "--yes"),
        ("classes", "retire", "faces", "cat"),
        ("classes", "undo", "faces"),
        ("labels", "apply", "faces", __file__),
        ("labels", "undo", "faces"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_nobody_is_named_for_a_server_because_the_token_says_who(
    shell: Shell, database_url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TOPLOSS_TOKEN", "tl_x")
    refused = shell(*words, "--as", "ada", "--server", "http://127.0.0.1:1").exception
    assert isinstance(refused, Invalid)
    assert "Leave --as out" in str(refused)
