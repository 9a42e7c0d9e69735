"""Answers, audits and the report, as the tests of what remains need them."""

import uuid

from sqlalchemy import select

from app.db.engine import Database
from app.remaining.audits import start_audit
from app.remaining.report import Report, report
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.models import AuditSample
from tests.factories import Made


def answer(
    database: Database, made: Made, user: int, sample: int, verdict: str = "keep", **more: object
) -> int:
    label = "owl" if verdict == "relabel" else None
    with database.write() as session:
        said = decide(
            session,
            Answer(
                sample_id=sample,
                verdict=verdict,
                label=label,
                client_id=str(uuid.uuid4()),
                milliseconds=2000,
                **more,
            ),
            dataset_id=made.dataset_id,
            user_id=user,
        )
        return said[0].id


def start(database: Database, made: Made, user: int, size: int = 20) -> list[int]:
    """Begin an audit: the samples it drew."""
    with database.write() as session:
        audit = start_audit(session, dataset_id=made.dataset_id, user_id=user, size=size)
        return list(session.scalars(select(AuditSample.sample_id).where(AuditSample.audit_id == audit.id)))


def seen(database: Database, made: Made) -> Report:
    with database.read() as session:
        return report(session, dataset_id=made.dataset_id)
