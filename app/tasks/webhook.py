"""The job that sends one event to one webhook, once; what fails is tried again later by another job."""

import asyncio
import hashlib
import hmac
import json
import time
from urllib.parse import urlsplit

import httpx

from app.jobs.engine import JobContext
from app.jobs.models import Delivery, Webhook
from app.jobs.webhooks import addresses_of, parts_of, record_attempt

SECONDS = 20.0  # for an address to answer, in all


def run(context: JobContext) -> None:
    """Send it, and record how that ended; a restart sends it again, with the same number."""
    number = int(context.job.arguments["delivery"])
    with context.database.read() as session:
        delivery = session.get(Delivery, number)
        if delivery is None or delivery.state == "delivered":
            return  # its webhook was removed meanwhile
        hook = session.get_one(Webhook, delivery.webhook_id)
    status, problem = _send(hook, delivery, allow_private=context.settings.webhook_private == "on")
    with context.database.write() as session:
        if again := session.get(Delivery, number):
            record_attempt(again, status=status, problem=problem)
    context.note = problem or f"{hook.url} answered {status}."


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What proves that the body is ours, and when it was sent."""
    return "sha256=" + hmac.digest(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hex()


def _send(hook: Webhook, delivery: Delivery, *, allow_private: bool) -> tuple[int | None, str]:
    """The status that was answered, if any, and why it did not arrive."""
    body = json.dumps({"id": delivery.id, **delivery.payload}, ensure_ascii=False).encode()
    timestamp = str(int(time.time()))
    parts = urlsplit(hook.url)
    headers = {
        "host": parts.netloc,
        "content-type": "application/json",
        "user-agent": "toploss",
        "x-toploss-event": delivery.event,
        "x-toploss-delivery": str(delivery.id),
        "x-toploss-timestamp": timestamp,
        "x-toploss-signature": signature(hook.secret, timestamp, body),
    }
    try:
        host, port = parts_of(hook.url)
        # The address that was checked is the one that is called, whatever the name means a moment later.
        address = addresses_of(host, port, allow_private=allow_private)[0]
        there = f"[{address}]" if ":" in address else address
        url = parts._replace(netloc=f"{there}:{port}").geturl()
        status = asyncio.run(_post(url, body, headers, host))
    except TimeoutError:
        return None, f"The address did not answer within {SECONDS:.0f} seconds."
    except Exception as error:  # noqa: BLE001 - whatever it is, the attempt counts, or it is made for ever
        return None, str(error) or type(error).__name__
    if httpx.codes.is_success(status):
        return status, ""
    rest = (
        ", and redirects are not followed; register where it leads" if httpx.codes.is_redirect(status) else ""
    )
    return status, f"The address answered {status}{rest}."


async def _post(url: str, body: bytes, headers: dict[str, str], host: str) -> int:
    """The status of the answer, of which nothing else is read. Raises TimeoutError after SECONDS in all."""
    async with (
        asyncio.timeout(SECONDS),
        httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client,
        client.stream(
            "POST", url, content=body, headers=headers, extensions={"sni_hostname": host}
        ) as answer,
    ):
        return answer.status_code
