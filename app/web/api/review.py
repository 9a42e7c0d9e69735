"""Claiming cards, deciding and undoing."""

from datetime import timedelta

from fastapi import Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, get_dataset, ready_dataset
from app.review.decisions import decide, undo
from app.review.models import Decision
from app.review.worklist import claim, get_card
from app.web.api.cards import card_out
from app.web.api.models import ClaimOut, DecisionOut, UndoOut
from app.web.api.routing import api_router
from app.web.deps import Config, Db, SignedIn

router = api_router("review")


class ClaimRequest(BaseModel):
    """How many cards to hold."""

    count: int = Field(10, ge=1, le=100)


class DecisionRequest(BaseModel):
    """One decision."""

    sample: int
    verdict: str = Field(description="keep, relabel, delete or unsure")
    label: str | None = Field(None, description="The class that a relabel moves to.")
    client_id: str = Field(min_length=1, max_length=64, description="Your own id of this decision; sent again, it is recorded once.")
    run: int | None = Field(None, description="The run whose ranking showed the sample.")
    milliseconds: int | None = Field(None, ge=0, description="From shown to decided.")


@router.post("/datasets/{name}/worklist/claims")
def create_claims(name: str, database: Db, settings: Config, user: SignedIn, body: ClaimRequest | None = None) -> ClaimOut:
    """Hold the next cards of the worklist: those you hold already first, then new ones that nobody else holds."""
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        held = claim(
            session,
            dataset_id=dataset.id,
            user_id=user.id,
            count=(body or ClaimRequest()).count,
            lease=timedelta(minutes=settings.lease_minutes),
        )
    return ClaimOut(run=held.run_id, lease_until=held.lease_until, items=[card_out(card) for card in held.cards])


@router.post("/datasets/{name}/decisions", status_code=201, responses={200: {"model": DecisionOut, "description": "Recorded before"}})
def create_decision(name: str, body: DecisionRequest, response: Response, database: Db, user: SignedIn) -> DecisionOut:
    """Record a decision; 200 instead of 201 when this client id was recorded before."""
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        decision, is_new = decide(
            session,
            dataset_id=dataset.id,
            user_id=user.id,
            sample_id=body.sample,
            verdict=body.verdict,
            label=body.label,
            client_id=body.client_id,
            run_id=body.run,
            milliseconds=body.milliseconds,
        )
        response.status_code = 201 if is_new else 200
        return _out(session, decision)


@router.delete("/decisions/{decision_id}")
def delete_decision(decision_id: int, database: Db, user: SignedIn) -> UndoOut:
    """Undo one's own decision; the log keeps both."""
    with database.write() as session:
        decision = undo(session, user_id=user.id, decision_id=decision_id)
        card = get_card(session, dataset_id=decision.dataset_id, sample_id=decision.sample_id)
        return UndoOut(id=decision.id, sample=decision.sample_id, undone=True, verdict=card.verdict, label=card.label)


def _out(session: Session, decision: Decision) -> DecisionOut:
    names = class_names(session, dataset_id=decision.dataset_id)
    return DecisionOut(
        id=decision.id,
        sample=decision.sample_id,
        verdict=decision.verdict,
        label=None if decision.label is None else names[decision.label],
        client_id=decision.client_id,
        created_at=decision.created_at,
    )
