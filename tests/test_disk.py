"""What the data folder is measured as."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from app import disk
from app.db.engine import Database
from app.settings import Settings


@pytest.fixture
def here(settings: Settings, database: Database) -> Settings:
    return settings.model_copy(update={"database_url": database.url.render_as_string(hide_password=False)})


def put(folder: Path, name: str, size: int) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def found(settings: Settings, database: Database) -> dict[str, tuple[int, int]]:
    return {each.name: (each.bytes, each.files) for each in disk.measure(settings, database).uses}


def test_every_file_counts_once_under_what_it_is(here: Settings, database: Database, tmp_path: Path) -> None:
    folder = here.data_dir
    for number, name in enumerate(
        (
            "toploss.db.0034.bak",
            "uploads/a.zip",
            "uploads/b.zip",
            "runs/1/main/checkpoint.pt",
            "photos/1/x.png",
            "weights/resnet34.safetensors",
            "cache/pictures/ab/c.webp",
            "cache/1-32/images.npy",
            "demo/cat/1.png",
            "backups/toploss-20261129T120000Z.tar",
            "secret.key",
        )
    ):
        put(folder, name, 2**number)
    put(tmp_path / "elsewhere", "large.bin", 5)
    (folder / "uploads" / "link.zip").symlink_to(tmp_path / "elsewhere" / "large.bin")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    sizes = found(here, database)
    assert sizes.pop("database")[0] > 10_000
    assert sizes == {
        "copies of the database": (1, 1),
        "uploads": (2 + 4, 2),
        "models": (8, 1),
        "photos": (16, 1),
        "weights": (32, 1),
        "pictures": (64, 1),
        "caches": (128, 1),
        "demo": (256, 1),
        "other files": (512 + 1024, 2),
    }


def test_everything_that_is_measured_says_how_it_is_freed(here: Settings, database: Database) -> None:
    for use in disk.measure(here, database).uses:
        assert use.freeing.endswith(".")


def test_a_folder_is_walked_once_in_ten_minutes_and_nobody_waits_for_a_later_walk(
    here: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, going = disk.DiskWatch(here, database), threading.Event()
    monkeypatch.setattr(disk, "PATIENCE", 60)
    first = watch.newest()
    assert first is not None
    assert watch.newest() is first

    true_measure, walks = disk.measure, threading.Semaphore(0)

    def slow(*given: object) -> disk.Measured:
        walks.release()
        assert going.wait(60)
        return true_measure(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(disk, "measure", slow)
    monkeypatch.setattr(disk, "KEPT", timedelta(0))
    assert watch.newest() is first, "the walk has begun, and its result is not there yet"
    assert watch.newest() is first
    assert walks.acquire(timeout=60)
    assert not walks.acquire(blocking=False), "one walk at a time"
    going.set()
    assert watch._thread is not None
    watch._thread.join(60)
    monkeypatch.setattr(disk, "KEPT", timedelta(minutes=10))
    assert watch.newest() is not first
