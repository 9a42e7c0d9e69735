"""The gold part: drawn once, and how far its blind labels are."""

from datetime import datetime

from fastapi import Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset, ready_dataset
from app.datasets.gold import gold_ids
from app.measuring.best import choose_best, evaluate_on_gold
from app.review.drawing import draw_counted
from app.review.gold import LOOKS, gold_standing, need_gold
from app.web.api.models import Output, RateOut
from app.web.api.routing import api_router
from app.web.deps import Admin, Db, SignedIn
from app.web.strict import StrictBody

router = api_router("gold")


class GoldEvaluationOut(Output):
    """A run on the settled images of the gold part."""

    run_id: int
    settled: int
    deleted: int
    untrained: int  # settled as a class that the run had no training images of: left out of the rates
    unpredicted: int  # settled, but deleted in the version that the run trained on
    error_rate: RateOut | None  # against the blind labels, deleted images left out
    with_deleted: RateOut | None  # deleted images counted as wrong
    given: RateOut | None  # the images of `error_rate` against their given labels
    knew: bool  # the gold part was drawn before the run was asked for


class GoldOut(Output):
    """The gold part of a data set. Counts are of images."""

    size: int
    seed: int
    looks: int
    digest: str  # sha256 over every member's path and content
    drawn_at: datetime
    after_run: int | None  # the newest run there was when it was drawn
    settled: int
    deleted: int  # of the settled ones
    ambiguous: int  # waits for adjudication
    waiting: int  # for a blind look
    for_me: int  # of these, for the asker
    samples: list[int]
    best: GoldEvaluationOut | None  # the best run's figures


class DrawRequest(StrictBody):
    """What to draw."""

    size: int = Field(description="Images of the hold-out, at least 20.")
    seed: int = Field(0, ge=0, lt=2**31)
    expected_corrections: int = Field(
        0,
        ge=0,
        description="How many corrections of hold-out images you expect the draw to revert; where it "
        "would revert back another number, nothing is drawn, and the answer (409) says how many it would.",
    )
    looks: int = Field(LOOKS, description="People who look at one image before an answer holds, 1 to 3.")


@router.get("/datasets/{name}/gold")
def show_gold(name: str, database: Db, user: SignedIn) -> GoldOut:
    """The gold part: which images, how many are settled, and the best run on them."""
    with database.read() as session:
        return _out(session, get_dataset(session, name=name).id, user.id)


@router.post("/datasets/{name}/gold", status_code=201)
def create_gold(name: str, body: DrawRequest, response: Response, database: Db, user: Admin) -> GoldOut:
    """Draw the gold part, once and for all."""
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        draw_counted(
            session,
            dataset_id=dataset.id,
            size=body.size,
            seed=body.seed,
            looks=body.looks,
            user_id=user.id,
            expected=body.expected_corrections,
        )
        response.headers["location"] = f"/api/v1/datasets/{name}/gold"
        return _out(session, dataset.id, user.id)


def _out(session: Session, dataset_id: int, user_id: int) -> GoldOut:
    standing = need_gold(gold_standing(session, dataset_id=dataset_id, user_id=user_id))
    best = choose_best(session, dataset_id=dataset_id)
    found = evaluate_on_gold(session, run_id=best.run.id) if best else None
    return GoldOut(
        size=standing.size,
        seed=standing.seed,
        looks=standing.looks,
        digest=standing.digest,
        drawn_at=standing.drawn_at,
        after_run=standing.after_run,
        settled=standing.settled,
        deleted=standing.deleted,
        ambiguous=standing.ambiguous,
        waiting=standing.waiting,
        for_me=standing.for_me,
        samples=gold_ids(session, dataset_id=dataset_id).tolist(),
        best=GoldEvaluationOut.model_validate(found) if found else None,
    )
