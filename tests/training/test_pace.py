"""How long a training takes, from what earlier ones took."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.engine import Database
from app.db.types import now
from app.jobs.models import Job
from app.jobs.requests import beat
from app.ml.recipes import LITE, RECIPES
from app.training.ending import cancel_run, record_epoch, start_run
from app.training.models import Epoch, Run
from app.training.pace import Measured, epoch_sizes, estimate, expect, network_shares, seconds_left
from app.training.progress import run_progress
from app.training.recipes import edit
from app.training.requesting import resume_run, train_anew
from tests.factories import Made, make_run

DEFAULT, QUICK = RECIPES["default"], RECIPES["quick"]


def test_epochs_with_fewer_pixels_are_those_of_a_start_from_nothing():
    assert epoch_sizes(DEFAULT, start="none") == [32] * 8 + [48] * 10
    assert epoch_sizes(DEFAULT, start="imagenet") == [48] * 18
    assert epoch_sizes(DEFAULT, start="parent") == [48] * 3


def test_without_an_earlier_run_nothing_is_promised(database: Database):
    assert estimate(DEFAULT, start="none", images=1000, measured=[]) is None
    with database.read() as session:
        assert expect(session, recipe=DEFAULT, start="none", images=1000, samples=1200) is None


@given(st.floats(1e-9, 1e-3), st.integers(1, 10**5), st.integers(2, 5))
def test_the_pace_of_earlier_epochs_is_taken_on(pace, images, folds):
    recipe = replace(QUICK, folds=folds)
    found = estimate(recipe, start="none", images=images, measured=[Measured(1, 64, pace)], rest=5.0)
    assert found.seconds == pytest.approx(3 * images * 64**2 * pace * (1 + folds - 1) + 5)
    assert found.pace == pytest.approx(64**2 * pace)


def test_a_training_goes_by_the_pace_of_its_own_network_where_that_was_measured():
    lite = replace(QUICK, network=LITE)
    both = [Measured(1, 64, 1e-6), Measured(2, 64, 3e-6, LITE)]
    one, other = (estimate(recipe, start="none", images=1000, measured=both) for recipe in (QUICK, lite))
    assert other.seconds == pytest.approx(3 * one.seconds)
    assert other.run_ids == (2,)
    unsure = estimate(lite, start="none", images=1000, measured=both[:1])
    assert unsure.low < one.low
    assert unsure.high > one.high


def test_an_epoch_goes_by_its_own_image_size_where_that_was_measured():
    measured = [Measured(1, 48, 2e-6), Measured(2, 64, 1e-6), Measured(2, 64, 3e-6), Measured(2, 64, 1e-6)]
    found = estimate(QUICK, start="none", images=10, measured=measured)
    assert (found.seconds, found.run_ids) == (pytest.approx(3 * 10 * 64**2 * 1e-6), (2,))
    other = estimate(replace(QUICK, image_size=96), start="none", images=10, measured=measured)
    assert (other.seconds, other.run_ids) == (pytest.approx(3 * 10 * 96**2 * 1.5e-6), (1, 2))


def test_a_run_that_has_ended_here_tells_how_long_the_next_one_takes(database: Database, made: Made) -> None:
    make_run(database, made.dataset_id, made.version_id, wrong=3, seed=7)
    with database.read() as session:
        found = expect(session, recipe=QUICK, start="parent", images=18, samples=24)
        twice = expect(session, recipe=QUICK, start="parent", images=36, samples=24)
    assert found.seconds == pytest.approx(
        2 * 2.0
    )  # two epochs; those there took two seconds each, on as many images
    assert twice.seconds == pytest.approx(2 * found.seconds)


@given(st.integers(0, 5), st.floats(0, 1))
def test_what_is_left_is_what_the_finished_epochs_say(folds, fraction):
    recipe = replace(DEFAULT, folds=folds)
    sizes, shares = epoch_sizes(recipe, start="none"), network_shares(recipe)
    whole = sum(shares.values()) * sum(size**2 for size in sizes)
    done = [(-1, epoch, 0.001 * sizes[epoch] ** 2) for epoch in range(3)]
    left = min(
        (1 - fraction) * whole, whole - 3 * 32**2
    )  # what is finished is not left, whatever was reported last
    assert seconds_left(recipe, start="none", done=done, fraction=fraction) == pytest.approx(0.001 * left)
    assert seconds_left(recipe, start="none", done=[], fraction=fraction) is None


def test_a_run_that_waits_says_how_long_it_will_take(database: Database, made: Made) -> None:
    with database.write() as session:
        run = train_anew(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            weights="none",
            recipe="quick",
            seed=3,
        )
        assert run_progress(session, run_id=run.id).seconds_left == pytest.approx(3 * 2.0)
        record_epoch(
            session,
            Epoch(
                run_id=run.id, fold=-1, epoch=0, train_loss=1.0, valid_loss=1.0, error_rate=0.5, seconds=10.0
            ),
        )
        assert run_progress(session, run_id=run.id).seconds_left == pytest.approx(
            2 * 10.0
        )  # its own epochs know better
        cancel_run(session, run_id=run.id)
        assert run_progress(session, run_id=run.id).seconds_left is None
        assert resume_run(session, run_id=run.id, user_id=None).state == "queued"
        assert run_progress(session, run_id=run.id).seconds_left == pytest.approx(2 * 10.0)


def test_more_epochs_take_longer():
    longer = edit(QUICK, {"epochs": 6}, start="none", class_names=())
    measured = [Measured(1, 64, 1e-6)]
    took = [
        estimate(recipe, start="none", images=100, measured=measured).seconds for recipe in (QUICK, longer)
    ]
    assert took[1] == pytest.approx(2 * took[0])


def test_the_range_holds_what_was_measured_and_is_wider_where_less_was():
    even = [
        Measured(run, 64, pace) for run, pace in ((1, 1e-6), (1, 2e-6), (2, 1e-6), (2, 5e-6), (2, 1.5e-6))
    ]
    found = estimate(QUICK, start="none", images=100, measured=even)
    one = 3 * 100 * 64**2
    assert (found.low, found.high) == (pytest.approx(one * 1e-6), pytest.approx(one * 5e-6))
    alone = estimate(QUICK, start="none", images=100, measured=even[:1])
    assert (alone.low, alone.high) == (pytest.approx(one * 1e-6), pytest.approx(one * 1.5e-6))
    other = estimate(replace(QUICK, image_size=32), start="none", images=100, measured=even)
    assert other.high / other.low > found.high / found.low


def test_what_another_machine_took_promises_nothing_here(database: Database, made: Made) -> None:
    with database.write() as session:
        run = session.get_one(Run, made.run_id)
        run.facts = run.facts | {"worker": "fast"}
        beat(session, worker_id="slow", started_at=now())
    with database.read() as session:
        assert expect(session, recipe=QUICK, start="none", images=18, samples=24) is None
    with database.write() as session:
        beat(session, worker_id="fast", started_at=now())
    with database.read() as session:
        assert expect(session, recipe=QUICK, start="none", images=18, samples=24) is not None


def test_in_its_first_batches_a_run_goes_by_what_earlier_runs_took(database: Database, made: Made) -> None:
    with database.write() as session:
        run = train_anew(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            weights="none",
            recipe="quick",
            seed=5,
        )
        start_run(session, run_id=run.id)
        job = session.get_one(Job, run.job_id)
        job.state, job.started_at, job.stage = "running", now() - timedelta(seconds=100), "Training, batch 1"
        job.done, job.total = 1, 1000  # too little to go by: it would be 99,900 seconds
        session.flush()
        assert run_progress(session, run_id=run.id).seconds_left == pytest.approx(6.0 * 0.999)


def test_a_run_corrects_what_was_promised_before_its_first_epoch_ends(database: Database, made: Made) -> None:
    with database.write() as session:
        run = train_anew(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            weights="none",
            recipe="quick",
            seed=4,
        )
        promised = run_progress(session, run_id=run.id).seconds_left
        start_run(session, run_id=run.id)
        job = session.get_one(Job, run.job_id)
        job.state, job.started_at, job.stage = "running", now() - timedelta(seconds=100), "Training, batch 1"
        job.done, job.total = 10, 100
        session.flush()
        left = run_progress(session, run_id=run.id).seconds_left
    assert promised == pytest.approx(6.0)
    assert left == pytest.approx(900, rel=0.1)
