"""Annotators can read nothing about unsettled images of the gold part, except in the places of a short list.

The test requests every URL that an annotator may read, and searches every row of its statements for the ids,
paths and digests of these images.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import Engine, delete, event, select, text, update

from app.datasets.gold import gold_ids
from app.datasets.models import ImageAppearance, Sample
from app.datasets.problems import KINDS
from app.db.compiled import Prepared
from app.db.engine import Database
from app.deck.filters import ORDERS, STATES
from app.main import create_app
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.gold import draw_gold
from app.review.standing import set_policy
from app.rounds.retraining import freeze_labels
from app.settings import Settings
from app.web.pages.measuring.compare import CHANGES
from app.web.pages.training.run_files import TABLES
from tests.conftest import People
from tests.factories import Made, import_folder, make_dataset, make_run, write_images
from tests.ranking.test_maps import draw
from tests.web.addresses import Address, addresses

ROOT = Path(__file__).resolve().parents[2]
FIRST_ID = 7_000_000  # so that the id of a sample is like no other number
CLAIMS = "/api/v1/datasets/faces/worklist/claims"
READS_GOLD = {  # who reads images of the gold part, and why that is right
    "app/datasets/catalog.py:ends": "the least and the greatest id, between which a query looks",
    "app/datasets/gold.py:gold_ids": "ids alone: REST lists the part, the duplicates leave it out",
    "app/datasets/versions.py:last_member": "the greatest id, up to which a version counts",
    "app/export/rows.py:_ids_by_path": "an export is a whole version (decision 0011)",
    "app/export/rows.py:_read": "an export is a whole version (decision 0011)",
    "app/measuring/comparison.py:changed_samples": "lists of runs are not hidden (decision 0011)",
    "app/measuring/hold_out.py:ask": "arrays that error rates are counted on",
    "app/ranking/rankings.py:confused": "lists of runs are not hidden (decision 0011)",
    "app/ranking/rankings.py:every_prediction": "a run's file of predictions is a list too (decision 0011)",
    "app/review/recent.py:recent": "the annotator's own answers; the strip shows no path and no given label",
    "app/rounds/movement.py:_issues": "ids that are counted",
}
QUERIES = {
    "order": sorted(ORDERS),
    "state": sorted(STATES),
    "split": ["valid"],
    "duplicates": ["true"],
    "problem": sorted(KINDS),
    "kind": sorted(KINDS),
    "text": ["valid"],
    "within": ["1_0.0_10000.0_10000.10000_0.10000"],
    "given": ["cat"],
    "label": ["cat"],
    "predicted": ["dog"],
    "annotator": ["ann"],
    "change": sorted(CHANGES),
    "limit": ["1000"],
}
BY_RANK = ("/api/v1/datasets/{name}/samples",)  # whose only other order is that of the ids
NO_SAMPLES = (
    *("{photo_id}", "/jobs", "/readyz", "/server"),  # photos from outside, jobs, workers, disk
    *("/help/docs", "/login/openid"),  # files of the documentation; to a provider, where one is set
)


def asker(frame: FrameType | None) -> str:
    """The function of the domain that runs a statement, as module:function."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "app") and not path.is_relative_to(ROOT / "app/db"):
            return f"{path.relative_to(ROOT).as_posix()}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "nobody"


class Watch:
    """Looks through the rows of all statements while it is on."""

    def __init__(self, marks: set[object]) -> None:
        self.marks = marks  # ids, paths and digests of the images to be hidden
        self.statements = 0
        self.found: Counter[str] = Counter()  # rows with a mark, by who asked for them

    def look(self, rows: list[Any]) -> None:
        self.statements += 1
        hits = sum(any(isinstance(each, int | str) and each in self.marks for each in row) for row in rows)
        if hits:
            self.found[asker(sys._getframe(2))] += hits

    @contextmanager
    def on(self) -> Iterator[None]:
        """SQLAlchemy's statements are run once more for their rows; prepared ones bypass it."""
        prepared = Prepared.rows

        def ran(connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
            if statement.lstrip().upper().startswith(("SELECT", "WITH")):
                again = connection.connection.cursor()
                again.execute(statement, given)
                self.look(again.fetchall())
                again.close()

        def rows(this: Prepared, session: Any, **values: Any) -> list[Any]:
            result = prepared(this, session, **values)
            self.look(result)
            return result

        event.listen(Engine, "after_cursor_execute", ran)
        try:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(Prepared, "rows", rows)
                yield
        finally:
            event.remove(Engine, "after_cursor_execute", ran)


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """84 images, 21 of them in the hold-out."""
    import_folder(database, write_images(tmp_path / "first", per_class=1), name="first")
    with database.write() as session:
        session.execute(delete(ImageAppearance))  # which would have to change with the ids
        session.execute(update(Sample).values(id=Sample.id + FIRST_ID))
        if database.url.get_backend_name() == "postgresql":
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('sample', 'id'), {FIRST_ID + 100})"))
    return make_dataset(database, tmp_path / "images", per_class=21, wrong=84)


