"""Labels of a file are recorded on a server from the shell of another machine."""

import json
from pathlib import Path

import pytest

from app.commands.labels import print_rows
from app.errors import Forbidden, Invalid, NotFound
from tests.commands.conftest import Shell, said
from tests.conftest import People
from tests.factories import Made


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_labels_of_a_file_are_shown_applied_once_and_undone_on_a_server(
    shell: Shell, there: Shell, made: Made, tmp_path: Path, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat = next(path for path in made.paths if path.startswith("train/cat"))
    file = tmp_path / "mine.csv"
    file.write_text(f"image,truth,other\n{cat},emu,x\n{made.paths[-1]},owl,x\nnone.png,cat,x\n")
    columns = ("--path-column", "image", "--label-column", "truth")
    options = ("labels", "apply", "faces", file, *columns)
    for more in ((), ("--all",), ("--json",)):
        here, elsewhere = (each(*options, "--dry-run", *more) for each in (shell, there))
        assert (elsewhere.exit_code, here.exit_code) == (0, 0), elsewhere.exception
        assert (elsewhere.stdout, elsewhere.stderr) == (here.stdout, here.stderr)
        assert "this is no class" in elsewhere.output
    assert "Nothing was changed." in said(there, *options)
    assert "1 decision recorded" in said(there, *options, "--add-classes")
    assert json.loads(said(there, *options, "--json"))["changes"] == 0
    assert "emu\t1\t0\topen" in said(there, "classes", "list", "faces")
    monkeypatch.setenv("TOPLOSS_TOKEN", people.tokens["ann"])
    assert isinstance(there(*options).exception, Forbidden)
    assert isinstance(there("labels", "undo", "faces").exception, NotFound)  # it was somebody else
    monkeypatch.setenv("TOPLOSS_TOKEN", people.tokens["ada"])
    assert said(there, "labels", "undo", "faces") == "1 decision undone.\n"
    assert "nothing to undo" in str(there("labels", "undo", "faces").exception)
    assert isinstance(there("labels", "apply", "faces", file, "--label-column", "no").exception, Invalid)


def test_a_dry_run_says_how_many_rows_a_server_did_not_send(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"sample": 1, "path": "a.png", "label": "cat", "new": "dog", "effect": "change", "words": "changes"}
    done = {"rows": [row], "unmatched": [], "unmatched_count": 2, "counts": {"change": 4, "same": 9}}
    print_rows(done, all_rows=False, json=False)
    assert capsys.readouterr().err.startswith("5 more rows are not shown")
    print_rows(done, all_rows=True, json=False)
    assert capsys.readouterr().err.startswith("14 more rows are not shown")
    print_rows(done | {"unmatched_count": 0, "counts": {"change": 1}}, all_rows=True, json=False)
    assert capsys.readouterr().err == ""
