"""`toploss datasets add`."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.errors import Invalid
from tests.commands.test_datasets import imported, said
from tests.factories import write_images

__all__ = ["imported"]  # the fixture


def test_images_are_added_from_files_and_folders(imported: CliRunner, tmp_path: Path) -> None:
    more = write_images(tmp_path / "more", per_class=2, seed=9, splits=("train",))
    files = [str(path) for path in sorted((more / "train" / "owl").iterdir())]
    told = said(imported, "add", "pets", *files, "--class", "owl")
    assert "2 images were added." in told
    assert "2 new images are in no version" in told
    told = said(imported, "add", "pets", str(more))
    assert "4 images were added; 2 were there already." in told
    assert "0 images were added; 6 were there already." in said(imported, "add", "pets", str(more))
    assert said(imported, "list") == "pets\t30\t3\tready\n"
    nothing = imported.invoke(cli, ["datasets", "add", "pets", str(tmp_path / "none.png"), "--class", "owl"])
    assert isinstance(nothing.exception, Invalid)


def test_another_zip_for_a_known_name_adds_its_images_and_twice_is_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TOPLOSS_FIRST_LOOK", "off")
    runner = CliRunner()
    for week in range(2):
        folder = write_images(tmp_path / f"week{week}", seed=week)
        shutil.make_archive(str(tmp_path / f"week{week}"), "zip", folder)

    def bring(name: str) -> str:
        got = runner.invoke(cli, ["import", str(tmp_path / name), "--name", "pets"])
        assert got.exit_code == 0, got.output
        return got.stdout

    bring("week0.zip")
    assert "pets exists, from week0.zip: the images of week1.zip are added to it." in bring("week1.zip")
    assert "24 images" in bring("week0.zip") or "known before" in bring("week0.zip")
    again = bring("week1.zip")
    assert "added to it" in again
    listed = runner.invoke(cli, ["classes", "list", "pets"]).stdout
    assert listed.splitlines()[0].startswith("cat\t16\t16")  # 8 of each week
    folder = runner.invoke(cli, ["import", str(tmp_path / "week1"), "--name", "pets"])
    assert folder.exit_code == 1  # a folder may be a mistyped name
