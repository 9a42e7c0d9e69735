"""The health check answers while everything else of the process is busy."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from app.accounts import passwords
from app.accounts.passwords import AT_ONCE, WAITING
from app.db.engine import Database
from app.web import health
from tests.accounts.test_passwords import Slow


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_answers_while_log_ins_wait_and_those_beyond_are_told_to_come_again(
    visitor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow()
    monkeypatch.setattr(passwords, "_hasher", slow)
    passwords._decoy_hash.cache_clear()
    refused = threading.Semaphore(0)

    def log_in(i: int) -> tuple[int, bool]:
        answer = visitor.post("/login", data={"name": f"nobody{i}", "password": "correct horse"})
        if answer.status_code == 429:
            refused.release()
        return answer.status_code, "retry-after" in answer.headers

    with ThreadPoolExecutor(60) as crowd:
        answers = [crowd.submit(log_in, i) for i in range(60)]
        for _ in range(60 - AT_ONCE - WAITING):
            assert refused.acquire(timeout=60)
        assert visitor.get("/healthz").json() == {"status": "ok"}
        slow.go_on.set()
        told = sorted(answer.result() for answer in answers)
    assert told == [(401, False)] * (AT_ONCE + WAITING) + [(429, True)] * (60 - AT_ONCE - WAITING)
    passwords._decoy_hash.cache_clear()


def test_a_database_that_does_not_answer_in_time_is_told_and_asked_by_one_thread(
    visitor: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, asked = threading.Event(), []
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 0.05)

    def wait(_check: health.HealthCheck) -> None:
        asked.append(1)
        go_on.wait(60)

    monkeypatch.setattr(health.HealthCheck, "_ask", wait)
    try:
        assert [visitor.get("/healthz").status_code for _ in range(5)] == [503] * 5
        assert len(asked) == 1
    finally:
        go_on.set()
