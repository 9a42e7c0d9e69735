"""Images that are like no class, stored by a first look."""

from pathlib import Path

import numpy as np
from sqlalchemy import select

from app.datasets.models import ImageProblem
from app.datasets.problems import KINDS, Found, store_problems
from app.db.engine import Database
from app.jobs.engine import JobContext
from app.jobs.models import Job
from app.settings import Settings
from app.tasks.off_topic import store_off_topic
from tests.factories import Made


def listed(database: Database) -> set[int]:
    with database.read() as session:
        return set(session.scalars(select(ImageProblem.sample_id).where(ImageProblem.kind == "off_topic")))


def test_what_is_like_no_class_replaces_what_was_before_and_what_shows_little_is_not_listed_twice(
    database: Database, made: Made, tmp_path: Path
) -> None:
    ids = np.array(made.sample_ids)
    random = np.random.default_rng(0)
    features = (1 + random.normal(0, 0.05, (len(ids), 32))).astype(np.float32)
    features[[3, 4, 5]] = random.gamma(0.3, 1, (3, 32))
    before = {
        3: Found(3, "dark", 1, 0, 0.5),
        4: Found(4, "odd_shape", 1, 9, 1),
        5: Found(5, "blurry", 1, 1, 5),
        0: Found(0, "off_topic", 1, 0, 1),
    }
    with database.write() as session:
        found = {int(ids[place]): [problem] for place, problem in before.items()}
        store_problems(session, dataset_id=made.dataset_id, found=found, kinds=KINDS)
    store_off_topic(
        JobContext(Job(id="look"), database, Settings(data_dir=tmp_path, _env_file=None)),
        dataset_id=made.dataset_id,
        sample_ids=ids,
        features=features,
        labels=np.zeros(len(ids), np.int64),
        classes=2,
    )
    assert ids[5] in listed(database)
    assert not listed(database) & {int(ids[place]) for place in (0, 3, 4)}
