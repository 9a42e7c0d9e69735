"""What `toploss import` says of a source's folders, and how it asks."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import photo
from tests.servers import Server, environment


@pytest.fixture
def shell(sqlite_url: str, tmp_path: Path) -> Server:
    """Commands on a data folder of the test's own; no server runs."""
    data = tmp_path / "data"
    return Server(None, "", data, environment(data, database_url=sqlite_url), data / "log")  # type: ignore[arg-type]


def folders(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for i in range(3):
            (root / name / f"{i}.png").write_bytes(photo((20 * number, 70 * i, 9), size=(6, 6)))
    return root


def test_classes_and_counts_are_printed_with_what_was_guessed(shell: Server, tmp_path: Path) -> None:
    root = folders(tmp_path / "pets", "training_set/cat", "training_set/dog", "test_set/cat", "test_set/dog")
    said = shell.command("import", str(root), "--name", "pets").stdout
    assert "training_set is the training part; test_set is the test part" in said
    assert "a fifth of the training images of each class becomes the validation part" in said
    lines = [line.split() for line in said.splitlines()]
    assert ["class", "train", "test"] in lines
    assert ["cat", "3", "3"] in lines
    assert ["dog", "3", "3"] in lines
    again = shell.command("import", str(root), "--name", "pets").stdout
    assert "0 new, 12 known before" in again
    assert "The folders are read as when the data set was imported before" in again
    assert "training part" not in again


def test_unclear_folders_are_refused_in_a_script_with_the_options(shell: Server, tmp_path: Path) -> None:
    root = folders(tmp_path / "pets", "A/cat", "A/dog", "B/cat", "B/dog")
    refused = shell.command("import", str(root), "--name", "pets", check=False)
    assert refused.returncode == 1
    assert "--split-folders train=A,valid=B for the classes cat, dog" in refused.stderr
    assert "--no-split-folders for the classes A, B" in refused.stderr
    assert "'train=*/cat,valid=*/dog'" in refused.stderr
    unsaid = shell.command("import", str(root), "--name", "pets", "--yes", check=False)
    assert (unsaid.returncode, "Choose a part for A and B" in unsaid.stderr) == (1, True)
    done = shell.command("import", str(root), "--name", "pets", "--split-folders", "train=A,val=B").stdout
    assert "A is the training part; B is the validation part" in done
    assert "12 images (6 train, 6 valid) in 2 classes" in done


@pytest.mark.parametrize(
    ("option", "words"), [("--yes", "in 2 classes"), ("--no-split-folders", "6 train, 3 valid) in 2 classes")]
)
def test_what_is_likely_or_no_parts_are_taken_on_request(
    shell: Server, tmp_path: Path, option: str, words: str
) -> None:
    root = folders(tmp_path / "pets", "train/cat", "train/dog", "food")
    assert shell.command("import", str(root), "--name", "pets", check=False).returncode == 1
    assert (
        words.rsplit(") ", maxsplit=1)[-1]
        in shell.command("import", str(root), "--name", "pets", option).stdout
    )


def test_two_options_that_do_not_agree_are_refused(shell: Server, tmp_path: Path) -> None:
    both = ("--no-split-folders", "--split-folders", "train=A")
    done = shell.command("import", str(tmp_path), "--name", "pets", *both, check=False)
    assert (done.returncode, "Choose one" in done.stderr) == (1, True)


def test_somebody_at_a_terminal_is_asked(shell: Server, tmp_path: Path) -> None:
    root = folders(tmp_path / "pets", "A/cat", "A/dog", "B/cat", "B/dog")
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("toploss")), "import", str(root), "--name", "pets"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=shell.env) as process:
        os.close(theirs)
        os.write(ours, b"1\ntrain\nnonsense\nvalid\n")
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:
            pass  # the other side has closed
        process.wait(60)
    os.close(ours)
    assert process.returncode == 0, said.decode()
    assert "Which part is A?" in said.decode()
    assert "12 images (6 train, 6 valid) in 2 classes" in said.decode()
