"""Data sets of a server are changed from the shell of another machine."""

import json
from pathlib import Path

import pytest

from app.errors import Forbidden, Invalid, Moved, NotFound
from app.settings import Settings
from tests.commands.conftest import Shell, said
from tests.conftest import People
from tests.factories import Made, write_images
from tests.servers import environment
from tests.small_worker import start_small_worker

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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
    deleted = there("datasets", "delete", "heads", "--yes", "--json")
    assert json.loads(deleted.stdout) == {"dataset": "heads", "waits_for_jobs": False}
    assert deleted.stderr.endswith("heads is deleted.\n")
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
    for each in (shell, there):  # the same sentence
        exported = each("export", "pets", "-o", tmp_path / "labels.csv")
        assert "2 new images are in no version, so not in this file; --freeze" in exported.stderr
    assert "4 images were added; 2 were there already." in said(there, "datasets", "add", "pets", more)
    again = json.loads(said(there, "datasets", "add", "pets", more, "--json"))
    assert (again["added"], again["already_there"]) == (0, 6)
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
