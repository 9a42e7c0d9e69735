"""Backups at regular times: made when they are due, and only their own old ones removed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from app.backup import schedule
from app.backup.restoring import restore
from app.backup.schedule import Made, backups_in, interval, keep_saving, save_in
from app.errors import Conflict, Invalid, NotFound
from app.settings import Settings
from tests.backup.conftest import Elsewhere, settings_of
from tests.factories import Made as MadeDataset

HOUR = timedelta(hours=1)


class Clock:
    """A clock that stands still until it is moved, and an Event whose `wait` moves it."""

    def __init__(self, until: datetime) -> None:
        self.now, self.until = datetime(2026, 11, 29, 12, tzinfo=UTC), until

    def wait(self, seconds: float) -> bool:
        self.now += timedelta(seconds=seconds)
        return self.now >= self.until


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(datetime(2026, 11, 29, 18, 30, tzinfo=UTC))
    monkeypatch.setattr(schedule, "now", lambda: made.now)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


def run(settings: Settings, folder: Path, clock: Clock, *, keep: int = 0) -> tuple[list[Made], list[str]]:
    made: list[Made] = []
    failed: list[str] = []

    def on_failed(error: Exception, again: datetime) -> None:
        failed.append(f"{again:%H:%M} {error}")

    stop: Event = clock  # type: ignore[assignment]
    keep_saving(settings, folder, every=HOUR, keep=keep, stop=stop, on_made=made.append, on_failed=on_failed)
    return made, failed


@pytest.mark.parametrize(
    ("words", "minutes"), [("30m", 30), ("6h", 360), ("1d", 1440), (" 12H ", 720), ("366d", 366 * 1440)]
)
def test_an_interval_is_a_number_and_a_unit(words: str, minutes: int) -> None:
    assert interval(words) == timedelta(minutes=minutes)


@pytest.mark.parametrize("words", ["", "6", "h", "0h", "-1h", "1.5h", "6 hours", "367d", "999999d", "٣h"])
def test_what_is_no_interval_is_refused_with_examples(words: str) -> None:
    with pytest.raises(Invalid, match="write 30m, 6h or 1d"):
        interval(words)


def test_a_backup_is_made_every_hour_and_the_newest_three_are_kept(
    here: Settings, folder: Path, clock: Clock
) -> None:
    made, failed = run(here, folder, clock, keep=3)
    assert [each.path.name[17:21] for each in made] == [
        "1200",
        "1300",
        "1400",
        "1500",
        "1600",
        "1700",
        "1800",
    ]
    assert [path.name[17:21] for path in backups_in(folder)] == ["1600", "1700", "1800"]
    assert failed == []


def test_a_schedule_that_starts_again_waits_until_the_newest_backup_is_old_enough(
    here: Settings, folder: Path, clock: Clock
) -> None:
    (folder / "toploss-20261129T114000Z.tar").write_bytes(b"")
    made, _ = run(here, folder, clock)
    assert made[0].path.name == "toploss-20261129T124000Z.tar"


def test_a_backup_from_the_future_delays_the_next_by_no_more_than_the_interval(
    here: Settings, folder: Path, clock: Clock
) -> None:
    (folder / "toploss-20270101T000000Z.tar").write_bytes(b"")
    made, _ = run(here, folder, clock, keep=1)
    assert made[0].path.name == "toploss-20261129T130000Z.tar"
    assert made[0].path.exists() or len(made) > 1, "the one just made is never the one that is removed"


def test_a_backup_that_fails_is_tried_again_soon_and_removes_nothing(
    here: Settings, folder: Path, clock: Clock
) -> None:
    (folder / "toploss-20261129T100000Z.tar").write_bytes(b"the only one")
    key = here.data_dir / "secret.key"
    whole = key.read_bytes()
    key.write_bytes(b"cut off")
    clock.until = datetime(2026, 11, 29, 12, 12, tzinfo=UTC)
    fresh = settings_of(here.data_dir, here.database_url)  # these remember no key
    made, failed = run(fresh, folder, clock, keep=1)
    assert (made, [each[:5] for each in failed]) == ([], ["12:05", "12:10", "12:15"])
    assert list(backups_in(folder)) == [folder / "toploss-20261129T100000Z.tar"]
    key.write_bytes(whole)
    clock.until = datetime(2026, 11, 29, 13, tzinfo=UTC)
    made, _ = run(here, folder, clock, keep=1)
    assert [path.name for path in made[0].removed] == ["toploss-20261129T100000Z.tar"]


def test_only_its_own_backups_are_removed(here: Settings, folder: Path) -> None:
    others = ["toploss-2026-11-28.tar", "photos.tar", "toploss-20261301T000000Z.tar", "x.toploss.tar"]
    for name in [*others, "toploss-20200101T000000Z.tar"]:
        (folder / name).write_bytes(b"")
    (folder / "toploss-20200102T000000Z.tar").symlink_to(folder / "photos.tar")
    (folder / "toploss-20200103T000000Z.tar").mkdir()
    made = save_in(here, folder, keep=1)
    assert [path.name for path in made.removed] == ["toploss-20200101T000000Z.tar"]
    assert {path.name for path in folder.iterdir()} == {
        *others,
        "toploss-20200102T000000Z.tar",
        "toploss-20200103T000000Z.tar",
        made.path.name,
    }


def test_a_backup_of_the_schedule_can_be_restored(
    here: Settings, made: MadeDataset, folder: Path, elsewhere: Elsewhere
) -> None:
    saved = save_in(here, folder, keep=10)
    there = elsewhere("restored")
    assert restore(there, saved.path).about.revision == saved.saved.revision


def test_two_schedules_in_one_folder_are_refused(here: Settings, folder: Path, clock: Clock) -> None:
    with schedule._alone(folder), pytest.raises(Conflict, match="Another process makes backups"):
        run(here, folder, clock)


def test_a_folder_that_is_not_there_is_refused_at_the_start(
    here: Settings, folder: Path, clock: Clock
) -> None:
    with pytest.raises(NotFound, match="There is no folder"):
        run(here, folder / "missing", clock)
    with pytest.raises(NotFound, match="There is no folder"):
        save_in(here, folder / "missing", keep=1)
