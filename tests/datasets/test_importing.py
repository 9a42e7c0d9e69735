"""Importing: every file becomes a sample or a rejected file, and a repeated import adds nothing twice."""

import io
import os
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from app.datasets import importing
from app.datasets.catalog import get_dataset
from app.datasets.creating import create_dataset
from app.datasets.importing import ImportReport, import_images
from app.datasets.missing import missing_files
from app.datasets.models import Dataset, LabelClass, RejectedFile, Sample
from app.datasets.versions import labels_of, latest_version, list_versions
from app.db.engine import Database
from app.errors import Cancelled, Conflict, Invalid, NotFound
from app.storage import Origin


def png(colour: int, *, size: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("L", (size, size), colour).save(file, "PNG")
    return file.getvalue()


def write(root: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def pets(n: int = 5, *, above: str = "", first: int = 0) -> dict[str, bytes]:
    return {
        f"{above}{name}/{i}.png": png(first + 100 * k + i)
        for k, name in enumerate(("cat", "dog"))
        for i in range(n)
    }


def never() -> bool:
    return False


def imported(
    database: Database,
    source: Path | str | Origin,
    *,
    name: str = "pets",
    max_pixels: int = 10_000,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
    should_stop: Callable[[], bool] = never,
) -> ImportReport:
    with database.write() as session:
        dataset_id = create_dataset(
            session, name=name, source=source if isinstance(source, Origin) else str(source)
        ).id
    return import_images(
        database,
        dataset_id=dataset_id,
        max_pixels=max_pixels,
        seed=seed,
        on_progress=on_progress,
        should_stop=should_stop,
    )


def samples(database: Database, name: str = "pets") -> dict[str, Sample]:
    with database.read() as session:
        query = select(Sample).join(Dataset).where(Dataset.name == name).order_by(Sample.id)
        return {sample.path: sample for sample in session.scalars(query)}


def rejected(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {file.path: file.reason for file in session.scalars(select(RejectedFile))}


def classes(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(LabelClass.name).order_by(LabelClass.position)))


def state(database: Database) -> str:
    with database.read() as session:
        return session.scalars(select(Dataset.state)).one()


# --- what becomes a sample ---


def test_a_folder_of_class_folders_becomes_samples(database: Database, tmp_path: Path) -> None:
    report = imported(database, write(tmp_path / "pets", pets()))
    assert (report.samples, report.added, report.rejected, report.classes, report.version) == (
        10,
        10,
        0,
        2,
        0,
    )
    assert report.splits == {"train": 8, "valid": 2}
    sample = samples(database)["dog/1.png"]
    assert (sample.given_label, sample.width, sample.height, sample.mode, sample.format) == (
        1,
        8,
        8,
        "L",
        "PNG",
    )
    assert sample.bytes == len(png(101))
    assert classes(database) == ["cat", "dog"]
    assert state(database) == "ready"


def test_a_zip_with_a_wrapping_folder_and_splits_becomes_samples(database: Database, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as made:
        for path, content in {**pets(above="pets/train/"), **pets(2, above="pets/val/", first=50)}.items():
            made.writestr(path, content)
        made.writestr("__MACOSX/pets/train/cat/._1.png", b"clutter")
        made.writestr("pets/.DS_Store", b"clutter")
        made.writestr("pets/README.md", b"read me")
    report = imported(database, tmp_path / "pets.zip")
    assert report.splits == {"train": 10, "valid": 4}
    assert samples(database)["pets/val/dog/1.png"].split == "valid"
    assert rejected(database) == {"pets/README.md": "not inside a class folder"}


def test_a_url_of_fsspec_is_imported(database: Database) -> None:
    import fsspec

    fsspec.filesystem("memory").pipe({f"/pets/{path}": content for path, content in pets().items()})
    assert imported(database, "memory://pets").samples == 10


def test_version_0_is_the_given_labels(database: Database, tmp_path: Path) -> None:
    imported(database, write(tmp_path, pets()))
    with database.read() as session:
        version = latest_version(session, dataset_id=1)
        frozen = labels_of(session, version_id=version.id)
    assert (version.number, version.samples, version.relabelled, version.deleted) == (0, 10, 0, 0)
    assert [int(label) for label in frozen.labels] == [0] * 5 + [1] * 5
    assert frozen.paths == list(samples(database))


def test_copies_are_noticed_and_those_with_different_labels_told(database: Database, tmp_path: Path) -> None:
    report = imported(
        database,
        write(tmp_path, {**pets(), "cat/copy.png": png(0), "dog/cat.png": png(1), "dog/copy.png": png(101)}),
    )
    assert (report.duplicates, report.contradictions) == (3, 2)


def test_the_users_files_are_never_changed(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", {**pets(), "cat/broken.png": b"x"})
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*.png")}
    for path in before:
        path.chmod(0o400)
    imported(database, root)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*.png")} == before


# --- splits ---


def test_a_source_without_validation_part_gets_one_from_its_training_part(
    database: Database, tmp_path: Path
) -> None:
    report = imported(
        database, write(tmp_path, {**pets(10, above="train/"), **pets(2, above="test/", first=50)})
    )
    assert report.splits == {"train": 16, "valid": 4, "test": 4}


def test_a_made_split_is_the_same_for_the_same_seed_and_keeps_copies_together(
    database: Database, tmp_path: Path
) -> None:
    files = pets(20) | {f"cat/copy{i}.png": png(i) for i in range(20)}
    root = write(tmp_path / "pets", files)
    imported(database, root, name="one")
    imported(database, root, name="two")
    imported(database, root, name="other", seed=7)
    one, two, other = (
        {path: sample.split for path, sample in samples(database, name).items()}
        for name in ("one", "two", "other")
    )
    assert one == two != other
    assert all(one[f"cat/{i}.png"] == one[f"cat/copy{i}.png"] for i in range(20))


def test_a_repeated_import_keeps_every_split_and_puts_new_copies_beside_their_originals(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", pets(20))
    imported(database, root)
    before = {path: sample.split for path, sample in samples(database).items()}
    write(root, {f"dog/copy{i}.png": png(100 + i) for i in range(20)})
    report = imported(database, root)
    after = {path: sample.split for path, sample in samples(database).items()}
    assert (report.added, report.known) == (20, 40)
    assert {path: after[path] for path in before} == before
    assert all(after[f"dog/copy{i}.png"] == before[f"dog/{i}.png"] for i in range(20))


# --- spellings ---


def test_one_class_however_its_folders_are_spelt(database: Database, tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Größe") for form in ("NFC", "NFD"))
    files = {f"train/{nfc}/1.png": png(1), f"valid/{nfd}/2.png": png(2)}
    files |= {"train/Cat/1.png": png(3), "train/Cat /2.png": png(4), "valid/cat/3.png": png(5)}
    report = imported(database, write(tmp_path, files))
    assert classes(database) == ["Cat", nfc]
    assert len(report.notes) == 2
    assert "“Cat” and “cat”" in report.notes[0]
    assert sorted(samples(database)) == sorted(files)  # paths stay as they are, byte by byte


def test_a_repeated_import_finds_classes_however_they_are_spelt(database: Database, tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Größe") for form in ("NFC", "NFD"))
    with database.write() as session:  # as they were stored before names were compared
        dataset = create_dataset(session, name="pets", source=str(tmp_path))
        session.add(LabelClass(dataset_id=dataset.id, position=0, name=nfd))
    imported(database, write(tmp_path, {f"{nfc}/1.png": png(1), "dog/1.png": png(2)}))
    assert classes(database) == [nfd, "dog"]


def test_the_name_of_a_data_set_is_found_whatever_its_case(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", pets())
    imported(database, root)
    assert imported(database, root, name="Pets").known == 10
    with database.write() as session:
        assert get_dataset(session, name="PETS").name == "pets"
        with pytest.raises(Conflict, match="taken"):
            create_dataset(session, name="Pets", source=str(tmp_path / "other"))


# --- repeating, stopping ---


def test_a_repeated_import_doubles_nothing(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", {**pets(), "cat/broken.png": b"x", "note.txt": b"x"})
    first = imported(database, root)
    ids = [sample.id for sample in samples(database).values()]
    second = imported(database, root)
    assert (second.added, second.known, second.samples, second.rejected) == (
        0,
        10,
        first.samples,
        first.rejected,
    )
    assert [sample.id for sample in samples(database).values()] == ids
    with database.read() as session:
        assert len(list_versions(session, dataset_id=1)) == 1


def test_an_import_again_notices_what_is_gone_or_another_file_of_the_same_size(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", pets())
    imported(database, root)
    whole = (root / "cat/0.png").read_bytes()
    (root / "cat/0.png").write_bytes(b"x" * len(whole))
    (root / "dog/1.png").rename(root / "away")
    assert imported(database, root).known == 9
    assert set(rejected(database)) == {"away", "cat/0.png"}

    def listed() -> dict[str, str]:
        with database.read() as session:
            return {path: each.reason for each, path in missing_files(session, dataset_id=1)}

    assert listed() == {"cat/0.png": "changed", "dog/1.png": "missing"}
    with database.read() as session:
        assert "2 images are left out of training and review" in session.get_one(Dataset, 1).notes[-1]
    (root / "cat/0.png").write_bytes(whole)
    (root / "away").rename(root / "dog/1.png")
    assert imported(database, root).known == 10
    assert (listed(), rejected(database)) == ({}, {})


def test_a_file_that_has_changed_its_size_is_told_and_its_sample_stays(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", pets())
    imported(database, root)
    before = samples(database)["cat/1.png"].sha256
    (root / "cat/1.png").write_bytes(png(1, size=60))
    assert imported(database, root).rejected == 1
    assert rejected(database)["cat/1.png"].startswith("changed since it was imported")
    assert samples(database)["cat/1.png"].sha256 == before


def test_a_file_that_was_repaired_is_no_longer_rejected(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", {**pets(), "cat/late.png": b"x"})
    assert imported(database, root).rejected == 1
    write(root, {"cat/late.png": png(77)})
    assert imported(database, root).added == 1
    assert rejected(database) == {}


def test_new_classes_go_behind_the_old_ones(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", pets())
    imported(database, root)
    write(root, {"bird/1.png": png(250), "ant/1.png": png(251)})
    imported(database, root)
    assert classes(database) == ["cat", "dog", "ant", "bird"]
    assert samples(database)["bird/1.png"].given_label == 3


def test_what_comes_later_is_no_part_of_an_older_version(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", pets())
    imported(database, root)
    write(root, {"cat/0000.png": png(77)})
    imported(database, root)
    with database.read() as session:
        assert len(labels_of(session, version_id=latest_version(session, dataset_id=1).id).paths) == 10
    assert len(samples(database)) == 11


def test_a_stopped_import_keeps_what_is_done_and_goes_on_from_there(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 4)
    root = write(tmp_path / "pets", pets(10))
    seen: list[int] = []
    with pytest.raises(Cancelled):
        imported(
            database,
            root,
            on_progress=lambda what, done, _: seen.append(done * (what == "Reading images")),
            should_stop=lambda: max(seen, default=0) >= 8,
        )
    kept = len(samples(database))
    assert 8 <= kept < 20
    assert state(database) == "failed"
    report = imported(database, root)
    assert (report.known, report.added, report.splits) == (kept, 20 - kept, {"train": 16, "valid": 4})


def test_a_stopped_import_ends_with_the_same_split_as_one_in_one_go(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", pets(10))
    calls = iter(range(1000))
    with pytest.raises(Cancelled):
        imported(database, root, name="stopped", should_stop=lambda: next(calls) > 27)
    assert 0 < len(samples(database, "stopped")) < 20
    imported(database, root, name="stopped")
    imported(database, root, name="straight")
    stopped, straight = (
        {path: sample.split for path, sample in samples(database, name).items()}
        for name in ("stopped", "straight")
    )
    assert stopped == straight


def test_a_repeated_import_that_fails_leaves_the_data_set_usable(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", pets())
    imported(database, root)
    root.rename(tmp_path / "moved")
    with pytest.raises(NotFound, match="There is no folder"):
        imported(database, root)
    assert state(database) == "ready"


def test_progress_ends_with_everything_done(database: Database, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    imported(database, write(tmp_path, pets()), on_progress=lambda *what: told.append(what))
    assert told[0] == ("Looking for files", 0, 0)
    assert told[-1] == ("Reading images", 10, 10)


# --- what is rejected ---


def test_one_bad_file_never_stops_the_rest_and_every_one_has_its_reason(
    database: Database, tmp_path: Path
) -> None:
    root = write(
        tmp_path / "pets",
        {
            **pets(),
            "cat/empty.png": b"",
            "cat/half.png": png(9, size=90)[:60],
            "cat/huge.png": png(9, size=101),
            "cat/notes.txt": b"hello",
            "cat/more.zip": b"PK\3\4",
            "cat/line\nbreak.png": png(9),
            "cat/.hidden.png": b"x",
            "cat/Thumbs.db": b"x",
            "labels.csv": b"path,label",
        },
    )
    frames = [Image.new("L", (8, 8), i) for i in (1, 99)]
    frames[0].save(root / "cat/moving.gif", save_all=True, append_images=frames[1:])
    (root / "dog/out.png").symlink_to("/etc/passwd")
    (root / "dog/loop").symlink_to(root)
    with open(os.fsencode(root) + b"/dog/caf\xe9.png", "wb") as file:  # noqa: PTH123 - a name that is no UTF-8
        file.write(png(9))
    report = imported(database, root)
    reasons = {path: reason.split(":")[0].split(" (")[0] for path, reason in rejected(database).items()}
    assert reasons == {
        "cat/empty.png": "empty",
        "cat/half.png": "truncated or damaged",
        "cat/huge.png": "too large",
        "cat/line\\nbreak.png": "unreadable name",
        "cat/more.zip": "zip, an archive in the source; unpack it first",
        "cat/moving.gif": "animated, or several pages in one file",
        "cat/notes.txt": "not an image",
        "dog/caf\\udce9.png": "unreadable name",
        "dog/loop": "a link to a folder",
        "dog/out.png": "a link that leaves the folder",
        "labels.csv": "not inside a class folder",
    }
    assert (report.samples, report.rejected) == (10, 11)
    assert imported(database, root).rejected == 11


def test_a_zips_bad_entries_are_rejected_and_the_rest_imported(database: Database, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as made:
        for path, content in pets().items():
            made.writestr(path, content)
        for name in ("../evil.png", "/etc/evil.png", "cat/../../evil.png", "C:\\evil.png"):
            made.writestr(zipfile.ZipInfo(name), png(9))
        made.writestr("dog/twice.png", png(200))
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("dog/twice.png", b"not an image")
    report = imported(database, tmp_path / "pets.zip")
    assert report.samples == 10
    assert {path for path, reason in rejected(database).items() if reason.startswith("unsafe name")} == {
        "../evil.png",
        "/etc/evil.png",
        "cat/../../evil.png",
        "C:/evil.png",
    }
    assert "dog/twice.png" in rejected(database)
    assert not (tmp_path.parent / "evil.png").exists()


# --- what is refused as a whole ---


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no image"),
        ({"1.png": png(1), "2.png": png(2)}, "no image in a class folder"),
        ({"cat/1.png": png(1)}, "only one class, cat"),
        ({"train/cat/1.png": png(1)}, "only one class, cat"),
        ({"cat/1.png": png(1), "dog/1.png": b"broken"}, "only one class has images"),
        ({"cat/1.png": b"x", "dog/1.png": b"x"}, "no file in it is an image"),
    ],
)
def test_a_source_that_is_no_data_set_is_refused_with_the_layout_that_is_expected(
    database: Database, tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    (tmp_path / "pets").mkdir()
    with pytest.raises(Invalid, match=message) as refusal:
        imported(database, write(tmp_path / "pets", files))
    assert "cat/1.png and dog/2.png" in str(refusal.value)
    assert state(database) == "failed"


def test_a_damaged_zip_is_refused_as_a_whole(database: Database, tmp_path: Path) -> None:
    (tmp_path / "pets.zip").write_bytes(b"PK\3\4 not really")
    with pytest.raises(Invalid, match="damaged or no zip"):
        imported(database, tmp_path / "pets.zip")
    assert state(database) == "failed"


def test_an_unknown_data_set_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        import_images(database, dataset_id=77, max_pixels=1, on_progress=lambda *_: None, should_stop=never)


# --- names ---


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "../x", ".", "..", "-x", "a/b", "ä", "x" * 65, "a\n", "a;b"]
)
def test_a_name_that_is_no_slug_is_refused(database: Database, name: str) -> None:
    with database.write() as session, pytest.raises(Invalid, match="cannot be the name"):
        create_dataset(session, name=name, source="/pets")


def test_a_failed_import_does_not_burn_its_name(database: Database, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with database.write() as session:
        dataset = create_dataset(session, name="pets", source=str(tmp_path / "nothing"))
    with pytest.raises(Invalid):
        import_images(
            database,
            dataset_id=dataset.id,
            max_pixels=1000,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
        )
    with database.write() as session:
        assert create_dataset(session, name="pets", source=str(tmp_path / "better")).source.endswith("better")


def test_a_name_stands_for_one_source(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with database.write() as session:
        first = create_dataset(session, name="Pets_2.0-x", source=str(tmp_path / "pets"))
        assert create_dataset(session, name="Pets_2.0-x", source="pets").id == first.id
        with pytest.raises(Conflict, match="taken"):
            create_dataset(session, name="Pets_2.0-x", source="cats")
        with pytest.raises(Invalid, match="nothing to import"):
            create_dataset(session, name="empty", source=" ")


def test_classes_that_a_repeated_import_adds_are_named_and_folders_named_like_parts_too(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", pets())
    assert not any("New since" in note for note in imported(database, root).notes)
    write(
        root,
        {
            f"{folder}/{i}.png": png(100 * k + i)
            for k, folder in enumerate(("owl", "train/owl"), 5)
            for i in range(2)
        },
    )
    notes = imported(database, root).notes
    assert "New since the import before: classes “owl” and “train”." in notes
    assert any(
        note.startswith("“train” became a class, because the folders are read as before.") for note in notes
    )
    assert not any("New since" in note for note in imported(database, root).notes)


# --- class folders without files ---


def test_an_empty_folder_beside_class_folders_is_a_class_without_images(
    database: Database, tmp_path: Path
) -> None:
    root = write(tmp_path / "pets", pets(above="train/") | pets(2, above="valid/", first=50))
    for folder in ("train/other", "valid/other", "train/images", "logs", "train/cat/.cache"):
        (root / folder).mkdir(parents=True)
    report = imported(database, root)
    assert classes(database) == ["cat", "dog", "other"]
    assert report.notes[0] == (
        "other: the folder is empty: it is a class without images yet, which answers can choose."
    )
    write(root, {"train/other/1.png": png(99)})
    assert imported(database, root).added == 1
    assert classes(database) == ["cat", "dog", "other"]


@pytest.mark.parametrize(
    ("folder", "names"), [("bird/", ["bird", "cat", "dog"]), ("__MACOSX/", ["cat", "dog"])]
)
def test_an_empty_folder_of_a_zip_is_one_too(
    database: Database, tmp_path: Path, folder: str, names: list[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as made:
        made.writestr("pets/", b"")
        made.writestr(f"pets/{folder}", b"")
        made.writestr("pets/cat/", b"")
        for path, content in pets().items():
            made.writestr(f"pets/{path}", content)
    imported(database, tmp_path / "pets.zip")
    assert sorted(classes(database)) == names
