"""Webhooks: which address hears of which event, and what is still to be sent."""

import secrets
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from app.addresses import is_public
from app.db.types import now
from app.errors import Invalid, NotFound
from app.jobs.models import Delivery, Job, Webhook
from app.jobs.requests import ask

TASK = "webhook"
EVENTS = ("run.finished", "version.frozen", "import.finished")
MOST_ATTEMPTS = 8
FIRST_PAUSE, TIMES = timedelta(seconds=30), 4  # 30 s, 2 min, 8 min, 32 min, 2 h, 9 h, 34 h
MOST_AT_ONCE = 100
LONGEST_LABEL = 63  # characters between two dots of a name of a server
LOCAL = "TOPLOSS_WEBHOOK_PRIVATE=on allows it"


def add_webhook(
    session: Session,
    *,
    url: str,
    events: Sequence[str],
    secret: str | None,
    user_id: int | None,
) -> Webhook:
    """Register an address; without a secret one is made. Raises Invalid."""
    unknown = [event for event in events if event not in EVENTS]
    if unknown or not events:
        raise Invalid(f"The events are {', '.join(EVENTS)}; name one or more of them.")
    made = Webhook(
        url=url,
        events=list(dict.fromkeys(events)),
        secret=secret or secrets.token_urlsafe(32),
        user_id=user_id,
    )
    session.add(made)
    session.flush()
    return made


def check_url(url: str, *, allow_private: bool) -> None:
    """Look at an address before it is registered, outside of transactions: a name may take seconds.

    Raises Invalid for what is no address, or one that may not be called.
    """
    host, port = parts_of(url)
    with suppress(OSError):  # a name that there is not yet; each delivery looks again
        addresses_of(host, port, allow_private=allow_private)


def list_webhooks(session: Session) -> list[Webhook]:
    """Every webhook, the oldest first."""
    return list(session.scalars(select(Webhook).order_by(Webhook.id)))


def get_webhook(session: Session, *, webhook_id: int) -> Webhook:
    """Raises NotFound."""
    found = session.get(Webhook, webhook_id)
    if found is None:
        raise NotFound(f"There is no webhook {webhook_id}; the list of webhooks shows the ones there are.")
    return found


def deliveries_of(session: Session, *, webhook_id: int, limit: int, offset: int = 0) -> list[Delivery]:
    """What was and is to be sent to a webhook, the newest first. Raises NotFound."""
    get_webhook(session, webhook_id=webhook_id)
    query = select(Delivery).where(Delivery.webhook_id == webhook_id).order_by(Delivery.id.desc())
    return list(session.scalars(query.limit(limit).offset(offset)))


def announce(session: Session, event: str, *, dataset: str, data: Mapping[str, object]) -> None:
    """Have an event sent to who listens; it is sent once the caller's transaction is committed."""
    for hook in list_webhooks(session):
        if event in hook.events:
            payload = {"event": event, "dataset": dataset, "at": now().isoformat(), "data": dict(data)}
            session.add(Delivery(webhook_id=hook.id, event=event, payload=payload))


def queue_due(session: Session) -> int:
    """Request a job for each delivery whose time has come; return how many."""
    due = select(Delivery).where(_is_due()).order_by(Delivery.next_at).limit(MOST_AT_ONCE)
    found = list(session.scalars(due))
    for delivery in found:
        job = ask(session, task=TASK, dataset_id=None, arguments={"delivery": delivery.id}, user_id=None)
        delivery.state, delivery.job_id = "queued", job.id
    return len(found)


def has_due(session: Session) -> bool:
    """Whether `queue_due` has something to do."""
    return bool(session.scalar(select(exists().where(_is_due()))))


def record_attempt(delivery: Delivery, *, status: int | None, problem: str) -> None:
    """Write down how an attempt ended: without a `problem` it arrived; else it is tried again or given up."""
    delivery.attempts += 1
    delivery.status, delivery.problem = status, problem
    if not problem:
        delivery.state, delivery.delivered_at = "delivered", now()
    elif delivery.attempts >= MOST_ATTEMPTS:
        delivery.state = "failed"
    else:
        delivery.state = "waiting"
        delivery.next_at = now() + FIRST_PAUSE * TIMES ** (delivery.attempts - 1)


def parts_of(url: str) -> tuple[str, int]:
    """Host and port of an address. Raises Invalid."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Invalid(f"“{ascii(url)[1:-1]}” is no address of a webhook: {error}.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid(
            "The address of a webhook begins with http:// or https://, then the name of the server."
        )
    if not url.isascii():
        raise Invalid(
            "The address of a webhook is ASCII alone: write the server as xn--… and the rest as %…."
        )
    if not url.isprintable() or " " in url:
        raise Invalid("The address of a webhook has no spaces and no control characters; write them as %20.")
    labels = parts.hostname.removesuffix(".").split(".")
    if not all(0 < len(label) <= LONGEST_LABEL for label in labels):
        raise Invalid(f"“{parts.hostname}” is no name of a server; check the address of the webhook.")
    if parts.username or parts.password:
        raise Invalid("Leave name and password out of the address; what is sent is signed with the secret.")
    return parts.hostname, port


def addresses_of(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The IP addresses of a host. Raises Invalid for one of this machine or network; OSError for none."""
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError:
        raise Invalid(f"“{host}” is no name of a server; check the address of the webhook.") from None
    for address in found:
        if not allow_private and not is_public(address):
            raise Invalid(f"{host} is an address of this machine or of a private network; {LOCAL}.")
    return found


def _is_due() -> ColumnElement[bool]:
    """Whether a delivery waits for its time, which has come, or its attempt ended without a result."""
    lost = exists().where(Job.id == Delivery.job_id, Job.state.in_(("failed", "cancelled")))
    return or_(
        and_(Delivery.state == "waiting", Delivery.next_at <= now()), and_(Delivery.state == "queued", lost)
    )
