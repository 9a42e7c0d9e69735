"""Photos from outside: received or refused whole, kept once, the oldest gone, on both databases."""

import io
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.accounts.tokens import Person
from app.datasets.models import LabelClass, Sample
from app.datasets.pictures import picture_of
from app.db.engine import Database
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.photos import photos
from app.photos.photos import (
    LONGEST_NAME,
    Sent,
    count_waiting,
    get_photo,
    list_photos,
    photo_path,
    photos_of_job,
    plain_name,
    receive,
    record_look,
    remove_photo,
    see_photo,
)
from app.settings import Settings
from app.training.models import Run
from app.training.numbers import next_number
from tests.conftest import People
from tests.factories import Made, photo, show_photo

ADMIN = Person(0, "ada", "admin")


def files_of(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.photos_dir.rglob("*") if path.is_file())


def refused(sent: list[tuple[str, bytes]], folder: Path, **limits: int) -> str:
    with (
        pytest.raises(Invalid) as refusal,
        receive(
            [Sent(name, io.BytesIO(content)) for name, content in sent],
            folder=folder,
            **{"max_pixels": 1_000_000, **limits},
        ),
    ):
        pytest.fail("it was received")
    assert not list(folder.rglob("*.part"))
    return str(refusal.value)


def test_every_file_that_is_no_photo_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    sentence = refused(
        [("a.png", photo()), ("notes.txt", b"hello"), ("b.jpg", photo(kind="JPEG")[:300]), ("c.png", b"")],
        tmp_path,
    )
    assert "notes.txt is not an image; b.jpg is truncated or damaged" in sentence
    assert "c.png is empty. Nothing was kept" in sentence
    assert "a.png" not in sentence


def test_a_photo_that_is_too_large_is_refused_in_bytes_and_in_pixels(tmp_path: Path) -> None:
    assert "big.png is larger than 0 MB" in refused([("big.png", photo())], tmp_path, max_bytes=40)
    assert "big.png is too large: 24 x 16 pixels, more than 100" in refused(
        [("big.png", photo())], tmp_path, max_pixels=100
    )


def test_none_and_more_than_twenty_at_a_time_are_refused(tmp_path: Path) -> None:
    assert "at least one" in refused([], tmp_path)
    assert "At most 20 photos" in refused([("a.png", photo())] * 21, tmp_path)


def test_a_kept_photo_is_a_file_by_content_for_its_owner_only_and_a_job(
    database: Database, settings: Settings, made: Made
) -> None:
    content = photo()
    kept = show_photo(database, settings, made.run_id, content, name="C:\\photos\\me.png")
    with database.read() as session:
        found = get_photo(session, photo_id=kept.ids[0])
        job = session.get_one(Job, kept.job_id)
        assert session.scalar(select(func.count()).select_from(Sample)) == len(made.sample_ids)
    path = photo_path(settings.photos_dir, run_id=made.run_id, sha256=found.sha256)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files_of(settings) == [found.sha256]
    assert (found.name, found.width, found.height, found.format) == ("me.png", 24, 16, "PNG")
    assert (job.task, job.dataset_id, job.arguments) == ("predict", made.dataset_id, {"run": made.run_id})


def test_a_run_that_has_not_finished_is_shown_nothing(
    database: Database, settings: Settings, made: Made
) -> None:
    for state, word in (("running", "wait"), ("failed", "use a model")):
        with database.write() as session:
            session.get_one(Run, made.run_id).state = state
        with pytest.raises(Conflict, match=f"is {state}.*{word}"):
            show_photo(database, settings, made.run_id, photo())
    with pytest.raises(NotFound):
        show_photo(database, settings, 999, photo())
    assert files_of(settings) == []


