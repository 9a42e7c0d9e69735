"""Labels in files: every kind gives each image its class and part, and what does not fit is told."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.datasets.catalog import class_names, get_dataset
from app.datasets.creating import create_dataset
from app.datasets.importing import ImportReport, import_images
from app.datasets.label_reading import StatedColumns, StatedLabels
from app.datasets.labels.placing import MOST_LISTED
from app.datasets.layout_choice import StatedLayout
from app.datasets.sources import named_labels
from app.db.engine import Database
from app.errors import AmbiguousLayout, Conflict, Invalid, NotFound
from tests.datasets.test_importing import never, png, rejected, samples, write

AWKWARD = ("007", "NA", "True", "a,b", "=1+1", 'he said "hi"', "日本語", "-minus")
Files = dict[str, bytes]


def pictures(n: int = 16, *, folder: str = "", suffix: str = ".png") -> Files:
    return {f"{folder}{i:02}{suffix}": png(10 * i % 256, size=8 + i // 16) for i in range(n)}


def name(i: int) -> str:
    return AWKWARD[i % len(AWKWARD)]


def quoted(*cells: str) -> str:
    return ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells)


def csv_of(rows: list[tuple[str, ...]], *head: str) -> bytes:
    return "\n".join([",".join(head), *(quoted(*row) for row in rows)]).encode()


def parquet_of(columns: dict[str, list[object]], features: dict[str, object] | None = None) -> bytes:
    table, file = pa.table(columns), io.BytesIO()
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, file)
    return file.getvalue()


def tasks(chosen: Callable[[int], list[str]]) -> bytes:
    return json.dumps(
        [
            {
                "id": i,
                "data": {"image": f"/data/upload/1/{i:08x}-{i:02}.png"},
                "annotations": [
                    {
                        "result": [{"type": "choices", "value": {"choices": ["skipped"]}}],
                        "was_cancelled": True,
                    },
                    {"result": [{"type": "choices", "value": {"choices": chosen(i)}}]},
                ],
            }
            for i in range(16)
        ]
    ).encode()


ROWS = [(f"{i:02}.png", name(i)) for i in range(16)]
PLAIN = pictures()
SOURCES: dict[str, Files] = {
    "CSV": PLAIN | {"labels.csv": csv_of(ROWS, "path", "label")},
    "CSV without a header": PLAIN | {"list.csv": csv_of(ROWS)[1:]},
    "semicolons, UTF-8 with a mark": PLAIN
    | {
        "labels.csv": b"\xef\xbb\xbf"
        + csv_of(ROWS, "file_name", "class").replace(b'","', b'";"').replace(b"e,c", b"e;c")
    },
    "UTF-16 with tabs": PLAIN
    | {
        "labels.tsv": csv_of(ROWS, "Image Name", "Category")
        .decode()
        .replace('","', '"\t"')
        .replace("e,C", "e\tC")
        .encode("utf-16")
    },
    "paths of another computer": pictures(folder="all/")
    | {"labels.csv": csv_of([(f"C:\\data\\all\\{p}", label) for p, label in ROWS], "filename", "label")},
    "names without suffix": pictures(folder="jpg/", suffix=".png")
    | {"train.csv": csv_of([(p[:2], label) for p, label in ROWS], "id", "breed")},
    "JSON Lines": PLAIN
    | {"a.jsonl": "\n".join(json.dumps({"image": p, "label": label}) for p, label in ROWS).encode()},
    "a JSON list": PLAIN | {"a.json": json.dumps([{"image": p, "label": each} for p, each in ROWS]).encode()},
    "Parquet": PLAIN
    | {"a.parquet": parquet_of({"path": [p for p, _ in ROWS], "label": [n for _, n in ROWS]})},
    "Parquet with names of classes": PLAIN
    | {
        "a.parquet": parquet_of(
            {"file_name": [p for p, _ in ROWS], "label": [i % 8 for i in range(16)]},
            {"label": {"_type": "ClassLabel", "names": list(AWKWARD)}},
        )
    },
    "one-hot": PLAIN
    | {
        "train.csv": "\n".join(
            [
                f"image_id,{quoted(*AWKWARD)}",
                *(f"{i:02}," + ",".join(str(int(i % 8 == k)) for k in range(8)) for i in range(16)),
            ]
        ).encode()
    },
    "Hugging Face": {
        f"{part}/{path}": content
        for part in ("train", "validation")
        for path, content in {
            **{p: c for p, c in PLAIN.items() if (int(p[:2]) < 8) == (part == "train")},
            "metadata.csv": csv_of(
                [row for row in ROWS if (int(row[0][:2]) < 8) == (part == "train")], "file_name", "label"
            ),
        }.items()
    },
    "Label Studio": PLAIN | {"export.json": tasks(lambda i: [name(i)])},
    "FiftyOne": pictures(folder="data/sub/")
    | {
        "labels.json": json.dumps(
            {"classes": list(AWKWARD), "labels": {f"sub/{i:02}": {"label": i % 8} for i in range(16)}}
        ).encode()
    },
    "FiftyOne with names": pictures(folder="data/")
    | {
        "labels.json": json.dumps(
            {"classes": None, "labels": {f"{i:02}": name(i) for i in range(16)}}
        ).encode()
    },
    "our own manifest": pictures(folder="x/")
    | {
        "manifest.csv": csv_of(
            [(str(i), f"x/{p}", "ab", "train", "old", label, "relabel") for i, (p, label) in enumerate(ROWS)],
            *("sample_id", "path", "sha256", "split", "given_label", "label", "verdict"),
        )
    },
}


def bring(
    database: Database,
    source: Path,
    *,
    labels: StatedLabels | None = None,
    dataset: str = "pets",
) -> ImportReport:
    with database.write() as session:
        dataset_id = create_dataset(session, name=dataset, source=str(source)).id
    choose = None if labels is None else lambda found, _: found.reading_of(StatedLayout(labels=labels))
    return import_images(
        database,
        dataset_id=dataset_id,
        max_pixels=10_000,
        on_progress=lambda *_: None,
        should_stop=never,
        choose=choose,
    )


def labels_of(database: Database) -> dict[str, str]:
    """The class of each image, by the name of its file."""
    with database.read() as session:
        names = class_names(session, dataset_id=get_dataset(session, name="pets").id)
    return {path.rpartition("/")[2]: names[sample.given_label] for path, sample in samples(database).items()}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_file_of_labels_is_found_and_every_name_kept(database: Database, tmp_path: Path, kind: str) -> None:
    report = bring(database, write(tmp_path / "pets", SOURCES[kind]))
    assert labels_of(database) == dict(ROWS)
    assert (report.samples, report.classes) == (16, 8)
    assert not [note for note in report.notes if "label" in note and "validation" not in note]
    assert bring(database, tmp_path / "pets").added == 0


def test_in_a_zip_they_are_found_too(database: Database, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as made:
        for path, content in SOURCES["Hugging Face"].items():
            made.writestr(f"top/{path}", content)
    bring(database, tmp_path / "pets.zip")
    assert labels_of(database) == dict(ROWS)
    assert {sample.split for sample in samples(database).values()} == {"train", "valid"}


@pytest.mark.parametrize(
    ("column", "values", "parts"),
    [
        ("is_valid", ("False", "True", "0"), ("train", "valid", "train")),
        ("split", ("training", "dev", "test"), ("train", "valid", "test")),
        ("Usage", ("Training", "PublicTest", "PrivateTest"), ("train", "valid", "test")),
        ("set", ("train", "test", "val"), ("train", "test", "valid")),
    ],
)
def test_a_column_of_parts_is_understood(
    database: Database, tmp_path: Path, column: str, values: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    rows = [(p, label, values[i % 3]) for i, (p, label) in enumerate(ROWS)]
    source = write(tmp_path / "pets", PLAIN | {"l.csv": csv_of(rows, "name", "label", column)})
    bring(database, source)
    found = samples(database)
    assert [found[path].split for path, _ in ROWS] == [parts[i % 3] for i in range(16)]


def test_what_does_not_fit_is_told_with_count_and_example(database: Database, tmp_path: Path) -> None:
    rows = [*ROWS[:-3], ("13.png", "007"), ("13.png", "NA"), ("14.png", ""), ("99.png", "NA"), ROWS[0]]
    report = bring(database, write(tmp_path / "pets", PLAIN | {"l.csv": csv_of(rows, "path", "label")}))
    assert len(samples(database)) == 13
    assert rejected(database) == {
        "13.png": "several labels in l.csv: 007, NA",
        "14.png": "no label in l.csv",
        "15.png": "no label in l.csv",
        "99.png": "l.csv has a label for it, but there is no such image",
    }
    assert {note for note in report.notes if note.startswith("l.csv: ")} == {
        "l.csv: 1 label has no image: 99.png.",
        "l.csv: 2 images have no label, so they are left out: 14.png, 15.png.",
        "l.csv: 1 image has several labels, but here an image has one class, so it is left out: 13.png.",
        "l.csv: 1 row repeats the label of an image, which counts once.",
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_very_many_rows_without_an_image_all_are_counted_and_some_are_listed(
    database: Database, tmp_path: Path
) -> None:
    rows = [*ROWS, *((f"none-{i}.png", "NA") for i in range(MOST_LISTED + 5))]
    report = bring(database, write(tmp_path / "pets", PLAIN | {"l.csv": csv_of(rows, "path", "label")}))
    assert (report.samples, len(rejected(database))) == (16, MOST_LISTED)
    [note] = [note for note in report.notes if "no image" in note]
    assert note.startswith("l.csv: 1,005 labels have no image (1,000 are listed): none-0.png, ")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_label_of_only_dots_is_no_class(database: Database, tmp_path: Path) -> None:
    rows = [*ROWS[:-3], ("13.png", ".."), ("14.png", "../.."), ("15.png", "..")]
    bring(database, write(tmp_path / "pets", PLAIN | {"l.csv": csv_of(rows, "path", "label")}))
    assert set(labels_of(database).values()) == {label for _, label in ROWS[:-3]}
    assert rejected(database) == dict.fromkeys(("13.png", "14.png", "15.png"), "no label in l.csv")


def test_of_equal_names_the_folder_of_the_label_file_is_meant(database: Database, tmp_path: Path) -> None:
    rows = [(p[:2], label) for p, label in ROWS]
    both = pictures(folder="train/") | {f"test/{i:02}.png": png(3 * i) for i in range(30)}
    submission = csv_of(rows[:4], "id", "breed")
    write(
        tmp_path / "pets",
        both | {"train.csv": csv_of(rows, "id", "breed"), "sample_submission.csv": submission},
    )
    report = bring(database, tmp_path / "pets")
    assert {path.split("/")[0] for path in samples(database)} == {"train"}
    assert any("30 images have no label" in note for note in report.notes)


def test_what_may_be_two_images_is_not_guessed(database: Database, tmp_path: Path) -> None:
    files = {f"{folder}/{p}": c for folder in ("a", "b") for p, c in pictures(6).items()}
    rows = [(f"a/{p}", label) for p, label in ROWS[:5]] + [("05.png", "NA")]
    bring(
        database,
        write(tmp_path / "pets", files | {"l.csv": csv_of(rows, "path", "label")}),
        labels=StatedLabels("l.csv"),
    )
    assert sorted(samples(database)) == [f"a/{i:02}.png" for i in range(5)]
    assert rejected(database)["05.png"] == "l.csv may mean several images by it"


def test_columns_can_be_named(database: Database, tmp_path: Path) -> None:
    rows = [(p, f"other{i % 2}", label, "x") for i, (p, label) in enumerate(ROWS)]
    source = write(tmp_path / "pets", PLAIN | {"l.csv": csv_of(rows, "who", "label", "truth", "split")})
    bring(database, source, labels=StatedLabels("l.csv", columns=StatedColumns(label="truth")))
    assert labels_of(database) == dict(ROWS)
    with pytest.raises(Invalid, match="has no column “trueth”; its columns are “who”, “label”"):
        bring(
            database, source, labels=StatedLabels("l.csv", columns=StatedColumns(label="trueth")), dataset="b"
        )
    with pytest.raises(Invalid, match="does not say which part"):
        bring(
            database, source, labels=StatedLabels("l.csv", columns=StatedColumns(split="split")), dataset="c"
        )


def test_a_file_elsewhere_has_the_labels_and_is_kept(database: Database, tmp_path: Path) -> None:
    source, uploads = write(tmp_path / "pets", PLAIN), tmp_path / "uploads"
    (tmp_path / "mine.csv").write_bytes(csv_of(ROWS, "path", "label"))
    said = named_labels(
        str(tmp_path / "mine.csv"), source=str(source), uploads_dir=uploads, columns=StatedColumns()
    )
    bring(database, source, labels=said)
    (tmp_path / "mine.csv").unlink()
    assert labels_of(database) == dict(ROWS)
    assert bring(database, source).known == 16
    [kept] = uploads.iterdir()
    kept.unlink()
    with pytest.raises(NotFound, match="no longer stored here; send it again"):
        bring(database, source)


def test_folders_that_are_classes_stay_classes_if_the_file_says_the_same(
    database: Database, tmp_path: Path
) -> None:
    files = {
        f"{name(i).replace('/', '')}/{p}": c for i, (p, c) in enumerate(PLAIN.items()) if i % 8 in (0, 2)
    }
    rows = [(path, path.split("/")[0]) for path in files]
    write(tmp_path / "pets", files | {"manifest.csv": csv_of(rows, "path", "label")})
    report = bring(database, tmp_path / "pets")
    assert (report.classes, report.samples) == (2, 4)


def test_folders_that_may_be_classes_and_a_file_that_says_otherwise_are_asked_about(
    database: Database, tmp_path: Path
) -> None:
    files = {f"{'anna' if i % 2 else 'bob'}/{p}": c for i, (p, c) in enumerate(PLAIN.items())}
    rows = [(path, name(i // 2)) for i, path in enumerate(sorted(files))]
    source = write(tmp_path / "pets", files | {"labels.csv": csv_of(rows, "path", "label")})
    with pytest.raises(AmbiguousLayout) as asked:
        bring(database, source)
    assert "The labels may be in labels.csv, or the folders are the classes" in str(asked.value)
    assert [choice["split_folders"] for choice in asked.value.choices] == ["labels=labels.csv", "none"]


def test_an_import_again_never_changes_a_label(database: Database, tmp_path: Path) -> None:
    source = write(tmp_path / "pets", PLAIN | {"l.csv": csv_of(ROWS[:-1], "path", "label")})
    bring(database, source)
    write(source, {"l.csv": csv_of(ROWS, "path", "label")})
    assert bring(database, source).added == 1
    write(source, {"l.csv": csv_of([("00.png", "NA"), *ROWS[1:]], "path", "label")})
    with pytest.raises(Conflict, match=r"00.png was imported as “007” and is “NA” in l.csv"):
        bring(database, source)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"path,a,b\n1.png,x,y\n2.png,z,w", "does not show which column is the class"),
        (
            csv_of([("zz.png", "a"), ("yy.png", "b")], "path", "label"),
            "has labels for no image in .* 2 labels have",
        ),
        (csv_of([(p, "one") for p, _ in ROWS], "path", "label"), "all images in .* have one class, one"),
    ],
)
def test_a_file_that_gives_no_classes_is_refused_with_the_reason(
    database: Database, tmp_path: Path, content: bytes, words: str
) -> None:
    source = write(tmp_path / "pets", PLAIN | {"l.csv": content})
    with pytest.raises(Invalid, match=words):
        bring(database, source, labels=StatedLabels("l.csv"))
    with pytest.raises(NotFound, match=r"no one file m.csv in this source; .*: l.csv"):
        bring(database, source, labels=StatedLabels("m.csv"))
