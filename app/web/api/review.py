"""Claiming cards, deciding and undoing."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, get_dataset, get_sample, ready_dataset
from app.deck.bulk import decide_many, undo_many
from app.deck.history import LoggedDecision, decisions_of
from app.deck.worklist import claim, get_card
from app.errors import Invalid
from app.review.checks import Answer
from app.review.decisions import RecordedDecision, decide
from app.review.undoing import undo
from app.web.api.cards import CardOut, card_out
from app.web.api.models import Listing, Output, Problem
from app.web.api.routing import Cursor, Limit, api_router, following, position
from app.web.deps import Config, Db, SignedIn
from app.web.filters import OrderedBody, WhereBody
from app.web.strict import StrictBody

router = api_router("review")


class ClaimOut(Output):
    """Cards held for the asker until `lease_until`."""

    run: int | None
    lease_until: datetime | None
    items: list[CardOut]


class DecisionOut(Output):
    """A recorded decision."""

    id: int
    sample: int
    verdict: str
    label: str | None
    client_id: str
    created_at: datetime


class LoggedOut(Output):
    """A line of the log: a decision, or the undo of one. Lines are only added."""

    id: int
    sample: int
    path: str
    annotator: str
    verdict: str  # keep, relabel, delete, unsure; undo
    label: str | None  # that a relabel moves to
    undoes: int | None  # of an undo: the decision that it undid
    undone_by: int | None
    bulk: int | None  # the verdict for many samples that it is one of
    origin: str  # deck, audit, gold, sample, grid, duplicates, adjudication, api, file and so on
    blind: bool  # given without seeing label, prediction or other answers
    run: int | None  # whose ranking showed the sample, at this rank
    rank: int | None
    milliseconds: int | None  # from shown to decided
    client_id: str
    created_at: datetime


class UndoOut(Output):
    """An undone decision, and the sample as it stands now."""

    id: int
    sample: int
    undone: bool
    verdict: str | None
    label: str | None


class BulkOut(Output):
    """A verdict for many samples at once, or the undo of one."""

    id: int
    verdict: str
    label: str | None
    samples: int
    left_alone: int


class ClaimRequest(StrictBody):
    """How many cards to hold."""

    count: int = Field(10, ge=1, le=100)
    queue: OrderedBody = Field(
        default_factory=OrderedBody, description="Which cards, and in which order; left out: the ranking's."
    )


class DecisionRequest(StrictBody):
    """One decision."""

    sample: int
    verdict: str = Field(description="keep, relabel, delete or unsure")
    label: str | None = Field(None, description="The class that a relabel moves to.")
    client_id: str = Field(
        min_length=1,
        max_length=64,
        description="Your own id of this decision; sent again, it is recorded once.",
    )
    run: int | None = Field(None, description="The run whose ranking showed the sample.")
    milliseconds: int | None = Field(None, ge=0, description="From shown to decided.")


class BulkRequest(StrictBody):
    """One verdict for many samples: for those named, or for all that match."""

    samples: list[int] | None = Field(
        None, max_length=1_000_000, description="These samples; either this or `where`."
    )
    where: WhereBody | None = Field(None, description="All that match; `{}` is every sample.")
    expected: int = Field(
        ge=0,
        description="How many samples are named or match, as you saw it (`matching` of the list of samples); "
        "where another number does now, nothing is changed and the answer is 409.",
    )
    verdict: str = Field(description="keep, relabel, accept (relabel each to its prediction) or delete")
    label: str | None = Field(None, description="The class that a relabel moves to.")
    client_id: str = Field(
        min_length=1, max_length=64, description="Your own id of this action; sent again, it is done once."
    )


@router.post("/datasets/{name}/worklist/claims")
def create_claims(
    name: str, database: Db, settings: Config, user: SignedIn, body: ClaimRequest | None = None
) -> ClaimOut:
    """Claim the next cards of the worklist: first those that you hold already, then free ones."""
    asked = body or ClaimRequest()
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        held = claim(
            session,
            dataset_id=dataset.id,
            user_id=user.id,
            count=asked.count,
            lease=timedelta(minutes=settings.lease_minutes),
            queue=asked.queue.queue,
        )
    return ClaimOut(
        run=held.run_id, lease_until=held.lease_until, items=[card_out(card) for card in held.cards]
    )


@router.post(
    "/datasets/{name}/decisions",
    status_code=201,
    responses={200: {"model": DecisionOut, "description": "Recorded before"}},
)
def create_decision(
    name: str, body: DecisionRequest, response: Response, database: Db, user: SignedIn
) -> DecisionOut:
    """Record a decision; 200 instead of 201 when this client id was recorded before."""
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        decision, is_new = decide(
            session,
            Answer(
                sample_id=body.sample,
                verdict=body.verdict,
                label=body.label,
                client_id=body.client_id,
                run_id=body.run,
                milliseconds=body.milliseconds,
            ),
            dataset_id=dataset.id,
            user_id=user.id,
        )
        response.status_code = 201 if is_new else 200
        return _out(session, decision)


@router.get("/datasets/{name}/decisions")
def list_decisions(
    name: str,
    database: Db,
    annotator: Annotated[str, Query(max_length=100, description="Only this person's.")] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing[LoggedOut]:
    """The log of decisions, oldest first; `next` of the last full page continues it later."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        found = decisions_of(
            session, dataset_id=dataset_id, annotator=annotator, after=position(cursor), limit=limit
        )
    items = [_logged_out(each) for each in found]
    return Listing(items=items, next=following(found, limit, items[-1].id if items else 0))