def test_the_same_photo_is_kept_once_stays_its_first_senders_and_comes_first_again(
    database: Database, settings: Settings, made: Made, people: People
) -> None:
    first = show_photo(database, settings, made.run_id, photo(), name="old.png", user_id=people.annotator.id)
    other = show_photo(database, settings, made.run_id, photo((0, 0, 0)))
    again = show_photo(database, settings, made.run_id, photo(), name="new.png", user_id=people.other.id)
    assert (again.ids, again.job_id) == (first.ids, None)  # its job still waits
    with database.read() as session:
        found = list_photos(session, run_id=made.run_id)
    assert [(seen.photo.id, seen.photo.name, seen.by) for seen in found] == [
        (first.ids[0], "old.png", "ann"),
        (other.ids[0], "a.png", None),
    ]


def test_a_photo_whose_job_failed_gets_a_new_one_when_it_is_sent_again(
    database: Database, settings: Settings, made: Made
) -> None:
    first = show_photo(database, settings, made.run_id, photo())
    with database.write() as session:
        jobs.start(session, job_id=str(first.job_id))
        jobs.finish(session, job_id=str(first.job_id), state="failed", message="The worker died.")
    with database.read() as session:
        seen = see_photo(session, photo_id=first.ids[0])
        assert (seen.state, seen.waits, seen.problem.startswith("The worker died.")) == (
            "failed",
            False,
            True,
        )
        assert count_waiting(session, run_id=made.run_id) == 0
    again = show_photo(database, settings, made.run_id, photo())
    assert again.ids == first.ids
    assert again.job_id not in (None, first.job_id)
    with database.read() as session:
        assert see_photo(session, photo_id=first.ids[0]).state == "queued"


def test_what_the_network_says_is_told_by_class_the_most_probable_first(
    database: Database, settings: Settings, made: Made
) -> None:
    kept = show_photo(database, settings, made.run_id, photo())
    with database.write() as session:
        record_look(
            session, photo_id=kept.ids[0], job_id=str(kept.job_id), probabilities=[0.25, 0.125, 0.625]
        )
        session.add(
            LabelClass(dataset_id=made.dataset_id, position=3, name="emu")
        )  # its network knows nothing of it
    with database.read() as session:
        [seen] = list_photos(session, run_id=made.run_id)
        assert photos_of_job(session, job_id=str(kept.job_id)) == []
    assert list(seen.probabilities.items()) == [("owl", 0.625), ("cat", 0.25), ("dog", 0.125)]
    assert (seen.state, seen.predicted) == ("finished", "owl")


def test_the_oldest_photos_make_room(
    database: Database, settings: Settings, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "KEPT", 3)
    ids = [show_photo(database, settings, made.run_id, photo((i, i, i))).ids[0] for i in range(5)]
    with database.read() as session:
        found = list_photos(session, run_id=made.run_id)
    assert [seen.photo.id for seen in found] == ids[:1:-1]
    assert files_of(settings) == sorted(seen.photo.sha256 for seen in found)


def test_a_flood_of_one_persons_photos_pushes_out_only_their_own(
    database: Database, settings: Settings, made: Made, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "KEPT", 3)
    bobs = show_photo(database, settings, made.run_id, photo((9, 9, 9)), user_id=people.other.id).ids[0]
    anns = [
        show_photo(database, settings, made.run_id, photo((i, 0, 0)), user_id=people.annotator.id).ids[0]
        for i in range(6)
    ]
    with database.read() as session:
        found = list_photos(session, run_id=made.run_id)
    assert [seen.photo.id for seen in found] == [anns[5], anns[4], bobs]


