"""What the tests of the review look at."""

import re

from playwright.sync_api import Page, expect
from sqlalchemy import insert, select

from app.db.engine import Database
from app.ranking.models import Prediction, StagedPrediction
from app.review.issues import publish
from app.review.models import SampleReview
from tests.factories import Made

POSTS = re.compile(r"/review/(decisions|undo|claims)$")


def card(page: Page):
    return page.locator(".card:not([hidden])")


def ready(page: Page, address: re.Pattern[str] | None = None) -> None:
    """Wait for the page at the address and for its scripts: a key that is pressed before them reaches nobody.

    A new page shows its words before its scripts have run, so words are no sign of them.
    """
    if address:
        expect(page).to_have_url(address)
    expect(page.locator("html.scripting")).to_have_count(1)


def shown(page: Page) -> int:
    return int(card(page).get_attribute("data-sample") or 0)


def expect_shown(page: Page, sample_id: int) -> None:
    expect(card(page)).to_have_attribute("data-sample", str(sample_id))


def states(live: tuple[Database, Made]) -> dict[int, tuple[str, int | None]]:
    database, made = live
    with database.read() as session:
        rows = session.scalars(select(SampleReview).where(SampleReview.dataset_id == made.dataset_id))
        return {row.sample_id: (row.verdict, row.label) for row in rows}


def rerank(database: Database, made: Made, *, gone: list[int]) -> None:
    """The run's ranking turned around, as of one epoch later, without the issues of some samples."""
    with database.write() as session:
        columns = [column.name for column in Prediction.__table__.columns]
        rows = [
            {name: getattr(row, name) for name in columns}
            for row in session.scalars(select(Prediction))
            if row.run_id == made.run_id
        ]
        for row in rows:
            row["rank"] = len(rows) + 1 - row["rank"]
            if row["sample_id"] in gone:
                row["predicted_label"] = row["label"]
        session.execute(insert(StagedPrediction), rows)
        publish(session, run_id=made.run_id, epochs=2)


def settle(page: Page) -> None:
    """Wait until every answer has reached the server."""
    expect(page.locator("body")).to_have_attribute("data-unsaved", "0")
