"""`toploss labels`."""

from pathlib import Path

from typer.testing import CliRunner

from app.cli import cli
from tests.commands.test_classes import imported

__all__ = ["imported"]


def test_labels_are_shown_applied_once_and_undone(imported: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    rows = [("train/cat/000.png", "dog"), ("train/cat/001.png", "cat"), ("none.png", "cat")]
    file.write_text("image,truth\n" + "".join(f"{path},{label}\n" for path, label in rows))
    options = ["labels", "apply", "pets", str(file), "--label-column", "truth"]
    short = imported.invoke(cli, [*options, "--dry-run"])
    shown = imported.invoke(cli, [*options, "--dry-run", "--all"])
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines() == [
        "changes\ttrain/cat/000.png\tcat\tdog",
        "has this label already\ttrain/cat/001.png\tcat\tcat",
        "mine.csv has a label for it, but there is no such image\tnone.png\t\t",
    ]
    assert short.stdout.splitlines() == [line for line in shown.stdout.splitlines() if "already" not in line]
    assert "1 row has the label already." in short.stderr
    assert "1 label changes." in shown.stderr
    assert "1 decision recorded" in imported.invoke(cli, options).stdout
    assert "Nothing was changed." in imported.invoke(cli, options).stdout
    assert "1 decision undone" in imported.invoke(cli, ["labels", "undo", "pets"]).stdout
    assert imported.invoke(cli, ["labels", "undo", "pets"]).exit_code == 1
    assert "1 decision recorded" in imported.invoke(cli, options).stdout
