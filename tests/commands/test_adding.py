"""`toploss datasets add`."""

from pathlib import Path

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
    assert "6 images were added." in said(imported, "add", "pets", str(more))
    assert "0 images were added." in said(imported, "add", "pets", str(more))
    assert said(imported, "list") == "pets\t32\t3\tready\n"
    nothing = imported.invoke(cli, ["datasets", "add", "pets", str(tmp_path / "none.png"), "--class", "owl"])
    assert isinstance(nothing.exception, Invalid)