def test_a_photo_is_removed_by_who_sent_it_or_an_admin(
    database: Database, settings: Settings, made: Made, people: People
) -> None:
    options = {"folder": settings.photos_dir, "cache": settings.pictures_dir}
    anns, bobs, nobodys = (
        show_photo(database, settings, made.run_id, photo((i, 0, 0)), user_id=owner).ids[0]
        for i, owner in enumerate((people.annotator.id, people.other.id, None))
    )
    ann, ada = (Person(who.id, who.name, who.role) for who in (people.annotator, people.admin))
    # Sending somebody's photo again does not make it one's own.
    show_photo(database, settings, made.run_id, photo((1, 0, 0)), user_id=people.annotator.id)
    for photo_id in (bobs, nobodys):
        with database.write() as session, pytest.raises(Forbidden, match="only that person or an admin"):
            remove_photo(session, photo_id=photo_id, by=ann, **options)
    with database.write() as session:
        remove_photo(session, photo_id=anns, by=ann, **options)
        remove_photo(session, photo_id=bobs, by=ada, **options)
        remove_photo(session, photo_id=nobodys, by=ada, **options)
    assert files_of(settings) == []


def test_a_removed_photo_leaves_no_file_and_no_picture(
    database: Database, settings: Settings, made: Made
) -> None:
    kept = show_photo(database, settings, made.run_id, photo(size=(2000, 10)))
    with database.read() as session:
        found = get_photo(session, photo_id=kept.ids[0])
    picture_of(found, size="thumbnail", read=lambda: photo(size=(2000, 10)), cache=settings.pictures_dir)
    assert len(list(settings.pictures_dir.rglob("*.jpeg"))) == 1
    with database.write() as session:
        remove_photo(
            session, by=ADMIN, photo_id=found.id, folder=settings.photos_dir, cache=settings.pictures_dir
        )
    assert files_of(settings) == []
    assert not list(settings.pictures_dir.rglob("*.jpeg"))
    with database.write() as session, pytest.raises(NotFound, match="may have removed it"):
        remove_photo(
            session, by=ADMIN, photo_id=found.id, folder=settings.photos_dir, cache=settings.pictures_dir
        )


def test_a_photo_of_another_run_is_not_there_and_keeps_its_own_file(
    database: Database, settings: Settings, made: Made
) -> None:
    with database.write() as session:
        here = session.get_one(Run, made.run_id)
        other = Run(
            dataset_id=here.dataset_id,
            number=next_number(session, dataset_id=here.dataset_id),
            version_id=here.version_id,
            recipe=here.recipe,
            weights="none",
            seed=9,
            state="finished",
        )
        session.add(other)
        session.flush()
    mine, theirs = (
        show_photo(database, settings, run_id, photo()).ids[0] for run_id in (made.run_id, other.id)
    )
    options = {"folder": settings.photos_dir, "cache": settings.pictures_dir}
    with database.write() as session, pytest.raises(NotFound):
        remove_photo(session, by=ADMIN, photo_id=theirs, run_id=made.run_id, **options)
    with database.write() as session:
        remove_photo(session, by=ADMIN, photo_id=mine, run_id=made.run_id, **options)
        left = get_photo(session, photo_id=theirs, run_id=other.id)
    assert photo_path(settings.photos_dir, run_id=other.id, sha256=left.sha256).exists()


def test_a_look_at_a_removed_photo_says_nothing_of_the_one_that_has_its_number_now(
    database: Database, settings: Settings, made: Made
) -> None:
    first = show_photo(database, settings, made.run_id, photo())
    with database.write() as session:
        remove_photo(
            session, by=ADMIN, photo_id=first.ids[0], folder=settings.photos_dir, cache=settings.pictures_dir
        )
    second = show_photo(database, settings, made.run_id, photo((0, 0, 0)))
    with database.write() as session:
        for photo_id in {*first.ids, *second.ids}:
            record_look(session, photo_id=photo_id, job_id=str(first.job_id), probabilities=[1, 0, 0])
    with database.read() as session:
        assert see_photo(session, photo_id=second.ids[0]).probabilities == {}


@given(st.text())
def test_any_name_becomes_one_that_can_be_shown_and_stored(name: str) -> None:
    plain = plain_name(name)
    assert 0 < len(plain) <= LONGEST_NAME
    assert plain.isprintable()
    assert not {"/", "\\"} & set(plain)
    plain.encode()