@router.delete("/decisions/{decision_id}")
def delete_decision(decision_id: int, database: Db, user: SignedIn) -> UndoOut:
    """Undo one's own decision; the log keeps both."""
    with database.write() as session:
        decision = undo(session, user_id=user.id, decision_id=decision_id)
        card = get_card(session, dataset_id=decision.dataset_id, sample_id=decision.sample_id)
        verdict, label = (None, None) if card.blind else (card.verdict, card.label)
        return UndoOut(id=decision.id, sample=decision.sample_id, undone=True, verdict=verdict, label=label)


@router.post(
    "/datasets/{name}/bulk-decisions",
    status_code=201,
    responses={
        409: {"model": Problem, "description": "Others match than were expected; nothing was changed"}
    },
)
def create_bulk_decision(name: str, body: BulkRequest, database: Db, user: SignedIn) -> BulkOut:
    """Give many samples one verdict in one step; samples that a person reviewed one by one are left alone."""
    if (body.where is None) == (body.samples is None):
        raise Invalid("Name either the “samples”, or those that match as “where”.")
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        done = decide_many(
            session,
            dataset_id=dataset.id,
            user_id=user.id,
            samples=body.where.which if body.where else body.samples or [],
            expected=body.expected,
            verdict=body.verdict,
            label=body.label,
            client_id=body.client_id,
            selection=body.where.query() if body.where else "",
        )
        return BulkOut(
            id=done.action_id,
            verdict=done.verdict,
            label=done.label,
            samples=done.samples,
            left_alone=done.left_alone,
        )


@router.delete("/bulk-decisions/{action_id}")
def delete_bulk_decision(action_id: int, database: Db, user: SignedIn) -> BulkOut:
    """Take one's own verdict for many back, all of it."""
    with database.write() as session:
        done = undo_many(session, user_id=user.id, action_id=action_id, client_id=str(uuid.uuid4()))
        return BulkOut(
            id=done.action_id,
            verdict=done.verdict,
            label=done.label,
            samples=done.samples,
            left_alone=done.left_alone,
        )


def _logged_out(line: LoggedDecision) -> LoggedOut:
    said = line.decision
    return LoggedOut(
        id=said.id,
        sample=said.sample_id,
        path=line.path,
        annotator=line.who,
        verdict=said.verdict,
        label=line.label,
        undoes=said.undoes_id,
        undone_by=line.undone_by,
        bulk=said.bulk_id,
        origin=said.origin,
        blind=said.blind,
        run=said.run_id,
        rank=said.rank,
        milliseconds=said.milliseconds,
        client_id=said.client_id,
        created_at=said.created_at,
    )


def _out(session: Session, decision: RecordedDecision) -> DecisionOut:
    names = class_names(session, dataset_id=decision.dataset_id)
    label = None if decision.label is None else names[decision.label]
    verdict = decision.verdict
    if decision.blind and verdict == "keep":  # would tell the given label
        verdict, label = "relabel", names[get_sample(session, sample_id=decision.sample_id).given_now]
    return DecisionOut(
        id=decision.id,
        sample=decision.sample_id,
        verdict=verdict,
        label=label,
        client_id=decision.client_id,
        created_at=decision.created_at,
    )
