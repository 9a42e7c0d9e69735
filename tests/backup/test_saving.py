"""What a backup holds, and that it is whole."""

import os
import subprocess
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.backup.restoring import restore
from app.backup.saving import save
from app.datasets.creating import create_dataset
from app.db.engine import Database
from app.errors import Conflict, NotFound
from app.settings import Settings
from tests.backup.conftest import Elsewhere, settings_of
from tests.backup.networks import load_epoch, save_epoch
from tests.factories import Made, write_images


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_checkpoint_is_whole_in_every_backup_while_a_network_trains(
    here: Settings, made: Made, tmp_path: Path
) -> None:
    folder = here.runs_dir / str(made.run_id) / "main"
    save_epoch(folder, 1)
    stop = threading.Event()

    def train() -> None:
        epoch = 1
        while not stop.is_set():
            epoch += 1
            save_epoch(folder, epoch)

    training = threading.Thread(target=train)
    training.start()
    try:
        for number in range(15):
            save(here, tmp_path / f"{number}.tar")
    finally:
        stop.set()
        training.join()
    epochs = []
    for number in range(15):
        there = settings_of(tmp_path / f"there-{number}")
        restore(there, tmp_path / f"{number}.tar")
        epochs.append(load_epoch(there.runs_dir / str(made.run_id) / "main"))
    assert epochs == sorted(epochs)
    assert epochs[-1] > epochs[0], "the network trained meanwhile"


def test_images_that_somebody_put_into_the_data_folder_are_in_it_and_links_out_of_it_are_not(
    here: Settings, database: Database, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    folder = write_images(here.data_dir / "mine", per_class=3)
    (tmp_path / "secret.txt").write_text("somebody else's")
    (folder / "train" / "cat" / "link.png").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(folder / "train" / "cat" / "pipe.png")
    with database.write() as session:
        create_dataset(session, name="mine", source=str(folder))
    saved = save(here, tmp_path / "backup.tar")
    assert (saved.outside, saved.files["images"]) == ({}, 12)
    there = elsewhere("there")
    restore(there, tmp_path / "backup.tar")
    assert len([path for path in (there.data_dir / "mine").rglob("*.png") if path.is_file()]) == 12
    with create_engine(there.database, poolclass=NullPool).connect() as connection:
        source = connection.scalar(text("SELECT source FROM dataset WHERE name = 'mine'"))
    assert source == str(there.data_dir.resolve() / "mine")


def test_a_file_that_is_there_is_not_overwritten_and_nothing_else_stays(
    here: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "to" / "backup.tar"
    target.parent.mkdir()
    target.write_text("precious")
    with pytest.raises(Conflict, match="is there already"):
        save(here, target)
    assert target.read_text() == "precious"
    with pytest.raises(NotFound, match="There is no folder"):
        save(here, tmp_path / "none" / "backup.tar")
    assert [path.name for path in target.parent.iterdir()] == ["backup.tar"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_tar_unpacks_it_and_sha256sum_checks_it(here: Settings, made: Made, tmp_path: Path) -> None:
    folder = here.data_dir / "demo"
    folder.mkdir()
    for name in ("é ü.txt", "line\nbreak.txt", "back\\slash.txt", "x" * 200, os.fsdecode(b"latin-\xe9.txt")):
        (folder / name).write_text(name.encode(errors="replace").decode())
    save(here, tmp_path / "backup.tar")
    (tmp_path / "by-hand").mkdir()
    for command in (
        ["tar", "xf", str(tmp_path / "backup.tar")],
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"],
    ):
        subprocess.run(command, cwd=tmp_path / "by-hand", check=True)
    there = settings_of(tmp_path / "there")
    restore(there, tmp_path / "backup.tar")
    assert {path.name for path in (there.data_dir / "demo").iterdir()} == {
        path.name for path in folder.iterdir()
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_folder_of_the_settings_is_saved_or_can_be_made_again(here: Settings) -> None:
    """A new folder has to be put on one of the two lists."""
    from app.backup.saving import _folders

    named = {getattr(here, name) for name in dir(Settings) if name.endswith("_dir")} - {here.data_dir}
    can_be_made_again = {here.cache_dir, here.pictures_dir, here.weights_dir}
    assert named == (set(_folders(here)) | can_be_made_again) - {here.data_dir / "demo"}
