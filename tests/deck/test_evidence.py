"""What speaks for or against the label of a sample: its copies and the samples nearest to it."""

import uuid
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from app.datasets.models import Sample
from app.db.engine import Database
from app.deck.bulk import decide_many
from app.deck.evidence import Evidence, gather_evidence
from app.errors import NotFound
from app.ranking.embeddings import write_embedding
from app.review.checks import Answer
from app.review.decisions import decide
from app.training.models import Run
from tests.conftest import People
from tests.factories import Made, make_run


@pytest.fixture
def runs(made: Made, tmp_path: Path) -> Path:
    """The folder of the runs: samples lie by their class, the first of each beside the next class."""
    folder = tmp_path / "runs" / str(made.run_id)
    folder.mkdir(parents=True)
    place = [("cat", "dog", "owl").index(Path(path).parent.name) for path in made.paths]
    angle = np.array(place) + np.linspace(0, 0.1, len(made.paths))
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float16)
    write_embedding(folder, sample_ids=np.array(made.sample_ids), vectors=vectors)
    return folder.parent


def evidence(database: Database, made: Made, sample: int, runs: Path) -> Evidence:
    with database.read() as session:
        return gather_evidence(session, dataset_id=made.dataset_id, sample_id=sample, runs_dir=runs)


def test_the_nearest_samples_come_with_their_labels_the_nearest_first(
    database: Database, made: Made, runs: Path
) -> None:
    found = evidence(database, made, made.sample_ids[0], runs)
    assert len(found.nearest) == 10
    assert {each.given_label for each in found.nearest[:7]} == {"cat"}
    similar = [each.similarity or 0 for each in found.nearest]
    assert similar == sorted(similar, reverse=True)
    assert made.sample_ids[0] not in [each.sample_id for each in found.nearest]
    assert any("10 nearest images are labelled cat too" in each for each in found.reasons)


def test_verified_neighbours_speak_only_where_somebody_looked_at_them_alone(
    database: Database, made: Made, people: People, runs: Path
) -> None:
    first, rest = made.sample_ids[0], made.sample_ids[1:]
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    with database.write() as session:
        decide_many(session, **me, samples=rest, verdict="relabel", label="owl", client_id="many")
    assert evidence(database, made, first, runs).verified == ()
    with database.write() as session:
        for sample in rest:
            answer = Answer(sample_id=sample, verdict="relabel", label="owl", client_id=str(uuid.uuid4()))
            decide(session, answer, **me)
    found = evidence(database, made, first, runs)
    assert [(each.label, each.by, each.in_bulk) for each in found.verified] == [("owl", "ann", False)] * 5
    assert "5 of the 5 nearest verified images have another label: 5 owl." in found.reasons


def test_copies_with_another_label_come_first_and_are_no_neighbours(
    database: Database, made: Made, runs: Path
) -> None:
    paths = ("train/cat/000.png", "train/cat/001.png", "train/dog/000.png")
    cat, same, dog = (made.sample_ids[made.paths.index(path)] for path in paths)
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id.in_((cat, dog))).values(sha256="a" * 64))
        session.execute(update(Sample).where(Sample.id.in_((cat, same))).values(lookalikes=cat))
    found = evidence(database, made, cat, runs)
    assert [(each.sample_id, each.identical) for each in found.copies] == [(dog, True), (same, False)]
    assert not {dog, same} & {each.sample_id for each in found.nearest}
    assert "An identical image is labelled dog." in found.reasons


def test_without_an_embedding_there_are_no_neighbours_and_a_foreign_sample_is_not_found(
    database: Database, made: Made, tmp_path: Path
) -> None:
    assert evidence(database, made, made.ranked[0], tmp_path).nearest == ()
    with pytest.raises(NotFound):
        evidence(database, made, 10**6, tmp_path)


def test_the_neighbours_are_those_of_the_model_that_the_review_goes_by(
    database: Database, made: Made, runs: Path
) -> None:
    sample = made.sample_ids[0]
    before = evidence(database, made, sample, runs).nearest
    weak = make_run(database, made.dataset_id, made.version_id, wrong=3)
    folder = runs / str(weak)
    folder.mkdir()
    angle = np.linspace(0, 1, len(made.sample_ids))[::-1]  # other neighbours
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float16)
    write_embedding(folder, sample_ids=np.array(made.sample_ids), vectors=vectors)
    assert evidence(database, made, sample, runs).nearest != before
    with database.write() as session:
        session.get_one(Run, weak).is_behind = True
    assert evidence(database, made, sample, runs).nearest == before
