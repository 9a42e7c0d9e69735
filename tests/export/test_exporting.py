"""Exports of a frozen version: complete, streamed, the same bytes every time, and importable again."""

import csv
import io
import json
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select, update

from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.models import Dataset, LabelClass, Sample
from app.datasets.versions import FrozenLabel, freeze, latest_version
from app.db.engine import Database
from app.db.types import now
from app.errors import Conflict, Invalid, NotFound
from app.export import rows as export_rows_module
from app.export.as_csv import unguard
from app.export.exporting import Export, export_version, write_export
from app.export.formats import FORMATS
from app.ranking.models import Prediction
from app.training.models import Run

COLUMNS = [
    "sample_id",
    "path",
    "sha256",
    "split",
    "given_label",
    "label",
    "verdict",
    "status",
    "reviews",
    "reviewers",
    "decided_at",
    "self_confidence",
    "predicted_label",
    "confidence",
    "loss",
    "rank",
    "run",
    "version",
]


def png(colour: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4), colour).save(file, "PNG")
    return file.getvalue()


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def imported(database: Database, source: Path, name: str = "pets") -> int:
    with database.write() as session:
        dataset_id = create_dataset(session, name=name, source=str(source)).id
    import_images(
        database,
        dataset_id=dataset_id,
        max_pixels=10_000,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    with database.read() as session:
        return latest_version(session, dataset_id=dataset_id).id


def exported(database: Database, version_id: int, format: str, **options: int | bool | None) -> Export:  # noqa: A002
    with database.read() as session:
        return export_version(session, version_id=version_id, format=format, **options)  # type: ignore[arg-type]


def content(database: Database, version_id: int, format: str, **options: int | bool | None) -> bytes:  # noqa: A002
    return b"".join(exported(database, version_id, format, **options).chunks)


def table(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


@pytest.fixture
def given_labels(database: Database, tmp_path: Path) -> int:
    """Version 0 of three classes of four images each, with nasty class names."""
    files = {
        f"{folder}/{i}.png": png(k * 80 + i)
        for k, folder in enumerate(("=cat", "a%2Fb", "%63on"))
        for i in range(4)
    }
    return imported(database, write(tmp_path / "pets", files))


def review(database: Database, changes: Mapping[str, str | None]) -> int:
    """A version in which these paths carry these classes; none deletes."""
    with database.write() as session:
        positions = dict(session.execute(select(LabelClass.name, LabelClass.position)).all())
        ids = dict(session.execute(select(Sample.path, Sample.id)).all())
        moment = now().replace(microsecond=120_000)
        reviewed = {
            ids[path]: FrozenLabel(
                positions[label] if label else None, "relabel" if label else "delete", 1, "ann", moment
            )
            for path, label in changes.items()
        }
        return freeze(session, dataset_id=1, reviewed=reviewed)[0].id


def rank(database: Database, version_id: int, *, finished_ago: float, state: str = "finished") -> int:
    """A run that predicts the class at position 0 for every sample, finished so many minutes ago."""
    with database.write() as session:
        run = Run(
            dataset_id=1,
            version_id=version_id,
            recipe={},
            weights="none",
            seed=0,
            state=state,
            finished_at=now() - timedelta(minutes=finished_ago) if state == "finished" else None,
        )
        session.add(run)
        session.flush()
        for place, sample in enumerate(session.scalars(select(Sample).order_by(Sample.path)), start=1):
            session.add(
                Prediction(
                    run_id=run.id,
                    sample_id=sample.id,
                    label=sample.given_label,
                    predicted_label=0,
                    loss=0.5,
                    self_confidence=0.25,
                    margin=0.1,
                    label_quality=0.55,
                    confidence=0.75,
                    rank=place,
                    fold=-1,
                    probabilities=[0.75, 0.15, 0.1],
                )
            )
        return run.id


@pytest.fixture
def cleaned(database: Database, given_labels: int) -> int:
    """Version 1: a ranking was there, one sample relabelled, one deleted."""
    rank(database, given_labels, finished_ago=1)
    return review(database, {"=cat/0.png": "a/b", "=cat/1.png": None})


# --- the table ---


def test_a_csv_has_one_row_a_sample_in_the_order_of_the_paths(database: Database, cleaned: int) -> None:
    export = exported(database, cleaned, "csv")
    rows = table(b"".join(export.chunks))
    assert (export.filename, export.media_type) == ("pets-v1.csv", "text/csv; charset=utf-8")
    assert list(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == [f"%63on/{i}.png" for i in range(4)] + [
        "=cat/0.png",
        "=cat/2.png",
        "=cat/3.png",
    ] + [f"a%2Fb/{i}.png" for i in range(4)]
    relabelled = rows[4]
    assert [relabelled[c] for c in ("given_label", "label", "verdict", "status", "reviews", "reviewers")] == [
        "=cat",
        "a/b",
        "relabel",
        "single",
        "1",
        "ann",
    ]
    assert [
        relabelled[c]
        for c in ("self_confidence", "predicted_label", "confidence", "loss", "rank", "run", "version")
    ] == [
        "0.25",
        "=cat",
        "0.75",
        "0.5",
        "5",
        "1",
        "1",
    ]
    assert relabelled["decided_at"].endswith(".120Z")
    assert [rows[0][c] for c in ("label", "verdict", "status", "reviews", "reviewers", "decided_at")] == [
        "con",
        "",
        "unreviewed",
        "0",
        "",
        "",
    ]


def test_a_csv_for_spreadsheets_is_the_same_table_marked_as_utf_8_and_guarded(
    database: Database, cleaned: int
) -> None:
    export = exported(database, cleaned, "csv-excel")
    text = b"".join(export.chunks)
    assert (export.filename, export.media_type) == ("pets-v1-excel.csv", "text/csv; charset=utf-8")
    assert text.startswith(b"\xef\xbb\xbfsample_id,")
    rows, plain = table(text.removeprefix(b"\xef\xbb\xbf")), table(content(database, cleaned, "csv"))
    assert [row["label"] for row in rows if row["path"] == "'=cat/2.png"] == ["'=cat"]
    assert [{column: unguard(cell) for column, cell in row.items()} for row in rows] == plain
    assert export.etag != exported(database, cleaned, "csv").etag


def test_deleted_samples_are_listed_only_when_asked_for(database: Database, cleaned: int) -> None:
    assert len(table(content(database, cleaned, "csv"))) == 11
    rows = {row["path"]: row for row in table(content(database, cleaned, "csv", include_deleted=True))}
    assert len(rows) == 12
    assert (rows["=cat/1.png"]["label"], rows["=cat/1.png"]["verdict"]) == ("", "delete")


def test_json_lines_say_the_same_with_null_where_there_is_nothing(
    database: Database, given_labels: int
) -> None:
    review(database, {"=cat/1.png": None})
    text = content(database, given_labels + 1, "jsonl", include_deleted=True).decode()
    rows = {row["path"]: row for row in map(json.loads, text.splitlines())}
    assert text.endswith("\n")
    assert list(rows["=cat/1.png"]) == COLUMNS
    assert rows["=cat/1.png"]["label"] is None
    assert (rows["=cat/0.png"]["label"], rows["=cat/0.png"]["loss"], rows["=cat/0.png"]["reviews"]) == (
        "=cat",
        None,
        0,
    )


# --- which ranking, and the same bytes for ever ---


@pytest.mark.parametrize("format", list(FORMATS))
def test_two_exports_of_a_version_are_the_same_bytes_whatever_happens_in_between(
    database: Database,
    cleaned: int,
    tmp_path: Path,
    format: str,  # noqa: A002
) -> None:
    before, tag = content(database, cleaned, format), exported(database, cleaned, format).etag
    rank(database, cleaned, finished_ago=-1)
    review(database, {"=cat/0.png": "con", "=cat/2.png": None})
    write(tmp_path / "pets", {"=cat/9.png": png(99), "new/1.png": png(98)})
    imported(database, tmp_path / "pets")
    assert content(database, cleaned, format) == before
    assert exported(database, cleaned, format).etag == tag


def test_the_ranking_is_the_newest_that_had_finished_when_the_version_was_frozen(
    database: Database, given_labels: int
) -> None:
    rank(database, given_labels, finished_ago=30)
    newest = rank(database, given_labels, finished_ago=10)
    rank(database, given_labels, finished_ago=20)
    rank(database, given_labels, finished_ago=0, state="running")
    version = review(database, {"=cat/0.png": "con"})
    rank(database, version, finished_ago=-1)
    assert {row["run"] for row in table(content(database, version, "csv"))} == {str(newest)}


def test_a_version_without_a_ranking_has_empty_cells_unless_a_run_is_named(
    database: Database, given_labels: int
) -> None:
    run = rank(database, given_labels, finished_ago=-1)
    assert {
        (row["run"], row["rank"], row["loss"]) for row in table(content(database, given_labels, "csv"))
    } == {("", "", "")}
    assert {row["run"] for row in table(content(database, given_labels, "csv", run_id=run))} == {str(run)}
    assert (
        exported(database, given_labels, "csv", run_id=run).etag
        != exported(database, given_labels, "csv").etag
    )


def test_a_tag_carries_the_digest_and_is_different_for_different_bytes(
    database: Database, given_labels: int, cleaned: int
) -> None:
    with database.read() as session:
        digest = latest_version(session, dataset_id=1).digest
    tags = [exported(database, version, name).etag for version in (given_labels, cleaned) for name in FORMATS]
    tags.append(exported(database, cleaned, "csv", include_deleted=True).etag)
    assert len(set(tags)) == len(tags)
    assert digest in exported(database, cleaned, "csv").etag
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


def test_pages_of_any_size_make_the_same_file(
    database: Database, cleaned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(database, cleaned, "csv")
    monkeypatch.setattr(export_rows_module, "PAGE", 3)
    assert content(database, cleaned, "csv") == before


# --- what is refused ---


def test_an_unknown_format_version_or_run_is_refused(database: Database, given_labels: int) -> None:
    with pytest.raises(Invalid, match="choose one of csv, csv-excel, jsonl, imagefolder"):
        exported(database, given_labels, "xml")
    with pytest.raises(NotFound):
        exported(database, 10**6, "csv")
    with pytest.raises(NotFound, match="no run 77"):
        exported(database, given_labels, "csv", run_id=77)
    running = rank(database, given_labels, finished_ago=0, state="running")
    with pytest.raises(Conflict, match="it is running"):
        exported(database, given_labels, "csv", run_id=running)


def test_a_run_of_another_data_set_is_not_found(
    database: Database, given_labels: int, tmp_path: Path
) -> None:
    other = imported(
        database, write(tmp_path / "other", {"a/1.png": png(1), "b/1.png": png(2)}), name="other"
    )
    run = rank(database, given_labels, finished_ago=1)
    with pytest.raises(NotFound):
        exported(database, other, "csv", run_id=run)


# --- the image folder ---


def test_an_image_folder_holds_the_cleaned_labels_and_a_manifest_beside_them(
    database: Database, cleaned: int, tmp_path: Path
) -> None:
    archive = zipfile.ZipFile(io.BytesIO(content(database, cleaned, "imagefolder")))
    assert archive.testzip() is None
    everything = archive.namelist()
    assert everything[:2] == ["manifest.csv", "classes.txt"]
    assert archive.read("classes.txt").decode().splitlines() == ["%63on", "=cat", "a%2Fb"]
    folders = [f"{split}/{name}/" for split in ("train", "valid") for name in ("%63on", "=cat", "a%2Fb")]
    assert [name for name in everything if name.endswith("/")] == folders
    rows, names = table(archive.read("manifest.csv")), [name for name in everything if name not in folders]
    names.remove("classes.txt")
    assert [row["file"] for row in rows] == names[1:]
    assert list(rows[0])[1:] == COLUMNS
    assert {name.split("/")[1] for name in names[1:]} == {"=cat", "a%2Fb", "%63on"}
    assert len(names) == 12
    for row in rows:
        path = row["path"].removeprefix("'")
        assert archive.read(row["file"]) == (tmp_path / "pets" / path).read_bytes()
    assert {
        (info.date_time, stat.S_IMODE(info.external_attr >> 16))
        for info in archive.infolist()
        if not info.is_dir()
    } == {((1980, 1, 1, 0, 0, 0), 0o644)}


def test_names_are_changed_only_where_they_collide(database: Database, cleaned: int) -> None:
    names = zipfile.ZipFile(io.BytesIO(content(database, cleaned, "imagefolder"))).namelist()
    changed = [name for name in names if "__" in name]
    with database.read() as session:
        splits = dict(session.execute(select(Sample.path, Sample.split)).all())
    collide = splits["=cat/0.png"] == splits["a%2Fb/0.png"]
    assert len(changed) == (2 if collide else 0)


def test_deleted_samples_are_never_in_the_folders_but_in_the_manifest_when_asked_for(
    database: Database, cleaned: int
) -> None:
    archive = zipfile.ZipFile(io.BytesIO(content(database, cleaned, "imagefolder", include_deleted=True)))
    rows = table(archive.read("manifest.csv"))
    assert len([name for name in archive.namelist() if name.endswith((".png", ".jpg"))]) == len(rows) - 1
    assert [row["path"] for row in rows if not row["file"]] == ["=cat/1.png"]


def test_an_exported_image_folder_is_imported_with_the_same_labels_and_splits(
    database: Database, tmp_path: Path
) -> None:
    folders = (
        "=cat",
        "a%2Fb",
        "%2Ehidden",
        "%63on",
        "%__MACOSX".replace("%_", "%5F"),
        "train",
        "dot%2E",
        "100%25",
        "猫",
    )
    files = {
        f"{folder}/deep/er/{i}.png": png(k * 25 + i) for k, folder in enumerate(folders) for i in range(6)
    }
    files |= {"=cat/0.png": png(240), "train/raw": png(241), "train/x.dat": png(242)}
    first = imported(database, write(tmp_path / "pets", files))
    version = review(
        database,
        {
            "=cat/0.png": "a/b",
            "a%2Fb/deep/er/0.png": ".hidden",
            "train/x.dat": "猫",
            "100%25/deep/er/1.png": None,
        },
    )
    (tmp_path / "again.zip").write_bytes(content(database, version, "imagefolder"))
    second = imported(database, tmp_path / "again.zip", name="again")
    one, two = (
        sorted((row["sha256"], row["label"], row["split"]) for row in table(content(database, v, "csv")))
        for v in (version, second)
    )
    assert one == two
    assert len(one) == len(files) - 1
    assert first != version


def test_a_data_set_without_validation_part_is_imported_without_one_again(
    database: Database, tmp_path: Path
) -> None:
    version = imported(
        database, write(tmp_path / "pets", {"a/1.png": png(1), "b/1.png": png(2), "train/1.png": png(3)})
    )
    (tmp_path / "again.zip").write_bytes(content(database, version, "imagefolder"))
    again = imported(database, tmp_path / "again.zip", name="again")
    found = [
        [(row["sha256"], row["label"], row["split"]) for row in table(content(database, v, "csv"))]
        for v in (version, again)
    ]
    assert sorted(found[0]) == sorted(found[1])
    assert {split for *_, split in found[1]} == {"train"}


# --- writing to a file ---


def test_a_file_appears_only_when_it_is_complete(database: Database, cleaned: int, tmp_path: Path) -> None:
    output = tmp_path / "labels.zip"
    output.write_bytes(b"the last one")

    def torn() -> Iterator[bytes]:
        yield b"half"
        raise NotFound("The database is gone.")

    with pytest.raises(NotFound):
        write_export(replace(exported(database, cleaned, "imagefolder"), chunks=torn()), output)
    assert output.read_bytes() == b"the last one"
    write_export(exported(database, cleaned, "csv"), output)
    assert output.read_bytes() == content(database, cleaned, "csv")
    assert sorted(path.name for path in tmp_path.iterdir() if "labels" in path.name) == ["labels.zip"]


def test_a_folder_that_is_not_there_is_told(database: Database, cleaned: int, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be written"):
        write_export(exported(database, cleaned, "csv"), tmp_path / "nowhere" / "labels.csv")


def test_a_dash_is_standard_output(
    database: Database, cleaned: int, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_export(exported(database, cleaned, "csv"), Path("-"))
    assert capfdbinary.readouterr().out == content(database, cleaned, "csv")


def test_chunks_hold_no_transaction_open(database: Database, cleaned: int) -> None:
    chunks = exported(database, cleaned, "csv").chunks
    next(chunks)
    with (
        database.write() as session
    ):  # would wait for ever on PostgreSQL's row lock or leave SQLite's log growing
        session.execute(update(Dataset).values(state="ready"))
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_an_export_can_be_looked_at_without_making_it(database: Database, cleaned: int) -> None:
    assert replace(exported(database, cleaned, "imagefolder"), chunks=iter(())).filename == "pets-v1.zip"
