"""Which address hears of what, how often it is tried, and which addresses are not called."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db.engine import Database
from app.db.types import now
from app.errors import Invalid
from app.jobs.models import Delivery, Job
from app.jobs.requests import finish
from app.jobs.webhooks import (
    FIRST_PAUSE,
    MOST_ATTEMPTS,
    add_webhook,
    announce,
    check_url,
    has_due,
    queue_due,
    record_attempt,
)
from tests.factories import import_folder, write_images


def add(database: Database, url: str = "http://127.0.0.1:9/", *events: str, private: bool = True) -> int:
    check_url(url, allow_private=private)
    with database.write() as session:
        made = add_webhook(
            session,
            url=url,
            events=events or ("run.finished",),
            secret=None,
            user_id=None,
        )
        assert len(made.secret) > 30
        return made.id


def test_only_who_listens_to_an_event_hears_of_it_and_each_attempt_is_a_job(database: Database) -> None:
    hook = add(database)
    add(database, "http://127.0.0.1:9/other", "version.frozen")
    with database.write() as session:
        announce(session, "run.finished", dataset="faces", data={"run": 1})
    with database.read() as session:
        assert has_due(session)
    with database.write() as session:
        assert queue_due(session) == 1
        assert queue_due(session) == 0
        [delivery] = session.scalars(select(Delivery))
        [job] = session.scalars(select(Job))
        assert (delivery.webhook_id, delivery.state, delivery.job_id) == (hook, "queued", job.id)
        assert (job.task, job.arguments) == ("webhook", {"delivery": delivery.id})
        finish(session, job_id=job.id, state="failed", message="The worker died.")
        assert queue_due(session) == 1  # its attempt ended without a result


def test_an_import_tells_that_it_is_finished_and_which_version_it_froze(
    database: Database, tmp_path: Path
) -> None:
    add(database, "http://127.0.0.1:9/", "import.finished", "version.frozen")
    import_folder(database, write_images(tmp_path / "there", per_class=3), name="pets")
    with database.read() as session:
        told = {each.event: each.payload for each in session.scalars(select(Delivery))}
    assert told["version.frozen"]["data"]["version"] == 0
    assert told["import.finished"]["data"] == {"samples": 12, "added": 12}
    assert told["import.finished"]["dataset"] == "pets"


def test_pauses_between_attempts_grow_until_it_is_given_up(database: Database) -> None:
    add(database)
    with database.write() as session:
        announce(session, "run.finished", dataset="faces", data={})
        [delivery] = session.scalars(select(Delivery))
        pauses = []
        for _ in range(MOST_ATTEMPTS - 1):
            record_attempt(delivery, status=500, problem="The address answered 500.")
            assert delivery.state == "waiting"
            pauses.append(delivery.next_at - now())
        assert pauses[0] > FIRST_PAUSE - timedelta(seconds=30)
        assert all(later > 3 * sooner for sooner, later in pairwise(pauses))
        assert not has_due(session)
        record_attempt(delivery, status=500, problem="The address answered 500.")
        assert delivery.state == "failed"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8000/",
        "http://[::1]/",
        "http://10.0.0.8/",
        "http://169.254.169.254/latest",
        "http://192.168.1.1/",
        "http://0.0.0.0/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fd00::1]/",
        "http://2130706433/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[::7f00:1]/",
        "http://[fec0::1]/",
        "http://[fd00:ec2::254]/",
    ],
)
def test_addresses_of_this_machine_and_of_private_networks_are_refused(database: Database, url: str) -> None:
    with pytest.raises(Invalid, match="TOPLOSS_WEBHOOK_PRIVATE"):
        add(database, url, private=False)
    add(database, url, private=True)


def test_a_name_that_is_no_ascii_is_told_from_one_without_http(database: Database) -> None:
    with pytest.raises(Invalid, match="write the server as xn--"):
        add(database, "https://bücher.example/")
    with pytest.raises(Invalid, match="Port out of range"):
        add(database, "https://example.org:99999/")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://example.org",
            "example.org",
            "http://",
            "http://a:b@example.org",
            "http://[x",
            "http://a b/",
        ),
        *("http://8.8.8.8/\x01", "http://8.8.8.8/\x7f", "http://8.8.8.8/\n", "http://8.8.8.8\t/"),
        *("http://a..b/", "http://./", f"http://{'a' * 70}.com/", "http://.a.com/"),
    ],
)
def test_what_is_no_address_or_no_event_is_refused(database: Database, url: str) -> None:
    with pytest.raises(Invalid):
        add(database, url)
    with pytest.raises(Invalid, match=r"run\.finished"):
        add(database, "http://127.0.0.1/", "run.started")
