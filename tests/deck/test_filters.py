"""Which samples a filter of the grid shows."""

import unicodedata
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.datasets.models import Sample
from app.db.engine import Database
from app.deck.bulk import decide_many
from app.deck.filters import Filter, look, matching_ids
from app.errors import Invalid
from app.ranking.models import Prediction
from app.review.checks import Answer
from app.review.decisions import decide
from tests.conftest import People
from tests.factories import Made, import_folder, photo


@pytest.fixture
def reviewed(database: Database, made: Made, people: People) -> Made:
    """Ann kept the first card, relabelled the second to owl, is unsure of the third.

    Bob deleted the fourth to sixth at once.
    """
    with database.write() as session:
        for sample, verdict, label in zip(
            made.ranked, ("keep", "relabel", "unsure"), (None, "owl", None), strict=False
        ):
            decide(
                session,
                Answer(sample_id=sample, verdict=verdict, label=label, client_id=str(uuid.uuid4())),
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
            )
        decide_many(
            session,
            dataset_id=made.dataset_id,
            user_id=people.other.id,
            samples=made.ranked[3:6],
            verdict="delete",
            client_id="many",
        )
    return made


def ids(database: Database, made: Made, **which: Any) -> set[int]:
    with database.read() as session:
        grid = look(session, dataset_id=made.dataset_id, which=Filter(**which), limit=100)
        found = {tile.sample_id for tile in grid.tiles}
        assert grid.matching == len(found)
        assert set(matching_ids(session, dataset_id=made.dataset_id, which=Filter(**which))) == found
    return found


def test_the_most_suspicious_come_first_page_by_page(database: Database, made: Made) -> None:
    with database.read() as session:
        pages = [
            look(session, dataset_id=made.dataset_id, which=Filter(), limit=10, offset=start)
            for start in (0, 10, 20)
        ]
    assert [tile.sample_id for page in pages for tile in page.tiles] == list(made.ranked)
    assert {page.matching for page in pages} == {24}


def test_where_networks_disagree_most_comes_first(database: Database, made: Made) -> None:
    torn = {made.ranked[20]: 0.5, made.ranked[3]: 0.2, made.ranked[7]: 0.2}
    with database.write() as session:
        for sample, share in torn.items():
            session.execute(
                update(Prediction).where(Prediction.sample_id == sample).values(disagreement=share)
            )
    with database.read() as session:
        tiles = look(
            session, dataset_id=made.dataset_id, which=Filter(), order="disagreement", limit=100
        ).tiles
    rest = [sample for sample in made.ranked if sample not in torn]
    assert [tile.sample_id for tile in tiles] == [*torn, *rest]


def test_states(database: Database, reviewed: Made) -> None:
    ranked = reviewed.ranked
    assert ids(database, reviewed, state="issues") == set(ranked[:10])
    assert ids(database, reviewed, state="open") == {ranked[2], *ranked[6:10]}
    assert ids(database, reviewed, state="reviewed") == set(ranked[:6])
    assert ids(database, reviewed, state="unreviewed") == set(ranked[6:])
    assert ids(database, reviewed, state="waiting") == {ranked[2]}
    assert ids(database, reviewed, state="bulk") == set(ranked[3:6])


def test_verdicts_and_who_gave_them(database: Database, reviewed: Made) -> None:
    ranked = reviewed.ranked
    assert ids(database, reviewed, verdict="delete") == set(ranked[3:6])
    assert ids(database, reviewed, annotator="ann") == set(ranked[:3])
    assert ids(database, reviewed, annotator="bob", verdict="keep") == set()


def test_a_confusion_cell_goes_by_the_label_as_it_stands(database: Database, reviewed: Made) -> None:
    relabelled = reviewed.ranked[1]
    assert relabelled in ids(database, reviewed, label="owl")
    assert relabelled not in ids(database, reviewed, label="cat")
    assert relabelled in ids(database, reviewed, given="cat")
    assert relabelled in ids(database, reviewed, given="cat", predicted="dog", label="owl")


