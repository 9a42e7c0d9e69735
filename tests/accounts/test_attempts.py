"""Guessing of passwords waits, strangers keep nobody out, and what is written down holds no password."""

import logging
import threading

import pytest

from app.accounts import attempts as module
from app.accounts.attempts import OF_A_NAME, OF_AN_ADDRESS, Attempts, network
from app.errors import NotSignedIn, TooManyAttempts

HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def refuse() -> None:
    raise NotSignedIn("no")


def guess(attempts: Attempts, name: str, address: str | None = HERE, *, right: bool = False) -> float:
    """Seconds that one has to wait instead, 0 where the password was checked."""
    try:
        with attempts.guess(name, address, is_known=True):
            if not right:
                refuse()
    except NotSignedIn:
        return 0
    except TooManyAttempts as refusal:
        return refusal.retry_after
    return 0


def test_after_a_few_wrong_ones_each_guess_waits_twice_as_long(clock: Clock) -> None:
    attempts = Attempts()
    assert [guess(attempts, "ann") for _ in range(OF_A_NAME.free)] == [0] * OF_A_NAME.free
    waits = []
    for _ in range(11):
        waits.append(guess(attempts, "ann"))
        clock.now += waits[-1]
        assert guess(attempts, "ann") == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_refused_guess_makes_the_wait_no_longer(clock: Clock) -> None:
    attempts = Attempts()
    for _ in range(OF_A_NAME.free):
        guess(attempts, "ann")
    assert [guess(attempts, "ann") for _ in range(50)] == [1] * 50
    clock.now += 1
    assert guess(attempts, "ann", right=True) == 0


def test_guesses_at_the_same_moment_count_before_any_is_answered() -> None:
    attempts, everybody, checked = Attempts(), threading.Barrier(30), []

    def one() -> None:
        everybody.wait()
        try:
            with attempts.guess("ann", HERE, is_known=True):
                checked.append(1)
                refused.wait(60)
                refuse()
        except NotSignedIn:
            pass
        except TooManyAttempts:
            with lock:
                counted.append(1)
                if len(counted) == 30 - OF_A_NAME.free:
                    refused.set()

    lock, counted, refused = threading.Lock(), [], threading.Event()
    threads = [threading.Thread(target=one) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(checked) == OF_A_NAME.free


def test_a_stranger_at_another_address_keeps_nobody_out(clock: Clock) -> None:
    attempts = Attempts()
    for _ in range(40):
        guess(attempts, "ann", ELSEWHERE)
    assert guess(attempts, "ann", ELSEWHERE) > 0
    assert guess(attempts, "ann", HERE, right=True) == 0


def test_one_password_over_many_names_waits_too(clock: Clock) -> None:
    attempts = Attempts()
    waits = [guess(attempts, f"name{i}") for i in range(14)]
    assert waits[: OF_AN_ADDRESS.free] == [0] * OF_AN_ADDRESS.free
    assert all(waits[OF_AN_ADDRESS.free :])


def test_an_own_log_in_in_between_does_not_set_the_address_back(clock: Clock) -> None:
    attempts, checked = Attempts(), 0
    for number in range(60):
        checked += guess(attempts, f"name{number}") == 0
        guess(attempts, "eve", right=True)
    assert checked == OF_AN_ADDRESS.free


def test_many_log_ins_of_one_office_are_not_slowed(clock: Clock) -> None:
    attempts = Attempts()
    assert [guess(attempts, f"name{i}", right=True) for i in range(200)] == [0] * 200
    assert not attempts._counts


def test_the_right_password_forgets_the_wrong_ones_and_so_does_time(clock: Clock) -> None:
    attempts = Attempts()
    for _ in range(OF_A_NAME.free - 1):
        guess(attempts, "ann")
    guess(attempts, "ann", right=True)
    assert [guess(attempts, "ann") for _ in range(OF_A_NAME.free)] == [0] * OF_A_NAME.free
    assert guess(attempts, "ann") == 1
    clock.now += module.FORGOTTEN_SECONDS + 1
    assert [guess(attempts, "ann") for _ in range(OF_A_NAME.free)] == [0] * OF_A_NAME.free


def test_a_guess_that_could_not_be_checked_does_not_count(clock: Clock) -> None:
    attempts = Attempts()
    for _ in range(50):
        with (
            pytest.raises(TooManyAttempts, match="busy"),
            attempts.guess("ann", HERE, is_known=True),
        ):
            raise TooManyAttempts("busy", seconds=2)
    assert guess(attempts, "ann") == 0


def test_the_table_stays_small(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 100)
    attempts = Attempts()
    for i in range(1000):
        guess(attempts, "x" * 5000 + str(i), f"10.0.{i // 250}.{i % 250}")
    assert len(attempts._counts) <= 100
    assert all(len(name or "") <= module.LONGEST_NAME for _place, name in attempts._counts)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense\nfailed log-in: ada", "an unknown address"),
        (None, "an unknown address"),
    ],
)
def test_an_address_is_one_place(address: str | None, place: str) -> None:
    assert network(address) == place


def test_a_failed_log_in_is_written_down_without_what_may_be_a_password(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    attempts = Attempts()
    with caplog.at_level(logging.WARNING):
        for name, is_known in (("ann", True), ("correct horse", False), ("correct horse", False)):
            with pytest.raises(NotSignedIn), attempts.guess(name, HERE, is_known=is_known):
                raise NotSignedIn("no")
    known, first, second = caplog.messages
    assert known == f"failed log-in: ann from {HERE}"
    assert "horse" not in caplog.text
    assert first == second  # the same name can be told from another one


def test_a_wait_is_written_down_once(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    attempts = Attempts()
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            guess(attempts, "ann")
    assert len([message for message in caplog.messages if "have to wait" in message]) == 1
