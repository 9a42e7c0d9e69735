"""Problems of the images themselves, planted in generated photographs and found through the product."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from sqlalchemy import select

from app.datasets.importing import import_images
from app.datasets.models import ImageAppearance, ImageProblem, Sample
from app.datasets.problems import KINDS, MEASURED
from app.db.engine import Database
from app.deck.bulk import decide_many, undo_many
from app.deck.problems import count_problems, list_problems
from app.rounds.retraining import freeze_labels
from tests.conftest import People
from tests.factories import import_folder

PLANTED = 3  # of each kind
SIDE = 64


def photograph(number: int) -> Image.Image:
    """Blocks of colours with hard edges and noise, no two alike."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(30, 226, (8, 8, 3)).astype(np.uint8))
    pixels = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.NEAREST), np.float32)
    return Image.fromarray((pixels + random.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8))


def spoil(image: Image.Image, kind: str) -> Image.Image:
    if kind == "dark":
        return ImageEnhance.Brightness(image).enhance(0.15)
    if kind == "bright":
        return Image.blend(image, Image.new("RGB", image.size, "white"), 0.85)
    if kind == "blank":
        return Image.new("RGB", image.size, (120, 140, 100))
    if kind == "blurry":
        return image.filter(ImageFilter.GaussianBlur(3))
    if kind == "odd_shape":
        return image.resize((2 * SIDE, SIDE // 2))
    return image.resize((SIDE // 4, SIDE // 4))


@pytest.fixture
def planted(database: Database, tmp_path: Path) -> dict[str, set[str]]:
    """60 ordinary photographs and three of each kind; the paths by kind."""
    folder, number, paths = tmp_path / "planted", 0, {}
    for part, per_class in (("train", 20), ("valid", 10)):
        for label in ("cat", "dog"):
            (folder / part / label).mkdir(parents=True)
            for i in range(per_class):
                number += 1
                photograph(number).save(folder / part / label / f"{i:03}.png")
    for kind in MEASURED:
        paths[kind] = {f"train/cat/{kind}-{i}.png" for i in range(PLANTED)}
        for path in sorted(paths[kind]):
            number += 1
            spoil(photograph(number), kind).save(folder / path)
    paths["leak"] = {"train/dog/000.png", "valid/cat/copy.jpg"}
    Image.open(folder / "train/dog/000.png").save(folder / "valid/cat/copy.jpg", quality=90)
    import_folder(database, folder, name="planted")
    return paths


def listed(database: Database, kind: str, *, only_open: bool = True) -> list[str]:
    with database.read() as session:
        found = list_problems(session, dataset_id=1, kind=kind, only_open=only_open, limit=1000)
    return [each.tile.path for each in found]


def ids_of(database: Database, paths: set[str]) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Sample.id).where(Sample.path.in_(paths)).order_by(Sample.id)))


def test_planted_problems_are_found_and_nothing_else(
    database: Database, planted: dict[str, set[str]]
) -> None:
    assert {kind: set(listed(database, kind)) for kind in planted} == planted


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("dark", "brightness 7 %, usually 51 %"),
        ("blank", "its places differ by 0 % of the range of brightness"),
        ("blurry", "sharpness "),
        ("odd_shape", "128 x 32 pixels: 4.0 times as long as wide, usually 1.0"),
        ("odd_size", "16 x 16 pixels: its sides are 4.0 times shorter than usual"),
        ("leak", "looks the same as valid/cat/copy.jpg, of the part valid"),
    ],
)
def test_the_reason_has_a_number(
    database: Database, planted: dict[str, set[str]], kind: str, words: str
) -> None:
    with database.read() as session:
        found = list_problems(session, dataset_id=1, kind=kind, only_open=True, limit=1)
    assert found[0].reason.startswith(words)


def test_deleted_images_leave_the_list_and_the_labels_and_an_undo_brings_them_back(
    database: Database, planted: dict[str, set[str]], people: People
) -> None:
    ids = ids_of(database, planted["dark"])
    with database.write() as session:
        done = decide_many(
            session,
            dataset_id=1,
            user_id=people.annotator.id,
            samples=ids,
            verdict="delete",
            client_id="delete",
        )
    assert listed(database, "dark") == []
    with database.write() as session:
        version, _ = freeze_labels(session, dataset_id=1)
        assert version.deleted == PLANTED
        undo_many(session, user_id=people.annotator.id, action_id=done.action_id, client_id="undo")
    assert set(listed(database, "dark")) == planted["dark"]


def test_a_leak_ends_when_one_of_the_pair_is_deleted(
    database: Database, planted: dict[str, set[str]], people: People
) -> None:
    with database.write() as session:
        decide_many(
            session,
            dataset_id=1,
            user_id=people.annotator.id,
            samples=ids_of(database, {"valid/cat/copy.jpg"}),
            verdict="delete",
            client_id="delete",
        )
    assert listed(database, "leak", only_open=False) == []


def test_images_that_were_imported_before_they_were_measured_are_measured_by_the_next_import(
    database: Database, planted: dict[str, set[str]]
) -> None:
    with database.write() as session:
        before = session.scalars(select(ImageAppearance.sharpness).order_by(ImageAppearance.sample_id)).all()
        session.query(ImageAppearance).delete()
        session.query(ImageProblem).delete()
    import_images(
        database,
        dataset_id=1,
        max_pixels=10**8,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    with database.read() as session:
        after = session.scalars(select(ImageAppearance.sharpness).order_by(ImageAppearance.sample_id)).all()
    assert after == before
    assert set(listed(database, "dark")) == planted["dark"]


def test_counts_tell_what_is_open(database: Database, planted: dict[str, set[str]], people: People) -> None:
    with database.write() as session:
        decide_many(
            session,
            dataset_id=1,
            user_id=people.annotator.id,
            samples=ids_of(database, planted["blurry"])[:1],
            verdict="keep",
            client_id="keep",
        )
    with database.read() as session:
        counts = {each.kind: each for each in count_problems(session, dataset_id=1)}
    assert set(counts) == set(KINDS)
    assert (counts["blurry"].images, counts["blurry"].open) == (PLANTED, PLANTED - 1)
