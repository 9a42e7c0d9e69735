"""Webhooks: addresses that are called when something has happened."""

from datetime import datetime
from typing import Literal

from fastapi import Response
from pydantic import Field

from app.jobs import webhooks
from app.jobs.models import Webhook
from app.web.api.models import Listing, Output
from app.web.api.routing import Cursor, Limit, api_router, following, position
from app.web.deps import Admin, Config, Db
from app.web.idempotency import NO_STORE
from app.web.strict import StrictBody

router = api_router("webhooks")
Event = Literal["run.finished", "version.frozen", "import.finished"]


class WebhookOut(Output):
    """An address and the events that are sent to it."""

    id: int
    url: str
    events: list[Event]
    created_at: datetime


class WebhookMade(WebhookOut):
    """A new webhook with its secret, which is not shown again."""

    secret: str | None  # none in the answer to a request that is sent again with its Idempotency-Key


class DeliveryOut(Output):
    """An event for a webhook."""

    id: int
    event: Event
    state: str  # waiting (for its time), queued, delivered, failed
    attempts: int
    status: int | None  # that the address answered last
    problem: str  # why the last attempt failed
    created_at: datetime
    next_at: datetime  # of the next attempt, while it waits
    delivered_at: datetime | None


class WebhookRequest(StrictBody):
    """What to call, and when."""

    url: str = Field(max_length=2000, description="http:// or https://.")
    events: list[Event] = Field(min_length=1, description="Which events are sent.")
    secret: str | None = Field(
        None, min_length=16, max_length=200, description="Signs what is sent; without it one is made."
    )


@router.get("/webhooks")
def list_webhooks(database: Db, _user: Admin) -> Listing[WebhookOut]:
    """Every webhook; secrets are not shown."""
    with database.read() as session:
        return Listing(items=[_out(hook) for hook in webhooks.list_webhooks(session)], next=None)


@router.post("/webhooks", status_code=201)
def create_webhook(
    body: WebhookRequest, database: Db, settings: Config, user: Admin, response: Response
) -> WebhookMade:
    """Have an address called after each of these events, until it answers with 2xx, eight times at most.

    The header `X-Toploss-Signature` is `sha256=` and the HMAC-SHA256, by the secret, of the header
    `X-Toploss-Timestamp`, a dot and the body.
    """
    response.headers["cache-control"] = NO_STORE
    webhooks.check_url(body.url, allow_private=settings.webhook_private == "on")
    with database.write() as session:
        made = webhooks.add_webhook(
            session,
            url=body.url,
            events=body.events,
            secret=body.secret,
            user_id=user.id,
        )
        return WebhookMade(**_out(made).model_dump(), secret=made.secret)


@router.delete("/webhooks/{webhook_id}", status_code=204)
def delete_webhook(webhook_id: int, database: Db, _user: Admin) -> None:
    """Call an address no more; its deliveries are forgotten."""
    with database.write() as session:
        session.delete(webhooks.get_webhook(session, webhook_id=webhook_id))


@router.get("/webhooks/{webhook_id}/deliveries")
def list_deliveries(
    webhook_id: int, database: Db, _user: Admin, limit: Limit = 100, cursor: Cursor = None
) -> Listing[DeliveryOut]:
    """What was sent to a webhook and what waits, the newest first."""
    start = position(cursor)
    with database.read() as session:
        found = webhooks.deliveries_of(session, webhook_id=webhook_id, limit=limit, offset=start)
        items = [DeliveryOut.model_validate(each) for each in found]
    return Listing(items=items, next=following(items, limit, start + limit))


def _out(hook: Webhook) -> WebhookOut:
    return WebhookOut.model_validate(hook)
