"""A backup has what cannot be made again, and comes back whole, checked and into an empty place only."""

import shutil
import sqlite3
import tarfile
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from app.accounts.tokens import user_of_token
from app.backup.archive import unpack, writing
from app.backup.restoring import restore
from app.backup.saving import save
from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.models import Dataset
from app.datasets.sources import resolve_source
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.models import Decision
from app.settings import Settings
from app.storage import open_source
from tests.backup.conftest import Elsewhere, settings_of
from tests.backup.networks import load_epoch, save_epoch
from tests.conftest import People
from tests.factories import Made, photo, show_photo, write_images


def answer(database: Database, made: Made, user_id: int, sample: int) -> int:
    with database.write() as session:
        return decide(
            session,
            Answer(sample_id=sample, verdict="delete", client_id=str(uuid.uuid4())),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )[0].id


def import_zip(database: Database, settings: Settings, folder: Path) -> Path:
    """A data set named zipped from a zip that is stored in the data folder; the answer is where."""
    shutil.make_archive(str(folder / "zipped"), "zip", write_images(folder / "to-zip", per_class=3))
    source = resolve_source(str(folder / "zipped.zip"), uploads_dir=settings.uploads_dir)
    with database.write() as session:
        dataset = create_dataset(session, name="zipped", source=source)
    import_images(
        database,
        dataset_id=dataset.id,
        max_pixels=1_000_000,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    return Path(source.source)


def test_everything_that_cannot_be_made_again_comes_back_in_another_place(
    here: Settings, database: Database, made: Made, people: People, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    zipped = import_zip(database, here, tmp_path)
    decisions = {answer(database, made, people.annotator.id, sample) for sample in made.sample_ids[:9]}
    show_photo(database, here, made.run_id, photo())
    save_epoch(here.runs_dir / str(made.run_id) / "main", 3)
    (here.cache_dir / "pictures").mkdir(parents=True)
    (here.cache_dir / "pictures" / "a.webp").write_bytes(b"can be made again")
    (here.data_dir / "toploss.db.0003.bak").write_bytes(b"an old copy")

    saved = save(here, tmp_path / "backup.tar")
    assert saved.outside == {"faces": str((tmp_path / "images").resolve())}
    assert (tmp_path / "backup.tar").stat().st_mode & 0o777 == 0o600
    there = elsewhere("there")
    restored = restore(there, tmp_path / "backup.tar")

    assert restored.about.sources == {str(zipped): f"uploads/{zipped.name}"}
    assert (there.data_dir / "secret.key").read_bytes() == (here.data_dir / "secret.key").read_bytes()
    assert load_epoch(there.runs_dir / str(made.run_id) / "main") == 3
    assert [path.read_bytes() for path in there.photos_dir.rglob("*") if path.is_file()] == [photo()]
    names = {path.name for path in there.data_dir.iterdir()}
    assert names - {"toploss.db"} == {"secret.key", "uploads", "runs", "photos"}
    for path in (there.data_dir, *there.data_dir.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    copy = Database(there.database)
    with copy.read() as session:
        assert set(session.scalars(select(Decision.id))) == decisions
        source = session.scalars(select(Dataset.source).where(Dataset.name == "zipped")).one()
    assert source == str(there.uploads_dir.resolve() / zipped.name)
    assert len(list(open_source(source).walk())) == 12
    copy.close()


def test_old_tokens_hold_where_the_key_came_back_or_is_set_again(
    settings: Settings, people: People, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    saved = save(settings, tmp_path / "backup.tar")
    assert saved.key_in_environment
    there = elsewhere("there")
    restore(there, tmp_path / "backup.tar")
    copy = Database(there.database)
    with copy.read() as session:
        assert user_of_token(session, token=people.tokens["ann"], key=settings.secret()).name == "ann"
    copy.close()


def test_a_job_that_ran_is_queued_again(
    here: Settings, database: Database, made: Made, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    with database.write() as session:
        job = jobs.ask(session, task="train", dataset_id=made.dataset_id, arguments={}, user_id=None)
        jobs.start(session, job_id=job.id)
    save(here, tmp_path / "backup.tar")
    there = elsewhere("there")
    assert restore(there, tmp_path / "backup.tar").queued_again >= 1
    copy = Database(there.database)
    with copy.read() as session:
        assert session.get_one(Job, job.id).state == "queued"
    copy.close()


def test_files_of_runs_that_the_database_does_not_know_are_left_out(
    here: Settings, made: Made, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """They began after it was saved; the next run gets their number and must not go on from their files."""
    for run in (made.run_id, made.run_id + 1):
        save_epoch(here.runs_dir / str(run) / "main", 1)
    save(here, tmp_path / "backup.tar")
    there = elsewhere("there")
    assert restore(there, tmp_path / "backup.tar").left_out == 1
    assert [path.name for path in there.runs_dir.iterdir()] == [str(made.run_id)]


def test_a_place_that_is_taken_is_refused_and_stays_as_it_is(
    here: Settings, database: Database, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    save(here, tmp_path / "backup.tar")
    before = sorted(here.data_dir.rglob("*"))
    with pytest.raises(Conflict, match=r"is not empty|already"):
        restore(here, tmp_path / "backup.tar")
    assert sorted(here.data_dir.rglob("*")) == before
    with pytest.raises(NotFound, match="There is no file"):
        restore(elsewhere("there"), tmp_path / "none.tar")


def test_a_database_that_is_there_is_refused(here: Settings, database: Database, tmp_path: Path) -> None:
    """Beside an empty data folder."""
    save(here, tmp_path / "backup.tar")
    with pytest.raises(Conflict, match=r"database already|is not empty"):
        restore(settings_of(tmp_path / "there", here.database), tmp_path / "backup.tar")
    assert not (tmp_path / "there").exists()


def test_a_backup_of_the_other_kind_of_database_is_refused(here: Settings, tmp_path: Path) -> None:
    save(here, tmp_path / "backup.tar")
    other = "postgresql+psycopg://nobody@127.0.0.1:1/none" if "sqlite" in here.database else ""
    with pytest.raises(Invalid, match="settings name the other"):
        restore(settings_of(tmp_path / "there", other), tmp_path / "backup.tar")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_backup_that_was_cut_off_or_changed_anywhere_is_refused_and_leaves_nothing(
    here: Settings, made: Made, tmp_path: Path
) -> None:
    save_epoch(here.runs_dir / str(made.run_id) / "main", 1)
    save(here, tmp_path / "backup.tar")
    whole = (tmp_path / "backup.tar").read_bytes()
    with tarfile.open(tmp_path / "backup.tar") as tar:
        places = [member.offset_data + member.size // 2 for member in tar]
        headers = [member.offset + 10 for member in tar]
        last = tar.getmembers()[-1]
    ends = range(0, last.offset_data + last.size, max(1, len(whole) // 40))
    broken = [whole[:end] for end in ends]
    broken += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in (*places, *headers)]
    empty = tmp_path / "empty"
    empty.mkdir()
    for number, content in enumerate(broken):
        (tmp_path / "broken.tar").write_bytes(content)
        there = settings_of(empty / str(number))
        with pytest.raises(Invalid, match=r"cut off|damaged|no backup|its own|twice|format"):
            restore(there, tmp_path / "broken.tar")
    assert list(empty.iterdir()) == []
    (tmp_path / "broken.tar").write_bytes(whole)
    restore(settings_of(empty / "sound"), tmp_path / "broken.tar")
    assert [path.name for path in empty.iterdir()] == ["sound"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "name",
    ["/etc/x", "data/../../x", "../x", "data/./x", "data//x", "x", "data", "toploss.db/x", "data/a/../../x"],
)
def test_a_member_that_would_lie_elsewhere_is_refused(here: Settings, tmp_path: Path, name: str) -> None:
    save(here, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as tar, tarfile.open(tmp_path / "bad.tar", "w") as bad:
        for member in tar:
            bad.addfile(member, tar.extractfile(member))
            if member.name == "backup.json":
                extra = tarfile.TarInfo(name)
                bad.addfile(extra)
    with pytest.raises(Invalid, match="not its own"):
        restore(settings_of(tmp_path / "to" / "there"), tmp_path / "bad.tar")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_member_that_is_no_plain_file_is_refused(here: Settings, tmp_path: Path, kind: bytes) -> None:
    save(here, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as tar, tarfile.open(tmp_path / "bad.tar", "w") as bad:
        for member in tar:
            bad.addfile(member, tar.extractfile(member))
            if member.name == "backup.json":
                extra = tarfile.TarInfo("data/uploads")
                extra.type, extra.linkname = kind, "/etc"
                bad.addfile(extra)
    with pytest.raises(Invalid, match="no plain file"):
        restore(settings_of(tmp_path / "to" / "there"), tmp_path / "bad.tar")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_backup_of_a_newer_program_is_refused(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(here, tmp_path / "backup.tar")
    monkeypatch.setattr("app.backup.restoring.all_revisions", lambda: ["0001"])
    with pytest.raises(Invalid, match="of a newer version of Toploss"):
        restore(settings_of(tmp_path / "to" / "there"), tmp_path / "backup.tar")
    monkeypatch.setattr("app.backup.archive.FORMAT", 0)
    with pytest.raises(Invalid, match="has format 1"):
        restore(settings_of(tmp_path / "to" / "there"), tmp_path / "backup.tar")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_mounted_folder_is_filled_in_place_and_does_not_start_half_filled(
    here: Settings, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.data_folder import open_data_folder

    save(here, tmp_path / "backup.tar")
    there = settings_of(tmp_path / "volume")
    (there.data_dir / ".restoring" / "data").mkdir(parents=True)  # of a restore that was killed
    (there.data_dir / "lost+found").mkdir()
    with pytest.raises(Conflict, match="being restored"):
        open_data_folder(there)
    monkeypatch.setattr("app.backup.restoring.os.path.ismount", lambda path: path == there.data_dir.resolve())
    restore(there, tmp_path / "backup.tar")
    assert {path.name for path in there.data_dir.iterdir()} == {"lost+found", "secret.key", "toploss.db"}
    open_data_folder(there)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("place", ["far/labels.db", "there/labels.db", "there/in/labels.db"])
def test_a_database_comes_back_where_the_settings_say(
    here: Settings, made: Made, tmp_path: Path, place: str
) -> None:
    save(here, tmp_path / "backup.tar")
    there = settings_of(tmp_path / "there", f"sqlite:///{tmp_path / place}")
    restore(there, tmp_path / "backup.tar")
    with closing(sqlite3.connect(tmp_path / place)) as connection:
        assert connection.execute("SELECT count(*) FROM sample").fetchone() == (24,)
    assert (there.data_dir / "secret.key").is_file()
    assert not list(tmp_path.rglob("*.part")) + list(tmp_path.rglob(".*restoring"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_database_is_refused_before_and_after(here: Settings, made: Made, tmp_path: Path) -> None:
    save(here, tmp_path / "sound.tar")
    path = here.data_dir / "toploss.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(bytes(size // 4))
    with pytest.raises(Conflict, match=r"is damaged .* no backup was made"):
        save(here, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()

    with_database(tmp_path, path)
    with pytest.raises(Invalid, match="database in the backup is damaged"):
        restore(settings_of(tmp_path / "to" / "there"), tmp_path / "bad.tar")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE run", "database in the backup is damaged .no such table: run"),
        ("DROP TABLE alembic_version", "database in the backup is damaged .no such table"),
        ("DELETE FROM alembic_version", "not of the revision [0-9]+ that the backup names"),
        ("UPDATE alembic_version SET version_num = '0001'", "not of the revision"),
    ],
)
def test_a_sound_file_that_is_no_database_of_ours_is_refused_by_what_is_wrong(
    here: Settings, made: Made, tmp_path: Path, change: str, words: str
) -> None:
    save(here, tmp_path / "sound.tar")
    changed = with_database(tmp_path, None, change=change)
    with pytest.raises(Invalid, match=words):
        restore(settings_of(tmp_path / "to" / "there"), changed)
    assert list((tmp_path / "to").iterdir()) == []


def with_database(folder: Path, database: Path | None, *, change: str = "") -> Path:
    """The folder's `sound.tar` as `bad.tar`, with another database or with its own one changed."""
    with (folder / "sound.tar").open("rb") as sound:
        (folder / "unpacked").mkdir()
        about = unpack(sound, folder / "unpacked")
    database = database or folder / "unpacked" / "toploss.db"
    if change:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(change)
            connection.commit()
    bad = folder / "bad.tar"
    with bad.open("wb") as file, writing(file, about) as writer, database.open("rb") as opened:
        writer.add("toploss.db", opened)
    return bad
