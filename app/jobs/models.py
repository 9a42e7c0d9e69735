"""The tables of jobs, workers and webhooks; a job is one durable request to run a task.

A job is written in the same transaction as its run or import, so neither exists without the other. The worker
passes queued jobs to the engine under the job's own id, so passing a job twice has the same effect as once.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Base, now


class Job(Base):
    """A request and its progress."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str]  # import, look, train, predict
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), index=True)
    arguments: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(
        default="queued", index=True
    )  # queued, running, finished, failed, cancelled
    stage: Mapped[str] = mapped_column(default="")  # what it is doing, in words
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")  # why it failed, in a sentence
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress_mark: Mapped[
        str | None
    ]  # what it had saved when it was last started; None: never started, or stopped by a person
    fruitless_starts: Mapped[int] = mapped_column(
        default=0, server_default="0"
    )  # starts in a row without anything new saved
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Worker(Base):
    """A worker that runs or ran; the other workers take over its jobs when its heartbeats stop."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class Webhook(Base):
    """An address that is called when something has happened."""

    __tablename__ = "webhook"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]
    secret: Mapped[str]  # signs what is sent, so it is kept as it is
    events: Mapped[list[str]] = mapped_column(JSON)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Delivery(Base):
    """One event for one webhook, sent until it arrives; each attempt is a job."""

    __tablename__ = "webhook_delivery"

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"), index=True)
    event: Mapped[str]
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="waiting", index=True)  # waiting, queued, delivered, failed
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(default=now)  # of the next attempt
    job_id: Mapped[str | None]  # of the newest attempt
    status: Mapped[int | None]  # that the address answered last
    problem: Mapped[str] = mapped_column(default="")  # why the last attempt failed
    created_at: Mapped[datetime] = mapped_column(default=now)
    delivered_at: Mapped[datetime | None]
