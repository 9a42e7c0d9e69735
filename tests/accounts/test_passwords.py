"""Few hashes at once: each takes memory and threads."""

import threading

import pytest
from argon2 import PasswordHasher

from app.accounts import passwords
from app.accounts.passwords import AT_ONCE, WAITING, hash_password, is_password
from app.errors import TooManyAttempts

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Slow:
    """A hasher that counts how many work at once, and goes on when it is told to."""

    def __init__(self) -> None:
        self.most = self.working = self.done = 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def hash(self, password: str) -> str:
        with self._lock:
            self.working += 1
            self.most = max(self.most, self.working)
        self.go_on.wait(60)
        with self._lock:
            self.working -= 1
            self.done += 1
        return CHEAP.hash(password)

    def verify(self, stored: str, password: str) -> bool:
        self.hash(password)
        return CHEAP.verify(stored, password)


@pytest.mark.parametrize("what", ["a new password", "a known name", "an unknown name"])
def test_few_work_at_once_some_wait_and_the_others_are_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    slow = Slow()
    monkeypatch.setattr(passwords, "_hasher", slow)
    passwords._decoy_hash.cache_clear()
    stored = CHEAP.hash("another one")
    refused: list[int] = []
    all_refused = threading.Event()

    def one() -> None:
        try:
            if what == "a new password":
                hash_password("correct horse")
            else:
                is_password("correct horse", stored=stored if what == "a known name" else None)
        except TooManyAttempts as refusal:
            refused.append(refusal.retry_after)
            if len(refused) == 60 - AT_ONCE - WAITING:
                all_refused.set()

    threads = [threading.Thread(target=one) for _ in range(60)]
    for thread in threads:
        thread.start()
    assert all_refused.wait(60)
    slow.go_on.set()
    for thread in threads:
        thread.join()
    assert slow.most == AT_ONCE
    assert refused == [2] * (60 - AT_ONCE - WAITING)
    assert slow.done >= AT_ONCE + WAITING
    passwords._decoy_hash.cache_clear()
    assert hash_password("correct horse")  # every place was given back
