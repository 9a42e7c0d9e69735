"""How much is left: the estimate, audits, the stopping rule, the rounds."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.datasets.catalog import get_dataset, ready_dataset
from app.remaining.audits import LEAST, MOST, USUAL_SIZE, audit_states, start_audit
from app.remaining.report import ChosenRule, choose_rule, chosen_rule, report
from app.remaining.stopping import KINDS, NONE
from app.rounds.rounds import list_rounds
from app.web.api.models import Listing, Output, RateOut
from app.web.api.routing import api_router
from app.web.deps import Admin, Db
from app.web.strict import StrictBody

router = api_router("remaining")


class BetweenOut(Output):
    """A number of errors, with 95 % confidence within these bounds."""

    low: int
    high: int


class AuditOut(Output):
    """A random draw from what nobody had decided when it began."""

    number: int
    by: str
    at: datetime
    population: int
    size: int
    decided: int
    wrong: int
    unclear: int
    found: int  # errors known by now in the population
    errors: BetweenOut | None  # in the population when it began; null before every drawn sample is decided


class HitRateOut(RateOut):
    """Share of errors among the last cards that the worklist offered."""

    window: int


class PointOut(Output):
    """A point of the budget curve: errors found after so many cards; bulk errors count at the card before."""

    cards: int
    errors: int


class ProjectionOut(Output):
    """What the next cards of the worklist take."""

    cards: int
    seconds: float | None


class CrossCheckOut(Output):
    """Cleanlab's count of errors among the undecided; far too low after a review of the ranking."""

    errors: float
    undecided: int
    judged: int
    run_id: int


class StoppingRuleOut(Output):
    """When the review is to end, and how far it is by that; shares as 0…1."""

    kind: str
    amount: float
    by: str
    at: datetime
    after_decision: int
    reviewed: int  # when it was chosen
    reached: bool
    so_far: float | None
    after_cards: int | None  # since it was chosen, when it was reached


class RemainingOut(Output):
    """How much is left of a data set."""

    samples: int
    reviewed: int
    errors_found: int  # samples that are relabelled or deleted now
    corrections_waiting: int  # samples that somebody would correct, but that wait for another look
    errors_left: BetweenOut | None  # by the audits that are done; null without one
    audits: list[AuditOut]
    cross_check: CrossCheckOut | None
    hit_rates: list[HitRateOut]
    seconds_per_decision: float | None
    next_cards: ProjectionOut | None
    budget_curve: list[PointOut]
    stopping_rule: StoppingRuleOut | None


class MeasureOut(Output):
    """A run's hold-out error against one set of labels."""

    against: str
    error_rate: RateOut | None


class RoundOut(Output):
    """From a run until the next one was requested.

    `single`, `audited` and `in_bulk` count decisions that stand, without looks at the gold part.
    `relabelled`, `deleted` and `waiting` count samples as they stand, each in the round of the decision that
    counts.
    """

    number: int
    run_id: int
    parent_id: int | None
    version: int
    begun: datetime
    ended: datetime | None
    single: int
    audited: int
    in_bulk: int
    relabelled: int
    deleted: int
    waiting: int  # somebody would correct them, but they wait for another look
    measures: list[MeasureOut]
    audit: AuditOut | None


class AuditRequest(StrictBody):
    """How many samples to draw."""

    size: Annotated[int, Field(description=f"{LEAST} to {MOST}; of fewer undecided ones, all.")] = USUAL_SIZE


class RuleRequest(StrictBody):
    """When the review is to end."""

    kind: str = Field(description=f"{', '.join(KINDS)}; {NONE} withdraws the rule.")
    amount: float = Field(
        0, description="Cards, minutes, keeps in a row; for hit_rate and left a share of 0…1."
    )


@router.get("/datasets/{name}/remaining")
def show_remaining(name: str, database: Db) -> RemainingOut:
    """The remaining errors by random audits, the time for more review, and the state of the stopping rule."""
    with database.read() as session:
        at = report(session, dataset_id=get_dataset(session, name=name).id)
    return RemainingOut(
        samples=at.samples,
        reviewed=at.reviewed,
        errors_found=at.found,
        corrections_waiting=at.corrections.waiting,
        errors_left=BetweenOut.model_validate(at.left) if at.left else None,
        audits=[AuditOut.model_validate(audit) for audit in at.audits],
        cross_check=CrossCheckOut.model_validate(at.cross_check) if at.cross_check else None,
        hit_rates=[
            HitRateOut(window=window, **RateOut.model_validate(hits).model_dump())
            for window, hits in at.hit_rates
            if hits
        ],
        seconds_per_decision=at.seconds_per_decision,
        next_cards=ProjectionOut.model_validate(at.projection) if at.projection else None,
        budget_curve=[PointOut.model_validate(point) for point in at.curve],
        stopping_rule=_rule_out(at.rule) if at.rule else None,
    )


@router.post("/datasets/{name}/audits", status_code=201)
def create_audit(name: str, database: Db, user: Admin, body: AuditRequest | None = None) -> AuditOut:
    """Draw samples for an audit; claim them with the order `random`. 409 while another one is not done."""
    asked = body or AuditRequest()
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        start_audit(session, dataset_id=dataset_id, user_id=user.id, size=asked.size)
        return AuditOut.model_validate(audit_states(session, dataset_id=dataset_id)[-1])


@router.put("/datasets/{name}/stopping-rule")
def put_rule(name: str, body: RuleRequest, database: Db, user: Admin) -> StoppingRuleOut | None:
    """Choose when the review is to end; it goes by what comes after."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        choose_rule(session, dataset_id=dataset_id, user_id=user.id, kind=body.kind, amount=body.amount)
        chosen = chosen_rule(session, dataset_id=dataset_id)
    return _rule_out(chosen) if chosen else None


@router.get("/datasets/{name}/rounds")
def index_rounds(name: str, database: Db) -> Listing[RoundOut]:
    """Every round of review and retraining, the first one first."""
    with database.read() as session:
        rounds = list_rounds(session, dataset_id=get_dataset(session, name=name).id)
    return Listing(items=[RoundOut.model_validate(each) for each in rounds], next=None)


def _rule_out(chosen: ChosenRule) -> StoppingRuleOut:
    return StoppingRuleOut(
        kind=chosen.rule.kind,
        amount=chosen.rule.amount,
        by=chosen.by,
        at=chosen.at,
        after_decision=chosen.after_decision,
        reviewed=chosen.reviewed,
        reached=chosen.reached.is_reached,
        so_far=chosen.reached.so_far,
        after_cards=chosen.reached.after_cards,
    )