def test_splits_and_text_in_the_path(database: Database, reviewed: Made) -> None:
    by_path = dict(zip(reviewed.paths, reviewed.sample_ids, strict=True))
    assert ids(database, reviewed, split="valid") == {
        sample for path, sample in by_path.items() if path.startswith("valid/")
    }
    assert ids(database, reviewed, text="CAT/000") == {
        sample for path, sample in by_path.items() if "cat/000" in path
    }
    assert ids(database, reviewed, text="%") == set()  # no wildcard


def test_a_file_size_is_in_kilobytes_of_1000_bytes_and_both_ends_count(
    database: Database, made: Made
) -> None:
    under, least, most, over, *rest = made.sample_ids
    sizes = {under: 4_999, least: 5_000, most: 9_000, over: 9_001} | dict.fromkeys(rest, 20_000)
    with database.write() as session:
        for sample, size in sizes.items():
            session.execute(update(Sample).where(Sample.id == sample).values(bytes=size))
    assert ids(database, made, min_kb=5, max_kb=9) == {least, most}
    assert ids(database, made, max_kb=9) == {under, least, most}
    assert ids(database, made, min_kb=9) == {most, over, *rest}
    assert ids(database, made, min_kb=20, max_kb=20) == set(rest)
    assert ids(database, made, max_kb=0) == set()


def test_a_least_file_size_above_the_largest_is_refused(database: Database, made: Made) -> None:
    with database.read() as session, pytest.raises(Invalid, match="at least 1,200 kB and at most 9 kB"):
        look(session, dataset_id=made.dataset_id, which=Filter(min_kb=1200, max_kb=9), limit=10)


def test_names_are_found_however_they_are_typed(database: Database, tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Größe") for form in ("NFC", "NFD"))
    for i, folder in enumerate((nfd, "Dog  house", "b_a")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"IMG{i}.png").write_bytes(photo((i, i, i)))
    dataset_id = import_folder(database, tmp_path)

    def found(**which: str) -> int:
        with database.read() as session:
            return look(session, dataset_id=dataset_id, which=Filter(**which), limit=9).matching

    for text in (nfc, nfd, nfc.upper(), "GRÖSSE", "größe/img0", "Dog house", "DOG  HOUSE", "b_a/"):
        assert found(text=text) == 1, text
    assert (found(text="o"), found(text="b%a"), found(text="Große")) == (1, 0, 0)
    for name in (nfc, nfd, "GRÖSSE", " größe"):
        assert (found(label=name), found(given=name)) == (1, 1), name


def test_a_class_that_may_be_two_has_to_be_written_exactly(database: Database, tmp_path: Path) -> None:
    for i, folder in enumerate(("AB", "ab", "c")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(photo((i, i, i)))
    dataset_id = import_folder(database, tmp_path)
    with database.read() as session:
        assert look(session, dataset_id=dataset_id, which=Filter(label="ab "), limit=9).matching == 1
        with pytest.raises(Invalid, match="“AB” or “ab”"):
            look(session, dataset_id=dataset_id, which=Filter(label="Ab"), limit=9)


def test_duplicates_with_different_labels(database: Database, reviewed: Made) -> None:
    cat, dog, owl = (
        reviewed.sample_ids[reviewed.paths.index(f"train/{name}.png")]
        for name in ("cat/000", "dog/005", "owl/005")
    )
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id.in_((cat, dog))).values(sha256="a" * 64))
        session.execute(update(Sample).where(Sample.id.in_((dog, owl))).values(lookalikes=dog))
    assert ids(database, reviewed, duplicates=True) == {cat, dog, owl}
    with database.write() as session:  # a deleted one is in nobody's way
        decide_many(
            session,
            dataset_id=reviewed.dataset_id,
            user_id=1,
            samples=(dog,),
            verdict="delete",
            client_id="d",
        )
    assert ids(database, reviewed, duplicates=True) == set()


def test_a_class_that_is_none_is_said(database: Database, made: Made) -> None:
    with database.read() as session, pytest.raises(Invalid, match="cow"):
        look(session, dataset_id=made.dataset_id, which=Filter(predicted="cow"), limit=10)
