"""Dataset versions: frozen labels, the same labels being the same version."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, LabelClass, Sample, VersionLabel
from app.datasets.versions import (
    FrozenLabel,
    digest_of,
    freeze,
    get_version,
    labels_of,
    latest_version,
    list_versions,
)
from app.db.engine import Database
from app.errors import Invalid, NotFound

WHEN = datetime(2024, 5, 1, 12, tzinfo=UTC)


def decided(label: int | None, verdict: str = "relabel") -> FrozenLabel:
    return FrozenLabel(label, verdict, 1, "ann", WHEN)


def add_dataset(session: Session, *, samples: int, name: str = "pets") -> int:
    dataset = Dataset(name=name, source="/pets", state="ready")
    session.add(dataset)
    session.flush()
    session.add_all(
        [
            LabelClass(dataset_id=dataset.id, position=i, name=label)
            for i, label in enumerate(("cat", "dog", "owl"))
        ]
    )
    session.flush()
    session.execute(
        insert(Sample),
        [
            {
                "dataset_id": dataset.id,
                "path": f"{i % 3}/{i:06}.png",
                "sha256": f"{i:064x}",
                "bytes": 1,
                "width": 1,
                "height": 1,
                "mode": "L",
                "format": "PNG",
                "split": "valid" if i % 5 == 0 else "train",
                "given_label": i % 3,
            }
            for i in range(samples)
        ],
    )
    return dataset.id


@pytest.fixture
def pets(database: Database) -> int:
    with database.write() as session:
        return add_dataset(session, samples=9)


def ids(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Sample.id).order_by(Sample.id)))


def test_the_first_version_is_number_0_and_holds_the_given_labels(database: Database, pets: int) -> None:
    with database.write() as session:
        version, new = freeze(session, dataset_id=pets, reviewed={})
        frozen = labels_of(session, version_id=version.id)
    assert (new, version.number, version.samples, version.relabelled, version.deleted) == (True, 0, 9, 0, 0)
    assert frozen.labels.dtype == frozen.sample_ids.dtype == np.int64
    assert frozen.labels.tolist() == [0, 1, 2] * 3
    assert frozen.sample_ids.tolist() == ids(database)
    assert frozen.splits[:2] == ["valid", "train"]
    assert frozen.sha256[1] == f"{1:064x}"


def test_decisions_make_a_new_version_without_its_deleted_samples(database: Database, pets: int) -> None:
    first, second, third, *rest = ids(database)
    reviewed = {first: decided(2), second: decided(None, "delete"), third: decided(2, "keep")}
    with database.write() as session:
        freeze(session, dataset_id=pets, reviewed={})
        version, new = freeze(session, dataset_id=pets, reviewed=reviewed)
        frozen = labels_of(session, version_id=version.id)
        stored = session.get_one(VersionLabel, (version.id, third))
        original = labels_of(session, version_id=get_version(session, dataset_id=pets, number=0).id)
    assert (new, version.number, version.samples, version.relabelled, version.deleted) == (True, 1, 8, 1, 1)
    assert frozen.sample_ids.tolist() == [first, third, *rest]
    assert frozen.labels.tolist()[:2] == [2, 2]
    assert (stored.verdict, stored.reviewers, stored.reviews, stored.decided_at) == ("keep", "ann", 1, WHEN)
    assert original.labels.tolist() == [0, 1, 2] * 3


def test_unchanged_labels_are_the_same_version_also_an_old_one(database: Database, pets: int) -> None:
    first, second, *_ = ids(database)
    with database.write() as session:
        zero, _ = freeze(session, dataset_id=pets, reviewed={})
        one, _ = freeze(session, dataset_id=pets, reviewed={first: decided(1)})
        again, new = freeze(
            session, dataset_id=pets, reviewed={first: decided(1), second: decided(1, "keep")}
        )
        undone, new_again = freeze(session, dataset_id=pets, reviewed={})
    assert (again.id, new, undone.id, new_again) == (one.id, False, zero.id, False)


def test_the_same_labels_of_two_data_sets_are_two_versions_with_one_digest(
    database: Database, pets: int
) -> None:
    with database.write() as session:
        other = add_dataset(session, samples=9, name="other")
        one, _ = freeze(session, dataset_id=pets, reviewed={})
        two, new = freeze(session, dataset_id=other, reviewed={})
    assert new
    assert one.id != two.id
    assert one.digest == two.digest


def test_samples_that_come_later_change_no_version(database: Database, pets: int) -> None:
    with database.write() as session:
        freeze(session, dataset_id=pets, reviewed={})
        one, _ = freeze(session, dataset_id=pets, reviewed={ids(database)[0]: decided(None, "delete")})
        late = Sample(
            dataset_id=pets,
            path="0/0.png",
            sha256="f" * 64,
            bytes=1,
            width=1,
            height=1,
            mode="L",
            format="PNG",
            split="train",
            given_label=0,
        )
        session.add(late)
        session.flush()
        two, new = freeze(session, dataset_id=pets, reviewed={})
        sizes = [
            len(labels_of(session, version_id=version.id).paths)
            for version in list_versions(session, dataset_id=pets)
        ]
    assert (one.number, two.number, new) == (1, 2, True)
    assert sizes == [9, 8, 10]


def test_strange_samples_and_classes_are_refused(database: Database, pets: int) -> None:
    with database.write() as session:
        with pytest.raises(Invalid, match="not in this data set"):
            freeze(session, dataset_id=pets, reviewed={10**6: decided(0)})
        with pytest.raises(Invalid, match="no class at position 7"):
            freeze(session, dataset_id=pets, reviewed={ids(database)[0]: decided(7)})
        with pytest.raises(NotFound):
            freeze(session, dataset_id=10**6, reviewed={})


def test_versions_that_are_not_there_are_not_found(database: Database, pets: int) -> None:
    with database.write() as session:
        with pytest.raises(NotFound, match="import has to finish"):
            latest_version(session, dataset_id=pets)
        version, _ = freeze(session, dataset_id=pets, reviewed={})
        assert latest_version(session, dataset_id=pets).id == version.id
        with pytest.raises(NotFound, match="no version 3"):
            get_version(session, dataset_id=pets, number=3)
        with pytest.raises(NotFound):
            labels_of(session, version_id=10**6)


text = st.text(max_size=5)
rows = st.dictionaries(text, st.tuples(text, text, st.none() | text), max_size=6).map(
    lambda found: [(path, sha256, split, label) for path, (sha256, split, label) in found.items()]
)


@given(rows.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_a_digest_does_not_know_the_order(
    two: tuple[list[tuple[str, str, str, str | None]], list[tuple[str, str, str, str | None]]],
) -> None:
    assert digest_of(two[0]) == digest_of(two[1])


@given(rows, rows)
def test_a_digest_changes_with_any_change(
    one: list[tuple[str, str, str, str | None]], other: list[tuple[str, str, str, str | None]]
) -> None:
    assert (digest_of(one) == digest_of(other)) == (sorted(one, key=str) == sorted(other, key=str))


@given(rows.filter(bool), st.data())
def test_a_digest_changes_with_every_single_field(
    found: list[tuple[str, str, str, str | None]], data: st.DataObject
) -> None:
    row, field = data.draw(st.integers(0, len(found) - 1)), data.draw(st.integers(0, 3))
    changed = list(found)
    values = list(found[row])
    values[field] = f"{values[field] or ''}!" + "!" * 6  # longer than any other: no path twice
    changed[row] = (str(values[0]), str(values[1]), str(values[2]), values[3])
    assert digest_of(changed) != digest_of(found)
    assert digest_of(found[:row] + found[row + 1 :]) != digest_of(found)


def test_a_deletion_is_no_class_of_that_name() -> None:
    assert digest_of([("p", "s", "train", None)]) != digest_of([("p", "s", "train", "null")])
    assert digest_of([("p", "s", "train", None)]) != digest_of([("p", "s", "train", "")])


def test_versions_frozen_at_once_get_a_number_each(database: Database, pets: int) -> None:
    sample_ids = ids(database)

    def freeze_one(position: int) -> int:
        with database.write() as session:
            return freeze(session, dataset_id=pets, reviewed={sample_ids[position]: decided(None, "delete")})[
                0
            ].number

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(freeze_one, range(6))) == list(range(6))