@pytest.fixture
def watch(database: Database, made: Made, people: People) -> Watch:
    """A gold part with one answer to one image and a disagreement about another; other reviewed images."""
    annotators = (people.annotator.id, people.other.id)
    draw(database, made)
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(2, "all", 1, "anyone"))
        draw_gold(session, dataset_id=made.dataset_id, size=20)
        gold = [int(sample) for sample in gold_ids(session, dataset_id=made.dataset_id)]
        ordinary = [sample for sample in made.ranked if sample not in gold]
        answers = [(annotators[0], sample, "cat") for sample in [*ordinary[:4], gold[1]]]
        answers += [(annotators[0], sample, None) for sample in ordinary[4:8]]
        answers += [(annotators[1], gold[0], "cat"), (annotators[1], gold[1], "dog")]
        for user, sample, label in answers:
            answer = Answer(
                sample_id=sample,
                verdict="relabel" if label else "delete",
                label=label,
                client_id=f"{sample}",
            )
            decide(session, answer, dataset_id=made.dataset_id, user_id=user)
        alike = Sample.id.in_([gold[0], *ordinary[:2]])
        session.execute(update(Sample).where(alike).values(lookalikes=ordinary[0]))
        columns = select(Sample.id, Sample.path, Sample.sha256)
        rows = session.execute(columns.where(Sample.id.in_(gold))).all()
    assert min(gold) > FIRST_ID
    return Watch({value for row in rows for value in row})


def requests(address: Address, made: Made, old: int, new: int) -> Iterator[tuple[str, dict[str, object]]]:
    """The requests of an annotator to a URL: each parameter alone, one sample outside the gold part."""
    known = {"class_name": "cat", "name": "faces", "run_id": new, "sample_id": made.ranked[0], "number": 1}
    of_versions = "/versions" in address.path
    pair = (("old", 0), ("new", 0)) if of_versions else (("old", old), ("new", new))
    runs = {name: number for name, number in pair if name in address.query}
    for what in TABLES if "{what}" in address.path else ("",):
        yield address.at(**known, what=what), runs
    for name in address.query & QUERIES.keys():
        values = QUERIES[name]
        if name == "order" and address.path in BY_RANK:
            values = ["rank"]
        elif name == "kind" and of_versions:
            values = ["changed"]
        for value in values:
            yield address.at(**known), runs | {name: value}


def test_no_statement_finds_an_open_image_of_the_gold_part_but_those_with_a_reason(
    database: Database,
    made: Made,
    watch: Watch,
    settings: Settings,
    api: dict[str, TestClient],
    browser_of: dict[str, TestClient],
) -> None:
    with database.write() as session:
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
        gold = gold_ids(session, dataset_id=made.dataset_id)
    said = {int(sample): 0 for sample in gold[::2]}  # other than the run before, and mostly right
    new = make_run(database, made.dataset_id, version.id, wrong=84, parent_id=made.run_id, says=said)
    answers: dict[str, Response] = {}
    with watch.on():
        for order in sorted(ORDERS.keys() - {"gold"}):
            for filters in ({}, {"split": "valid"}, {"state": "unreviewed"}):
                body = {"count": 100, "queue": {"order": order} | filters}
                answers[f"claims {body}"] = api["ann"].post(CLAIMS, json=body)
        for address in addresses(create_app(settings, database)):
            if address.method != "GET" or any(part in address.path for part in NO_SAMPLES):
                continue
            client = (api if address.path.startswith("/api/") else browser_of)["ann"]
            for path, query in requests(address, made, made.run_id, new):
                answers[f"{path} {query}"] = client.get(path, params=query)
    refused = {
        what: each.status_code
        for what, each in answers.items()
        if each.status_code not in (200, 303, 308, 403)
    }
    assert refused == {}  # 303 and 308: leads to a page; 403: for admins
    assert len(answers) > 120
    assert watch.statements > 1000
    assert set(watch.found) == set(READS_GOLD)


def test_the_watch_sees_the_cards_of_the_gold_part(watch: Watch, api: dict[str, TestClient]) -> None:
    with watch.on():
        body = {"count": 5, "queue": {"order": "gold"}}
        cards = api["ann"].post(CLAIMS, json=body).json()["items"]
    assert len(cards) == 5
    assert watch.found["app/deck/worklist.py:_find_card"] == 5
