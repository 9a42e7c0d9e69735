"""Data sets, classes and labels of a server are changed from the shell of another machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import Conflict, Forbidden, Invalid, Moved, NotFound
from app.settings import Settings
from tests.commands.conftest import Shell
from tests.conftest import People
from tests.factories import Made, write_images
from tests.servers import environment, start_server
from tests.small_worker import start_small_worker

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def there(
    shell: Shell, settings: Settings, people: People, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """Run a command line against a server as the admin ada."""
    with start_server(
        settings.data_dir, database_url=settings.database_url, TOPLOSS_SECRET_KEY=settings.secret_key
    ) as server:
        monkeypatch.setenv("TOPLOSS_TOKEN", people.tokens["ada"])
        yield lambda *words: shell(*words, "--server", server.url)


def said(shell: Shell, *words: object) -> str:
    """What a command that succeeds prints."""
    got = shell(*words)
    assert got.exit_code == 0, (got.output, got.exception)
    return str(got.stdout)


def test_data_sets_of_a_server_are_listed_renamed_archived_and_deleted(
    shell: Shell, there: Shell, made: Made, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (("list",), ("list", "--all", "--disk"), ("list", "--json"), ("compare", "faces", 0, 0)):
        here = said(shell, "datasets", *words)
        assert said(there, "datasets", *words) == here, words
    assert "faces" in said(there, "datasets", "list")
    assert said(there, "datasets", "rename", "faces", "heads") == "faces is named heads now.\n"
    for words in (("rename", "faces", "eyes"), ("archive", "faces"), ("delete", "faces", "--yes")):
        assert isinstance(there("datasets", *words).exception, Moved), words
    assert "--back" in said(there, "datasets", "archive", "heads")
    assert said(there, "datasets", "list") == ""
    assert said(there, "datasets", "list", "--all").endswith("\tarchived\n")
    assert "is back" in said(there, "datasets", "archive", "heads", "--back")
    asked = there("datasets", "delete", "heads")
    assert asked.exit_code == 1
    assert "This deletes for ever the labels of" in asked.stdout
    assert "Type heads to delete it for ever" in asked.stdout
    assert "heads" in said(there, "datasets", "list")
    monkeypatch.setenv("TOPLOSS_TOKEN", people.tokens["ann"])
    assert isinstance(there("datasets", "delete", "heads", "--yes").exception, Forbidden)
    monkeypatch.setenv("TOPLOSS_TOKEN", people.tokens["ada"])
    assert said(there, "datasets", "delete", "heads", "--yes").endswith("heads is deleted.\n")
    assert said(there, "datasets", "list", "--all") == ""


def test_images_are_sent_to_a_data_set_of_a_server_once(
    shell: Shell, there: Shell, settings: Settings, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "first", per_class=4)
    more = write_images(tmp_path / "more", per_class=2, seed=9, splits=("train",))
    files = sorted((more / "train" / "owl").iterdir())
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    assert shell("import", folder, "--name", "pets").exit_code == 0
    told = said(there, "datasets", "add", "pets", *files, bad, "--class", "owl")
    assert "2 images were added; 1 file was not." in told
    assert "not added owl/bad.png: " in told
    assert "2 new images are in no version" in told
    assert "6 images were added." in said(there, "datasets", "add", "pets", more)
    again = json.loads(said(there, "datasets", "add", "pets", more, "--json"))
    assert again["added"] == 0
    assert said(there, "datasets", "list").split("\t")[1] == str(again["samples"])
    for path, options, kind in (
        ("https://example.org/images", (), Invalid),
        (tmp_path / "none", (), NotFound),
        (tmp_path / "none.png", ("--class", "owl"), NotFound),
        (more, ("--class", "owl", "--split-folders", "none"), Invalid),
    ):
        assert isinstance(there("datasets", "add", "pets", path, *options).exception, kind), path


def test_a_folder_of_many_images_is_added_by_the_worker_of_a_server(
    shell: Shell, there: Shell, settings: Settings, tmp_path: Path
) -> None:
    assert shell("import", write_images(tmp_path / "first", per_class=4), "--name", "pets").exit_code == 0
    many = write_images(tmp_path / "many", per_class=40, seed=9, splits=("train",))
    (many / "train" / "owl" / "bad.png").write_text("no image")
    env = environment(
        settings.data_dir, database_url=settings.database_url, TOPLOSS_SECRET_KEY=settings.secret_key
    )
    with start_small_worker(env, tmp_path / "worker.log"):
        told = said(there, "datasets", "add", "pets", many)
    assert "120 images were added; 1 file was not." in told
    assert "120 new images are in no version" in told


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


@pytest.mark.parametrize(
    "words",
    [
        ("classes", "add", "faces", "emu"),
        ("classes", "rename", "faces", "cat", "tom"),
        ("classes", "merge", "faces", "cat", "dog", "--yes"),
        ("classes", "retire", "faces", "cat"),
        ("classes", "undo", "faces"),
    ],
    ids=" ".join,
)
def test_nobody_is_named_for_a_server_because_the_token_says_who(
    shell: Shell, database_url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TOPLOSS_TOKEN", "tl_x")
    refused = shell(*words, "--as", "ada", "--server", "http://127.0.0.1:1").exception
    assert isinstance(refused, Invalid)
    assert "Leave --as out" in str(refused)
