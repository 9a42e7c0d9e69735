"""The recommended recipe follows from the images, the start weights and the pace, and says why."""

import re
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.datasets.models import Sample
from app.db.engine import Database
from app.ml.imagenet import Offer
from app.ml.recipes import LITE, RECIPES, early_epochs_of
from app.training.models import FIRST_LOOK, Epoch, Run
from app.training.numbers import next_number
from app.training.pace import Measured, Paces, epoch_sizes
from app.training.recipes import edit
from app.training.recommending import PATIENT, Recommendation, Shape, _choose, recommend
from app.training.starts import Weights
from tests.factories import Made, make_dataset

HERE, ABSENT = Offer("here"), Offer("absent", "no internet")
AUTO = Weights("auto", HERE)
SLOW, USUAL, FAST, UNKNOWN = (Paces((), 0.0, looking) for looking in (10.0, 200.0, 1e6, 0.0))


def choose(
    shape: Shape, paces: Paces, *, weights: Weights = AUTO, start: str = "auto"
) -> tuple[str, dict[str, int]]:
    has_weights = start != "none" and weights.offer.can_be
    name, changes, _ = _choose(shape, paces, has_weights=has_weights, starting=weights, start=start)
    return name, changes


def photographs(images: int, width: int = 640, height: int = 480) -> Shape:
    return Shape(images, images * 4 // 5, width, height)


@pytest.mark.parametrize("offer", [HERE, ABSENT])
@pytest.mark.parametrize("side", [8, 28, 48, 96])
def test_small_images_keep_the_default_recipe_whatever_the_weights(offer, side):
    assert choose(photographs(5000, side, side), USUAL, weights=Weights("auto", offer)) == ("default", {})


def test_photographs_get_the_recipe_that_starts_from_weights_with_the_pixels_there_is_time_for():
    sizes = [choose(photographs(3000), paces)[1]["image_size"] for paces in (SLOW, USUAL, FAST)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (128, 224)
    assert choose(photographs(3000), UNKNOWN)[1]["image_size"] == RECIPES["photos"].image_size
    assert choose(photographs(3000, 150, 400), FAST)[1]["image_size"] == 128  # more pixels than there are


def test_fewer_images_get_more_epochs_and_too_many_for_the_machine_get_fewer():
    few, many = (choose(photographs(n), FAST)[1]["epochs"] for n in (400, 50_000))
    slow = choose(photographs(50_000), SLOW)[1]
    assert few > many > slow["epochs"] >= 3
    assert slow["image_size"] == 128


def test_other_work_on_the_machine_changes_the_expected_time_and_not_the_recommendation():
    idle = [Measured(1, 128, 1e-6), Measured(1, 160, 1e-6)]
    busy = [Measured(2, size, pace) for size in (128, 160) for pace in (2e-6, 3e-6, 4e-6)]
    asked = {}
    for measured in (idle, idle + busy):
        paces = Paces(tuple(measured), 0.0, 0.0)
        name, changes = choose(photographs(3000), paces)
        edited = edit(RECIPES[name], changes, start="auto", class_names=())
        asked[len(measured)] = (
            changes,
            paces.expect(edited, start="auto", images=2400, samples=3000).high,
        )
    (first, soon), (then, late) = asked.values()
    assert first == then
    assert late > 2 * soon


@pytest.mark.parametrize("images", [100, 400, 2000])
def test_the_recommended_training_of_some_photographs_is_affordable(images):
    name, changes = choose(photographs(images), USUAL)
    edited = edit(RECIPES[name], changes, start="auto", class_names=())
    seconds = USUAL.expect(edited, start="auto", images=images * 4 // 5, samples=images).seconds
    assert (name, changes["image_size"] >= 128, seconds < PATIENT) == ("photos", True, True)


def test_from_random_weights_photographs_get_more_pixels_and_steps_than_small_images():
    name, changes = choose(photographs(400), USUAL, weights=Weights("none", HERE), start="none")
    assert name == "default"
    assert changes["image_size"] > RECIPES["default"].image_size
    assert changes["epochs"] > 18


def test_without_weights_of_the_usual_network_photographs_get_one_whose_weights_came_with_toploss():
    for start in ("auto", "imagenet"):
        name, changes = choose(photographs(400), USUAL, weights=Weights("auto", ABSENT), start=start)
        assert (name, changes["network"]) == ("photos", LITE)


@pytest.mark.parametrize("start", ["auto", "imagenet", "/models/a.pth"])
def test_the_recipe_for_photographs_grows_its_images_from_any_weights(start):
    sizes = epoch_sizes(RECIPES["photos"], start=start)
    assert (sizes[0], sizes[-1]) == (128, 160)
    assert set(epoch_sizes(RECIPES["default"], start=start)) == {48}
    assert early_epochs_of(RECIPES["photos"], "parent") == 0


@pytest.fixture
def photos(database: Database, tmp_path: Path) -> Made:
    made = make_dataset(database, tmp_path)
    with database.write() as session:
        session.execute(
            update(Sample).where(Sample.dataset_id == made.dataset_id).values(width=640, height=480)
        )
    return made


def advise(session: Session, made: Made, offer: Offer = HERE, setting: str = "auto") -> Recommendation:
    return recommend(session, dataset_id=made.dataset_id, starting=Weights(setting, offer))


def test_one_line_says_what_is_recommended_and_how_long_it_takes(database: Database, photos: Made) -> None:
    with database.write() as session:
        session.execute(delete(Epoch))
        n = session.query(Sample).count()
        assert advise(session, photos).words == (
            f"photos: {n} images of about 640 x 480, ImageNet start, 160 pixels, 14 epochs, "
            "the time is not known yet"
        )
        run = session.get_one(Run, photos.run_id)
        look = Run(
            dataset_id=run.dataset_id,
            number=next_number(session, dataset_id=run.dataset_id),
            version_id=run.version_id,
            kind=FIRST_LOOK,
            recipe={"name": FIRST_LOOK},
            weights="b",
            seed=0,
            facts={"pace": 200.0},
        )
        session.add(look)
        session.flush()
        told = advise(session, photos, Offer("download"))
        assert told.words.startswith(
            f"photos: {n} images of about 640 x 480, ImageNet start (a download of 83 MB)"
        )
        assert re.search(r"epochs, [\d.]+ (s|min|h) to [\d.]+ (s|min|h)$", told.words)  # known roughly only
        assert told.estimate is not None
        assert (told.estimate.run_ids, told.edited.name) == ((), "photos, edited")


def test_it_says_why_there_are_no_weights(database: Database, photos: Made) -> None:
    with database.read() as session:
        told = advise(session, photos, ABSENT)
        assert "ImageNet start of EfficientNet-Lite0" in told.words
        assert "There are no ImageNet weights of ResNet34 (no internet)" in told.reason
        chosen = advise(session, photos, HERE, "none")
        assert "random start" in chosen.words
        assert "no ImageNet" not in chosen.reason
        assert "start from a file" in advise(session, photos, HERE, "/models/a.pth").words


def test_it_warns_of_too_few_images_and_of_no_hold_out(database: Database, photos: Made) -> None:
    with database.write() as session:
        assert any("fewer than 10 training images each" in each for each in advise(session, photos).warnings)
        assert not any("held out" in each for each in advise(session, photos).warnings)
        session.execute(update(Sample).values(split="train", width=900))
        said = advise(session, photos).warnings
        assert any("No image is held out" in each for each in said)
        assert any("the middle square only" in each for each in said)
