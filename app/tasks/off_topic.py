"""The part of a first look that finds images which are like no class."""

import numpy as np

from app.datasets.problems import Kind, samples_with, store_problems
from app.jobs.engine import JobContext
from app.ranking.off_topic import find_off_topic
from app.ranking.scoring import Floats, Ints

SHOW_LITTLE: tuple[Kind, ...] = ("dark", "bright", "blank", "odd_shape")


def store_off_topic(
    context: JobContext, *, dataset_id: int, sample_ids: Ints, features: Floats, labels: Ints, classes: int
) -> None:
    """Find them and store them in place of those of an earlier first look; arrays as in `find_off_topic`.

    Images that show too little, such as black ones or strips, are like no class either, but listed already.
    """
    with context.database.read() as session:
        shows_little = samples_with(session, dataset_id=dataset_id, kinds=SHOW_LITTLE)
    rows = np.flatnonzero(~np.isin(sample_ids, list(shows_little)))
    found = find_off_topic(features[rows], labels[rows], classes)
    with context.database.write() as session:
        store_problems(
            session,
            dataset_id=dataset_id,
            found={int(sample_ids[rows[each.place]]): [each] for each in found},
            kinds=("off_topic",),
        )
