"""One scale of deep greys a data set."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.datasets.catalog import rejected_files
from app.datasets.models import Dataset, Sample
from app.db.engine import Database
from app.decoding.seen import decode_square
from tests.factories import import_folder


def write(folder: Path, name: str, values: np.ndarray) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def scene(seed: int, low: float = 0, high: float = 4000, kind: type = np.uint16) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, (24, 24)).astype(kind)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cold", "warm"):
        for i in range(5):
            write(tmp_path / "src", f"{name}/{i}.png", scene(i + len(name)))
    return tmp_path / "src"


def dataset_of(database: Database, dataset_id: int) -> Dataset:
    with database.read() as session:
        return session.get_one(Dataset, dataset_id)


def test_the_import_measures_it_tells_it_and_never_changes_it(database: Database, folder: Path) -> None:
    stray = scene(99)
    stray[0, 0] = 65_535
    write(folder, "cold/stray.png", stray)
    dataset_id = import_folder(database, folder)
    dataset = dataset_of(database, dataset_id)
    low, high = dataset.grey_scales["I"]
    assert 0 <= low < 60
    assert 3940 < high <= 4000
    assert dataset.notes[-1].startswith(f"Deep greys (whole numbers): {low:.6g} is shown as black")
    write(folder, "cold/brighter.png", scene(7, 3000, 60_000))
    import_folder(database, folder)
    assert dataset_of(database, dataset_id).grey_scales == {"I": [low, high]}


def test_whole_numbers_and_floats_have_each_their_own(database: Database, folder: Path) -> None:
    for i in range(3):
        write(folder, f"warm/{i}.tif", scene(i, -1, -0.5, np.float32))
    scales = dataset_of(database, import_folder(database, folder)).grey_scales
    assert scales["F"] == pytest.approx([-1, -0.5], abs=0.02)
    assert scales["I"][1] > 3900


def test_values_of_no_data_do_not_count_and_are_named(database: Database, tmp_path: Path) -> None:
    for name in ("cold", "warm"):
        for i in range(5):
            values = scene(i + len(name), 0, 12.4, np.float32)
            values.ravel()[::3] = -9999
            write(tmp_path, f"{name}/{i}.tif", values)
    dataset_id = import_folder(database, tmp_path)
    low, high, no_data = dataset_of(database, dataset_id).grey_scales["F"]
    assert 0 <= low < 0.3
    assert 12.1 < high <= 12.4
    assert no_data == -9999
    for _ in range(2):
        words = "-9999 was taken as a value of “no data” and did not count."
        assert words in dataset_of(database, dataset_id).notes[-1]
        import_folder(database, tmp_path)


def test_images_of_a_narrower_range_are_told_of(database: Database, folder: Path) -> None:
    for i in range(12):
        write(folder, f"warm/{10 + i}.png", scene(20 + i, 0, 65_535))
    notes = dataset_of(database, import_folder(database, folder)).notes
    assert notes[-1].startswith("10 of these images are dark on this scale, with values up to 39")


def test_images_of_eight_bits_need_none(database: Database, folder: Path) -> None:
    for path in folder.rglob("*.png"):
        write(folder, path.relative_to(folder).as_posix(), scene(1, 0, 255, np.uint8))
    dataset = dataset_of(database, import_folder(database, folder))
    assert (dataset.grey_scales, dataset.notes) == ({}, [])


def test_an_image_of_one_colour_by_the_scale_of_the_others_is_rejected(
    database: Database, folder: Path
) -> None:
    write(folder, "cold/faint.png", scene(3, 0, 4))
    write(folder, "cold/flat.png", np.full((24, 24), 700, np.uint16))
    dataset_id = import_folder(database, folder)
    write(folder, "cold/later.png", scene(4, 0, 4))
    with database.read() as session:
        before = {file.path: file.reason for file in rejected_files(session, dataset_id=dataset_id)}
    assert "those of the other images" in before["cold/faint.png"]
    assert before["cold/flat.png"] == "of one colour: its grey values are all the same, or no numbers"
    import_folder(database, folder)
    with database.read() as session:
        after = {file.path for file in rejected_files(session, dataset_id=dataset_id)}
        paths = {sample.path for sample in session.query(Sample)}
    assert after == {"cold/faint.png", "cold/flat.png", "cold/later.png"}
    assert not after & paths


def test_one_brighter_pixel_does_not_darken_an_image_on_the_scale(database: Database, folder: Path) -> None:
    scales = dataset_of(database, import_folder(database, folder)).grey_scales
    plain, stray = scene(50), scene(50)
    stray[0, 0] = 60_000

    def mean(values: np.ndarray) -> float:
        file = io.BytesIO()
        Image.fromarray(values).save(file, "PNG")
        return float(decode_square(file.getvalue(), 24, scales=scales).mean())

    assert mean(plain) == pytest.approx(mean(stray), abs=1)
